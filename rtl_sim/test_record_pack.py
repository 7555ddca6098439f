"""Exit records to output words and packets."""

from pathlib import Path

from tb.passing import require_all_passed

from hwcodesign.simulation.cocotb_runner import Bench


def test_records_become_words_and_packets(tmp_path: Path) -> None:
    require_all_passed(Bench("record_pack", "record_pack_bench", {}), tmp_path)
