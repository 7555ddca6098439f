# The design that a script made, as JSON.

proc stub::text {value} {
    return "\"[string map {\\ \\\\ \" \\\" \n \\n \t \\t} $value]\""
}

# Names with JSON.
proc stub::object {pairs} {
    set entries {}
    foreach {name json} $pairs {
        lappend entries "[text $name]: $json"
    }
    return "{[join $entries {, }]}"
}

# Names with text.
proc stub::texts {pairs} {
    set entries {}
    foreach {name value} $pairs {
        lappend entries $name [text $value]
    }
    return [object $entries]
}

proc stub::array_of {items} {
    return "\[[join $items {, }]\]"
}

proc stub::result {} {
    return [object [list \
        project [project_json] core [core_json] cells [cells_json] nets [nets_json] interfaces [interfaces_json] \
        addresses [addresses_json] top [text $::stub::top]]]
}

proc stub::project_json {} {
    variable last_project
    return [texts $last_project]
}

proc stub::cells_json {} {
    set entries {}
    foreach cell [all bd_cell] {
        lappend entries [name_of $cell] [object [list \
            vlnv [text [value $cell vlnv]] config [texts [value $cell config]]]]
    }
    return [object $entries]
}

# Driver by driven pin.
proc stub::nets_json {} {
    variable drivers
    set entries {}
    foreach pin [lsort [array names drivers]] {
        lappend entries [name_of $pin] [name_of $drivers($pin)]
    }
    return [texts $entries]
}

# Slave by master.
proc stub::interfaces_json {} {
    variable partners
    set entries {}
    foreach pin [lsort [array names partners]] {
        if {[value $pin mode] eq "master"} {
            lappend entries [name_of $pin] [name_of $partners($pin)]
        }
    }
    return [texts $entries]
}

proc stub::addresses_json {} {
    variable assigned
    set entries {}
    foreach {space segment base size} $assigned {
        lappend entries [texts [list \
            space [name_of $space] segment [name_of $segment] \
            base [format 0x%08X $base] size [format 0x%X $size]]]
    }
    return [array_of $entries]
}

proc stub::core_json {} {
    variable saved_core
    if {$saved_core eq ""} {
        return null
    }
    set registers {}
    foreach register [dict get $saved_core registers] {
        lappend registers [texts $register]
    }
    return [object [list \
        vlnv [text [dict get $saved_core vlnv]] \
        range [text [dict get $saved_core range]] \
        registers [array_of $registers] \
        files [array_of [lmap name [dict get $saved_core files] {text $name}]]]]
}
