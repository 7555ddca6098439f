#ifndef DECISION_GATE_UNSIGNED_H_
#define DECISION_GATE_UNSIGNED_H_

#include "criteria/gate.h"
#include "exit_decision.h"

// an unsigned gate, not the first exit
typedef nnet::array<ap_ufixed<7, 3, AP_RND_CONV, AP_SAT>, 4> decision_gate_unsigned_logits_t;

struct decision_gate_unsigned_config {
    static const unsigned n_classes = 3;
    static const unsigned n_gates = 1;
    static const unsigned exit_index = 2;
    static const bool is_last = false;
    static const unsigned reuse_factor = 1;
    typedef hwc::gate criterion;
};

void decision_gate_unsigned(hls::stream<decision_gate_unsigned_logits_t> &logits, hls::stream<hwc::sample_t> &sample_in,
                            hwc::threshold_t threshold, ap_uint<1> anytime,
                            hls::stream<ap_uint<1> > &release, hls::stream<hwc::sample_t> &sample_out,
                            hls::stream<hwc::record_t> &records);

#endif
