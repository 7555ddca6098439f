#ifndef HWC_STREAM_FORK_H_
#define HWC_STREAM_FORK_H_

#include "hls_stream.h"

// This block copies the output of a stage to its exit head and to the buffer in front of the next stage.
//
// C-simulated with g++ and the open ap_types; written for Vitis HLS 2022 and later, not run through it.
namespace hwc {

// The constants of a fork; each instance defines its own struct with all of them.
struct stream_fork_config {
    // Number of beats of a sample: pixels of the feature map, with all channels in one beat
    static const unsigned beats = 64;
};

// One call moves one sample, one beat a cycle. A beat waits until both receivers are ready.
template <class data_T, typename CONFIG_T>
void stream_fork(hls::stream<data_T> &in, hls::stream<data_T> &out_head, hls::stream<data_T> &out_buffer) {
    static_assert(CONFIG_T::beats >= 1, "stream_fork: a sample has at least one beat");

ForkLoop:
    for (unsigned i = 0; i < CONFIG_T::beats; i++) {
        #pragma HLS PIPELINE II=1
        const data_T beat = in.read();
        out_head.write(beat);
        out_buffer.write(beat);
    }
}

} // namespace hwc

#endif
