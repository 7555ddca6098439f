"""Casts between fixed-point formats in hardware: all modes, signed and unsigned, all codes of small formats."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

from hwcodesign.kernels.rtl import Bits
from hwcodesign.simulation.cocotb_runner import Bench, run_bench

#: Input width and fraction, result width and fraction.
_CASES = (
    (8, 4, 4, 1),  # drops some bits
    (8, 5, 5, 4),  # drops one bit: no sticky bits below the half
    (7, 6, 3, -1),  # drops all bits but the sign
    (5, 7, 4, -2),  # drops more bits than there are
    (4, 1, 9, 4),  # adds bits, and all fits
    (6, 0, 5, 2),  # adds bits, and some overflow
    (6, 3, 6, 3),  # keeps all
    (6, 3, 1, 1),  # one bit
    (1, 0, 2, 0),
)


def _run(cases: tuple[tuple[int, ...], ...], folder: Path) -> None:
    fields = Bits.pack([field for case in cases for field in case], 8)
    bench = Bench(
        "requantise_cases",
        "requantise_bench",
        {"Count": len(cases), "Cases": fields},
        sources=[Path(__file__).parent / "tb" / "requantise_cases.sv"],
        values={"HWC_CASES": json.dumps(cases)},
    )
    assert run_bench(bench, folder) == 1


def test_all_codes_by_all_modes(tmp_path: Path) -> None:
    _run(_CASES, tmp_path)


@pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")
@pytest.mark.parametrize("seed", range(4))
def test_random_formats(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)  # noqa: S311
    widths = [(rng.randint(1, 10), rng.randint(1, 12)) for _ in range(10)]
    cases = tuple((given, rng.randint(-3, 12), wanted, rng.randint(-3, 12)) for given, wanted in widths)
    print(f"seed {seed}: {cases}")  # noqa: T201
    _run(cases, tmp_path)
