# Finds out how fast the accelerator alone can be: synthesises, places and routes it out of context, once for each clock.
# Out of context there are no pads and no block design, and paths from and to ports do not count. A tool works harder
# for a faster clock, so that one run does not tell the fastest one.
#
#   vivado -mode batch -source timing.tcl [-tclargs clocks=100,125,150]
#
#   clocks  in MHz; default the board's
#
# Reports are in timing/<clock>MHz/. A clock that is not met is a result, and no error; a ROM image that was not found is
# one. Has not been run through Vivado.

source [file join [file dirname [file normalize [info script]]] settings.tcl]
source [file join $settings::folder checks.tcl]

set clocks [list $settings::clock_mhz]
foreach argument $argv {
    require {[regexp {^clocks=([1-9]\d*(?:\.\d+)?(?:,[1-9]\d*(?:\.\d+)?)*)$} $argument -> list]} \
        "argument '$argument' is not clocks=MHZ,MHZ,..."
    set clocks [split $list ,]
}
require {![llength $settings::exported_ips]} \
    "segments from Vitis HLS are IPs, which this script does not read: write a project without them"

# The clock as a constraint of its own, beside the reports.
proc write_clock {mhz folder} {
    set path [file join $folder clock.xdc]
    set channel [open $path w]
    puts $channel "create_clock -name aclk -period [format %.3f [expr {1000.0 / $mhz}]] \[get_ports aclk\]"
    close $channel
    return $path
}

proc read_sources {} {
    foreach name $settings::sources {
        read_verilog -sv [file join $settings::ip_folder src $name]
    }
    foreach name $settings::images {
        read_mem [file join $settings::ip_folder src $name]
    }
}

# A ROM whose image is not found is left empty, with no more than a critical warning.
proc require_images_found {} {
    foreach id {{Synth 8-4445} {Synth 8-2898}} {
        require {[get_msg_config -id $id -count] == 0} "synthesis left a ROM empty: see $id in vivado.log"
    }
}

proc implement {mhz folder} {
    file mkdir $folder
    create_project -in_memory -part $settings::part
    read_sources
    read_xdc -mode out_of_context [write_clock $mhz $folder]
    synth_design -top $settings::top -part $settings::part -mode out_of_context
    require_images_found
    opt_design
    place_design
    phys_opt_design
    route_design
    report_timing_summary -file [file join $folder timing.rpt]
    report_timing -max_paths 10 -file [file join $folder paths.rpt]
    report_utilization -hierarchical -file [file join $folder utilisation.rpt]
    set slack [get_property SLACK [only [get_timing_paths -setup -max_paths 1] "slowest path"]]
    close_project
    return $slack
}

foreach mhz $clocks {
    set slack [implement $mhz [file join $settings::folder timing ${mhz}MHz]]
    set reached [format %.1f [expr {1000.0 / (1000.0 / $mhz - $slack)}]]
    puts "INFO: at $mhz MHz the slack is $slack ns, which is a clock of $reached MHz"
}
