// What Verilator's runtime says in a run, kept a thread at a time: runs of one library go on side by side.

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <string>

#include "messages.h"

namespace {
thread_local std::string said;
}

extern "C" {

int hwc_say(const char *format, ...) {
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    said += text;
    return length;
}

// Moves what was said in this thread to `text`, cut where it has no room.
void hwc_said(char *text, long room) {
    snprintf(text, size_t(room), "%s", said.c_str());
    said.clear();
}

} // extern "C"
