"""Convolutions that read windows from memory: strides, padding, groups, pointwise, one row; foldings, formats."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from tb.weighted_cases import Case, Layer

from hwcodesign.simulation.cocotb_runner import Bench, run_bench

_SAMPLES = 4
_CASES = {
    "padded, words of half a pixel, outputs in turns": Case(61, (6, 5, 4), 6, 36, kernel=(3, 3), padding=(1, 1, 1, 1)),
    "strided, uneven padding, DSP blocks": Case(
        62, (7, 8, 3), 4, 12, "Dsp", kernel=(3, 2), stride=(2, 3), padding=(2, 0, 1, 2)
    ),
    "depthwise": Case(63, (5, 6, 6), 6, 9, kernel=(3, 3), padding=(1, 1, 1, 1), groups=6),
    "groups of several channels": Case(64, (4, 5, 8), 4, 16, kernel=(2, 2), padding=(1, 0, 0, 1), groups=2),
    "the next image lies three rows on in the ring": Case(
        426, (7, 8, 3), 1, 13, "Dsp", kernel=(2, 3), stride=(2, 3), padding=(0, 0, 0, 1)
    ),
    "pointwise, strided, rows that no window reads": Case(65, (6, 7, 4), 8, 4, kernel=(1, 1), stride=(3, 2)),
}
_MORE = {
    "one row": Case(66, (1, 12, 4), 4, 10, kernel=(1, 5), padding=(0, 0, 2, 2)),
    "one pixel, padded": Case(67, (1, 1, 4), 4, 18, kernel=(3, 3), padding=(1, 1, 1, 1)),
    "faster than its input": Case(68, (6, 6, 2), 2, 4, kernel=(2, 2), stride=(2, 2)),
    "a pass above the image": Case(69, (3, 4, 2), 2, 9, kernel=(3, 3), padding=(3, 2, 1, 1)),
    "depthwise, several outputs for a channel": Case(70, (4, 4, 3), 6, 8, kernel=(2, 2), groups=3),
}


def _random_case(seed: int) -> Case:
    rng = random.Random(seed)  # noqa: S311
    kernel = rng.randint(1, 4), rng.randint(1, 4)
    shape = rng.randint(kernel[0], 8), rng.randint(kernel[1], 8), rng.choice([1, 2, 3, 4, 6, 8])
    padding = tuple(rng.randint(0, side - 1) for side in (kernel[0], kernel[0], kernel[1], kernel[1]))
    stride = rng.randint(1, 3), rng.randint(1, 3)
    groups = rng.choice([1, 1, *(count for count in range(1, shape[2] + 1) if shape[2] % count == 0)])
    outputs = groups * rng.choice([1, 1, 2, 3] if groups > 1 else [1, 2, 3, 4, 6, 8])
    taps = kernel[0] * kernel[1]
    return Case(
        *(seed, shape, outputs, rng.randint(1, taps * shape[2] * outputs), rng.choice(["Lut", "Dsp"])),
        *(kernel, stride, padding, groups),
    )


def _run(case: Case, folder: Path) -> None:
    print(case)
    instance = Layer(case, _SAMPLES).folded_unit.instance
    values = {"HWC_CASE": case.to_json(), "HWC_SAMPLES": str(_SAMPLES)}
    parameters = {**dict(instance.parameters), "WeightsFile": "weights.hex"}
    run_bench(Bench("folded_conv2d", "folded_conv2d_bench", parameters, instance.roms, values=values), folder)


@pytest.mark.parametrize("name", _CASES)
def test_feature_maps_and_their_cycles(name: str, tmp_path: Path) -> None:
    _run(_CASES[name], tmp_path)


@pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")
@pytest.mark.parametrize("name", _MORE)
def test_more_kinds(name: str, tmp_path: Path) -> None:
    _run(_MORE[name], tmp_path)


@pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")
@pytest.mark.parametrize("seed", range(400, 430))
def test_random_layers(seed: int, tmp_path: Path) -> None:
    _run(_random_case(seed), tmp_path)
