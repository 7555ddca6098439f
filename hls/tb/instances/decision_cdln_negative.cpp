#include "decision_cdln_negative.h"

void decision_cdln_negative(hls::stream<decision_cdln_negative_logits_t> &logits, hls::stream<hwc::sample_t> &sample_in,
                            hwc::threshold_t threshold, ap_uint<1> anytime,
                            hls::stream<ap_uint<1> > &release, hls::stream<hwc::sample_t> &sample_out,
                            hls::stream<hwc::record_t> &records) {
    #pragma HLS INTERFACE axis port=logits
    #pragma HLS INTERFACE axis port=sample_in
    #pragma HLS INTERFACE ap_none port=threshold
    #pragma HLS INTERFACE ap_none port=anytime
    #pragma HLS INTERFACE axis port=release
    #pragma HLS INTERFACE axis port=sample_out
    #pragma HLS INTERFACE axis port=records
    const hwc::control_t control = {threshold, anytime};
    hwc::exit_decision<decision_cdln_negative_logits_t, decision_cdln_negative_config>(logits, sample_in, control, release,
        sample_out, records);
}
