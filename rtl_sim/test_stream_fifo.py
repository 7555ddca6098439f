"""The FIFO, at its least depth and at one that is no power of two."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwcodesign.simulation.cocotb_runner import Bench, run_bench


@pytest.mark.parametrize("depth", [1, 5])
def test_every_beat_passes_in_its_cycle(depth: int, tmp_path: Path) -> None:
    values = {"HWC_WIDTH": "9", "HWC_DEPTH": str(depth)}
    parameters = {"Width": 9, "Depth": depth}
    run_bench(Bench("stream_fifo", "stream_queue_bench", parameters, values=values), tmp_path)
