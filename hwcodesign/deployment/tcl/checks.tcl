# What every script of this project checks with.

# Ends the build with a sentence where a condition does not hold.
proc require {condition message} {
    if {![uplevel 1 [list expr $condition]]} {
        error $message
    }
}

# The one object that a query found.
proc only {objects what} {
    require {[llength $objects] == 1} "there must be one $what, and there are [llength $objects]"
    return [lindex $objects 0]
}

# IPs by VLNV, all of which must be in the catalogue of this Vivado and of ip_repo_paths.
proc require_ips {vlnvs} {
    foreach vlnv $vlnvs {
        require {[llength [get_ipdefs -all $vlnv]] == 1} \
            "the IP catalogue has no $vlnv: these scripts are written for Vivado 2022.2 to 2024.2"
    }
}

# Where the IPs lie that this project brings: the accelerator's, and those that Vitis HLS exported for segments.
proc ip_repositories {} {
    set folders [list $settings::ip_folder]
    foreach ip $settings::exported_ips {
        lappend folders [file join $settings::folder [dict get $ip folder]]
    }
    return $folders
}
