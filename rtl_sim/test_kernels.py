"""Kernels without weights, casts and the rest that is wired between layers: random shapes, formats, modes and paces.

Several modules share one simulation, since most of a simulation's time goes into its build.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tb.kernel_cases import KINDS, random_case, wrapper

from hwcodesign.simulation.cocotb_runner import Bench, run_bench


def _run(cases: list[tuple[str, int]], folder: Path) -> None:
    print(cases)
    text, roms = wrapper([random_case(kind, seed) for kind, seed in cases])
    source = folder / "kernels.sv"
    source.write_text(text)
    values = {"HWC_CASES": json.dumps(cases)}
    bench = Bench("kernels", "kernels_bench", {}, roms, [source], values)
    run_bench(bench, folder / "run")


@pytest.mark.parametrize("seed", [1, 2])
def test_every_kind_of_kernel(seed: int, tmp_path: Path) -> None:
    _run([(kind, seed) for kind in KINDS], tmp_path)


@pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")
@pytest.mark.parametrize("kind", KINDS)
def test_many_of_one_kind(kind: str, tmp_path: Path) -> None:
    _run([(kind, seed) for seed in range(100, 116)], tmp_path)
