#ifndef HWC_RECORD_MERGE_H_
#define HWC_RECORD_MERGE_H_

#include "exit_types.h"
#include "hls_stream.h"

// This block merges the records of all exits into one stream.
//
// C-simulated with g++ and the open ap_types; written for Vitis HLS 2022 and later, not run through it.
// As conditional_buffer.h, it needs ap_fifo ports and ap_ctrl_none with a task interval of 1, and is not co-simulated:
// when two exits have a record, co-simulation could give them in another order than the calls.
namespace hwc {

// The constants of a merge; each instance defines its own struct with all of them.
struct record_merge_config {
    // Number of exits, each of which has its own stream
    static const unsigned n_exits = 3;
};

// One call is one cycle and moves at most one record, that of the deepest exit which has one, so that a
// deep sample never waits for the record of a shallower one.
template <typename CONFIG_T>
void record_merge(hls::stream<record_t> in[CONFIG_T::n_exits], hls::stream<record_t> &out) {
    #pragma HLS PIPELINE II=1
    static_assert(CONFIG_T::n_exits >= 1 && CONFIG_T::n_exits <= 256, "record_merge: 1 to 256 exits");

    if (!out.full()) {
        record_t record;
        bool found = false;

    MergeLoop:
        for (unsigned i = 0; i < CONFIG_T::n_exits; i++) {
            #pragma HLS UNROLL
            if (!found)
                found = in[CONFIG_T::n_exits - 1 - i].read_nb(record);
        }
        if (found)
            out.write(record);
    }
}

} // namespace hwc

#endif
