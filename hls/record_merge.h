#ifndef HWC_RECORD_MERGE_H_
#define HWC_RECORD_MERGE_H_

#include "exit_types.h"
#include "hls_stream.h"

// Brings the records of all exits into one stream.
//
// C-simulated with g++ and the open ap_types; written for Vitis HLS 2022 and later, not run through it.
// As for conditional_buffer.h: ap_fifo ports, ap_ctrl_none with a task interval of 1, and no
// co-simulation, whose records would come in another order than the calls' wherever two exits have one.
namespace hwc {

struct record_merge_config {
    // Exits, first to last, each with a stream of its own
    static const unsigned n_exits = 3;
};

// One call is one cycle and moves at most one record, the deepest exit's first, so that a sample far
// on its way never waits for one that has just begun.
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
