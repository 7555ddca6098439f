#include "decision_eenet_last.h"

void decision_eenet_last(hls::stream<decision_eenet_last_logits_t> &logits,
                         hls::stream<hwc::traced_t<3> > &sample_in,
                         hls::stream<hwc::record_t> &records) {
    #pragma HLS INTERFACE axis port=logits
    #pragma HLS INTERFACE axis port=sample_in
    #pragma HLS INTERFACE axis port=records
    hwc::exit_decision<decision_eenet_last_logits_t, decision_eenet_last_config>(logits, sample_in, records);
}
