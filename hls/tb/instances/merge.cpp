#include "merge.h"

void merge(hls::stream<hwc::record_t> in[merge_config::n_exits], hls::stream<hwc::record_t> &out) {
    #pragma HLS INTERFACE ap_ctrl_none port=return
    #pragma HLS ARRAY_PARTITION variable=in complete
    #pragma HLS INTERFACE ap_fifo port=in
    #pragma HLS INTERFACE ap_fifo port=out
    #pragma HLS PIPELINE II=1
    hwc::record_merge<merge_config>(in, out);
}
