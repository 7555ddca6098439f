# Builds the bitstream: packages the IP, draws the block design, synthesises, implements, and copies what a board needs to
# out/: <accelerator>.bit, .hwh and .xsa, and the reports.
#
#   vivado -mode batch -source build.tcl [-tclargs jobs=4 until=project]
#
#   jobs   processes at a time; default 2
#   until  project: stop before synthesis; bitstream: go all the way, the default
#
# Ends with an error where a run did not complete, timing is not met, or a ROM image was not found. Has not been run
# through Vivado.

source [file join [file dirname [file normalize [info script]]] settings.tcl]
source [file join $settings::folder checks.tcl]
source [file join $settings::folder block_design.tcl]

array set option {jobs 2 until bitstream}
foreach argument $argv {
    require {[regexp {^(jobs)=([1-9]\d*)$|^(until)=(project|bitstream)$} $argument]} \
        "argument '$argument' is neither jobs=N nor until=project or until=bitstream"
    set option([lindex [split $argument =] 0]) [lindex [split $argument =] 1]
}
set build_folder [file join $settings::folder build]
set out_folder [file join $settings::folder out]

# Returns 1 where this Vivado has the board files.
proc create_board_project {folder} {
    create_project -force -part $settings::part $settings::design [file join $folder $settings::design]
    set board_known [llength [get_board_parts -quiet $settings::board_part]]
    if {$board_known} {
        set_property board_part $settings::board_part [current_project]
    } else {
        puts "WARNING: this Vivado has no board files $settings::board_part: the processor keeps its default settings,\
            which do not matter to a board that its own image has booted"
    }
    set_property ip_repo_paths [ip_repositories] [current_project]
    update_ip_catalog
    require_ips [dict values $settings::cells]
    return $board_known
}

# The wrapper of the block design becomes the top. The design is synthesised as one, not IP by IP: a packaged IP alone
# would be mapped without knowing its clock.
proc wrap_block_design {} {
    set file [only [get_files $settings::design.bd] "file $settings::design.bd"]
    set_property synth_checkpoint_mode None $file
    generate_target all $file
    add_files -norecurse [make_wrapper -files $file -top]
    set_property top ${settings::design}_wrapper [current_fileset]
    update_compile_order -fileset sources_1
}

# Waits for a run and requires that it went to its end.
proc finish_run {name} {
    wait_on_run $name
    set run [get_runs $name]
    set progress [get_property PROGRESS $run]
    set status [get_property STATUS $run]
    require {$progress eq "100%"} "$name stopped at $progress: $status; see [file join [get_property DIRECTORY $run] runme.log]"
}

# A ROM whose image is not found is left empty, with no more than a critical warning.
proc require_images_read {run} {
    set log [file join [get_property DIRECTORY [get_runs $run]] runme.log]
    set channel [open $log r]
    set text [read $channel]
    close $channel
    if {[regexp -line {.*Synth 8-(?:4445|2898).*} $text line]} {
        error "synthesis left a ROM empty: [string trim $line]"
    }
}

proc write_reports {folder} {
    open_run impl_1
    report_utilization -hierarchical -file [file join $folder utilisation.rpt]
    report_timing_summary -file [file join $folder timing.rpt]
}

# WNS and WHS are in ns, the worst of setup and hold; TPWS is the sum of what pulses are too short by.
proc require_timing {run folder} {
    foreach {statistic meaning} {
        STATS.WNS "setup slack (ns)" STATS.WHS "hold slack (ns)" STATS.TPWS "pulse width slack (ns)"
    } {
        set value [get_property $statistic [get_runs $run]]
        require {[string is double -strict $value]} "$run reports no $meaning"
        require {$value >= 0} "timing is not met: $meaning is $value; see [file join $folder timing.rpt]"
    }
    set unrouted [get_property STATS.FAILED_NETS [get_runs $run]]
    require {$unrouted == 0} "$unrouted nets are not routed"
}

# The hardware hand-off is in .gen since Vivado 2020.2, in .srcs before.
proc hand_off {folder} {
    set place [file join sources_1 bd $settings::design hw_handoff $settings::design.hwh]
    foreach tree {gen srcs} {
        set path [file join $folder $settings::design $settings::design.$tree $place]
        if {[file exists $path]} {
            return $path
        }
    }
    error "Vivado wrote no hardware hand-off $place"
}

proc copy_out {build_folder out_folder} {
    set name [file join $out_folder $settings::accelerator]
    set bitstream [file join [get_property DIRECTORY [get_runs impl_1]] ${settings::design}_wrapper.bit]
    require {[file exists $bitstream]} "Vivado wrote no bitstream $bitstream"
    file copy -force $bitstream $name.bit
    file copy -force [hand_off $build_folder] $name.hwh
    write_hw_platform -fixed -include_bit -force -file $name.xsa
}

source [file join $settings::folder package_ip.tcl]
file delete -force $out_folder
file mkdir $out_folder
draw_block_design [create_board_project $build_folder]
wrap_block_design
if {$option(until) eq "bitstream"} {
    launch_runs synth_1 -jobs $option(jobs)
    finish_run synth_1
    require_images_read synth_1
    launch_runs impl_1 -to_step write_bitstream -jobs $option(jobs)
    finish_run impl_1
    write_reports $out_folder
    require_timing impl_1 $out_folder
    copy_out $build_folder $out_folder
    puts "INFO: [file join $out_folder $settings::accelerator.bit] and .hwh are ready for the board"
}
close_project
