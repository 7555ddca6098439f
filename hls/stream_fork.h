#ifndef HWC_STREAM_FORK_H_
#define HWC_STREAM_FORK_H_

#include "hls_stream.h"

// Copies a stream to two others: a stage's tensor to its exit head and to the buffer before the next stage, or an
// exit's decisions to the buffers of two tensors.
//
// C-simulated with g++ and the open ap_types; written for Vitis HLS 2022 and later, not run through it.
namespace hwc {

struct stream_fork_config {
    // Beats of one sample: pixels of the feature map, all channels in one beat
    static const unsigned beats = 64;
};

// One call moves one sample, a beat a cycle. A beat waits until both sides take it.
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
