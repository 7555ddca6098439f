"""Linear layers: pixel beats in, foldings, random formats, with all multipliers."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from tb.weighted_cases import Case, Layer

from hwcodesign.simulation.cocotb_runner import Bench, run_bench

_SAMPLES = 20
_CASES = {
    "a flattened image, one input a cycle": Case(21, (3, 4, 5), 10, reuse=60),
    "a vector, outputs folded": Case(22, (1, 1, 7), 6, reuse=21),
}


def _random_case(seed: int) -> Case:
    rng = random.Random(seed)  # noqa: S311
    shape = (rng.randint(1, 3), rng.randint(1, 4), rng.randint(1, 12))
    outputs = rng.randint(1, 12)
    if rng.random() < 0.25:
        return Case(seed, (1, 1, shape[2]), outputs, 1, "Constant")
    most = shape[0] * shape[1] * shape[2] * outputs
    return Case(seed, shape, outputs, rng.choice([1, rng.randint(1, 30), most]), rng.choice(["Lut", "Dsp"]))


def _run(case: Case, folder: Path) -> None:
    print(case)
    parameters, roms = Layer(case, _SAMPLES).parameters()
    values = {"HWC_CASE": case.to_json(), "HWC_SAMPLES": str(_SAMPLES)}
    shape = {"Lanes": case.lanes, "Beats": case.beats}
    run_bench(Bench("dense", "dense_bench", {**shape, **parameters}, roms, values=values), folder)


@pytest.mark.parametrize("name", _CASES)
def test_results_and_their_cycles(name: str, tmp_path: Path) -> None:
    _run(_CASES[name], tmp_path)


@pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")
@pytest.mark.parametrize("seed", range(200, 220))
def test_random_layers(seed: int, tmp_path: Path) -> None:
    _run(_random_case(seed), tmp_path)
