"""This module writes the hardware hand-off file (.hwh) of a block design, which Vivado writes and PYNQ reads beside a
bitstream.

Cells, addresses, registers, clocks and interrupts are those of the block design. What no driver sees (interconnects,
the reset block, pins of memory buses) is left out. The file is therefore for the simulated board and for tests, and not
what Vivado would write. Names of pins and parameters are those of the IPs: PG021 (AXI DMA), PG099 (AXI INTC), PG082
(Zynq-7000), PG201 (Zynq UltraScale+).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from hwcodesign.designs.boards import Board, Processor
from hwcodesign.interface.block_design import (
    DMA_LENGTH_BITS,
    DMA_REALIGNS,
    DMA_VLNV,
    DMA_WIDTH,
    INTERRUPT_LINES_VLNV,
    INTERRUPTS_VLNV,
    PROCESSOR_VLNV,
    BlockDesign,
)
from hwcodesign.interface.register_map import REGISTERS
from hwcodesign.interface.registers import Count, Field, Register

_AXI, _AXIS, _INTERRUPT = (
    f"xilinx.com:{name}:1.0" for name in ("interface:aximm", "interface:axis", "signal:interrupt")
)
#: PLL that fabric clocks are divided from, in MHz, as PYNQ's images set it up: 50 MHz x 20, 33.333 MHz x 90 / 2.
_PLL_MHZ = {Processor.ZYNQ_7000: 1000.0, Processor.ZYNQ_ULTRASCALE: 1499.985}
#: The most that one of a fabric clock's two dividers divides by.
_MOST_DIVISOR = 63
_FABRIC_CLOCKS = 4


@dataclass(frozen=True)
class FabricClock:
    """This is fabric clock 0 of a board, which drives everything in a block design.

    Attributes:
        divisors: divisors of the PLL's frequency.
        mhz: resulting frequency: the board's own clock, or the next lower one that the PLL can make.
    """

    divisors: tuple[int, int]
    mhz: float


def fabric_clock(board: Board) -> FabricClock:
    """Returns the fastest fabric clock that is not faster than the clock of the board's designs."""
    pll = _PLL_MHZ[board.processor]
    least = math.ceil(pll / board.clock_mhz)
    ways = [(a * b, a, b) for a in range(1, _MOST_DIVISOR + 1) for b in range(1, a + 1) if a * b >= least]
    product, first, second = min(ways)
    return FabricClock((first, second), pll / product)


@dataclass(frozen=True)
class _ProcessorPins:
    """These are the names of a processing system's pins and ports."""

    clock: str
    reset: str
    interrupt: str
    registers: str
    memory: str


_PROCESSOR_PINS = {
    Processor.ZYNQ_7000: _ProcessorPins("FCLK_CLK0", "FCLK_RESET0_N", "IRQ_F2P", "M_AXI_GP0", "S_AXI_HP0"),
    Processor.ZYNQ_ULTRASCALE: _ProcessorPins("pl_clk0", "pl_resetn0", "pl_ps_irq0", "M_AXI_HPM0_FPD", "S_AXI_HP0_FPD"),
}


@dataclass(frozen=True)
class _Pin:
    name: str
    direction: str
    width: int = 1
    kind: str = "undef"


@dataclass(frozen=True)
class _Interface:
    """This is a bus interface; `pins` maps logical to physical names."""

    name: str
    type: str
    vlnv: str
    pins: Mapping[str, str]


@dataclass(frozen=True)
class _Cell:
    name: str
    vlnv: str
    parameters: Mapping[str, str]
    pins: Sequence[_Pin]
    interfaces: Sequence[_Interface]


def hand_off(design: BlockDesign, exits: int) -> str:
    """Returns the text of the .hwh.

    Args:
        design: block design to describe.
        exits: number of exits of the accelerator; an array of registers has one register for each.
    """
    root = Element("EDKSYSTEM", EDWVERSION="1.2")
    root.append(ElementTree.Comment(" A twin for the simulated board: written by hwcodesign, not by Vivado "))
    SubElement(
        root,
        "SYSTEMINFO",
        ARCH="zynq" if design.board.processor is Processor.ZYNQ_7000 else "zynquplus",
        DEVICE=design.board.part.partition("-")[0],
        NAME=design.accelerator,
    )
    SubElement(root, "EXTERNALPORTS")
    SubElement(root, "EXTERNALINTERFACES")
    modules = SubElement(root, "MODULES")
    nets = _nets(design)
    for cell in (_processor(design), _dma(design), _interrupts(design), _interrupt_lines(design), _accelerator(design)):
        module = _module(modules, cell, nets)
        if cell.name == design.accelerator:
            _address_block(module, exits)
        if cell.name == design.processor:
            _memory_map(module, design)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _processor(design: BlockDesign) -> _Cell:
    pins = _PROCESSOR_PINS[design.board.processor]
    return _Cell(
        design.processor,
        PROCESSOR_VLNV[design.board.processor],
        _clock_parameters(design.board),
        (
            _Pin(pins.clock, "O", kind="clk"),
            _Pin(pins.reset, "O", kind="rst"),
            _Pin(pins.interrupt, "I", kind="INTERRUPT"),
        ),
        (_Interface(pins.registers, "MASTER", _AXI, {}), _Interface(pins.memory, "SLAVE", _AXI, {})),
    )


def _clock_parameters(board: Board) -> dict[str, str]:
    """Returns parameters in which fabric clock 0 is on and the others are off."""
    clock = fabric_clock(board)
    found: dict[str, str] = {}
    for i in range(_FABRIC_CLOCKS):
        on = i == 0
        divisors = clock.divisors if on else (1, 1)
        mhz = f"{clock.mhz if on else 10:.6f}"
        if board.processor is Processor.ZYNQ_7000:
            found |= {f"PCW_FCLK{i}_PERIPHERAL_DIVISOR{j}": str(divisor) for j, divisor in enumerate(divisors)}
            found |= {
                f"PCW_FPGA{i}_PERIPHERAL_FREQMHZ": f"{board.clock_mhz if on else 50:g}",
                f"PCW_ACT_FPGA{i}_PERIPHERAL_FREQMHZ": mhz,
                f"PCW_FCLK{i}_PERIPHERAL_CLKSRC": "IO PLL",
                f"PCW_FPGA_FCLK{i}_ENABLE": str(int(on)),
            }
        else:
            name = f"PSU__CRL_APB__PL{i}_REF_CTRL"
            found |= {f"{name}__DIVISOR{j}": str(divisor) for j, divisor in enumerate(divisors)}
            found |= {
                f"{name}__FREQMHZ": f"{board.clock_mhz if on else 100:g}",
                f"{name}__ACT_FREQMHZ": mhz,
                f"{name}__SRCSEL": "IOPLL",
                f"PSU__FPGA_PL{i}_ENABLE": str(int(on)),
            }
    return found


def _dma(design: BlockDesign) -> _Cell:
    width = str(DMA_WIDTH)
    parameters = {
        "c_include_sg": "0",
        "c_micro_dma": "0",
        "c_enable_multi_channel": "0",
        "c_sg_length_width": str(DMA_LENGTH_BITS),
        "c_addr_width": "32",
    }
    for memory, stream in (("mm2s", "m_axis_mm2s"), ("s2mm", "s_axis_s2mm")):
        parameters |= {
            f"c_include_{memory}": "1",
            f"c_include_{memory}_dre": str(int(DMA_REALIGNS)),
            f"c_m_axi_{memory}_data_width": width,
            f"c_{stream}_tdata_width": width,
        }
    return _Cell(
        design.dma,
        DMA_VLNV,
        parameters,
        (
            *(_Pin(name, "I", kind="clk") for name in ("s_axi_lite_aclk", "m_axi_mm2s_aclk", "m_axi_s2mm_aclk")),
            _Pin("axi_resetn", "I", kind="rst"),
            *_stream_pins("m_axis_mm2s", "O"),
            *_stream_pins("s_axis_s2mm", "I"),
            _Pin("mm2s_introut", "O", kind="INTERRUPT"),
            _Pin("s2mm_introut", "O", kind="INTERRUPT"),
        ),
        (
            _Interface("S_AXI_LITE", "SLAVE", _AXI, {}),
            _Interface("M_AXI_MM2S", "MASTER", _AXI, {}),
            _Interface("M_AXI_S2MM", "MASTER", _AXI, {}),
            _stream("M_AXIS_MM2S", "INITIATOR", "m_axis_mm2s"),
            _stream("S_AXIS_S2MM", "TARGET", "s_axis_s2mm"),
        ),
    )


def _interrupts(design: BlockDesign) -> _Cell:
    return _Cell(
        design.interrupts,
        INTERRUPTS_VLNV,
        {"C_NUM_INTR_INPUTS": str(len(design.interrupt_pins)), "C_KIND_OF_INTR": "0x00000000", "C_IRQ_IS_LEVEL": "1"},
        (
            _Pin("s_axi_aclk", "I", kind="clk"),
            _Pin("s_axi_aresetn", "I", kind="rst"),
            _Pin("intr", "I", len(design.interrupt_pins), "INTERRUPT"),
            _Pin("irq", "O", kind="INTERRUPT"),
        ),
        (
            _Interface("s_axi", "SLAVE", _AXI, {}),
            _Interface("interrupt", "MASTER", _INTERRUPT, {"INTERRUPT": "irq"}),
        ),
    )


def _interrupt_lines(design: BlockDesign) -> _Cell:
    inputs = len(design.interrupt_pins)
    pins = [_Pin(f"In{i}", "I") for i in range(inputs)]
    return _Cell(
        design.interrupt_lines,
        INTERRUPT_LINES_VLNV,
        {"NUM_PORTS": str(inputs)},
        [*pins, _Pin("dout", "O", inputs)],
        (),
    )


def _accelerator(design: BlockDesign) -> _Cell:
    return _Cell(
        design.accelerator,
        design.vlnv,
        {},
        (
            _Pin("aclk", "I", kind="clk"),
            _Pin("aresetn", "I", kind="rst"),
            *_stream_pins("s_axis", "I"),
            *_stream_pins("m_axis", "O"),
        ),
        (
            _Interface("s_axil", "SLAVE", _AXI, {}),
            _stream("s_axis", "TARGET", "s_axis"),
            _stream("m_axis", "INITIATOR", "m_axis"),
        ),
    )


#: Signals of a stream: name, width, and whether its source drives it.
_STREAM = (("tdata", DMA_WIDTH, True), ("tvalid", 1, True), ("tready", 1, False), ("tlast", 1, True))


def _stream_pins(prefix: str, direction: str) -> list[_Pin]:
    against = "I" if direction == "O" else "O"
    return [_Pin(f"{prefix}_{name}", direction if forward else against, width) for name, width, forward in _STREAM]


def _stream(name: str, type_: str, prefix: str) -> _Interface:
    return _Interface(name, type_, _AXIS, {signal.upper(): f"{prefix}_{signal}" for signal, _, _ in _STREAM})


def _nets(design: BlockDesign) -> dict[str, list[str]]:
    """Returns the pins to which each pin, as cell/pin, is connected."""
    processor = _PROCESSOR_PINS[design.board.processor]
    dma, interrupts, accelerator = design.dma, design.interrupts, design.accelerator
    clocks = [f"{dma}/{name}" for name in ("s_axi_lite_aclk", "m_axi_mm2s_aclk", "m_axi_s2mm_aclk")]
    pairs = [
        (f"{design.processor}/{processor.clock}", sink)
        for sink in (*clocks, f"{interrupts}/s_axi_aclk", f"{accelerator}/aclk")
    ]
    pairs += [
        (f"{design.processor}/{processor.reset}", sink)
        for sink in (f"{dma}/axi_resetn", f"{interrupts}/s_axi_aresetn", f"{accelerator}/aresetn")
    ]
    pairs += [(f"{dma}/m_axis_mm2s_{name}", f"{accelerator}/s_axis_{name}") for name, _, _ in _STREAM]
    pairs += [(f"{accelerator}/m_axis_{name}", f"{dma}/s_axis_s2mm_{name}") for name, _, _ in _STREAM]
    pairs += [(pin, f"{design.interrupt_lines}/In{i}") for i, pin in enumerate(design.interrupt_pins)]
    pairs += [
        (f"{design.interrupt_lines}/dout", f"{interrupts}/intr"),
        (f"{interrupts}/irq", f"{design.processor}/{processor.interrupt}"),
    ]
    found: dict[str, list[str]] = defaultdict(list)
    for one, other in pairs:
        found[one].append(other)
        found[other].append(one)
    return found


def _module(modules: Element, cell: _Cell, nets: Mapping[str, Sequence[str]]) -> Element:
    _, _, type_, version = cell.vlnv.split(":")
    module = SubElement(
        modules,
        "MODULE",
        FULLNAME=f"/{cell.name}",
        HWVERSION=version,
        INSTANCE=cell.name,
        IPTYPE="PERIPHERAL",
        IS_ENABLE="1",
        MODCLASS="PERIPHERAL",
        MODTYPE=type_,
        VLNV=cell.vlnv,
    )
    _properties(SubElement(module, "PARAMETERS"), "PARAMETER", cell.parameters)
    ports = SubElement(module, "PORTS")
    for pin in cell.pins:
        port = SubElement(ports, "PORT", DIR=pin.direction, NAME=pin.name, SIGIS=pin.kind)
        if pin.width > 1:
            port.attrib |= {"LEFT": str(pin.width - 1), "RIGHT": "0"}
        connections = SubElement(port, "CONNECTIONS")
        for end in nets.get(f"{cell.name}/{pin.name}", ()):
            instance, _, name = end.partition("/")
            SubElement(connections, "CONNECTION", INSTANCE=instance, PORT=name)
    interfaces = SubElement(module, "BUSINTERFACES")
    for interface in cell.interfaces:
        bus = SubElement(interfaces, "BUSINTERFACE", NAME=interface.name, TYPE=interface.type, VLNV=interface.vlnv)
        maps = SubElement(bus, "PORTMAPS")
        for logical, physical in interface.pins.items():
            SubElement(maps, "PORTMAP", LOGICAL=logical, PHYSICAL=physical)
    return module


def _memory_map(module: Element, design: BlockDesign) -> None:
    """Writes the registers as the processor sees them."""
    port = _PROCESSOR_PINS[design.board.processor].registers
    ranges = SubElement(module, "MEMORYMAP")
    for place in design.addresses:
        SubElement(
            ranges,
            "MEMRANGE",
            ADDRESSBLOCK="Reg",
            BASEVALUE=f"0x{place.base:08X}",
            HIGHVALUE=f"0x{place.base + place.size - 1:08X}",
            INSTANCE=place.cell,
            MASTERBUSINTERFACE=port,
            MEMTYPE="REGISTER",
            SLAVEBUSINTERFACE=place.interface,
        )


def _address_block(module: Element, exits: int) -> None:
    blocks = SubElement(module, "ADDRESSBLOCKS")
    block = SubElement(
        blocks, "ADDRESSBLOCK", ACCESS="read-write", INTERFACE="s_axil", NAME="Reg", RANGE="4096", USAGE="register"
    )
    registers = SubElement(block, "REGISTERS")
    for register in REGISTERS:
        for index in range(register.count.of(exits)):
            name = register.name if register.count is Count.ONE else f"{register.name}_{index}"
            _register(registers, name, register, index)


def _register(registers: Element, name: str, register: Register, index: int) -> None:
    element = SubElement(registers, "REGISTER", NAME=name)
    accesses = {field.access for field in register.fields}
    properties = {
        "DESCRIPTION": register.description,
        "ADDRESS_OFFSET": f"0x{register.address(index):X}",
        "SIZE": "32",
        "ACCESS": _access(accesses.pop() if len(accesses) == 1 else "rw"),
        "IS_ENABLED": "true",
    }
    _properties(element, "PROPERTY", properties)
    fields = SubElement(element, "FIELDS")
    for field in register.fields:
        _properties(SubElement(fields, "FIELD", NAME=field.name), "PROPERTY", _field_properties(field))


def _field_properties(field: Field) -> dict[str, str]:
    return {
        "DESCRIPTION": field.description,
        "BIT_OFFSET": str(field.low),
        "BIT_WIDTH": str(field.width),
        "ACCESS": _access(field.access),
    }


def _access(access: str) -> str:
    return {"r": "read-only", "w": "write-only", "rw": "read-write"}[access]


def _properties(parent: Element, tag: str, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        SubElement(parent, tag, NAME=name, VALUE=value)
