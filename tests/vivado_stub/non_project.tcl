# A design that is read, implemented and reported in one process, out of context.

namespace eval stub {
    # How far the design of the open project is.
    variable step empty
    variable read_images {}
    variable constrained 0
}

# Requires that a command comes after one, and lets the design be further then.
proc stub::advance {command before after} {
    variable step
    need_project $command
    if {$step ne $before} {
        error "$command: the design is $step, and not $before"
    }
    set step $after
}

proc read_verilog {args} {
    set parsed [stub::parse read_verilog $args {-sv} {} 1 1]
    stub::require_options read_verilog $parsed {-sv}
    return [add_files [dict get $parsed positional]]
}

proc read_mem {args} {
    set parsed [stub::parse read_mem $args {} {} 1 1]
    lappend stub::read_images [file tail [lindex [dict get $parsed positional] 0]]
    return [add_files [dict get $parsed positional]]
}

proc read_xdc {args} {
    set parsed [stub::parse read_xdc $args {} {-mode} 1 1]
    set channel [open [lindex [dict get $parsed positional] 0] r]
    set text [read $channel]
    close $channel
    if {![regexp {^create_clock -name aclk -period \d+\.\d{3} \[get_ports aclk\]\n$} $text]} {
        error "read_xdc: '$text' is no constraint of one clock"
    }
    if {[stub::option $parsed -mode ""] ne "out_of_context"} {
        error "read_xdc: a clock of an accelerator alone is a constraint of out_of_context"
    }
    set stub::constrained 1
}

proc synth_design {args} {
    set parsed [stub::parse synth_design $args {} {-top -part -mode} 0 0]
    stub::require_options synth_design $parsed {-top -part -mode}
    if {[dict get $parsed -mode] ne "out_of_context" || !$stub::constrained} {
        error "synth_design: an accelerator alone is synthesised out_of_context, with a clock"
    }
    if {[dict get $parsed -part] ni $stub::parts} {
        error "synth_design: there is no part [dict get $parsed -part]"
    }
    get_files [dict get $parsed -top].v
    stub::advance synth_design empty synthesised
    set stub::top [dict get $parsed -top]
}

foreach {stub_command stub_before stub_after} {
    opt_design synthesised optimised
    place_design optimised placed
    phys_opt_design placed improved
    route_design improved routed
} {
    proc $stub_command {args} [string map [list COMMAND $stub_command BEFORE $stub_before AFTER $stub_after] {
        stub::parse COMMAND $args {} {} 0 0
        stub::advance COMMAND BEFORE AFTER
    }]
}

# How often a message came: images that were not read, or that are to go missing.
proc get_msg_config {args} {
    set parsed [stub::parse get_msg_config $args {-count} {-id} 0 0]
    stub::require_options get_msg_config $parsed {-count -id}
    if {[dict get $parsed -id] ne "Synth 8-4445"} {
        return 0
    }
    set missing 0
    foreach path [glob -nocomplain -directory [file join $settings::ip_folder src] *.hex] {
        set name [file tail $path]
        incr missing [expr {$name ni $stub::read_images || [stub::fault rom ""] eq $name}]
    }
    return $missing
}

proc report_timing {args} {
    set parsed [stub::parse report_timing $args {} {-max_paths -file} 0 0]
    stub::require_options report_timing $parsed {-max_paths -file}
    stub::require_implemented report_timing
    stub::touch [dict get $parsed -file]
}

proc get_timing_paths {args} {
    set parsed [stub::parse get_timing_paths $args {-setup} {-max_paths} 0 0]
    stub::require_options get_timing_paths $parsed {-setup -max_paths}
    stub::require_implemented get_timing_paths
    return [list [stub::create timing_path slowest slack [stub::fault wns 0.105]]]
}
