# Builds one block with Vitis HLS: C simulation, synthesis, co-simulation, IP export.
#
#   vitis-run --mode hls --tcl build_block.tcl
#
# Copy it beside the block's <block_name>.cpp, <block_name>_tb.cpp and block.tcl. Which steps run is said,
# each overriding the one before, by the list here, block.tcl, build_opt.tcl (as of hls4ml:
# `array set opt {csim 1 ...}`, optional) and arguments of the form cosim=0.
#
# block.tcl sets
#   block_name         top function and stem of its files
#   part               device, e.g. xc7z020clg400-1
#   clock_period       ns
#   include_dirs       list of folders: hls/ of this project and hls4ml's firmware/ (for nnet_utils/)
# and may set
#   top_name           top function, where it is not block_name
#   clock_uncertainty  default 27%
#   expected_interval  cycles from call to call that synthesis must reach; 1 for step functions, which
#                      run with ap_ctrl_none and non-blocking streams: these set opt(cosim) 0, because
#                      co-simulation of such tops is not guaranteed to complete (UG1399)
#   samples, seed      of the testbench; default 500 and 1
#   version            of the exported IP; default 1.0.0
#
# Any failed step ends the run with a message and status 1. Not run through Vitis yet.

array set opt {
    reset  1
    csim   1
    synth  1
    cosim  1
    export 0
}

set block_dir [file dirname [file normalize [info script]]]
set clock_uncertainty 27%
set expected_interval ""
set include_dirs {}
set samples 500
set seed 1
set version 1.0.0

proc fail {message} {
    puts "ERROR: $message"
    exit 1
}

proc read_file {path} {
    if {![file exists $path]} {
        fail "$path was not written"
    }
    set channel [open $path r]
    set text [read $channel]
    close $channel
    return $text
}

# Runs a step, reports its time, and stops the build where it fails.
proc step {name script} {
    puts "***** $name *****"
    set start [clock seconds]
    if {[catch {uplevel 1 $script} message]} {
        fail "$name: $message"
    }
    puts "***** $name COMPLETED IN [expr {[clock seconds] - $start}] s *****"
}

if {![file exists [file join $block_dir block.tcl]]} {
    fail "no block.tcl in $block_dir"
}
source [file join $block_dir block.tcl]
if {[file exists [file join $block_dir build_opt.tcl]]} {
    source [file join $block_dir build_opt.tcl]
}
if {[info exists argv]} {
    foreach argument $argv {
        if {[regexp {^(\w+)=([01])$} $argument -> key value]} {
            if {![info exists opt($key)]} {
                fail "unknown step $key; there are: [lsort [array names opt]]"
            }
            set opt($key) $value
        }
    }
}
foreach variable {block_name part clock_period} {
    if {![info exists $variable]} {
        fail "block.tcl does not set $variable"
    }
}
if {![info exists top_name]} {
    set top_name $block_name
}

set flags "-std=c++14"
foreach dir $include_dirs {
    append flags " -I[file normalize [file join $block_dir $dir]]"
}

cd $block_dir
if {$opt(reset)} {
    open_project -reset ${block_name}_prj
} else {
    open_project ${block_name}_prj
}
set_top $top_name
add_files ${block_name}.cpp -cflags $flags
add_files -tb ${block_name}_tb.cpp -cflags $flags
if {$opt(reset)} {
    open_solution -reset solution1
} else {
    open_solution solution1
}
set_part $part
create_clock -period $clock_period -name default
set_clock_uncertainty $clock_uncertainty default
set solution ${block_name}_prj/solution1

# The testbench's status is its verdict: csim_design and cosim_design fail where it is not zero.
if {$opt(csim)} {
    step "C SIMULATION" {csim_design -argv "$samples $seed"}
}

if {$opt(synth)} {
    step "C/RTL SYNTHESIS" {csynth_design}
    set report [read_file $solution/syn/report/csynth.xml]
    foreach tag {EstimatedClockPeriod Interval-min Interval-max} {
        if {![regexp "<$tag>(\[^<\]*)</$tag>" $report -> found($tag)]} {
            fail "no $tag in csynth.xml"
        }
    }
    puts "INFO: clock $found(EstimatedClockPeriod) ns, interval $found(Interval-min) to $found(Interval-max) cycles"
    if {$found(EstimatedClockPeriod) > $clock_period} {
        fail "the estimated clock period is $found(EstimatedClockPeriod) ns, longer than $clock_period ns"
    }
    if {$expected_interval ne "" && $found(Interval-max) != $expected_interval} {
        fail "the interval is $found(Interval-max) cycles instead of $expected_interval"
    }
}

if {$opt(cosim)} {
    step "C/RTL SIMULATION" {cosim_design -rtl verilog -argv "$samples $seed"}
    if {![regexp {Verilog\|\s*Pass\|} [read_file $solution/sim/report/${top_name}_cosim.rpt]]} {
        fail "co-simulation did not pass"
    }
}

if {$opt(export)} {
    step "EXPORT IP" {export_design -format ip_catalog -version $version}
    if {![file exists $solution/impl/ip/component.xml]} {
        fail "no IP was exported"
    }
}

puts "INFO: $block_name is built"
exit 0
