#include "decision_last.h"

void decision_last(hls::stream<decision_last_logits_t> &logits, hls::stream<hwc::sample_t> &sample_in,
                   hls::stream<hwc::record_t> &records) {
    #pragma HLS INTERFACE axis port=logits
    #pragma HLS INTERFACE axis port=sample_in
    #pragma HLS INTERFACE axis port=records
    hwc::exit_decision<decision_last_logits_t, decision_last_config>(logits, sample_in, records);
}
