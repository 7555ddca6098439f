# The block design: processor, DMA, accelerator, interrupts, resets, interconnects. Only procedures; build.tcl calls them.
#
#   processor ── control bus ──► registers of accelerator, DMA and interrupt controller
#       ▲  memory ◄── memory bus ──► DMA ── words ──► accelerator ── records ──► DMA
#       └──── interrupt controller ◄──── interrupts of the DMA
#
# Everything is on one clock of the processor's. Has not been run through Vivado.

# What the rest needs of a processing system, by its kind. UG585 and PG082; UG1085 and PG201.
#   rule      of block automation
#   options   of block automation, beside the board preset
#   settings  CONFIG properties
#   achieved  property that tells the clock that the processor really makes, MHz
#   clock, reset, interrupt, master, memory   pins and interfaces
#   clocked   clock pins of its interfaces
#   space     address space of its master
#   segment   memory behind its slave
proc processor_facts {} {
    if {$settings::processor_kind eq "zynq-7000"} {
        return [list \
            rule xilinx.com:bd_rule:processing_system7 \
            options {make_external "FIXED_IO, DDR" Master Disable Slave Disable} \
            settings [list \
                CONFIG.PCW_USE_M_AXI_GP0 1 \
                CONFIG.PCW_USE_S_AXI_HP0 1 \
                CONFIG.PCW_S_AXI_HP0_DATA_WIDTH $settings::dma_width \
                CONFIG.PCW_USE_FABRIC_INTERRUPT 1 \
                CONFIG.PCW_IRQ_F2P_INTR 1 \
                CONFIG.PCW_EN_CLK0_PORT 1 \
                CONFIG.PCW_EN_RST0_PORT 1 \
                CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ $settings::clock_mhz] \
            achieved CONFIG.PCW_ACT_FPGA0_PERIPHERAL_FREQMHZ \
            clock FCLK_CLK0 reset FCLK_RESET0_N interrupt IRQ_F2P \
            master M_AXI_GP0 memory S_AXI_HP0 clocked {M_AXI_GP0_ACLK S_AXI_HP0_ACLK} \
            space Data segment S_AXI_HP0/HP0_DDR_LOWOCM]
    }
    return [list \
        rule xilinx.com:bd_rule:zynq_ultra_ps_e \
        options {} \
        settings [list \
            CONFIG.PSU__USE__M_AXI_GP0 1 \
            CONFIG.PSU__USE__M_AXI_GP1 0 \
            CONFIG.PSU__USE__M_AXI_GP2 0 \
            CONFIG.PSU__MAXIGP0__DATA_WIDTH 32 \
            CONFIG.PSU__USE__S_AXI_GP2 1 \
            CONFIG.PSU__SAXIGP2__DATA_WIDTH $settings::dma_width \
            CONFIG.PSU__USE__IRQ0 1 \
            CONFIG.PSU__USE__FABRIC__RST 1 \
            CONFIG.PSU__FPGA_PL0_ENABLE 1 \
            CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ $settings::clock_mhz] \
        achieved CONFIG.PSU__CRL_APB__PL0_REF_CTRL__ACT_FREQMHZ \
        clock pl_clk0 reset pl_resetn0 interrupt pl_ps_irq0 \
        master M_AXI_HPM0_FPD memory S_AXI_HP0_FPD clocked {maxihpm0_fpd_aclk saxihp0_fpd_aclk} \
        space Data segment SAXIGP2/HP0_DDR_LOW]
}

# Creates a cell as settings.tcl names it.
proc create_cell {name {properties {}}} {
    set cell [create_bd_cell -type ip -vlnv [dict get $settings::cells $name] $name]
    if {[llength $properties]} {
        set_property -dict $properties $cell
    }
}

proc create_processor {processor board_preset} {
    create_cell $settings::processor
    set cell [get_bd_cells $settings::processor]
    apply_bd_automation -rule [dict get $processor rule] \
        -config [concat [dict get $processor options] [list apply_board_preset $board_preset]] $cell
    set_property -dict [dict get $processor settings] $cell
    set achieved [get_property [dict get $processor achieved] $cell]
    if {abs($achieved - $settings::clock_mhz) > 0.001 * $settings::clock_mhz} {
        puts "WARNING: the processor makes a clock of $achieved MHz, and $settings::clock_mhz MHz were asked for"
    }
}

proc create_cells {} {
    create_cell $settings::resets
    create_cell $settings::accelerator
    create_cell $settings::dma [list \
        CONFIG.c_include_sg 0 \
        CONFIG.c_sg_include_stscntrl_strm 0 \
        CONFIG.c_sg_length_width $settings::dma_length_bits \
        CONFIG.c_m_axi_mm2s_data_width $settings::dma_width \
        CONFIG.c_m_axis_mm2s_tdata_width $settings::dma_width \
        CONFIG.c_include_mm2s_dre $settings::dma_realigns \
        CONFIG.c_m_axi_s2mm_data_width $settings::dma_width \
        CONFIG.c_s_axis_s2mm_tdata_width $settings::dma_width \
        CONFIG.c_include_s2mm_dre $settings::dma_realigns]
    create_cell $settings::interrupts {CONFIG.C_IRQ_CONNECTION 1}
    create_cell $settings::interrupt_lines [list CONFIG.NUM_PORTS [llength $settings::interrupt_pins]]
    create_cell $settings::control_bus [list CONFIG.NUM_SI 1 CONFIG.NUM_MI [llength $settings::addresses]]
    create_cell $settings::memory_bus {CONFIG.NUM_SI 2 CONFIG.NUM_MI 1}
}

# Connects pins: the driver, then all that it drives.
proc connect_pins {driver sinks} {
    foreach sink $sinks {
        connect_bd_net [get_bd_pins $driver] [get_bd_pins $sink]
    }
}

proc connect_interfaces {master slave} {
    connect_bd_intf_net [get_bd_intf_pins $master] [get_bd_intf_pins $slave]
}

proc connect_clock_and_reset {processor} {
    set clocked [list \
        $settings::resets/slowest_sync_clk \
        $settings::accelerator/aclk \
        $settings::dma/s_axi_lite_aclk \
        $settings::dma/m_axi_mm2s_aclk \
        $settings::dma/m_axi_s2mm_aclk \
        $settings::interrupts/s_axi_aclk \
        $settings::control_bus/aclk \
        $settings::memory_bus/aclk]
    foreach pin [dict get $processor clocked] {
        lappend clocked $settings::processor/$pin
    }
    connect_pins $settings::processor/[dict get $processor clock] $clocked
    connect_pins $settings::processor/[dict get $processor reset] [list $settings::resets/ext_reset_in]
    connect_pins $settings::resets/interconnect_aresetn [list \
        $settings::control_bus/aresetn \
        $settings::memory_bus/aresetn]
    connect_pins $settings::resets/peripheral_aresetn [list \
        $settings::accelerator/aresetn \
        $settings::dma/axi_resetn \
        $settings::interrupts/s_axi_aresetn]
}

proc connect_busses {processor} {
    connect_interfaces $settings::processor/[dict get $processor master] $settings::control_bus/S00_AXI
    set port 0
    foreach range $settings::addresses {
        set slave [dict get $range cell]/[dict get $range interface]
        connect_interfaces $settings::control_bus/[format M%02d_AXI $port] $slave
        incr port
    }
    connect_interfaces $settings::dma/M_AXI_MM2S $settings::memory_bus/S00_AXI
    connect_interfaces $settings::dma/M_AXI_S2MM $settings::memory_bus/S01_AXI
    connect_interfaces $settings::memory_bus/M00_AXI $settings::processor/[dict get $processor memory]
    connect_interfaces $settings::dma/M_AXIS_MM2S $settings::accelerator/s_axis
    connect_interfaces $settings::accelerator/m_axis $settings::dma/S_AXIS_S2MM
}

proc connect_interrupts {processor} {
    set line 0
    foreach pin $settings::interrupt_pins {
        connect_pins $pin [list $settings::interrupt_lines/In$line]
        incr line
    }
    connect_pins $settings::interrupt_lines/dout [list $settings::interrupts/intr]
    connect_pins $settings::interrupts/irq [list $settings::processor/[dict get $processor interrupt]]
}

# Registers where the driver expects them; memory where the processor has it, and nothing else in the DMA's reach.
proc assign_addresses {processor} {
    foreach range $settings::addresses {
        assign_bd_address -offset [dict get $range base] -range [dict get $range size] \
            -target_address_space [get_bd_addr_spaces $settings::processor/[dict get $processor space]] \
            [get_bd_addr_segs [dict get $range cell]/[dict get $range segment]]
    }
    set memory [get_bd_addr_segs $settings::processor/[dict get $processor segment]]
    set reachable [get_bd_addr_segs -of_objects [get_bd_intf_pins $settings::processor/[dict get $processor memory]]]
    foreach space {Data_MM2S Data_S2MM} {
        set addresses [get_bd_addr_spaces $settings::dma/$space]
        assign_bd_address -target_address_space $addresses $memory
        foreach segment $reachable {
            if {$segment ne $memory} {
                exclude_bd_addr_seg -target_address_space $addresses $segment
            }
        }
    }
}

# Draws, validates and saves the block design.
#   board_preset  1: the processor's settings come from the board files
proc draw_block_design {board_preset} {
    set processor [processor_facts]
    create_bd_design $settings::design
    create_processor $processor $board_preset
    create_cells
    connect_clock_and_reset $processor
    connect_busses $processor
    connect_interrupts $processor
    assign_addresses $processor
    validate_bd_design
    save_bd_design
}
