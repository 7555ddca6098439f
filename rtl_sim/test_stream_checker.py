"""The checker that is bound to every stream in simulation: where it is bound, and what it finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwcodesign.errors import SimulationError
from hwcodesign.simulation.cocotb_runner import Bench, library_sources, run_bench
from hwcodesign.simulation.stream_checks import PortStream, bindings, module_name, port_streams

#: Modules that hand valid and ready on without a clock, or whose valid is no stream's.
_WITHOUT_CLOCK = {"vitis_adapter"}


def bench(broken: str) -> Bench:
    return Bench("stream_checker", "stream_checker_bench", {"Width": 3, "Beats": 3}, values={"HWC_BROKEN": broken})


def test_a_stream_that_keeps_its_contract_passes(tmp_path: Path) -> None:
    run_bench(bench(""), tmp_path)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("withdrawn", "a beat was withdrawn before it was taken"),
        ("changed", "data changed while a beat waited to be taken"),
        ("unfinished", "the last sample has 1 of its 3 beats"),
    ],
)
def test_a_broken_contract_is_told(broken: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match=said):
        run_bench(bench(broken), tmp_path)


def test_every_module_with_a_handshake_is_bound() -> None:
    texts = [path.read_text() for path in library_sources() if path.suffix == ".sv"]
    with_ready = {module_name(text) for text in texts if "_ready_" in text.partition("\n);")[0]} - _WITHOUT_CLOCK
    bound = {line.split()[1] for line in bindings(texts).splitlines() if line.startswith("bind ")}
    assert bound == with_ready
    assert {"stream_fork", "exit_decision", "mac_array"} <= bound


def test_a_forks_handshakes_share_their_data_and_a_merges_do_not() -> None:
    texts = {path.stem: path.read_text() for path in library_sources()}
    assert port_streams(texts["stream_fork"])[1] == PortStream(
        "out", "out_valid_o", "out_ready_i", ("out_data_o",), shared=True
    )
    assert port_streams(texts["record_merge"])[0] == PortStream(
        "in", "in_valid_i", "in_ready_o", ("in_data_i",), shared=False
    )


def test_beats_are_counted_where_they_are_known() -> None:
    text = next(path.read_text() for path in library_sources() if path.stem == "dense")
    lines = bindings([text], {"dense": {"in": 12}}).splitlines()
    assert [".Beats(12)" in line for line in lines if line.startswith("bind")] == [True, False]
