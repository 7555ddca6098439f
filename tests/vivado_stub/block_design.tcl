# Block designs: cells with the pins and interfaces that their parameters give them, connections, addresses.

namespace eval stub {
    variable design ""
}

# A new project has no block design.
proc stub::reset_design {} {
    variable design ""
    variable drivers
    variable partners
    array unset drivers
    array unset partners
    # driver by driven pin; the interface at the other end, both ways
    array set drivers {}
    array set partners {}
    # space segment base size …; space segment …
    variable assigned {}
    variable excluded {}
    variable external {}
    # modified, validated, saved, generated
    variable state ""
    variable top ""
}

proc stub::need_design {command} {
    variable design
    if {$design eq ""} {
        error "$command: no block design is open"
    }
}

proc stub::modify {command} {
    variable state
    need_design $command
    set state modified
}

proc create_bd_design {args} {
    set parsed [stub::parse create_bd_design $args {} {} 1 1]
    stub::need_project create_bd_design
    if {$stub::design ne ""} {
        error "create_bd_design: the project has a block design already"
    }
    set stub::design [lindex [dict get $parsed positional] 0]
    set stub::state modified
    set path [file join [stub::value $stub::project directory] [stub::name_of $stub::project].srcs sources_1 bd \
        $stub::design $stub::design.bd]
    file mkdir [file dirname $path]
    close [open $path w]
    stub::create file $path file_type {Block Designs} synth_checkpoint_mode Hierarchical
}

proc create_bd_cell {args} {
    set parsed [stub::parse create_bd_cell $args {} {-type -vlnv} 1 1]
    stub::modify create_bd_cell
    stub::require_options create_bd_cell $parsed {-type -vlnv}
    set vlnv [dict get $parsed -vlnv]
    if {[dict get $parsed -type] ne "ip"} {
        error "create_bd_cell: type [dict get $parsed -type] is not known"
    }
    if {![stub::in_catalogue $vlnv] || ![dict exists $stub::catalogue $vlnv]} {
        error "create_bd_cell: the catalogue has no IP $vlnv"
    }
    set name [lindex [dict get $parsed positional] 0]
    if {![regexp {^[A-Za-z]\w*$} $name] || [llength [stub::find create_bd_cell bd_cell $name 1]]} {
        error "create_bd_cell: '$name' is no name for a new cell"
    }
    set config [dict create]
    dict for {parameter allowed} [dict get $stub::catalogue $vlnv parameters] {
        dict set config $parameter [lindex $allowed 0]
    }
    set cell [stub::create bd_cell $name vlnv $vlnv config $config]
    stub::make_pins $cell
    return $cell
}

# CONFIG properties of a cell.
proc stub::configure_cell {cell name value} {
    variable catalogue
    modify set_property
    set parameters [dict get $catalogue [value $cell vlnv] parameters]
    if {![regexp {^CONFIG\.(\w+)$} $name -> parameter] || ![dict exists $parameters $parameter]} {
        error "[value $cell vlnv] has no property $name"
    }
    set pattern [lindex [dict get $parameters $parameter] 1]
    if {![regexp $pattern $value]} {
        error "$name of [value $cell vlnv] cannot be '$value'"
    }
    put $cell config [dict replace [value $cell config] $parameter $value]
    make_pins $cell
}

proc stub::before_get_bd_cell {cell key} {
    set config [value $cell config]
    if {[regexp {ref_ctrl__act_freqmhz$|act_fpga0_peripheral_freqmhz$} $key]} {
        put $cell $key [achieved_clock [value $cell vlnv] $config]
        return
    }
    dict for {parameter set} $config {
        put $cell [string tolower CONFIG.$parameter] $set
    }
}

# Pins, interfaces, spaces and segments under the present parameters. What is connected stays.
proc stub::make_pins {cell} {
    variable catalogue
    set vlnv [value $cell vlnv]
    set config [value $cell config]
    set name [name_of $cell]
    set wanted {}
    foreach row [rows $vlnv pins 4 $config] {
        lassign $row pin direction type
        lappend wanted [existing bd_pin $name/$pin cell $cell pin $pin direction $direction type $type]
    }
    set interfaces {}
    foreach row [rows $vlnv interfaces 6 $config] {
        lassign $row interface mode definition clock width
        lappend interfaces $interface
        set token [existing bd_intf_pin $name/$interface cell $cell interface $interface]
        foreach {property set} [list mode $mode definition $definition clock $clock \
            width [evaluated $width $config]] {
            put $token $property $set
        }
        lappend wanted $token
    }
    foreach {space interface first window} [dict get $catalogue $vlnv spaces] {
        if {$interface in $interfaces} {
            lappend wanted [existing bd_addr_space $name/$space cell $cell interface $interface \
                first $first window $window]
        }
    }
    foreach {path interface base size} [dict get $catalogue $vlnv segments] {
        if {$interface in $interfaces} {
            lappend wanted [existing bd_addr_seg $name/$path cell $cell interface $interface base $base size $size]
        }
    }
    foreach kind {bd_pin bd_intf_pin bd_addr_space bd_addr_seg} {
        foreach token [find make_pins $kind $name/* 1] {
            if {$token ni $wanted} {
                discard $token
            }
        }
    }
}

proc stub::existing {kind name args} {
    set found [find existing $kind $name 1]
    return [expr {[llength $found] ? [lindex $found 0] : [create $kind $name {*}$args]}]
}

foreach {stub_command stub_kind} {
    get_bd_cells bd_cell get_bd_pins bd_pin get_bd_intf_pins bd_intf_pin get_bd_addr_spaces bd_addr_space
} {
    proc $stub_command {args} [string map [list COMMAND $stub_command KIND $stub_kind] {
        set parsed [stub::parse COMMAND $args {-quiet} {} 1 1]
        stub::need_design COMMAND
        set pattern [string trimleft [lindex [dict get $parsed positional] 0] /]
        return [stub::find COMMAND KIND $pattern [dict exists $parsed -quiet]]
    }]
}

proc get_bd_addr_segs {args} {
    set parsed [stub::parse get_bd_addr_segs $args {-quiet} {-of_objects} 0 1]
    stub::need_design get_bd_addr_segs
    if {![dict exists $parsed -of_objects]} {
        return [stub::find get_bd_addr_segs bd_addr_seg [lindex [dict get $parsed positional] 0] \
            [dict exists $parsed -quiet]]
    }
    set pin [stub::one bd_intf_pin [dict get $parsed -of_objects] get_bd_addr_segs]
    set found {}
    foreach segment [stub::all bd_addr_seg] {
        if {[stub::value $segment cell] eq [stub::value $pin cell]
            && [stub::value $segment interface] eq [stub::value $pin interface]} {
            lappend found $segment
        }
    }
    return $found
}

# One driver and what it drives, in any order.
proc connect_bd_net {args} {
    set parsed [stub::parse connect_bd_net $args {} {-net} 2 100]
    stub::modify connect_bd_net
    set driver ""
    set sinks {}
    foreach pin [dict get $parsed positional] {
        stub::one bd_pin $pin connect_bd_net
        if {[stub::value $pin direction] eq "in"} {
            lappend sinks $pin
        } elseif {$driver ne ""} {
            error "connect_bd_net: [stub::name_of $driver] and [stub::name_of $pin] both drive the net"
        } else {
            set driver $pin
        }
    }
    foreach sink $sinks {
        stub::drive $driver $sink
    }
}

proc stub::drive {driver sink} {
    variable drivers
    if {$driver eq ""} {
        error "connect_bd_net: nothing drives [name_of $sink]"
    }
    if {[info exists drivers($sink)]} {
        error "connect_bd_net: [name_of $sink] is driven already, by [name_of $drivers($sink)]"
    }
    set from [value $driver type]
    set to [value $sink type]
    set fits [expr {
        $from eq $to || ($to eq "rst" && [string match rst_* $from])
        || ([lsort -unique [list $from $to]] eq {bits intr})
    }]
    if {!$fits} {
        error "connect_bd_net: [name_of $driver] is $from, and [name_of $sink] takes $to"
    }
    set drivers($sink) $driver
}

proc connect_bd_intf_net {args} {
    variable ::stub::partners
    set parsed [stub::parse connect_bd_intf_net $args {} {-intf_net} 2 2]
    stub::modify connect_bd_intf_net
    lassign [dict get $parsed positional] one other
    foreach pin [list $one $other] {
        stub::one bd_intf_pin $pin connect_bd_intf_net
        if {[info exists partners($pin)]} {
            error "connect_bd_intf_net: [stub::name_of $pin] is connected already, to [stub::name_of $partners($pin)]"
        }
    }
    if {[lsort [list [stub::value $one mode] [stub::value $other mode]]] ne {master slave}} {
        error "connect_bd_intf_net: [stub::name_of $one] and [stub::name_of $other] are both [stub::value $one mode]s"
    }
    if {[stub::value $one definition] ne [stub::value $other definition]} {
        error "connect_bd_intf_net: [stub::name_of $one] is [stub::value $one definition], and\
            [stub::name_of $other] is [stub::value $other definition]"
    }
    set partners($one) $other
    set partners($other) $one
}

proc apply_bd_automation {args} {
    set parsed [stub::parse apply_bd_automation $args {} {-rule -config} 1 1]
    stub::modify apply_bd_automation
    stub::require_options apply_bd_automation $parsed {-rule -config}
    set cell [stub::one bd_cell [lindex [dict get $parsed positional] 0] apply_bd_automation]
    set config [dict get $parsed -config]
    if {[llength $config] % 2} {
        error "apply_bd_automation: the configuration has an odd number of words"
    }
    switch -glob [dict get $parsed -rule]/[stub::value $cell vlnv] {
        xilinx.com:bd_rule:processing_system7/xilinx.com:ip:processing_system7:* {
            set known {make_external apply_board_preset Master Slave}
        }
        xilinx.com:bd_rule:zynq_ultra_ps_e/xilinx.com:ip:zynq_ultra_ps_e:* {
            set known {apply_board_preset}
        }
        default {
            error "apply_bd_automation: rule [dict get $parsed -rule] is not for [stub::value $cell vlnv]"
        }
    }
    foreach name [dict keys $config] {
        if {$name ni $known} {
            error "apply_bd_automation: the rule has no setting $name"
        }
    }
    if {[dict get $config apply_board_preset] && [stub::value $stub::project board_part] eq ""} {
        error "apply_bd_automation: there is no board to take a preset from"
    }
    if {[dict exists $config make_external]} {
        foreach interface [split [dict get $config make_external] ", "] {
            if {$interface ne ""} {
                lappend stub::external [get_bd_intf_pins [stub::name_of $cell]/$interface]
            }
        }
    }
}

proc stub::bytes {text} {
    if {[regexp {^(\d+)([KMG])$} $text -> count unit]} {
        return [expr {$count << [dict get {K 10 M 20 G 30} $unit]}]
    }
    if {![string is entier -strict $text]} {
        error "'$text' is no number of bytes"
    }
    return [expr {$text}]
}

proc assign_bd_address {args} {
    set parsed [stub::parse assign_bd_address $args {} {-offset -range -target_address_space} 1 1]
    stub::modify assign_bd_address
    stub::require_options assign_bd_address $parsed {-target_address_space}
    set space [stub::one bd_addr_space [dict get $parsed -target_address_space] assign_bd_address]
    set segment [stub::one bd_addr_seg [lindex [dict get $parsed positional] 0] assign_bd_address]
    set base [stub::value $segment base]
    set size [stub::value $segment size]
    if {$base eq ""} {
        stub::require_options assign_bd_address $parsed {-offset -range}
    }
    stub::assign $space $segment [stub::bytes [stub::option $parsed -offset $base]] \
        [stub::bytes [stub::option $parsed -range $size]]
}

proc exclude_bd_addr_seg {args} {
    set parsed [stub::parse exclude_bd_addr_seg $args {} {-target_address_space} 1 1]
    stub::modify exclude_bd_addr_seg
    stub::require_options exclude_bd_addr_seg $parsed {-target_address_space}
    lappend stub::excluded [stub::one bd_addr_space [dict get $parsed -target_address_space] exclude_bd_addr_seg] \
        [stub::one bd_addr_seg [lindex [dict get $parsed positional] 0] exclude_bd_addr_seg]
}
