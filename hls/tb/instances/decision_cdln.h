#ifndef DECISION_CDLN_H_
#define DECISION_CDLN_H_

#include "criteria/cdln.h"
#include "exit_decision.h"

// three folds
typedef nnet::array<ap_fixed<8, 4, AP_RND_CONV, AP_SAT>, 10> decision_cdln_logits_t;

struct decision_cdln_config {
    static const unsigned n_classes = 10;
    static const unsigned n_gates = 0;
    static const unsigned exit_index = 0;
    static const bool is_last = false;
    static const unsigned reuse_factor = 3;
    typedef hwc::cdln criterion;
    static const int activation = 20;
};

void decision_cdln(hls::stream<decision_cdln_logits_t> &logits, hls::stream<hwc::sample_t> &sample_in,
                   hwc::threshold_t threshold, ap_uint<1> anytime,
                   hls::stream<ap_uint<1> > &release, hls::stream<hwc::sample_t> &sample_out,
                   hls::stream<hwc::record_t> &records);

#endif
