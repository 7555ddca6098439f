# What is known of IPs: parameters with default and allowed values, pins, interfaces, address spaces and segments.
#
# AXI DMA: PG021, and a hand-off file that Vivado wrote (resizer.hwh of pynqmetadata). Processing systems: PG082 and
# UG585, PG201 and UG1085, and hand-off files. AXI INTC: PG099. SmartConnect: PG247. Processor System Reset: PG164.
# Concat: PG383. Only what designs like ours can use is listed; anything else is refused.
#
#   parameters  name {default pattern}
#   pins        name direction type condition; types: clk, rst_low, rst_high, rst (of either level), intr, bits
#   optional    input pins that have a level of their own
#   interfaces  name mode definition clock width condition; clock and width may be empty
#   spaces      name interface first window size; of the master's addresses
#   segments    path interface base size; an empty base: anywhere
# Conditions and widths are expressions of parameters.

namespace eval stub {
    variable catalogue [dict create]
    variable aximm xilinx.com:interface:aximm:1.0
    variable axis xilinx.com:interface:axis:1.0
    # Parts that the installation knows.
    variable parts {xc7z020clg400-1 xc7z045ffg900-2 xczu7ev-ffvc1156-2-e xck26-sfvc784-2LV-c}
}

proc stub::ip {vlnv description} {
    variable catalogue
    set complete [dict create parameters {} pins {} optional {} interfaces {} spaces {} segments {}]
    dict set catalogue $vlnv [dict merge $complete [uplevel 1 [list subst -nocommands $description]]]
}

# In conditions and widths, \$p(NAME) is a parameter.
set stub_aximm $stub::aximm
set stub_axis $stub::axis

stub::ip xilinx.com:ip:axi_dma:7.1 {
    parameters {
        c_include_sg {1 ^[01]$} c_sg_include_stscntrl_strm {1 ^[01]$} c_sg_length_width {14 ^([89]|1[0-9]|2[0-6])$}
        c_include_mm2s {1 ^[01]$} c_m_axi_mm2s_data_width {32 ^(32|64|128|256|512|1024)$}
        c_m_axis_mm2s_tdata_width {32 ^(8|16|32|64|128|256|512|1024)$} c_include_mm2s_dre {0 ^[01]$}
        c_mm2s_burst_size {16 ^(2|4|8|16|32|64|128|256)$}
        c_include_s2mm {1 ^[01]$} c_m_axi_s2mm_data_width {32 ^(32|64|128|256|512|1024)$}
        c_s_axis_s2mm_tdata_width {32 ^(8|16|32|64|128|256|512|1024)$} c_include_s2mm_dre {0 ^[01]$}
        c_s2mm_burst_size {16 ^(2|4|8|16|32|64|128|256)$}
        c_addr_width {32 ^(3[2-9]|[45][0-9]|6[0-4])$} c_micro_dma {0 ^[01]$}
    }
    pins {
        s_axi_lite_aclk in clk 1
        m_axi_sg_aclk in clk {\$p(c_include_sg)}
        m_axi_mm2s_aclk in clk {\$p(c_include_mm2s)}
        m_axi_s2mm_aclk in clk {\$p(c_include_s2mm)}
        axi_resetn in rst_low 1
        mm2s_prmry_reset_out_n out rst_low 1
        s2mm_prmry_reset_out_n out rst_low 1
        mm2s_introut out intr {\$p(c_include_mm2s)}
        s2mm_introut out intr {\$p(c_include_s2mm)}
    }
    interfaces {
        S_AXI_LITE slave $stub_aximm s_axi_lite_aclk {} 1
        M_AXI_SG master $stub_aximm m_axi_sg_aclk {} {\$p(c_include_sg)}
        M_AXI_MM2S master $stub_aximm m_axi_mm2s_aclk {} 1
        M_AXI_S2MM master $stub_aximm m_axi_s2mm_aclk {} 1
        M_AXIS_MM2S master $stub_axis m_axi_mm2s_aclk {\$p(c_m_axis_mm2s_tdata_width)} 1
        S_AXIS_S2MM slave $stub_axis m_axi_s2mm_aclk {\$p(c_s_axis_s2mm_tdata_width)} 1
        M_AXIS_CNTRL master $stub_axis m_axi_sg_aclk 32 {\$p(c_include_sg) && \$p(c_sg_include_stscntrl_strm)}
        S_AXIS_STS slave $stub_axis m_axi_sg_aclk 32 {\$p(c_include_sg) && \$p(c_sg_include_stscntrl_strm)}
    }
    spaces {
        Data_MM2S M_AXI_MM2S 0 0x100000000
        Data_S2MM M_AXI_S2MM 0 0x100000000
    }
    segments {S_AXI_LITE/Reg S_AXI_LITE {} 0x10000}
}

stub::ip xilinx.com:ip:axi_intc:4.1 {
    parameters {C_IRQ_CONNECTION {0 ^[01]$} C_HAS_FAST {0 ^[01]$} C_IRQ_IS_LEVEL {1 ^[01]$}}
    pins {
        s_axi_aclk in clk 1
        s_axi_aresetn in rst_low 1
        intr in intr 1
        irq out intr {\$p(C_IRQ_CONNECTION) == 1}
    }
    interfaces {
        s_axi slave $stub_aximm s_axi_aclk {} 1
        interrupt master xilinx.com:interface:mbinterrupt:1.0 s_axi_aclk {} {\$p(C_IRQ_CONNECTION) == 0}
    }
    segments {S_AXI/Reg s_axi {} 0x10000}
}

stub::ip xilinx.com:ip:xlconcat:2.1 {
    parameters {NUM_PORTS {2 ^([1-9]|[12][0-9]|3[0-2])$}}
    pins {
        In0 in bits 1
        In1 in bits {\$p(NUM_PORTS) > 1}
        In2 in bits {\$p(NUM_PORTS) > 2}
        In3 in bits {\$p(NUM_PORTS) > 3}
        dout out bits 1
    }
}

stub::ip xilinx.com:ip:proc_sys_reset:5.0 {
    parameters {C_EXT_RESET_HIGH {1 ^[01]$} C_AUX_RESET_HIGH {1 ^[01]$}}
    pins {
        slowest_sync_clk in clk 1
        ext_reset_in in rst 1
        aux_reset_in in rst 1
        mb_debug_sys_rst in rst_high 1
        dcm_locked in bits 1
        mb_reset out rst_high 1
        bus_struct_reset out rst_high 1
        peripheral_reset out rst_high 1
        interconnect_aresetn out rst_low 1
        peripheral_aresetn out rst_low 1
    }
    optional {aux_reset_in mb_debug_sys_rst dcm_locked}
}

stub::ip xilinx.com:ip:smartconnect:1.0 {
    parameters {NUM_SI {1 ^([1-9]|1[0-6])$} NUM_MI {1 ^([1-9]|1[0-6])$} NUM_CLKS {1 ^1$}}
    pins {aclk in clk 1 aresetn in rst_low 1}
    interfaces {
        S00_AXI slave $stub_aximm aclk {} 1
        S01_AXI slave $stub_aximm aclk {} {\$p(NUM_SI) > 1}
        S02_AXI slave $stub_aximm aclk {} {\$p(NUM_SI) > 2}
        S03_AXI slave $stub_aximm aclk {} {\$p(NUM_SI) > 3}
        M00_AXI master $stub_aximm aclk {} 1
        M01_AXI master $stub_aximm aclk {} {\$p(NUM_MI) > 1}
        M02_AXI master $stub_aximm aclk {} {\$p(NUM_MI) > 2}
        M03_AXI master $stub_aximm aclk {} {\$p(NUM_MI) > 3}
    }
}

stub::ip xilinx.com:ip:processing_system7:5.5 {
    parameters {
        PCW_USE_M_AXI_GP0 {1 ^[01]$} PCW_USE_S_AXI_HP0 {0 ^[01]$} PCW_S_AXI_HP0_DATA_WIDTH {64 ^(32|64)$}
        PCW_USE_FABRIC_INTERRUPT {0 ^[01]$} PCW_IRQ_F2P_INTR {0 ^[01]$} PCW_EN_CLK0_PORT {1 ^[01]$}
        PCW_EN_RST0_PORT {1 ^[01]$} PCW_FPGA0_PERIPHERAL_FREQMHZ {50 ^[0-9]+([.][0-9]+)?$}
    }
    pins {
        FCLK_CLK0 out clk {\$p(PCW_EN_CLK0_PORT)}
        FCLK_RESET0_N out rst_low {\$p(PCW_EN_RST0_PORT)}
        IRQ_F2P in intr {\$p(PCW_USE_FABRIC_INTERRUPT) && \$p(PCW_IRQ_F2P_INTR)}
        M_AXI_GP0_ACLK in clk {\$p(PCW_USE_M_AXI_GP0)}
        S_AXI_HP0_ACLK in clk {\$p(PCW_USE_S_AXI_HP0)}
    }
    interfaces {
        M_AXI_GP0 master $stub_aximm M_AXI_GP0_ACLK {} {\$p(PCW_USE_M_AXI_GP0)}
        S_AXI_HP0 slave $stub_aximm S_AXI_HP0_ACLK {} {\$p(PCW_USE_S_AXI_HP0)}
        DDR master xilinx.com:interface:ddrx_rtl:1.0 {} {} 1
        FIXED_IO master xilinx.com:display_processing_system7:fixedio_rtl:1.0 {} {} 1
    }
    spaces {Data M_AXI_GP0 0x40000000 0x40000000}
    segments {S_AXI_HP0/HP0_DDR_LOWOCM S_AXI_HP0 0 0x20000000}
}

stub::ip xilinx.com:ip:zynq_ultra_ps_e:3.5 {
    parameters {
        PSU__USE__M_AXI_GP0 {1 ^[01]$} PSU__USE__M_AXI_GP1 {1 ^[01]$} PSU__USE__M_AXI_GP2 {0 ^[01]$}
        PSU__MAXIGP0__DATA_WIDTH {128 ^(32|64|128)$} PSU__USE__S_AXI_GP2 {0 ^[01]$}
        PSU__SAXIGP2__DATA_WIDTH {128 ^(32|64|128)$} PSU__USE__IRQ0 {0 ^[01]$} PSU__USE__FABRIC__RST {1 ^[01]$}
        PSU__FPGA_PL0_ENABLE {1 ^[01]$} PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ {100 ^[0-9]+([.][0-9]+)?$}
    }
    pins {
        pl_clk0 out clk {\$p(PSU__FPGA_PL0_ENABLE)}
        pl_resetn0 out rst_low {\$p(PSU__USE__FABRIC__RST)}
        pl_ps_irq0 in intr {\$p(PSU__USE__IRQ0)}
        maxihpm0_fpd_aclk in clk {\$p(PSU__USE__M_AXI_GP0)}
        maxihpm1_fpd_aclk in clk {\$p(PSU__USE__M_AXI_GP1)}
        maxihpm0_lpd_aclk in clk {\$p(PSU__USE__M_AXI_GP2)}
        saxihp0_fpd_aclk in clk {\$p(PSU__USE__S_AXI_GP2)}
    }
    interfaces {
        M_AXI_HPM0_FPD master $stub_aximm maxihpm0_fpd_aclk {} {\$p(PSU__USE__M_AXI_GP0)}
        M_AXI_HPM1_FPD master $stub_aximm maxihpm1_fpd_aclk {} {\$p(PSU__USE__M_AXI_GP1)}
        M_AXI_HPM0_LPD master $stub_aximm maxihpm0_lpd_aclk {} {\$p(PSU__USE__M_AXI_GP2)}
        S_AXI_HP0_FPD slave $stub_aximm saxihp0_fpd_aclk {} {\$p(PSU__USE__S_AXI_GP2)}
    }
    spaces {Data M_AXI_HPM0_FPD 0xA0000000 0x10000000}
    segments {
        SAXIGP2/HP0_DDR_LOW S_AXI_HP0_FPD 0 0x80000000
        SAXIGP2/HP0_QSPI S_AXI_HP0_FPD 0xC0000000 0x20000000
        SAXIGP2/HP0_LPS_OCM S_AXI_HP0_FPD 0xFF000000 0x1000000
    }
}

# What an IP has under the parameters of a cell: one of its tables without the rows whose condition fails, and without
# their conditions.
proc stub::rows {vlnv table columns config} {
    variable catalogue
    array set p $config
    set found {}
    set rows [dict get $catalogue $vlnv $table]
    for {set i 0} {$i < [llength $rows]} {incr i $columns} {
        set row [lrange $rows $i [expr {$i + $columns - 1}]]
        if {[expr [lindex $row end]]} {
            lappend found [lrange $row 0 end-1]
        }
    }
    return $found
}

proc stub::evaluated {expression config} {
    array set p $config
    return [expr {$expression eq "" ? "" : [expr $expression]}]
}

# Clock that a processor makes of the one that it was asked for.
proc stub::achieved_clock {vlnv config} {
    foreach name {PCW_FPGA0_PERIPHERAL_FREQMHZ PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ} {
        if {[dict exists $config $name]} {
            return [fault achieved [dict get $config $name]]
        }
    }
    error "$vlnv makes no clock"
}
