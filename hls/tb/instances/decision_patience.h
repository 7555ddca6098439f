#ifndef DECISION_PATIENCE_H_
#define DECISION_PATIENCE_H_

#include "criteria/patience.h"
#include "exit_decision.h"

// integer logits
typedef nnet::array<ap_fixed<6, 6, AP_RND_CONV, AP_SAT>, 10> decision_patience_logits_t;

struct decision_patience_config {
    static const unsigned n_classes = 10;
    static const unsigned n_gates = 0;
    static const unsigned exit_index = 1;
    static const bool is_last = false;
    static const unsigned reuse_factor = 4;
    typedef hwc::patience criterion;
};

void decision_patience(hls::stream<decision_patience_logits_t> &logits, hls::stream<hwc::sample_t> &sample_in,
                       hwc::threshold_t threshold, ap_uint<1> anytime,
                       hls::stream<ap_uint<1> > &release, hls::stream<hwc::sample_t> &sample_out,
                       hls::stream<hwc::record_t> &records);

#endif
