"""The merge of the exits' records."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwcodesign.simulation.cocotb_runner import Bench, run_bench


@pytest.mark.parametrize("exits", [1, 3])
def test_records_are_merged_by_depth(exits: int, tmp_path: Path) -> None:
    bench = Bench("record_merge", "record_merge_bench", {"Exits": exits}, values={"HWC_EXITS": str(exits)})
    run_bench(bench, tmp_path)
