#ifndef DECISION_MARGIN_H_
#define DECISION_MARGIN_H_

#include "criteria/margin.h"
#include "exit_decision.h"

// one fold
typedef nnet::array<ap_fixed<8, 4, AP_RND_CONV, AP_SAT>, 10> decision_margin_logits_t;

struct decision_margin_config {
    static const unsigned n_classes = 10;
    static const unsigned n_gates = 0;
    static const unsigned exit_index = 0;
    static const bool is_last = false;
    static const unsigned reuse_factor = 1;
    typedef hwc::margin criterion;
};

void decision_margin(hls::stream<decision_margin_logits_t> &logits, hls::stream<hwc::sample_t> &sample_in,
                     hwc::threshold_t threshold, ap_uint<1> anytime,
                     hls::stream<ap_uint<1> > &release, hls::stream<hwc::sample_t> &sample_out,
                     hls::stream<hwc::record_t> &records);

#endif
