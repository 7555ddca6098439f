# Prints what the catalogue knows, as JSON: by VLNV, names of parameters, pins and interfaces.

set folder [file dirname [file normalize [info script]]]
namespace eval stub {}
foreach part {json catalogue} {
    source [file join $folder $part.tcl]
}

proc every {rows columns} {
    set names {}
    for {set i 0} {$i < [llength $rows]} {incr i $columns} {
        lappend names [stub::text [lindex $rows $i]]
    }
    return [stub::array_of $names]
}

set entries {}
dict for {vlnv facts} $stub::catalogue {
    lappend entries $vlnv [stub::object [list \
        parameters [every [dict get $facts parameters] 2] \
        pins [every [dict get $facts pins] 4] \
        interfaces [every [dict get $facts interfaces] 6]]]
}
puts [stub::object $entries]
