"""The fork."""

from __future__ import annotations

from pathlib import Path

from hwcodesign.simulation.cocotb_runner import Bench, run_bench


def test_every_output_has_every_beat_once(tmp_path: Path) -> None:
    values = {"HWC_WIDTH": "7", "HWC_OUTPUTS": "3"}
    parameters = {"Width": 7, "Outputs": 3}
    run_bench(Bench("stream_fork", "stream_fork_bench", parameters, values=values), tmp_path)
