#include "buffer_ring.h"

void buffer_ring(hls::stream<buffer_ring_data_t> &in, hls::stream<ap_uint<1> > &release,
                 hls::stream<buffer_ring_data_t> &out) {
    #pragma HLS INTERFACE ap_ctrl_none port=return
    #pragma HLS INTERFACE ap_fifo port=in
    #pragma HLS INTERFACE ap_fifo port=release
    #pragma HLS INTERFACE ap_fifo port=out
    #pragma HLS PIPELINE II=1
    hwc::conditional_buffer<buffer_ring_data_t, buffer_ring_config>(in, release, out);
}
