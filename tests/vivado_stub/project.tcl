# Projects, files, the IP catalogue's view of a project.

namespace eval stub {
    variable project ""
    variable last_project {}
}

proc stub::need_project {command} {
    variable project
    if {$project eq ""} {
        error "$command: no project is open"
    }
    return $project
}

proc create_project {args} {
    set parsed [stub::parse create_project $args {-force -in_memory} {-part} 0 2]
    stub::require_options create_project $parsed {-part}
    set is_in_memory [dict exists $parsed -in_memory]
    if {[llength [dict get $parsed positional]] != ($is_in_memory ? 0 : 2)} {
        error "create_project takes a name and a folder, and nothing in memory"
    }
    lassign [dict get $parsed positional] name folder
    if {$stub::project ne ""} {
        error "create_project: a project is open already"
    }
    if {[dict get $parsed -part] ni $stub::parts} {
        error "create_project: there is no part [dict get $parsed -part]"
    }
    if {!$is_in_memory && [file exists [file join $folder $name.xpr]] && ![dict exists $parsed -force]} {
        error "create_project: $folder holds a project already, and -force was not given"
    }
    if {!$is_in_memory} {
        file mkdir $folder
        close [open [file join $folder $name.xpr] w]
    }
    lassign {empty {} 0} stub::step stub::read_images stub::constrained
    set stub::project [stub::create project $name directory $folder part [dict get $parsed -part] board_part "" \
        source_mgmt_mode All ip_repo_paths {} catalogue {}]
    stub::create fileset sources_1 top ""
    stub::reset_design
    return $stub::project
}

proc current_project {args} {
    stub::parse current_project $args {} {} 0 0
    return [stub::need_project current_project]
}

proc close_project {args} {
    stub::parse close_project $args {} {} 0 0
    stub::need_project close_project
    set project $stub::project
    set stub::last_project [list name [stub::name_of $project] part [stub::value $project part] \
        board_part [stub::value $project board_part]]
    foreach token [concat [stub::all file] [stub::all fileset] $project] {
        stub::discard $token
    }
    set stub::project ""
}

proc stub::after_set_project {project name value} {
    switch $name {
        board_part {
            if {[fault board_files there] eq "none"} {
                error "set_property: there are no board files $value"
            }
        }
        ip_repo_paths {
            foreach folder $value {
                if {![file isdirectory $folder]} {
                    error "set_property ip_repo_paths: there is no folder $folder"
                }
            }
            put $project catalogue stale
        }
    }
}

proc get_board_parts {args} {
    set parsed [stub::parse get_board_parts $args {-quiet} {} 1 1]
    if {[stub::fault board_files there] eq "none"} {
        return {}
    }
    return [dict get $parsed positional]
}

# Adds the IPs of ip_repo_paths to what can be instantiated.
proc update_ip_catalog {args} {
    stub::parse update_ip_catalog $args {} {} 0 0
    set project [stub::need_project update_ip_catalog]
    set found {}
    foreach folder [stub::value $project ip_repo_paths] {
        set component [file join $folder component.xml]
        if {![file exists $component]} {
            error "update_ip_catalog: $folder holds no IP"
        }
        lappend found [stub::component_vlnv $component]
    }
    stub::put $project catalogue $found
}

proc stub::component_vlnv {component} {
    set channel [open $component r]
    set text [read $channel]
    close $channel
    set parts {}
    foreach tag {vendor library name version} {
        if {![regexp "<spirit:$tag>(\[^<\]+)</spirit:$tag>" $text -> part]} {
            error "$component has no $tag"
        }
        lappend parts $part
    }
    return [join $parts :]
}

proc stub::in_catalogue {vlnv} {
    variable catalogue
    set own [value [need_project get_ipdefs] catalogue]
    if {$own eq "stale"} {
        error "ip_repo_paths has changed since the last update_ip_catalog"
    }
    return [expr {$vlnv in $own || ([dict exists $catalogue $vlnv] && [string match xilinx.com:ip:* $vlnv])}]
}

proc get_ipdefs {args} {
    set parsed [stub::parse get_ipdefs $args {-all} {} 1 1]
    set vlnv [lindex [dict get $parsed positional] 0]
    return [expr {[stub::in_catalogue $vlnv] ? [list $vlnv] : {}}]
}

proc create_ip {args} {
    set parsed [stub::parse create_ip $args {} {-vlnv -module_name -dir} 0 0]
    stub::require_options create_ip $parsed {-vlnv -module_name -dir}
    if {![stub::in_catalogue [dict get $parsed -vlnv]]} {
        error "create_ip: the catalogue has no [dict get $parsed -vlnv]"
    }
    set name [dict get $parsed -module_name]
    set folder [file join [dict get $parsed -dir] $name]
    if {![file isdirectory [dict get $parsed -dir]]} {
        error "create_ip: there is no folder [dict get $parsed -dir]"
    }
    if {[file exists $folder]} {
        error "create_ip: $folder is there already"
    }
    file mkdir $folder
    close [open [file join $folder $name.xci] w]
    return [stub::create file [file join $folder $name.xci] file_type IP]
}

proc add_files {args} {
    set parsed [stub::parse add_files $args {-norecurse} {-fileset} 1 1]
    stub::need_project add_files
    set found {}
    foreach path [lindex [dict get $parsed positional] 0] {
        if {![file isfile $path]} {
            error "add_files: there is no file $path"
        }
        foreach known [stub::all file] {
            if {[file normalize [stub::name_of $known]] eq [file normalize $path]} {
                error "add_files: $path is in the project already"
            }
        }
        switch [file extension $path] {
            .v {set type Verilog}
            .sv {set type SystemVerilog}
            .mem {set type {Memory File}}
            default {set type Unknown}
        }
        lappend found [stub::create file $path file_type $type]
    }
    return $found
}

proc get_files {args} {
    set parsed [stub::parse get_files $args {-quiet} {} 1 1]
    stub::need_project get_files
    set found {}
    foreach pattern [lindex [dict get $parsed positional] 0] {
        set matching {}
        foreach file [stub::all file] {
            set name [stub::name_of $file]
            if {$name eq $pattern || [string match $pattern [file tail $name]]} {
                lappend matching $file
            }
        }
        if {![llength $matching] && ![dict exists $parsed -quiet]} {
            error "get_files: the project has no file $pattern"
        }
        lappend found {*}$matching
    }
    return $found
}

proc current_fileset {args} {
    stub::parse current_fileset $args {} {} 0 0
    stub::need_project current_fileset
    return [lindex [stub::all fileset] 0]
}

proc update_compile_order {args} {
    set parsed [stub::parse update_compile_order $args {} {-fileset} 0 0]
    stub::require_options update_compile_order $parsed {-fileset}
    if {[dict get $parsed -fileset] ne "sources_1"} {
        error "update_compile_order: there is no fileset [dict get $parsed -fileset]"
    }
}
