"""The two-entry register of streams."""

from __future__ import annotations

from pathlib import Path

from hwcodesign.simulation.cocotb_runner import Bench, run_bench


def test_every_beat_passes_in_its_cycle(tmp_path: Path) -> None:
    values = {"HWC_WIDTH": "9", "HWC_DEPTH": "2"}
    run_bench(Bench("stream_register", "stream_queue_bench", {"Width": 9}, values=values), tmp_path)
