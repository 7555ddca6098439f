"""The conditional buffer, at the least depth and at others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hwcodesign.errors import SimulationError
from hwcodesign.simulation.cocotb_runner import Bench, run_bench

#: beats, depth, words of a RAM
_CASES = {"least depth": (4, 4, 4096), "odd depth": (3, 8, 4096), "several RAMs": (3, 8, 4)}
_MORE = {
    "single beats": (1, 1, 4096),
    "single beats, deeper": (1, 3, 4096),
    "single beats, several RAMs": (1, 3, 2),
    "least depth, several RAMs": (4, 4, 2),
    "nearly two samples": (5, 9, 4096),
    "nearly two samples, several RAMs": (5, 9, 2),
    "large": (64, 128, 4096),
    "large, several RAMs": (64, 129, 32),
}


def _run(beats: int, depth: int, bank_words: int, folder: Path) -> None:
    values = {"HWC_BEATS": str(beats), "HWC_DEPTH": str(depth), "HWC_WIDTH": "9"}
    parameters = {"Width": 9, "Beats": beats, "Depth": depth, "BankWords": bank_words}
    bench = Bench("conditional_buffer", "conditional_buffer_bench", parameters, values=values)
    run_bench(bench, folder)


@pytest.mark.parametrize("name", _CASES)
def test_samples_leave_or_are_dropped_whole(name: str, tmp_path: Path) -> None:
    _run(*_CASES[name], tmp_path)


@pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")
@pytest.mark.parametrize("name", _MORE)
def test_more_depths(name: str, tmp_path: Path) -> None:
    _run(*_MORE[name], tmp_path)


def test_a_buffer_below_one_sample_is_refused(tmp_path: Path) -> None:
    bench = Bench("conditional_buffer", "conditional_buffer_bench", {"Width": 9, "Beats": 4, "Depth": 3})
    with pytest.raises(SimulationError, match="Depth=3 is less than Beats=4: a sample to be dropped must fit wholly"):
        run_bench(bench, tmp_path)


def test_rams_of_other_sizes_than_powers_of_two_are_refused(tmp_path: Path) -> None:
    parameters = {"Width": 9, "Beats": 4, "Depth": 8, "BankWords": 3}
    with pytest.raises(SimulationError, match="BankWords=3 is not a power of two, from 2 on"):
        run_bench(Bench("conditional_buffer", "conditional_buffer_bench", parameters), tmp_path)
