# Runs a script as Vivado would, against commands that know what Vivado's know and check more strictly.
#
#   tclsh run.tcl RESULT.json SCRIPT ?FAULT=VALUE ...? ?-- ARGUMENT ...?
#
# Faults, so that scripts have something to find:
#   board_files=none   the installation lacks the board's files
#   rom=NAME           synthesis does not find this ROM image
#   synth=80%, impl=80%   a run stops there
#   wns=-0.1, whs=…, tpws=…, failed_nets=…   what the implementation reports
#   achieved=187.5     MHz that the processor makes instead of what was asked for
#
# Every command, option, property, IP, pin and interface that a script uses must be known here; facts are those of the
# documents that catalogue.tcl names. What Vivado only warns of is an error. It does not prove that Vivado agrees.

namespace eval stub {
    variable folder [file dirname [file normalize [info script]]]
    variable faults [dict create]
}
foreach part {objects json catalogue project packager block_design validation runs non_project} {
    source [file join $stub::folder $part.tcl]
}

proc unknown {args} {
    error "there is no command '[lindex $args 0]'"
}

proc stub::main {result script arguments} {
    variable faults
    set split [lsearch -exact $arguments --]
    if {$split < 0} {
        set split [llength $arguments]
    }
    foreach fault [lrange $arguments 0 $split-1] {
        dict set faults {*}[split $fault =]
    }
    set ::argv [lrange $arguments $split+1 end]
    set ::argc [llength $::argv]
    set failed [catch {
        uplevel #0 [list source $script]
        check_end
    } message]
    if {$failed} {
        puts "ERROR: $message"
        exit 1
    }
    set channel [open $result w]
    puts $channel [stub::result]
    close $channel
}

stub::main [lindex $argv 0] [lindex $argv 1] [lrange $argv 2 end]
