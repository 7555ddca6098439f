# The IP packager: a component from a project, its interfaces by the attributes of its top, registers, file groups.

namespace eval ipx {}
namespace eval stub {
    variable core ""
    variable saved_core ""
    # Steps since the core was made, in order.
    variable packaging {}
    # Signals that a definition needs.
    variable required_signals [dict create \
        $aximm {AWVALID AWREADY AWADDR WVALID WREADY WDATA WSTRB BVALID BREADY BRESP
                ARVALID ARREADY ARADDR RVALID RREADY RDATA RRESP} \
        $axis {TVALID TREADY TDATA} \
        xilinx.com:signal:clock:1.0 {CLK} \
        xilinx.com:signal:reset:1.0 {RST}]
}

proc ipx::package_project {args} {
    set command ipx::package_project
    set parsed [stub::parse $command $args {-force -import_files} {-root_dir -vendor -library -taxonomy -set_current} 0 0]
    stub::require_options $command $parsed {-root_dir -vendor -library -taxonomy}
    stub::need_project $command
    set top [stub::value [::current_fileset] top]
    if {$top eq ""} {
        error "$command: the project has no top"
    }
    set root [dict get $parsed -root_dir]
    foreach file [stub::all file] {
        if {![string match [file normalize $root]/* [file normalize [stub::name_of $file]]]} {
            error "$command: [stub::name_of $file] lies outside of $root"
        }
    }
    set source [file join $root src $top.v]
    if {![llength [::get_files -quiet $top.v]]} {
        error "$command: the top $top is in no Verilog file of the project (UG1118: SystemVerilog cannot be the top)"
    }
    if {[stub::value $stub::project source_mgmt_mode] eq "All"} {
        error "$command: with source_mgmt_mode All the packager may leave out modules under generate blocks (AR 70646)"
    }
    set stub::core [stub::create core $top root $root vendor [dict get $parsed -vendor] \
        library [dict get $parsed -library] description "" vlnv ""]
    set stub::packaging {}
    stub::infer_interfaces $source
    # as Vivado does: an address block of its own, and HDL files alone in the file groups
    stub::create memory_map s_axil name s_axil
    foreach group {xilinx_anylanguagesynthesis xilinx_anylanguagebehavioralsimulation} {
        stub::create file_group $group name $group
        foreach file [stub::all file] {
            if {[stub::value $file file_type] in {Verilog SystemVerilog IP}} {
                stub::create core_file [stub::relative $root [stub::name_of $file]] group $group
            }
        }
    }
    return $stub::core
}

proc stub::relative {root path} {
    return [string range [file normalize $path] [string length [file normalize $root]]+1 end]
}

# Ports and X_INTERFACE attributes of the top; one port a line, its attributes on the lines before it.
proc stub::infer_interfaces {path} {
    set channel [open $path r]
    set text [read $channel]
    close $channel
    set interfaces [dict create]
    set attributes {}
    foreach line [split $text \n] {
        if {[regexp {^\s*\(\* X_INTERFACE_(INFO|PARAMETER) = "([^"]*)" \*\)$} $line -> kind value]} {
            lappend attributes $kind $value
        } elseif {[regexp {^\s*(input|output)\s+wire\s+(?:\[(\d+):0\]\s+)?(\w+),?$} $line -> direction high port]} {
            if {![dict exists $attributes INFO]} {
                error "the packager does not know what port $port is part of"
            }
            lassign [dict get $attributes INFO] definition name signal
            dict set interfaces $name definition $definition
            dict set interfaces $name signals $signal [list $direction [expr {$high eq "" ? 1 : $high + 1}]]
            if {[dict exists $attributes PARAMETER]} {
                dict set interfaces $name parameters [dict get $attributes PARAMETER]
            }
            set attributes {}
        } elseif {[regexp {^\s*\);} $line]} {
            break
        }
    }
    dict for {name interface} $interfaces {
        infer_interface $name $interface
    }
}

proc stub::infer_interface {name interface} {
    variable required_signals
    set definition [dict get $interface definition]
    set signals [dict get $interface signals]
    if {![dict exists $required_signals $definition]} {
        error "interface $name is of an unknown definition $definition"
    }
    foreach signal [dict get $required_signals $definition] {
        if {![dict exists $signals $signal]} {
            error "interface $name has no $signal"
        }
    }
    set mode slave
    foreach signal {TVALID AWVALID} {
        if {[dict exists $signals $signal] && [lindex [dict get $signals $signal] 0] eq "output"} {
            set mode master
        }
    }
    set width [expr {[dict exists $signals TDATA] ? [lindex [dict get $signals TDATA] 1] : ""}]
    set token [create bus_interface $name name $name interface_mode $mode \
        abstraction_type_vlnv [regsub {:1\.0$} $definition {_rtl:1.0}] definition $definition width $width \
        slave_memory_map_ref ""]
    if {[dict exists $interface parameters]} {
        foreach entry [split [dict get $interface parameters] ,] {
            lassign $entry parameter value
            if {$parameter ne "XIL_INTERFACENAME"} {
                create bus_parameter $parameter name $parameter value $value interface $name
            }
        }
    }
}

proc ipx::current_core {args} {
    stub::parse ipx::current_core $args {} {} 0 0
    if {$stub::core eq ""} {
        error "ipx::current_core: no core is open"
    }
    return $stub::core
}

# Children of one object by name: get_ commands of the packager.
proc stub::children {command kind arguments parent_kind property} {
    set parsed [parse $command $arguments {-quiet} {-of_objects} 0 1]
    require_options $command $parsed {-of_objects}
    set parent [one $parent_kind [dict get $parsed -of_objects] $command]
    set pattern [expr {[llength [dict get $parsed positional]] ? [lindex [dict get $parsed positional] 0] : "*"}]
    set found {}
    foreach token [find $command $kind $pattern [dict exists $parsed -quiet]] {
        if {$property eq "" || [value $token $property] eq [name_of $parent]} {
            lappend found $token
        }
    }
    return $found
}

foreach {stub_command stub_kind stub_parent stub_property} {
    get_bus_interfaces bus_interface core {}
    get_bus_parameters bus_parameter bus_interface interface
    get_memory_maps memory_map core {}
    get_file_groups file_group core {}
    get_files core_file file_group group
} {
    proc ipx::$stub_command {args} \
        "return \[stub::children ipx::$stub_command $stub_kind \$args $stub_parent [list $stub_property]\]"
}

proc ipx::remove_memory_map {name core} {
    stub::one core $core ipx::remove_memory_map
    stub::discard [lindex [stub::find ipx::remove_memory_map memory_map $name 0] 0]
}

# Adds something with a name that is unique below its parent.
proc stub::add {command kind name parent_kind parent args} {
    one $parent_kind $parent $command
    foreach token [all $kind] {
        if {[name_of $token] eq $name && [value $token parent] eq $parent} {
            error "$command: [name_of $parent] has a $kind $name already"
        }
    }
    return [create $kind $name name $name parent $parent {*}$args]
}

proc ipx::add_memory_map {name core} {
    foreach map [stub::all memory_map] {
        if {[stub::name_of $map] eq $name} {
            error "ipx::add_memory_map: the core has a memory map $name already"
        }
    }
    return [stub::create memory_map $name name $name]
}

proc ipx::add_address_block {name map} {
    return [stub::add ipx::add_address_block address_block $name memory_map $map]
}

proc ipx::add_register {name block} {
    return [stub::add ipx::add_register register $name address_block $block]
}

proc ipx::add_field {name register} {
    return [stub::add ipx::add_field field $name register $register]
}

proc ipx::add_file {path group} {
    stub::one file_group $group ipx::add_file
    if {![file isfile [file join [stub::value $stub::core root] $path]]} {
        error "ipx::add_file: there is no file $path below the core"
    }
    return [stub::create core_file $path group [stub::name_of $group]]
}

foreach stub_step {create_xgui_files update_checksums check_integrity save_core} {
    proc ipx::$stub_step {core} [string map [list STEP $stub_step] {
        stub::one core $core ipx::STEP
        lappend stub::packaging STEP
        if {"STEP" eq "save_core"} {
            stub::save_core
        }
    }]
}

proc stub::save_core {} {
    variable core
    variable packaging
    variable saved_core
    if {$packaging ne {create_xgui_files update_checksums check_integrity save_core}} {
        error "ipx::save_core: the steps were [join $packaging {, }]; GUI files, checksums and integrity come before"
    }
    foreach property {name version display_name} {
        if {![has $core $property]} {
            error "ipx::save_core: the core has no $property"
        }
    }
    set block [check_memory_map]
    set registers [check_registers $block]
    set vlnv [join [list [value $core vendor] [value $core library] [value $core name] [value $core version]] :]
    set files {}
    foreach file [all core_file] {
        if {[value $file group] eq "xilinx_anylanguagesynthesis"} {
            lappend files [name_of $file]
        }
    }
    set saved_core [dict create vlnv $vlnv root [value $core root] range [value $block range] registers $registers \
        files [lsort $files]]
    write_component $vlnv
    add_packaged_ip $vlnv $block
}

# The one address block behind the one memory-mapped slave.
proc stub::check_memory_map {} {
    variable aximm
    foreach interface [all bus_interface] {
        if {[value $interface definition] ne $aximm} {
            continue
        }
        set map [value $interface slave_memory_map_ref]
        if {$map eq ""} {
            error "ipx::save_core: interface [name_of $interface] has no memory map"
        }
        set blocks {}
        foreach block [all address_block] {
            if {[name_of [value $block parent]] eq $map} {
                lappend blocks $block
            }
        }
        if {[llength $blocks] != 1} {
            error "ipx::save_core: memory map $map has [llength $blocks] address blocks: drivers look for one"
        }
        foreach property {base_address range width usage} {
            if {![has $blocks $property]} {
                error "ipx::save_core: address block [name_of $blocks] has no $property"
            }
        }
        return $blocks
    }
    error "ipx::save_core: the core has no memory-mapped slave"
}

proc stub::check_registers {block} {
    set found {}
    set taken [dict create]
    foreach register [all register] {
        set name [name_of $register]
        foreach property {address_offset size access description} {
            if {![has $register $property]} {
                error "ipx::save_core: register $name has no $property"
            }
        }
        set offset [expr {[value $register address_offset]}]
        if {$offset % 4 || $offset + 4 > [value $block range]} {
            error "ipx::save_core: register $name does not fit the address block at [value $register address_offset]"
        }
        if {[dict exists $taken $offset]} {
            error "ipx::save_core: registers $name and [dict get $taken $offset] have one address"
        }
        dict set taken $offset $name
        lappend found [list name $name offset [value $register address_offset] access [value $register access] \
            fields [check_fields $register]]
    }
    return $found
}

proc stub::check_fields {register} {
    set used 0
    set found {}
    foreach field [all field] {
        if {[value $field parent] ne $register} {
            continue
        }
        set name [name_of $register].[name_of $field]
        foreach property {bit_offset bit_width access description} {
            if {![has $field $property]} {
                error "ipx::save_core: field $name has no $property"
            }
        }
        set mask [expr {((1 << [value $field bit_width]) - 1) << [value $field bit_offset]}]
        if {$mask >> 32 || $mask & $used} {
            error "ipx::save_core: field $name overlaps others or passes bit 31"
        }
        set used [expr {$used | $mask}]
        lappend found "[name_of $field] [value $field bit_offset] [value $field bit_width] [value $field access]"
    }
    return [join $found {, }]
}

proc stub::write_component {vlnv} {
    variable core
    set channel [open [file join [value $core root] component.xml] w]
    puts $channel "<spirit:component>"
    foreach tag {vendor library name version} part [split $vlnv :] {
        puts $channel "<spirit:$tag>$part</spirit:$tag>"
    }
    puts $channel "</spirit:component>"
    close $channel
}

# The packaged core in the catalogue: its clock and reset pins and its busses.
proc stub::add_packaged_ip {vlnv block} {
    variable catalogue
    variable aximm
    set pins {}
    set interfaces {}
    set segments {}
    foreach interface [all bus_interface] {
        set name [name_of $interface]
        switch [value $interface definition] {
            xilinx.com:signal:clock:1.0 {lappend pins $name in clk 1; set clock $name}
            xilinx.com:signal:reset:1.0 {lappend pins $name in rst_low 1}
            default {
                lappend interfaces $name [value $interface interface_mode] [value $interface definition] CLOCK \
                    [value $interface width] 1
            }
        }
        if {[value $interface definition] eq $aximm} {
            lappend segments $name/[name_of $block] $name {} [value $block range]
        }
    }
    dict set catalogue $vlnv [dict create parameters {} pins $pins optional {} \
        interfaces [string map [list CLOCK $clock] $interfaces] spaces {} segments $segments]
}
