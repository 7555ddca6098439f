"""Exit records to output words and packets."""

from pathlib import Path

from hwcodesign.simulation.cocotb_runner import Bench, run_bench


def test_records_become_words_and_packets(tmp_path: Path) -> None:
    run_bench(Bench("record_pack", "record_pack_bench", {}), tmp_path)
