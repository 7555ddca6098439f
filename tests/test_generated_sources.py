"""Generated SystemVerilog looks like the hand-written: verible would change nothing, and names are made alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwcodesign.backends.streamrtl.decision_source import decision_source
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.project_files import write_accelerator
from hwcodesign.backends.streamrtl.segment_source import segment_source
from hwcodesign.backends.streamrtl.vitis_segment import vitis_segment_source
from hwcodesign.deployment.packaged_top import packaged_top
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.distributed_arithmetic import distributed_kernel
from hwcodesign.hardware.layout import Port, instance_lines, module_lines, range_of
from hwcodesign.hardware.netlist import netlist
from hwcodesign.hardware.window import Window
from hwcodesign.kernels.decision import Decision
from hwcodesign.storage.installed import shared_folder
from hwcodesign.systemverilog import Bits, concatenated, parameter_lines
from rtl_sim.tb import small_accelerators as small
from rtl_sim.tb.drawn_policies import drawn_policy
from rtl_sim.tb.verible import laid_out, misnamed, names, our_sources
from tests.test_streamrtl import FOLDED, residual

_HAND_WRITTEN = {path.name for path in (shared_folder("rtl_sim") / "rtl").glob("*.sv")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sources of all kinds: tops, simulation's wrappers, segments with and without forks, queues and Vitis' IP."""
    found = tmp_path_factory.mktemp("generated")
    u5, s8 = FixedPoint(5, 2, signed=False), FixedPoint(8, 5, True, "RND_MIN_INF", "SAT_ZERO")  # type: ignore[arg-type]
    accelerators = [small.plain("plain"), small.steered("one", 1), small.steered("five", 5)]
    accelerators.append(small.steered("waiting", 3, buffer_samples=4))
    for accelerator in accelerators:
        write_accelerator(Hardware.of(accelerator), found / accelerator.name)
    placed = Hardware.of(accelerators[0]).netlists[0]
    weights = np.random.default_rng(1).integers(-7, 8, (30, 4))
    weights[::2] = 0  # inputs that nothing reads
    window = Window((5, 5, 30), (5, 5, 4), (1, 1), (1, 1))
    texts = [
        vitis_segment_source(placed, "vitis", "stage0", "in_r", "out").texts,
        segment_source(netlist(residual(), FOLDED, "forked"), "forked").texts,
        distributed_kernel(weights, u5, "vector", result=s8, sum_fraction=8).texts,
        distributed_kernel(-weights, s8, "windows", result=s8, sum_fraction=8, window=window).texts,
    ]
    learned = Decision.of(drawn_policy("eenet", [s8] * 3, 10), 2, 4)
    texts.append(decision_source(learned, "learned").texts)
    for name, text in (item for texts_ in texts for item in texts_.items() if item[0].endswith(".sv")):
        (found / name).write_text(text)
    return found


def test_verible_would_change_nothing(folder: Path) -> None:
    sources = [path for path in our_sources(folder) if path.name not in _HAND_WRITTEN]
    assert len(sources) == 4 * 2 + 3 * (3 + 1 + 5 + 3) + 7
    for source in sources:
        assert source.read_text() == laid_out(source)


def test_instances_are_named_as_in_written_sources(folder: Path) -> None:
    top = folder / "plain_top.v"
    top.write_text(packaged_top("plain"))
    assert misnamed([*our_sources(folder), top]) == set()
    assert names([top]) == ({"u_accelerator"}, set())


@pytest.mark.parametrize("parts", [1, 4, 5, 6, 7, 8, 13, 14, 16, 17, 29])
def test_concatenations_and_long_vectors_break_where_verible_breaks_them(tmp_path: Path, parts: int) -> None:
    fill = 1 if parts % 2 else (1 << 64 * parts) - 1
    ports = (Port("a_i", False, (range_of(parts), range_of(8))), Port("b_o", True, ("7:0",)), Port("c_i", False))
    connections = [concatenated(".joined_i(", [f"net{i}" for i in range(parts)], ")"), ".b_o"]
    parameters = parameter_lines([("Weights", Bits(64 * parts, fill)), ("Lanes", parts)])
    lines = [
        *module_lines("top", (), (("What there is", ports),)),
        *instance_lines("x", "u_x", connections, parameters),
    ]
    source = tmp_path / "top.sv"
    source.write_text("\n".join([*lines, "", "endmodule", ""]))
    assert source.read_text() == laid_out(source)
