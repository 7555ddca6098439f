"""Errors planted in a Vivado project, one at a time, and what the stub of Vivado says of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Planted:
    """An error in a project.

    Attributes:
        name: what is wrong, in a few words.
        file: of the project.
        old, new: text that is replaced, which stands there once.
        message: that the stub ends with, or a part of it.
        board: that the project is for.
        faults: of the stub's, for errors in handling failures.
    """

    name: str
    file: str
    old: str
    new: str
    message: str
    board: str = "pynq-z2"
    faults: tuple[str, ...] = ()

    def plant(self, project: Path) -> None:
        """Change the project."""
        path = project / self.file
        text = path.read_text()
        assert text.count(self.old) == 1, (
            f"{self.name}: {self.old!r} stands {text.count(self.old)} times in {self.file}"
        )
        path.write_text(text.replace(self.old, self.new))


_DESIGN, _BUILD, _PACKAGE, _SETTINGS = "block_design.tcl", "build.tcl", "package_ip.tcl", "settings.tcl"

CONNECTIONS = (
    Planted(
        "a clock is not connected",
        _DESIGN,
        "        $settings::dma/m_axi_mm2s_aclk \\\n",
        "",
        "tiny_dma/m_axi_mm2s_aclk (clk) is not connected",
    ),
    Planted(
        "a clock of the processor's is not connected",
        _DESIGN,
        "clocked {M_AXI_GP0_ACLK S_AXI_HP0_ACLK}",
        "clocked {M_AXI_GP0_ACLK}",
        "processor/S_AXI_HP0_ACLK (clk) is not connected",
    ),
    Planted(
        "a reset is not connected",
        _DESIGN,
        "        $settings::accelerator/aresetn \\\n",
        "",
        "tiny/aresetn (rst_low) is not connected",
    ),
    Planted(
        "a reset has the other level",
        _DESIGN,
        "$settings::resets/peripheral_aresetn",
        "$settings::resets/peripheral_reset",
        "resets/peripheral_reset is rst_high, and tiny/aresetn takes rst_low",
    ),
    Planted(
        "a reset is taken for a clock",
        _DESIGN,
        "clock FCLK_CLK0 ",
        "clock FCLK_RESET0_N ",
        "processor/FCLK_RESET0_N is rst_low, and resets/slowest_sync_clk takes clk",
    ),
    Planted(
        "a pin has another name",
        _DESIGN,
        "$settings::dma/axi_resetn",
        "$settings::dma/axi_aresetn",
        "there is no bd_pin 'tiny_dma/axi_aresetn'",
    ),
    Planted(
        "an interface has another name",
        _DESIGN,
        "$settings::dma/M_AXIS_MM2S",
        "$settings::dma/M_AXIS_MM2S_DATA",
        "there is no bd_intf_pin 'tiny_dma/M_AXIS_MM2S_DATA'",
    ),
    Planted(
        "two masters meet",
        _DESIGN,
        "$settings::dma/M_AXIS_MM2S $settings::accelerator/s_axis",
        "$settings::dma/M_AXIS_MM2S $settings::accelerator/m_axis",
        "tiny_dma/M_AXIS_MM2S and tiny/m_axis are both masters",
    ),
    Planted(
        "a memory bus meets a stream",
        _DESIGN,
        "$settings::dma/M_AXI_S2MM $settings::memory_bus/S01_AXI",
        "$settings::dma/M_AXI_S2MM $settings::accelerator/s_axis",
        "tiny_dma/M_AXI_S2MM is xilinx.com:interface:aximm:1.0, and tiny/s_axis is xilinx.com:interface:axis:1.0",
    ),
    Planted(
        "an interface is connected twice",
        _DESIGN,
        "$settings::memory_bus/S01_AXI",
        "$settings::memory_bus/S00_AXI",
        "tiny_memory_bus/S00_AXI is connected already, to tiny_dma/M_AXI_MM2S",
    ),
    Planted(
        "an interface is not connected",
        _DESIGN,
        "    connect_interfaces $settings::accelerator/m_axis $settings::dma/S_AXIS_S2MM\n",
        "",
        "interface tiny/m_axis is not connected",
    ),
    Planted(
        "a pin has two drivers",
        _DESIGN,
        "set line 0",
        "set line 0; connect_pins $settings::interrupts/irq [list $settings::interrupt_lines/In0]",
        "tiny_interrupt_lines/In0 is driven already, by tiny_interrupts/irq",
    ),
    Planted(
        "an interrupt is not connected",
        _DESIGN,
        "    connect_pins $settings::interrupt_lines/dout [list $settings::interrupts/intr]\n",
        "",
        "tiny_interrupts/intr (intr) is not connected",
    ),
    Planted(
        "streams differ in width",
        _SETTINGS,
        "variable dma_width 64",
        "variable dma_width 32",
        "tiny/s_axis has 64 bits, and tiny_dma/M_AXIS_MM2S 32",
    ),
)

ADDRESSES = (
    Planted(
        "addresses overlap",
        _SETTINGS,
        "base 0x40010000",
        "base 0x40000000",
        "tiny_dma/S_AXI_LITE/Reg in processor/Data overlaps tiny/s_axil/Reg",
    ),
    Planted(
        "an address is not aligned",
        _SETTINGS,
        "base 0x40010000",
        "base 0x40018000",
        "tiny_dma/S_AXI_LITE/Reg in processor/Data starts at 0x40018000, no multiple of its size",
    ),
    Planted(
        "an address is out of the processor's reach",
        _SETTINGS,
        "base 0x40020000",
        "base 0x80000000",
        "tiny_interrupts/S_AXI/Reg in processor/Data at 0x80000000 is out of reach of M_AXI_GP0",
    ),
    Planted(
        "a range is no power of two",
        _SETTINGS,
        "base 0x40010000 size 0x10000",
        "base 0x40010000 size 0xF000",
        "has a size of 61440, no power of two",
    ),
    Planted(
        "a slave is assigned twice",
        _SETTINGS,
        "segment S_AXI/Reg}",
        "segment S_AXI/Reg}\n        {cell tiny interface s_axil base 0x40030000 size 0x10000 segment s_axil/Reg}",
        "tiny/s_axil is connected already, to tiny_control_bus/M00_AXI",
    ),
    Planted(
        "a segment has another name",
        _SETTINGS,
        "segment S_AXI/Reg}",
        "segment s_axi/Reg}",
        "there is no bd_addr_seg 'tiny_interrupts/s_axi/Reg'",
    ),
    Planted(
        "memory is not assigned",
        _DESIGN,
        "        assign_bd_address -target_address_space $addresses $memory\n",
        "",
        "processor/S_AXI_HP0/HP0_DDR_LOWOCM is assigned or excluded 0 times in tiny_dma/Data_MM2S",
    ),
    Planted(
        "a segment is neither assigned nor excluded",
        _DESIGN,
        "                exclude_bd_addr_seg -target_address_space $addresses $segment\n",
        "",
        "processor/SAXIGP2/HP0_QSPI is assigned or excluded 0 times in tiny_dma/Data_MM2S",
        board="zcu104",
    ),
)

CELLS = (
    Planted(
        "an IP has another version",
        _SETTINGS,
        "xilinx.com:ip:axi_dma:7.1",
        "xilinx.com:ip:axi_dma:7.2",
        "the IP catalogue has no xilinx.com:ip:axi_dma:7.2",
    ),
    Planted(
        "a dictionary is not quoted",
        _DESIGN,
        "set_property -dict $properties $cell",
        "set_property -dict {*}$properties $cell",
        "is the list quoted?",
    ),
    Planted(
        "a value is missing in a dictionary",
        _DESIGN,
        "{CONFIG.C_IRQ_CONNECTION 1}",
        "{CONFIG.C_IRQ_CONNECTION}",
        "the list has 1 words, an odd number",
    ),
    Planted(
        "a property has another name",
        _DESIGN,
        "CONFIG.c_sg_length_width",
        "CONFIG.c_length_width",
        "xilinx.com:ip:axi_dma:7.1 has no property CONFIG.c_length_width",
    ),
    Planted(
        "a value is out of range",
        _SETTINGS,
        "variable dma_length_bits 26",
        "variable dma_length_bits 27",
        "CONFIG.c_sg_length_width of xilinx.com:ip:axi_dma:7.1 cannot be '27'",
    ),
    Planted(
        "scatter-gather stays on",
        _DESIGN,
        "        CONFIG.c_include_sg 0 \\\n",
        "",
        "tiny_dma/m_axi_sg_aclk (clk) is not connected",
    ),
    Planted(
        "the processor's second master stays on",
        _DESIGN,
        "            CONFIG.PSU__USE__M_AXI_GP1 0 \\\n",
        "",
        "processor/maxihpm1_fpd_aclk (clk) is not connected",
        board="kv260",
    ),
    Planted(
        "the processor takes no interrupts",
        _DESIGN,
        "                CONFIG.PCW_USE_FABRIC_INTERRUPT 1 \\\n",
        "",
        "there is no bd_pin 'processor/IRQ_F2P'",
    ),
    Planted(
        "memory pins do not leave the chip",
        _DESIGN,
        '{make_external "FIXED_IO, DDR" ',
        "{",
        "interface processor/DDR is not connected",
    ),
    Planted(
        "automation is for another processor",
        _DESIGN,
        "rule xilinx.com:bd_rule:processing_system7",
        "rule xilinx.com:bd_rule:zynq_ultra_ps_e",
        "rule xilinx.com:bd_rule:zynq_ultra_ps_e is not for xilinx.com:ip:processing_system7:5.5",
    ),
    Planted(
        "a preset is taken from no board",
        _BUILD,
        "draw_block_design [create_board_project $build_folder]",
        "create_board_project $build_folder; draw_block_design 1",
        "there is no board to take a preset from",
        faults=("board_files=none",),
    ),
    Planted(
        "board files are not looked for",
        _BUILD,
        "    if {$board_known} {",
        "    if {1} {",
        "there are no board files tul.com.tw:pynq-z2:part0:1.0",
        faults=("board_files=none",),
    ),
)

STEPS = (
    Planted(
        "the design is not validated",
        _DESIGN,
        "    validate_bd_design\n",
        "",
        "the design is modified, not validated",
    ),
    Planted(
        "the design is not saved",
        _DESIGN,
        "    save_bd_design\n",
        "",
        "the block design is validated; validate and save it first",
    ),
    Planted(
        "output products are not generated",
        _BUILD,
        "    generate_target all $file\n",
        "",
        "its output products have not been generated",
    ),
    Planted(
        "the wrapper is not the top",
        _BUILD,
        "    set_property top ${settings::design}_wrapper [current_fileset]\n",
        "",
        "the top is '' instead of the wrapper of tiny_system",
    ),
    Planted(
        "the wrapper is not in the project",
        _BUILD,
        "    add_files -norecurse [make_wrapper -files $file -top]\n",
        "    make_wrapper -files $file -top\n",
        "the top is 'tiny_system_wrapper' instead of the wrapper",
    ),
    Planted(
        "the catalogue is not read again",
        _BUILD,
        "    update_ip_catalog\n",
        "",
        "ip_repo_paths has changed since the last update_ip_catalog",
    ),
    Planted(
        "a command has another name",
        _DESIGN,
        "    validate_bd_design\n",
        "    validate_design\n",
        "there is no command 'validate_design'",
    ),
    Planted(
        "an option has another name",
        _BUILD,
        "[make_wrapper -files $file -top]",
        "[make_wrapper -files $file -set_top]",
        "make_wrapper has no option -set_top",
    ),
    Planted(
        "a run is not waited for",
        _BUILD,
        "    wait_on_run $name\n",
        "",
        "synth_1 is still running; wait_on_run comes first",
    ),
    Planted(
        "the bitstream is not asked for",
        _BUILD,
        "launch_runs impl_1 -to_step write_bitstream",
        "launch_runs impl_1",
        "Vivado wrote no bitstream",
    ),
    Planted(
        "the implemented design is not opened",
        _BUILD,
        "    open_run impl_1\n",
        "",
        "report_utilization: no implemented design is open",
    ),
    Planted(
        "the project stays open",
        _PACKAGE,
        "\nclose_project\n",
        "\n",
        "a project is open already",
    ),
)

FAILURES = (
    Planted(
        "a synthesis that stops is not noticed",
        _BUILD,
        "    finish_run synth_1\n",
        "    wait_on_run synth_1\n",
        "impl_1 needs synth_1, which has not completed",
        faults=("synth=80%",),
    ),
    Planted(
        "nobody looks at the progress of synthesis",
        _BUILD,
        "    finish_run synth_1\n",
        "    wait_on_run synth_1\n",
        "without a look at PROGRESS of synth_1",
    ),
    Planted(
        "negative setup slack is accepted",
        _BUILD,
        "{$value >= 0}",
        "{$value >= -1}",
        "ended well although WNS is -0.104",
        faults=("wns=-0.104",),
    ),
    Planted(
        "nobody looks at hold slack",
        _BUILD,
        'STATS.WHS "hold slack (ns)" ',
        "",
        "without a look at STATS.WHS of impl_1",
    ),
    Planted(
        "slack is compared the wrong way round",
        _BUILD,
        "{$value >= 0}",
        "{$value <= 0}",
        "timing is not met: setup slack (ns) is 0.105",
    ),
    Planted(
        "unrouted nets are accepted",
        _BUILD,
        '    require {$unrouted == 0} "$unrouted nets are not routed"\n',
        "",
        "ended well although nets are not routed",
        faults=("failed_nets=3",),
    ),
    Planted(
        "an empty ROM is accepted",
        _BUILD,
        "    require_images_read synth_1\n",
        "",
        "ended well although synthesis missed tiny_head0_dense_weights.hex",
        faults=("rom=tiny_head0_dense_weights.hex",),
    ),
)

PACKAGING = (
    Planted(
        "ROM images are not packaged",
        _PACKAGE,
        "\ninclude_images $core\n",
        "\n",
        "synthesis left a ROM empty: CRITICAL WARNING: [Synth 8-4445] could not open $readmem data file",
    ),
    Planted(
        "the packager's own memory map stays",
        _PACKAGE,
        "        ipx::remove_memory_map [get_property name $map] $core\n",
        "",
        "the core has a memory map s_axil already",
    ),
    Planted(
        "the interface has no memory map",
        _PACKAGE,
        "    set_property slave_memory_map_ref s_axil [ipx::get_bus_interfaces s_axil -of_objects $core]\n",
        "",
        "interface s_axil has no memory map",
    ),
    Planted(
        "modules under generate blocks may be left out",
        _PACKAGE,
        "    set_property source_mgmt_mode DisplayOnly [current_project]\n",
        "",
        "may leave out modules under generate blocks",
    ),
    Planted(
        "the core is saved before its checksums",
        _PACKAGE,
        "ipx::update_checksums $core\n",
        "",
        "GUI files, checksums and integrity come before",
    ),
    Planted(
        "the top is SystemVerilog",
        _SETTINGS,
        "variable top tiny_top",
        "variable top tiny",
        "UG1118: SystemVerilog cannot be the top",
    ),
    Planted(
        "two registers have one address",
        _SETTINGS,
        "name VERSION\n            offset 0x4\n",
        "name VERSION\n            offset 0x0\n",
        "registers VERSION and ID have one address",
    ),
    Planted(
        "fields overlap",
        _SETTINGS,
        "{name major low 16 width 16 ",
        "{name major low 15 width 16 ",
        "field VERSION.major overlaps others",
    ),
    Planted(
        "a source is not there",
        _SETTINGS,
        " dense.sv ",
        " dens.sv ",
        "add_files: there is no file",
    ),
    Planted(
        "a port belongs to no interface",
        "ip/src/tiny_top.v",
        '    (* X_INTERFACE_INFO = "xilinx.com:interface:axis:1.0 s_axis TLAST" *)\n',
        "",
        "the packager does not know what port s_axis_tlast is part of",
    ),
    Planted(
        "a bus has no clock",
        "ip/src/tiny_top.v",
        "ASSOCIATED_BUSIF s_axis:m_axis:s_axil",
        "ASSOCIATED_BUSIF s_axis:m_axis",
        "aclk is the clock of 's_axis:m_axis' instead of all busses",
    ),
    Planted(
        "the reset has the other level",
        "ip/src/tiny_top.v",
        "POLARITY ACTIVE_LOW",
        "POLARITY ACTIVE_HIGH",
        "aresetn is 'ACTIVE_HIGH' instead of ACTIVE_LOW",
    ),
    Planted(
        "a signal of the registers is missing",
        "ip/src/tiny_top.v",
        "s_axil BREADY",
        "s_axil BREADYX",
        "interface s_axil has no BREADY",
    ),
)

PLANTED = (*CONNECTIONS, *ADDRESSES, *CELLS, *STEPS, *FAILURES, *PACKAGING)
