# Objects as Vivado's commands pass them: opaque tokens with properties. And arguments of commands.

namespace eval stub {
    # By token: kind, name, and properties by lower-case name.
    variable kinds
    array set kinds {}
    variable names
    array set names {}
    variable properties
    array set properties {}
    variable created 0
    # Tokens of a kind, in order of creation.
    variable tokens
    array set tokens {}

    # What may be set, by kind: name to pattern of its values. Names are not case-sensitive, as in Vivado.
    variable writable {
        project {
            source_mgmt_mode {^(All|DisplayOnly|None)$} board_part {^\S+$} ip_repo_paths {^.+$}
        }
        fileset {top {^\w+$}}
        file {
            file_type {^(Verilog|SystemVerilog|Memory Initialization Files|Memory File)$}
            synth_checkpoint_mode {^(None|Singular|Hierarchical)$}
        }
        core {
            name {^[A-Za-z]\w*$} version {^\d+\.\d+$} display_name {^.+$} description {^.+$}
        }
        bus_interface {slave_memory_map_ref {^\w+$}}
        address_block {
            base_address {^\d+$} range {^(0x[0-9a-fA-F]+|\d+)$} width {^32$} usage {^(register|memory)$}
        }
        register {
            address_offset {^0x[0-9A-F]+$} size {^32$} access {^(read-only|write-only|read-write)$} description {^.+$}
        }
        field {
            bit_offset {^\d+$} bit_width {^\d+$} access {^(read-only|write-only|read-write)$} description {^.+$}
        }
        core_file {type {^(unknown|verilogSource|systemVerilogSource)$}}
    }
}

proc stub::fault {name default} {
    variable faults
    return [expr {[dict exists $faults $name] ? [dict get $faults $name] : $default}]
}

proc stub::create {kind name args} {
    variable kinds
    variable names
    variable properties
    variable tokens
    variable created
    set token "$kind#[incr created]"
    set kinds($token) $kind
    lappend tokens($kind) $token
    set names($token) $name
    set properties($token) $args
    return $token
}

proc stub::discard {token} {
    variable kinds
    variable properties
    variable tokens
    set kind $kinds($token)
    set tokens($kind) [lsearch -all -inline -not -exact $tokens($kind) $token]
    unset kinds($token)
    unset properties($token)
}

# Objects of a kind, in order of creation.
proc stub::all {kind} {
    variable tokens
    return [expr {[info exists tokens($kind)] ? $tokens($kind) : {}}]
}

# Objects of a kind whose name matches a pattern. None is an error unless asked for quietly; Vivado warns.
proc stub::find {command kind pattern quiet} {
    set found {}
    foreach token [all $kind] {
        if {[string match $pattern [name_of $token]]} {
            lappend found $token
        }
    }
    if {![llength $found] && !$quiet} {
        error "$command: there is no $kind '$pattern'"
    }
    return $found
}

proc stub::name_of {token} {
    variable names
    return $names($token)
}

proc stub::value {token property} {
    variable properties
    return [dict get $properties($token) $property]
}

proc stub::has {token property} {
    variable properties
    return [dict exists $properties($token) $property]
}

proc stub::put {token property value} {
    variable properties
    dict set properties($token) $property $value
}

# Requires one object of a kind, and returns it.
proc stub::one {kind token command} {
    variable kinds
    if {![info exists kinds($token)] || $kinds($token) ne $kind} {
        error "$command: '$token' is no $kind"
    }
    return $token
}

# Splits a command's arguments: dictionary of options (flags are 1), with the rest under "positional".
proc stub::parse {command arguments flags valued least most} {
    set parsed [dict create positional {}]
    while {[llength $arguments]} {
        set arguments [lassign $arguments argument]
        if {$argument in $flags} {
            dict set parsed $argument 1
        } elseif {$argument in $valued} {
            if {![llength $arguments]} {
                error "$command: $argument needs a value"
            }
            set arguments [lassign $arguments value]
            dict set parsed $argument $value
        } elseif {[regexp {^-[a-z]} $argument]} {
            error "$command has no option $argument"
        } else {
            dict lappend parsed positional $argument
        }
    }
    set count [llength [dict get $parsed positional]]
    if {$count < $least || $count > $most} {
        error "$command takes $least to $most arguments beside its options, and got $count"
    }
    return $parsed
}

proc stub::option {parsed name default} {
    return [expr {[dict exists $parsed $name] ? [dict get $parsed $name] : $default}]
}

proc stub::require_options {command parsed names} {
    foreach name $names {
        if {![dict exists $parsed $name]} {
            error "$command needs $name"
        }
    }
}

proc set_property {args} {
    set parsed [stub::parse set_property $args {} {-dict} 1 1000]
    set positional [dict get $parsed positional]
    if {[dict exists $parsed -dict]} {
        if {[llength $positional] != 1} {
            error "set_property -dict takes one list and objects; is the list quoted?"
        }
        set pairs [dict get $parsed -dict]
        if {[llength $pairs] % 2} {
            error "set_property -dict: the list has [llength $pairs] words, an odd number"
        }
    } else {
        if {[llength $positional] != 3} {
            error "set_property takes a name, a value and objects"
        }
        set pairs [lrange $positional 0 1]
    }
    set objects [lindex $positional end]
    if {![llength $objects]} {
        error "set_property: there is no object to set [lindex $pairs 0] of"
    }
    foreach token $objects {
        if {![info exists stub::kinds($token)]} {
            error "set_property: '$token' is no object"
        }
        foreach {name value} $pairs {
            stub::set_one $token $name $value
        }
    }
}

proc stub::set_one {token name value} {
    variable kinds
    variable writable
    set kind $kinds($token)
    if {$kind eq "bd_cell"} {
        configure_cell $token $name $value
        return
    }
    set key [string tolower $name]
    if {![dict exists $writable $kind $key]} {
        error "a $kind has no property $name that can be set"
    }
    if {![regexp [dict get $writable $kind $key] $value]} {
        error "property $name of a $kind cannot be '$value'"
    }
    put $token $key $value
    if {[llength [info procs after_set_$kind]]} {
        after_set_$kind $token $key $value
    }
}

proc get_property {args} {
    set parsed [stub::parse get_property $args {-quiet} {} 2 2]
    lassign [dict get $parsed positional] name token
    if {![info exists stub::kinds($token)]} {
        error "get_property $name: '$token' is no object"
    }
    set key [string tolower $name]
    if {[llength [info procs stub::before_get_$stub::kinds($token)]]} {
        stub::before_get_$stub::kinds($token) $token $key
    }
    if {![stub::has $token $key]} {
        error "$token has no property $name"
    }
    return [stub::value $token $key]
}
