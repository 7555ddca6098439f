"""Convolutions: strides, padding, groups, pointwise, one row; foldings, multipliers, random formats."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path

import pytest
from tb.weighted_cases import Case, Layer

from hwcodesign.simulation.cocotb_runner import Bench, run_bench

_SAMPLES = 4
_CASES = {
    "padded, folded": Case(41, (6, 5, 2), 4, 6, kernel=(3, 3), padding=(1, 1, 1, 1)),
    "strided, uneven padding, constants": Case(
        42, (7, 8, 1), 3, 1, "Constant", kernel=(3, 2), stride=(2, 3), padding=(2, 0, 1, 2)
    ),
    "depthwise": Case(43, (5, 5, 3), 6, 4, kernel=(2, 2), padding=(0, 1, 1, 0), groups=3),
    "groups of several channels": Case(51, (4, 5, 6), 6, 4, kernel=(2, 1), padding=(1, 0, 0, 0), groups=3),
}
#: With several pixels in a beat.
_SEVERAL = {
    "two pixels, padded, folded": Case(61, (6, 8, 2), 4, 6, kernel=(3, 3), padding=(1, 1, 1, 1), pixels=2),
}
_MORE = {
    "pointwise": Case(44, (3, 4, 6), 5, 3, kernel=(1, 1)),
    "one row": Case(45, (1, 12, 3), 4, 5, kernel=(1, 5), padding=(0, 0, 2, 2)),
    "DSP blocks": Case(46, (5, 6, 3), 4, 3, "Dsp", kernel=(3, 3)),
    "depthwise constants": Case(47, (5, 6, 3), 3, 1, "Constant", kernel=(3, 3), groups=3),
    "groups of several channels, constants": Case(50, (4, 5, 6), 4, 1, "Constant", kernel=(2, 2), groups=2),
    "faster than its input": Case(48, (6, 6, 1), 2, 1, kernel=(2, 2), stride=(2, 2)),
    "four pixels two apart, constants": Case(
        62, (7, 8, 1), 3, 1, "Constant", kernel=(3, 2), stride=(2, 2), padding=(2, 0, 0, 0), pixels=4
    ),
    "three pixels, groups": Case(63, (4, 6, 4), 4, 4, kernel=(2, 3), padding=(1, 0, 1, 1), groups=2, pixels=3),
    "four pixels, 5x5, padded by 4": Case(
        64, (8, 8, 1), 5, 1, "Constant", kernel=(5, 5), padding=(4, 4, 4, 4), pixels=4
    ),
    "two pixels, DSP blocks": Case(65, (5, 6, 3), 4, 3, "Dsp", kernel=(3, 3), padding=(0, 0, 1, 1), pixels=2),
    "two pixels, a window every other beat": Case(66, (5, 12, 2), 3, 2, kernel=(2, 3), stride=(1, 4), pixels=2),
    "5x5, padded by 4": Case(49, (8, 8, 1), 5, 1, "Constant", kernel=(5, 5), padding=(4, 4, 4, 4)),
}


def _random_case(seed: int) -> Case:
    rng = random.Random(seed)  # noqa: S311
    kernel = rng.randint(1, 4), rng.randint(1, 4)
    shape = rng.randint(kernel[0], 8), rng.randint(kernel[1], 8), rng.randint(1, 5)
    padding = tuple(rng.randint(0, side - 1) for side in (kernel[0], kernel[0], kernel[1], kernel[1]))
    stride = rng.randint(1, 3), rng.randint(1, 3)
    multiplier = rng.choice(["Lut", "Lut", "Dsp", "Constant"])
    groups = rng.choice([1, 1, *(count for count in range(1, shape[2] + 1) if shape[2] % count == 0)])
    outputs = groups * rng.randint(1, 2) if groups > 1 else rng.randint(1, 6)
    reuse = 1 if multiplier == "Constant" else rng.choice([1, rng.randint(1, 12)])
    case = Case(seed, shape, outputs, reuse, multiplier, kernel, stride, padding, groups)
    return replace(case, pixels=rng.choice(case.window.possible_pixels))


def _run(case: Case, folder: Path) -> None:
    print(case)
    parameters, roms = Layer(case, _SAMPLES).parameters()
    geometry = {**dict(case.window.parameters), "Groups": case.groups}
    values = {"HWC_CASE": case.to_json(), "HWC_SAMPLES": str(_SAMPLES)}
    bench = Bench("conv2d", "conv2d_bench", {**geometry, **parameters}, roms, values=values)
    run_bench(bench, folder)


@pytest.mark.parametrize("name", _CASES)
def test_feature_maps_and_their_cycles(name: str, tmp_path: Path) -> None:
    _run(_CASES[name], tmp_path)


@pytest.mark.parametrize("name", _SEVERAL)
def test_feature_maps_of_several_pixels_in_a_beat(name: str, tmp_path: Path) -> None:
    _run(_SEVERAL[name], tmp_path)


@pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")
@pytest.mark.parametrize("name", _MORE)
def test_more_kinds(name: str, tmp_path: Path) -> None:
    _run(_MORE[name], tmp_path)


@pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")
@pytest.mark.parametrize("seed", range(300, 330))
def test_random_layers(seed: int, tmp_path: Path) -> None:
    _run(_random_case(seed), tmp_path)
