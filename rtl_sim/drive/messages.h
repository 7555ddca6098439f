#ifndef HWC_MESSAGES_H_
#define HWC_MESSAGES_H_

// What Verilator's runtime would print, an assertion's message for example, is kept for the error that is raised.
// Included before everything else, also where the runtime is compiled.
extern "C" int hwc_say(const char *format, ...);
#define VL_PRINTF hwc_say

#endif
