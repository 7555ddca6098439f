# Packages the accelerator as an IP: ip/component.xml beside ip/src.
#
#   vivado -mode batch -source package_ip.tcl
#
# Has not been run through Vivado.

source [file join [file dirname [file normalize [info script]]] settings.tcl]
source [file join $settings::folder checks.tcl]

# The IP's interfaces and what each is.
set interfaces {
    s_axis  {slave xilinx.com:interface:axis_rtl:1.0}
    m_axis  {master xilinx.com:interface:axis_rtl:1.0}
    s_axil  {slave xilinx.com:interface:aximm_rtl:1.0}
    aclk    {slave xilinx.com:signal:clock_rtl:1.0}
    aresetn {slave xilinx.com:signal:reset_rtl:1.0}
}

# A project that holds the sources alone. Their order is ours, packages first, and all of them are packaged: Vivado's own
# hierarchy leaves out what generate blocks instantiate only for parameters other than the default (AR 70646).
proc create_source_project {} {
    create_project -force -part $settings::part package [file join $settings::folder build package]
    set_property source_mgmt_mode DisplayOnly [current_project]
    add_exported_ips
    add_files -norecurse [source_paths $settings::sources]
    if {[llength $settings::images]} {
        add_files -norecurse [source_paths $settings::images]
        set_property file_type {Memory Initialization Files} [get_files [source_paths $settings::images]]
    }
    set_property top $settings::top [current_fileset]
    update_compile_order -fileset sources_1
}

proc source_paths {names} {
    set paths {}
    foreach name $names {
        lappend paths [file join $settings::ip_folder src $name]
    }
    return $paths
}

# Segments that Vitis HLS exported become IPs inside the accelerator's.
proc add_exported_ips {} {
    if {![llength $settings::exported_ips]} {
        return
    }
    set_property ip_repo_paths [lrange [ip_repositories] 1 end] [current_project]
    update_ip_catalog
    foreach ip $settings::exported_ips {
        require_ips [list [dict get $ip vlnv]]
        set folder [file join $settings::ip_folder src]
        file delete -force [file join $folder [dict get $ip module]]
        create_ip -vlnv [dict get $ip vlnv] -module_name [dict get $ip module] -dir $folder
    }
}

proc name_core {core} {
    set_property name $settings::accelerator $core
    set_property version $settings::version $core
    set_property display_name $settings::accelerator $core
    set_property description "Early-exit accelerator, configuration $settings::configuration_hash" $core
}

# The packager infers interfaces from the attributes of the top module; one that it missed would only be noticed when the
# block design connects it.
proc check_interfaces {core interfaces} {
    dict for {name expected} $interfaces {
        set found [only [ipx::get_bus_interfaces -quiet $name -of_objects $core] "interface $name"]
        set kind [list [get_property interface_mode $found] [get_property abstraction_type_vlnv $found]]
        require {$kind eq $expected} "interface $name is $kind instead of $expected"
    }
    set clock [ipx::get_bus_interfaces aclk -of_objects $core]
    set busses [parameter_value ASSOCIATED_BUSIF $clock]
    require {[lsort [split $busses :]] eq {m_axis s_axil s_axis}} "aclk is the clock of '$busses' instead of all busses"
    set reset [parameter_value ASSOCIATED_RESET $clock]
    require {$reset eq "aresetn"} "the reset of aclk is '$reset' instead of aresetn"
    set polarity [parameter_value POLARITY [ipx::get_bus_interfaces aresetn -of_objects $core]]
    require {$polarity eq "ACTIVE_LOW"} "aresetn is '$polarity' instead of ACTIVE_LOW"
}

proc parameter_value {name interface} {
    return [get_property value [only [ipx::get_bus_parameters -quiet $name -of_objects $interface] "parameter $name"]]
}

# The registers, in one address block: drivers find them by the block's only cell name, so the block that the packager
# makes by itself must go.
proc describe_registers {core} {
    foreach map [ipx::get_memory_maps -quiet -of_objects $core] {
        ipx::remove_memory_map [get_property name $map] $core
    }
    set map [ipx::add_memory_map s_axil $core]
    set_property slave_memory_map_ref s_axil [ipx::get_bus_interfaces s_axil -of_objects $core]
    set block [ipx::add_address_block Reg $map]
    set_property base_address 0 $block
    set_property range $settings::register_range $block
    set_property width 32 $block
    set_property usage register $block
    foreach register $settings::registers {
        describe_register $register $block
    }
}

proc describe_register {register block} {
    set described [ipx::add_register [dict get $register name] $block]
    set_property address_offset [dict get $register offset] $described
    set_property size 32 $described
    set_property access [dict get $register access] $described
    set_property description [dict get $register description] $described
    foreach field [dict get $register fields] {
        set bits [ipx::add_field [dict get $field name] $described]
        set_property bit_offset [dict get $field low] $bits
        set_property bit_width [dict get $field width] $bits
        set_property access [dict get $field access] $bits
        set_property description [dict get $field description] $bits
    }
}

# ROM images lie beside the sources that read them, as in IPs of Vitis HLS. An image that the packager left out of a file
# group would be missed by synthesis with a mere warning, and the ROM would be empty.
proc include_images {core} {
    set used 0
    foreach group [ipx::get_file_groups -of_objects $core] {
        if {![regexp {synthesis|simulation} [get_property name $group]]} {
            continue
        }
        incr used
        foreach image $settings::images {
            if {![llength [ipx::get_files -quiet src/$image -of_objects $group]]} {
                set_property type unknown [ipx::add_file src/$image $group]
            }
        }
    }
    require {$used >= 2} "the packaged IP has $used file groups instead of those of synthesis and simulation"
}

create_source_project
ipx::package_project -root_dir $settings::ip_folder -vendor $settings::vendor -library $settings::library \
    -taxonomy /UserIP -set_current true -force
set core [ipx::current_core]
name_core $core
check_interfaces $core $interfaces
describe_registers $core
include_images $core
ipx::create_xgui_files $core
ipx::update_checksums $core
ipx::check_integrity $core
ipx::save_core $core
close_project
