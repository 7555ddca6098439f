"""A bench counts where each of its tests ran and passed; whatever else happened is an error with its output."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwcodesign.errors import SimulationError
from hwcodesign.simulation.cocotb_runner import Bench, run_bench

BENCH = """
import cocotb

@cocotb.test()
async def passes(dut):
    pass

@cocotb.test(skip=True)
async def is_left_out(dut):
    pass

@cocotb.test()
async def fails(dut):
    on_purpose = 2
    assert on_purpose == 3
"""


def test_a_test_that_failed_or_was_skipped_fails_the_bench(tmp_path: Path) -> None:
    (tmp_path / "mixed_bench.py").write_text(BENCH)
    bench = Bench("stream_register", "mixed_bench", {"Width": 9}, folder_of_bench=tmp_path)
    with pytest.raises(SimulationError) as caught:
        run_bench(bench, tmp_path / "run")
    first = str(caught.value).splitlines()[0]
    assert first == "stream_register: mixed_bench: is_left_out was skipped, fails failed:"
    assert "assert 2 == 3" in str(caught.value), "the values of a failed assertion are shown"


def test_the_units_of_a_bench_take_verilators_headers_from_a_precompiled_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The compiler takes it only where all flags are the same, and says with this one why it does not."""
    monkeypatch.setenv("MAKEFLAGS", "USER_CPPFLAGS=-Winvalid-pch\\ -Werror")
    (tmp_path / "some_bench.py").write_text(BENCH.partition("@cocotb.test(skip")[0])
    run_bench(Bench("stream_register", "some_bench", {"Width": 9}, folder_of_bench=tmp_path), tmp_path / "run")
    assert "cocotb-headers" in (tmp_path / "run" / "output.txt").read_text()


def test_a_bench_without_tests_fails(tmp_path: Path) -> None:
    (tmp_path / "empty_bench.py").write_text("import cocotb\n")
    bench = Bench("stream_register", "empty_bench", {"Width": 9}, folder_of_bench=tmp_path)
    with pytest.raises(SimulationError, match="stream_register: empty_bench"):
        run_bench(bench, tmp_path / "run")
