"""Vitis IPs in the place of segments: names, layouts, refusals, and an accelerator that cannot tell the difference."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.project_files import write_accelerator
from hwcodesign.backends.streamrtl.segment_source import Source
from hwcodesign.backends.streamrtl.vitis_segment import element_bits, exported_ports, vitis_segment_source
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.errors import DesignError, SettingsError
from hwcodesign.hardware.netlist import Netlist
from hwcodesign.interface.modes import Mode, exit_control
from hwcodesign.runtime import software
from hwcodesign.simulation.rtl import FOLDER, RtlSimulation, Stalls
from rtl_sim.tb.small_accelerators import images, plain
from rtl_sim.tb.vitis_stand_in import stand_in_source
from tests.stress import require_same

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")


@pytest.fixture(scope="module")
def accelerator() -> Accelerator:
    return plain("tiny", exits=2)


@pytest.fixture(scope="module")
def hardware(accelerator: Accelerator) -> Hardware:
    return Hardware.of(accelerator)


def in_place_of(placed: Netlist, prefix: str, folder: Path, *, overlap: bool) -> Source:
    """The module around the IP, and the stand-in for the IP, as one source."""
    ports = ("global_in", "layer17_out")
    ip = stand_in_source(placed, placed.segment.name, *ports, folder, overlap=overlap)
    source = vitis_segment_source(placed, prefix, ip.module, *ports)
    return Source(source.module, {**ip.texts, **source.texts})


@pytest.mark.parametrize(
    ("width", "bits"), [(1, 8), (5, 8), (8, 8), (9, 16), (12, 16), (16, 16), (17, 32), (22, 32), (33, 64)]
)
def test_elements_take_powers_of_two(width: int, bits: int) -> None:
    assert element_bits(width) == bits


def test_ports_are_those_of_the_top_function(tmp_path: Path) -> None:
    project = tmp_path / "stage1"
    (project / "firmware").mkdir(parents=True)
    top = project / "firmware" / "stage1.cpp"
    top.write_text("    #pragma HLS INTERFACE axis port=global_in,layer16_out \n    #pragma HLS DATAFLOW\n")
    assert exported_ports(project) == ("global_in", "layer16_out")
    top.write_text("    #pragma HLS INTERFACE axis port=global_in,layer16_out,layer17_out \n")
    with pytest.raises(DesignError, match=r"one input and one output stream.*layer17_out"):
        exported_ports(project)
    with pytest.raises(DesignError, match="no Vitis project"):
        exported_ports(tmp_path / "stage2")


def test_the_ip_is_named_started_and_laid_out(hardware: Hardware) -> None:
    placed = hardware.netlists[0]  # stage0: an element of 5 bits a beat to two of 6
    source = vitis_segment_source(placed, "tiny", "stage0", "global_in", "layer17_out")
    text = source.texts["tiny_stage0.sv"]
    assert source.module == "tiny_stage0"
    assert "  stage0 u_ip (" in text
    assert ".ap_rst_n(rst_ni)" in text
    assert ".ap_start(1'b1)" in text
    assert "logic [7:0] ip_in_tdata;" in text
    assert "logic [15:0] ip_out_tdata;" in text
    for signal in ("DATA", "VALID", "READY"):
        assert f".global_in_T{signal}(ip_in_t{signal.lower()})" in text
        assert f".layer17_out_T{signal}(ip_out_t{signal.lower()})" in text
    packed = vitis_segment_source(
        placed, "tiny", "stage0", "a", "b", input_element_bits=5, output_element_bits=6
    ).texts["tiny_stage0.sv"]
    assert ".OutElementBits(6)" in packed
    assert "logic [15:0] ip_out_tdata;" in packed


def test_what_cannot_be_connected_is_refused(hardware: Hardware) -> None:
    placed = hardware.netlists[0]
    with pytest.raises(SettingsError, match="places of 4 bits do not hold"):
        vitis_segment_source(placed, "tiny", "stage0", "a", "b", input_element_bits=4)
    with pytest.raises(SettingsError, match="must have another name"):
        vitis_segment_source(placed, "tiny", "tiny_stage0", "a", "b")
    with pytest.raises(SettingsError, match="cannot be the name"):
        vitis_segment_source(placed, "tiny", "stage0", "a; endmodule", "b")


def test_only_segments_are_replaced_and_only_by_their_like(hardware: Hardware, tmp_path: Path) -> None:
    source = vitis_segment_source(hardware.netlists[0], "tiny", "stage0", "a", "b")
    with pytest.raises(
        DesignError, match=r"segment 'stage9' is not known: did you mean 'stage1'\? Known: stage0, head0, stage1, head1"
    ):
        write_accelerator(hardware, tmp_path, {"stage9": source})
    with pytest.raises(DesignError, match="'tiny_stage0' cannot take the place of head0"):
        write_accelerator(hardware, tmp_path, {"head0": source})
    assert not any(tmp_path.iterdir())


def test_without_replacements_nothing_is_said_of_any(hardware: Hardware, tmp_path: Path) -> None:
    assert "replaced" not in json.loads((write_accelerator(hardware, tmp_path).folder / "manifest.json").read_text())


@needs_compiler
def test_an_accelerator_cannot_tell(accelerator: Accelerator, hardware: Hardware, tmp_path: Path) -> None:
    """One stage whose samples overlap and one head that takes them one by one, under stalls, in two modes."""
    rtl = tmp_path / FOLDER
    replaced = {
        name: in_place_of(placed, accelerator.name, rtl, overlap=name == "stage0")
        for placed in hardware.netlists
        if (name := placed.segment.name) in ("stage0", "head1")
    }
    project = write_accelerator(hardware, rtl, replaced)
    assert json.loads((rtl / "manifest.json").read_text())["replaced"] == ["head1", "stage0"]
    assert rtl / "stage0.sv" in project.sources
    assert "stage0 u_ip (" in (rtl / "tiny_stage0.sv").read_text()
    simulation = RtlSimulation(accelerator, project)
    codes = images(accelerator, 60)
    for mode, stalls in (
        (Mode.ADAPTIVE, Stalls()),
        (Mode.ADAPTIVE, Stalls(0.4, 0.3)),
        (Mode.ANYTIME, Stalls(0.7, 0.7)),
    ):
        control = exit_control(accelerator.policy, mode)
        expected = np.concatenate(list(software.stream_records(accelerator, codes, control)))
        require_same(simulation.run(codes, control, stalls=stalls).records, expected)
    assert len(np.unique(expected["exit"])) == 2
    # a sample alone: no further input pushes it out
    alone = simulation.run(codes[:1], exit_control(accelerator.policy, "subnet", leave_at=1))
    assert alone.records["exit"].tolist() == [1]
