#ifndef DECISION_GATE_H_
#define DECISION_GATE_H_

#include "criteria/gate.h"
#include "exit_decision.h"

// a gate behind ten logits, two folds
typedef nnet::array<ap_fixed<8, 4, AP_RND_CONV, AP_SAT>, 11> decision_gate_logits_t;

struct decision_gate_config {
    static const unsigned n_classes = 10;
    static const unsigned n_gates = 1;
    static const unsigned exit_index = 0;
    static const bool is_last = false;
    static const unsigned reuse_factor = 2;
    typedef hwc::gate criterion;
};

void decision_gate(hls::stream<decision_gate_logits_t> &logits, hls::stream<hwc::sample_t> &sample_in,
                   hwc::threshold_t threshold, ap_uint<1> anytime,
                   hls::stream<ap_uint<1> > &release, hls::stream<hwc::sample_t> &sample_out,
                   hls::stream<hwc::record_t> &records);

#endif
