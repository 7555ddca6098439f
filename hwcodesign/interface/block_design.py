"""This module describes the block design around an accelerator. Vivado's script, the hand-off file and the simulated
board follow it.

    processor ── AXI4-Lite ──► registers of the accelerator, the DMA and the interrupt controller
        ▲  memory ◄──────────► AXI DMA ── words ──► accelerator ── records ──► AXI DMA
        └────── interrupt controller ◄── interrupts of the DMA

Cells are named after the accelerator, so that several accelerators fit into one design.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.designs.boards import Board, Processor

#: Vendor, library and version of packaged accelerators; the name between them is the accelerator's.
VENDOR, LIBRARY, VERSION = "hwcodesign", "accelerators", "1.0"

PROCESSOR_VLNV = {
    Processor.ZYNQ_7000: "xilinx.com:ip:processing_system7:5.5",
    Processor.ZYNQ_ULTRASCALE: "xilinx.com:ip:zynq_ultra_ps_e:3.5",
}
DMA_VLNV = "xilinx.com:ip:axi_dma:7.1"
INTERRUPTS_VLNV = "xilinx.com:ip:axi_intc:4.1"
INTERRUPT_LINES_VLNV = "xilinx.com:ip:xlconcat:2.1"
INTERCONNECT_VLNV = "xilinx.com:ip:smartconnect:1.0"
RESETS_VLNV = "xilinx.com:ip:proc_sys_reset:5.0"

#: Bits of a DMA transfer's length: transfers of up to 2^26 - 1 bytes, the most that the IP has.
DMA_LENGTH_BITS = 26
#: Bits of the DMA's streams and memory ports: those of an input word, and of half a record.
DMA_WIDTH = 64
#: Whether the DMA takes addresses that are no multiples of its width (its data realignment engine). Samples and records
#: are whole words and so are allocated buffers: there is nothing to realign.
DMA_REALIGNS = False


@dataclass(frozen=True)
class AddressRange:
    """An address range says where the processor sees the registers of a cell.

    Attributes:
        cell: instance name of the cell.
        interface: interface of the cell.
        base, size: first address and size, in bytes.
        segment: memory map and address block below the cell, as Vivado names them; axi_intc's map is in capitals.
    """

    cell: str
    interface: str
    base: int
    size: int
    segment: str


@dataclass(frozen=True)
class BlockDesign:
    """This is the block design of one accelerator on one board.

    Attributes:
        accelerator: name of its module, its IP and its cell.
        board: target board.
        configuration_hash: configuration hash of the accelerator, hexadecimal.
    """

    accelerator: str
    board: Board
    configuration_hash: str

    @property
    def vlnv(self) -> str:
        """Returns the VLNV of the packaged accelerator."""
        return f"{VENDOR}:{LIBRARY}:{self.accelerator}:{VERSION}"

    @property
    def module_vlnv(self) -> str:
        """Returns the VLNV of the accelerator if its module stands in a block design without being packaged."""
        return f"xilinx.com:module_ref:{self.accelerator}:1.0"

    @property
    def dma(self) -> str:
        """Returns the name of the DMA's cell."""
        return f"{self.accelerator}_dma"

    @property
    def interrupts(self) -> str:
        """Returns the name of the interrupt controller's cell."""
        return f"{self.accelerator}_interrupts"

    @property
    def processor(self) -> str:
        """Returns the name of the processing system's cell."""
        return "processor"

    @property
    def interrupt_lines(self) -> str:
        """Returns the name of the cell that joins the interrupts into one vector."""
        return f"{self.accelerator}_interrupt_lines"

    @property
    def control_bus(self) -> str:
        """Returns the name of the interconnect's cell between the processor and the registers."""
        return f"{self.accelerator}_control_bus"

    @property
    def memory_bus(self) -> str:
        """Returns the name of the interconnect's cell between the DMA and the memory."""
        return f"{self.accelerator}_memory_bus"

    @property
    def resets(self) -> str:
        """Returns the name of the cell that synchronises the reset."""
        return "resets"

    @property
    def cells(self) -> dict[str, str]:
        """Returns the VLNV of every cell by its name."""
        return {
            self.processor: PROCESSOR_VLNV[self.board.processor],
            self.resets: RESETS_VLNV,
            self.accelerator: self.vlnv,
            self.dma: DMA_VLNV,
            self.interrupts: INTERRUPTS_VLNV,
            self.interrupt_lines: INTERRUPT_LINES_VLNV,
            self.control_bus: INTERCONNECT_VLNV,
            self.memory_bus: INTERCONNECT_VLNV,
        }

    @property
    def interrupt_pins(self) -> tuple[str, str]:
        """Returns the pins of the interrupt controller's inputs, the lowest first: memory to stream, stream to
        memory.
        """
        return (f"{self.dma}/mm2s_introut", f"{self.dma}/s2mm_introut")

    @property
    def addresses(self) -> tuple[AddressRange, ...]:
        """Returns the registers as the processor sees them: in M_AXI_GP0 of a Zynq-7000 (UG585), or M_AXI_HPM0_FPD of a
        Zynq UltraScale+ (UG1085).
        """
        base = {Processor.ZYNQ_7000: 0x4000_0000, Processor.ZYNQ_ULTRASCALE: 0xA000_0000}[self.board.processor]
        return (
            AddressRange(self.accelerator, "s_axil", base, 0x1_0000, "s_axil/Reg"),
            AddressRange(self.dma, "S_AXI_LITE", base + 0x1_0000, 0x1_0000, "S_AXI_LITE/Reg"),
            AddressRange(self.interrupts, "s_axi", base + 0x2_0000, 0x1_0000, "S_AXI/Reg"),
        )
