"""The hardware hand-off says of a block design what PYNQ must know, and PYNQ itself reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hwcodesign.designs.boards import BOARDS, Processor
from hwcodesign.interface.block_design import DMA_LENGTH_BITS, DMA_VLNV, DMA_WIDTH, INTERRUPTS_VLNV, BlockDesign
from hwcodesign.interface.hwh import fabric_clock, hand_off
from hwcodesign.interface.register_map import REGISTERS
from hwcodesign.interface.registers import Count

pytest.importorskip("pynq", reason="pynq is not installed: pip install 'hwcodesign[pynq]'")

EXITS = 3


def _design(board: str) -> BlockDesign:
    return BlockDesign("digits", BOARDS[board], "0123456789abcdef" * 4)


def _parsed(board: str, folder: Path) -> Any:
    from pynq.metadata.runtime_metadata_parser import RuntimeMetadataParser
    from pynqmetadata.frontends import Metadata

    path = folder / f"{board}.hwh"
    path.write_text(hand_off(_design(board), EXITS))
    return RuntimeMetadataParser(Metadata(input=path))


@pytest.mark.parametrize("board", BOARDS)
def test_pynq_finds_every_cell_at_its_address(board: str, tmp_path: Path) -> None:
    design, cells = _design(board), _parsed(board, tmp_path).ip_dict
    found = {name: (cell["phys_addr"], cell["addr_range"]) for name, cell in cells.items() if "phys_addr" in cell}
    assert found == {place.cell: (place.base, place.size) for place in design.addresses}
    types = {design.accelerator: design.vlnv, design.dma: DMA_VLNV, design.interrupts: INTERRUPTS_VLNV}
    assert {name: cells[name]["type"] for name in types} == types


@pytest.mark.parametrize("board", ["pynq-z2", "zcu104"])
def test_pynq_finds_every_register_and_field(board: str, tmp_path: Path) -> None:
    found = _parsed(board, tmp_path).ip_dict["digits"]["registers"]
    expected = {
        register.name if register.count is Count.ONE else f"{register.name}_{index}": (register, index)
        for register in REGISTERS
        for index in range(register.count.of(EXITS))
    }
    assert list(found) == list(expected)
    names = {"read-only": "r", "write-only": "w", "read-write": "rw"}
    for name, (register, index) in expected.items():
        assert found[name]["address_offset"] == register.address(index)
        assert found[name]["size"] == 32
        fields = {
            field: (bits["bit_offset"], bits["bit_width"], names[bits["access"]], bits["description"])
            for field, bits in found[name]["fields"].items()
        }
        assert fields == {f.name: (f.low, f.width, f.access, f.description) for f in register.fields}


@pytest.mark.parametrize("board", ["pynq-z2", "zcu104"])
def test_interrupts_of_the_dma_reach_the_processor(board: str, tmp_path: Path) -> None:
    design, parsed = _design(board), _parsed(board, tmp_path)
    # the first line of the fabric: UG585 table 7-4, UG1085 table 13-1
    line = {Processor.ZYNQ_7000: 61, Processor.ZYNQ_ULTRASCALE: 121}[design.board.processor]
    controller = parsed.interrupt_controllers[design.interrupts]
    assert (controller["parent"], controller["index"], controller["raw_irq"]) == ("", 0, line)
    # the driver waits for the second of them, which says that records have come
    assert design.interrupt_pins == (f"{design.dma}/mm2s_introut", f"{design.dma}/s2mm_introut")
    for index, pin in enumerate(design.interrupt_pins):
        found = parsed.interrupt_pins[pin]
        assert (found["controller"], found["index"]) == (design.interrupts, index)
    assert set(parsed.ip_dict[design.dma]["interrupts"]) == {"mm2s_introut", "s2mm_introut"}


def test_parameters_of_the_dma_are_those_that_pynq_drives_it_by(tmp_path: Path) -> None:
    parameters = _parsed("pynq-z2", tmp_path).ip_dict["digits_dma"]["parameters"]
    assert {name: int(parameters[name]) for name in ("c_include_sg", "c_micro_dma", "c_sg_length_width")} == {
        "c_include_sg": 0,
        "c_micro_dma": 0,
        "c_sg_length_width": DMA_LENGTH_BITS,
    }
    for channel in ("mm2s", "s2mm"):
        assert int(parameters[f"c_include_{channel}"]) == 1
        assert int(parameters[f"c_m_axi_{channel}_data_width"]) == DMA_WIDTH


@pytest.mark.parametrize("board", BOARDS)
def test_one_fabric_clock_is_on_and_its_divisors_give_no_more_than_the_boards_clock(board: str, tmp_path: Path) -> None:
    clock, found = fabric_clock(BOARDS[board]), _parsed(board, tmp_path).clock_dict
    assert [found[i]["enable"] for i in range(4)] == [1, 0, 0, 0]
    assert (found[0]["divisor0"], found[0]["divisor1"]) == clock.divisors
    assert clock.mhz <= BOARDS[board].clock_mhz


def test_the_fabric_clock_is_the_boards_where_the_pll_can_give_it_and_the_next_below_elsewhere() -> None:
    found = {board.name: fabric_clock(board).mhz for board in BOARDS.values()}
    assert found == {"pynq-z1": 100.0, "pynq-z2": 100.0, "zc706": 125.0, "zcu104": 187.498125, "kv260": 187.498125}


def test_the_same_design_gives_the_same_text() -> None:
    assert hand_off(_design("pynq-z2"), EXITS) == hand_off(_design("pynq-z2"), EXITS)
