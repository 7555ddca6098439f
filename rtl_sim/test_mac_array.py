"""Folded multiply-accumulate: all multipliers, foldings of inputs and outputs, depthwise, random formats."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from tb.weighted_cases import Case, Layer

from hwcodesign.simulation.cocotb_runner import Bench, run_bench

_SAMPLES = 40
_CASES = {
    "inputs and outputs folded, several beats": Case(1, (3, 1, 6), 4, reuse=36),
    "depthwise, two outputs a channel, outputs folded": Case(2, (1, 6, 3), 6, 6, kernel=(1, 6), groups=3),
    "constants": Case(3, (1, 1, 11), 5, multiplier="Constant"),
    "few constants, all of an output even": Case(115, (1, 1, 2), 9, multiplier="Constant"),
    "DSP blocks, odd tree": Case(4, (1, 2, 5), 3, reuse=2, multiplier="Dsp"),
}


def _random_case(seed: int) -> Case:
    rng = random.Random(seed)  # noqa: S311
    depthwise, constant = rng.random() < 0.3, rng.random() < 0.3
    channels, outputs = rng.randint(1, 9), rng.randint(1, 9)
    taps = rng.randint(1, 9)
    multiplier = "Constant" if constant else rng.choice(["Lut", "Lut", "Dsp"])
    reuse = 1 if constant else rng.choice([1, rng.randint(1, 20), rng.randint(1, channels * outputs * taps)])
    if depthwise:
        shape = (1, taps, channels)
        return Case(seed, shape, channels * rng.randint(1, 3), reuse, multiplier, kernel=(1, taps), groups=channels)
    return Case(seed, (1, 1 if constant else rng.randint(1, 4), channels), outputs, reuse, multiplier)


def _run(case: Case, folder: Path) -> None:
    print(case)
    parameters, roms = Layer(case, _SAMPLES).parameters()
    shape = {"Lanes": case.lanes, "Beats": case.beats, "Depthwise": case.groups > 1}
    if case.groups > 1:
        shape["Channels"] = case.shape[2]
    values = {"HWC_CASE": case.to_json(), "HWC_SAMPLES": str(_SAMPLES)}
    run_bench(Bench("mac_array", "mac_array_bench", {**shape, **parameters}, roms, values=values), folder)


@pytest.mark.parametrize("name", _CASES)
def test_results_and_their_cycles(name: str, tmp_path: Path) -> None:
    _run(_CASES[name], tmp_path)


@pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")
@pytest.mark.parametrize("seed", range(100, 140))
def test_random_layers(seed: int, tmp_path: Path) -> None:
    _run(_random_case(seed), tmp_path)
