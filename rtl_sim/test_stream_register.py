"""The two-entry registers of streams."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwcodesign.simulation.cocotb_runner import Bench, run_bench


@pytest.mark.parametrize("module", ["stream_register", "stream_late_register"])
def test_every_beat_passes_in_its_cycle(module: str, tmp_path: Path) -> None:
    values = {"HWC_WIDTH": "9", "HWC_DEPTH": "2"}
    run_bench(Bench(module, "stream_queue_bench", {"Width": 9}, values=values), tmp_path)
