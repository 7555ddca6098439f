# From a block design to a bitstream: wrapper, runs, reports, hand-off. Outputs are made up, files are there.

namespace eval stub {
    variable opened ""
    # Properties of runs that the script has looked at.
    variable looked {}
    # Checks that a script must make once it has launched a run.
    variable needed {
        synth_1 {progress}
        impl_1 {progress stats.wns stats.whs stats.failed_nets}
    }
}

proc generate_target {args} {
    set parsed [stub::parse generate_target $args {} {} 2 2]
    lassign [dict get $parsed positional] what file
    stub::one file $file generate_target
    if {$what ni {all synthesis implementation simulation}} {
        error "generate_target: there is no target $what"
    }
    if {$stub::state ne "saved"} {
        error "generate_target: the block design is $stub::state; validate and save it first"
    }
    set folder [file join [stub::tree gen] hw_handoff]
    file mkdir $folder
    stub::touch [file join $folder $stub::design.hwh]
    set stub::state generated
}

proc stub::touch {path} {
    file mkdir [file dirname $path]
    set channel [open $path w]
    puts $channel "Made up by a stub of Vivado."
    close $channel
}

# Folder of the block design in .gen or .srcs.
proc stub::tree {kind} {
    variable project
    variable design
    return [file join [value $project directory] [name_of $project].$kind sources_1 bd $design]
}

proc make_wrapper {args} {
    set parsed [stub::parse make_wrapper $args {-top} {-files} 0 0]
    stub::require_options make_wrapper $parsed {-files -top}
    stub::one file [dict get $parsed -files] make_wrapper
    if {$stub::state ni {saved generated}} {
        error "make_wrapper: the block design is $stub::state; validate and save it first"
    }
    set path [file join [stub::tree gen] hdl ${stub::design}_wrapper.v]
    stub::touch $path
    return [list $path]
}

proc launch_runs {args} {
    set parsed [stub::parse launch_runs $args {} {-jobs -to_step} 1 1]
    stub::need_project launch_runs
    set name [lindex [dict get $parsed positional] 0]
    if {[stub::option $parsed -jobs 1] < 1} {
        error "launch_runs: -jobs must be at least 1"
    }
    switch $name {
        synth_1 {
            set stub::top [stub::value [current_fileset] top]
            if {$stub::state ne "generated"} {
                error "launch_runs: the block design is $stub::state; its output products have not been generated"
            }
            if {$stub::top ne "${stub::design}_wrapper" || ![llength [get_files -quiet $stub::top.v]]} {
                error "launch_runs: the top is '$stub::top' instead of the wrapper of $stub::design"
            }
        }
        impl_1 {
            if {[dict exists $parsed -to_step] && [dict get $parsed -to_step] ne "write_bitstream"} {
                error "launch_runs: impl_1 has no step [dict get $parsed -to_step]"
            }
            if {[stub::find launch_runs run synth_1 1] eq "" || [stub::value [get_runs synth_1] state] ne "complete"} {
                error "launch_runs: impl_1 needs synth_1, which has not completed"
            }
        }
        default {
            error "launch_runs: there is no run $name"
        }
    }
    set folder [file join [stub::value $stub::project directory] [stub::name_of $stub::project].runs $name]
    file mkdir $folder
    stub::create run $name directory $folder state running step [stub::option $parsed -to_step ""]
}

proc get_runs {args} {
    set parsed [stub::parse get_runs $args {-quiet} {} 1 1]
    return [stub::find get_runs run [lindex [dict get $parsed positional] 0] [dict exists $parsed -quiet]]
}

proc wait_on_run {args} {
    set parsed [stub::parse wait_on_run $args {} {-timeout} 1 1]
    set run [get_runs [lindex [dict get $parsed positional] 0]]
    set name [stub::name_of $run]
    set kind [regsub {_1$} $name {}]
    set progress [stub::fault $kind 100%]
    set log [open [file join [stub::value $run directory] runme.log] w]
    puts $log "Made up by a stub of Vivado."
    if {$kind eq "synth"} {
        foreach image [stub::missing_images] {
            puts $log "CRITICAL WARNING: \[Synth 8-4445\] could not open \$readmem data file './$image'; please make\
                sure the file is added to project and has read permission, ignoring"
        }
    }
    close $log
    stub::put $run progress $progress
    stub::put $run state [expr {$progress eq "100%" ? "complete" : "failed"}]
    stub::put $run status [expr {$progress eq "100%" ? "$kind Complete!" : "$kind ERROR"}]
    if {$kind eq "impl" && $progress eq "100%"} {
        foreach {statistic good} {wns 0.105 whs 0.021 tpws 0.0 failed_nets 0} {
            stub::put $run stats.$statistic [stub::fault $statistic $good]
        }
        if {[stub::value $run step] eq "write_bitstream"} {
            stub::touch [file join [stub::value $run directory] $stub::top.bit]
        }
    }
}

# ROM images beside the packaged sources that no file group tells synthesis of, and those that are to go missing.
proc stub::missing_images {} {
    variable saved_core
    set found {}
    foreach path [lsort [glob -nocomplain -directory [file join [dict get $saved_core root] src] *.hex]] {
        if {"src/[file tail $path]" ni [dict get $saved_core files] || [fault rom ""] eq [file tail $path]} {
            lappend found [file tail $path]
        }
    }
    return $found
}

proc stub::before_get_run {run key} {
    variable looked
    if {$key ne "directory" && [value $run state] eq "running"} {
        error "get_property $key: [name_of $run] is still running; wait_on_run comes first"
    }
    lappend looked [name_of $run] $key
}

proc open_run {args} {
    set parsed [stub::parse open_run $args {} {} 1 1]
    set run [get_runs [lindex [dict get $parsed positional] 0]]
    if {[stub::value $run state] ne "complete"} {
        error "open_run: [stub::name_of $run] has not completed"
    }
    set stub::opened [stub::name_of $run]
}

proc stub::require_implemented {command} {
    if {$stub::opened ne "impl_1" && $stub::step ne "routed"} {
        error "$command: no implemented design is open"
    }
}

foreach {stub_command stub_flags} {report_utilization {-hierarchical} report_timing_summary {}} {
    proc $stub_command {args} [string map [list COMMAND $stub_command FLAGS [list $stub_flags]] {
        set parsed [stub::parse COMMAND $args FLAGS {-file} 0 0]
        stub::require_options COMMAND $parsed {-file}
        stub::require_implemented COMMAND
        stub::touch [dict get $parsed -file]
    }]
}

proc write_hw_platform {args} {
    set parsed [stub::parse write_hw_platform $args {-fixed -force -include_bit} {-file} 0 0]
    stub::require_options write_hw_platform $parsed {-fixed -include_bit -file}
    if {$stub::opened ne "impl_1"} {
        error "write_hw_platform: no implemented design is open"
    }
    if {[file extension [dict get $parsed -file]] ne ".xsa"} {
        error "write_hw_platform: [dict get $parsed -file] does not end in .xsa"
    }
    stub::touch [dict get $parsed -file]
}

# At the script's end: everything that it launched it has looked at, and nothing that is broken has it accepted.
proc stub::check_end {} {
    variable needed
    variable looked
    variable project
    if {$project ne ""} {
        error "the script ended with an open project"
    }
    foreach run [all run] {
        set name [name_of $run]
        if {[value $run state] ne "complete"} {
            error "the script ended well although $name is [value $run state]"
        }
        foreach key [dict get $needed $name] {
            set seen 0
            foreach {other_name other_key} $looked {
                incr seen [expr {$other_name eq $name && $other_key eq $key}]
            }
            if {!$seen} {
                error "the script ended well without a look at [string toupper $key] of $name"
            }
        }
    }
    check_accepted
}

proc stub::check_accepted {} {
    variable saved_core
    foreach run [find check_accepted run impl_1 1] {
        foreach statistic {wns whs tpws} {
            if {[value $run stats.$statistic] < 0} {
                error "the script ended well although [string toupper $statistic] is [value $run stats.$statistic]"
            }
        }
        if {[value $run stats.failed_nets] != 0} {
            error "the script ended well although nets are not routed"
        }
        if {[llength [missing_images]]} {
            error "the script ended well although synthesis missed [lindex [missing_images] 0]"
        }
    }
}
