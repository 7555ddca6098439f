#include "fork.h"

void fork_top(hls::stream<fork_data_t> &in, hls::stream<fork_data_t> &out_head, hls::stream<fork_data_t> &out_buffer) {
    #pragma HLS INTERFACE axis port=in
    #pragma HLS INTERFACE axis port=out_head
    #pragma HLS INTERFACE axis port=out_buffer
    hwc::stream_fork<fork_data_t, fork_config>(in, out_head, out_buffer);
}
