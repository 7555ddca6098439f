#include "buffer_pixel.h"

void buffer_pixel(hls::stream<buffer_pixel_data_t> &in, hls::stream<ap_uint<1> > &release,
                  hls::stream<buffer_pixel_data_t> &out) {
    #pragma HLS INTERFACE ap_ctrl_none port=return
    #pragma HLS INTERFACE ap_fifo port=in
    #pragma HLS INTERFACE ap_fifo port=release
    #pragma HLS INTERFACE ap_fifo port=out
    #pragma HLS PIPELINE II=1
    hwc::conditional_buffer<buffer_pixel_data_t, buffer_pixel_config>(in, release, out);
}
