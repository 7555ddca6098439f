# What a block design must hold: addresses as they are assigned, everything else when it is validated.

proc stub::assign {space segment base size} {
    variable assigned
    set what "[name_of $segment] in [name_of $space]"
    if {$size < 4096 || $size & ($size - 1)} {
        error "assign_bd_address: $what has a size of $size, no power of two from 4096 on"
    }
    if {$size > [value $segment size]} {
        error "assign_bd_address: $what is given $size bytes, more than the [expr {[value $segment size]}] it has"
    }
    if {$base % $size} {
        error "assign_bd_address: $what starts at [format 0x%X $base], no multiple of its size"
    }
    set first [value $space first]
    set window [value $space window]
    if {$base < $first || $base + $size > $first + $window} {
        error "assign_bd_address: $what at [format 0x%X $base] is out of reach of [value $space interface]"
    }
    foreach {other_space other other_base other_size} $assigned {
        if {$other_space ne $space} {
            continue
        }
        if {$other eq $segment} {
            error "assign_bd_address: $what is assigned twice"
        }
        if {$base < $other_base + $other_size && $other_base < $base + $size} {
            error "assign_bd_address: $what overlaps [name_of $other]"
        }
    }
    if {$segment ni [reachable $space]} {
        error "assign_bd_address: [value $space interface] does not reach [name_of $segment]"
    }
    lappend assigned $space $segment $base $size
}

# Segments behind a master, through interconnects.
proc stub::reachable {space} {
    set master [find reachable bd_intf_pin [name_of [value $space cell]]/[value $space interface] 0]
    return [behind $master]
}

proc stub::behind {master} {
    variable partners
    if {![info exists partners($master)]} {
        return {}
    }
    set slave $partners($master)
    set cell [value $slave cell]
    set found [get_bd_addr_segs -of_objects $slave]
    if {[value $cell vlnv] eq "xilinx.com:ip:smartconnect:1.0"} {
        foreach pin [find behind bd_intf_pin [name_of $cell]/M* 0] {
            lappend found {*}[behind $pin]
        }
    }
    return $found
}

proc validate_bd_design {args} {
    stub::parse validate_bd_design $args {} {} 0 0
    stub::need_design validate_bd_design
    stub::check_pins
    stub::check_interfaces
    stub::check_addresses
    set stub::state validated
}

proc save_bd_design {args} {
    stub::parse save_bd_design $args {} {} 0 0
    if {$stub::state ne "validated"} {
        error "save_bd_design: the design is $stub::state, not validated"
    }
    set stub::state saved
}

proc stub::check_pins {} {
    variable catalogue
    variable drivers
    foreach pin [all bd_pin] {
        if {[value $pin direction] eq "out"} {
            continue
        }
        set optional [dict get $catalogue [value [value $pin cell] vlnv] optional]
        if {![info exists drivers($pin)] && [value $pin pin] ni $optional} {
            error "validate_bd_design: [name_of $pin] ([value $pin type]) is not connected"
        }
    }
    # connections whose pins a later parameter took away
    foreach sink [array names drivers] {
        foreach pin [list $sink $drivers($sink)] {
            if {$pin ni [all bd_pin]} {
                error "validate_bd_design: a connection has lost its pin [name_of $pin]"
            }
        }
    }
}

proc stub::check_interfaces {} {
    variable partners
    variable external
    foreach pin [all bd_intf_pin] {
        if {$pin in $external} {
            continue
        }
        if {![info exists partners($pin)]} {
            error "validate_bd_design: interface [name_of $pin] is not connected"
        }
        set other $partners($pin)
        if {[value $pin width] ne "" && [value $other width] ne "" && [value $pin width] != [value $other width]} {
            error "validate_bd_design: [name_of $pin] has [value $pin width] bits, and [name_of $other]\
                [value $other width]"
        }
        if {[clock_of $pin] ne [clock_of $other]} {
            error "validate_bd_design: [name_of $pin] and [name_of $other] are on different clocks"
        }
    }
}

# Driver of the clock of an interface.
proc stub::clock_of {interface} {
    variable drivers
    set pin [find clock_of bd_pin [name_of [value $interface cell]]/[value $interface clock] 0]
    return $drivers($pin)
}

# Every segment that a master reaches is assigned once or excluded.
proc stub::check_addresses {} {
    variable assigned
    variable excluded
    foreach space [all bd_addr_space] {
        foreach segment [reachable $space] {
            set times 0
            foreach {other_space other base size} $assigned {
                incr times [expr {$other_space eq $space && $other eq $segment}]
            }
            foreach {other_space other} $excluded {
                incr times [expr {$other_space eq $space && $other eq $segment}]
            }
            if {$times != 1} {
                error "validate_bd_design: [name_of $segment] is assigned or excluded $times times in [name_of $space]"
            }
        }
    }
}
