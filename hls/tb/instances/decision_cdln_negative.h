#ifndef DECISION_CDLN_NEGATIVE_H_
#define DECISION_CDLN_NEGATIVE_H_

#include "criteria/cdln.h"
#include "exit_decision.h"

// two classes, an activation below zero
typedef nnet::array<ap_fixed<6, 3, AP_RND_CONV, AP_SAT>, 2> decision_cdln_negative_logits_t;

struct decision_cdln_negative_config {
    static const unsigned n_classes = 2;
    static const unsigned n_gates = 0;
    static const unsigned exit_index = 0;
    static const bool is_last = false;
    static const unsigned reuse_factor = 1;
    typedef hwc::cdln criterion;
    static const int activation = -3;
};

void decision_cdln_negative(hls::stream<decision_cdln_negative_logits_t> &logits, hls::stream<hwc::sample_t> &sample_in,
                            hwc::threshold_t threshold, ap_uint<1> anytime,
                            hls::stream<ap_uint<1> > &release, hls::stream<hwc::sample_t> &sample_out,
                            hls::stream<hwc::record_t> &records);

#endif
