#include "decision_gate.h"

void decision_gate(hls::stream<decision_gate_logits_t> &logits, hls::stream<hwc::sample_t> &sample_in,
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
    hwc::exit_decision<decision_gate_logits_t, decision_gate_config>(logits, sample_in, control, release,
        sample_out, records);
}
