#include "buffer_least.h"

void buffer_least(hls::stream<buffer_least_data_t> &in, hls::stream<ap_uint<1> > &release,
                  hls::stream<buffer_least_data_t> &out) {
    #pragma HLS INTERFACE ap_ctrl_none port=return
    #pragma HLS INTERFACE ap_fifo port=in
    #pragma HLS INTERFACE ap_fifo port=release
    #pragma HLS INTERFACE ap_fifo port=out
    #pragma HLS PIPELINE II=1
    hwc::conditional_buffer<buffer_least_data_t, buffer_least_config>(in, release, out);
}
