#ifndef DECISION_MARGIN_2_H_
#define DECISION_MARGIN_2_H_

#include "criteria/margin.h"
#include "exit_decision.h"

// two classes, one lane, unsigned logits; a last exit with the ports of the others
typedef nnet::array<ap_ufixed<7, 3>, 2> decision_margin_2_logits_t;

struct decision_margin_2_config {
    static const unsigned n_classes = 2;
    static const unsigned n_gates = 0;
    static const unsigned exit_index = 1;
    static const bool is_last = true;
    static const unsigned reuse_factor = 2;
    typedef hwc::margin criterion;
};

void decision_margin_2(hls::stream<decision_margin_2_logits_t> &logits, hls::stream<hwc::sample_t> &sample_in,
                       hwc::threshold_t threshold, ap_uint<1> anytime,
                       hls::stream<ap_uint<1> > &release, hls::stream<hwc::sample_t> &sample_out,
                       hls::stream<hwc::record_t> &records);

#endif
