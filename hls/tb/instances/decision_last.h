#ifndef DECISION_LAST_H_
#define DECISION_LAST_H_

#include "criteria/max_softmax.h"
#include "exit_decision.h"

// more folds than classes
typedef nnet::array<ap_fixed<8, 4, AP_RND_CONV, AP_SAT>, 10> decision_last_logits_t;

// 1/8 nats a logit step
struct decision_last_tables {
    static const unsigned fraction = 12; // F: bits after the point of all entries
    static const unsigned shift = 0;     // low bits of a difference that the index leaves out
    static const unsigned length = 100;  // entries of exponential and weighted

    // round(2^F e^-ud), d = i << shift
    static unsigned exponential(unsigned i) {
        #pragma HLS INLINE
        static const unsigned rom[length] = {
            4096, 3615, 3190, 2815, 2484, 2192, 1935, 1707, 1507, 1330, 1174, 1036, 914, 807, 712, 628, 554, 489, 432,
            381, 336, 297, 262, 231, 204, 180, 159, 140, 124, 109, 96, 85, 75, 66, 58, 52, 46, 40, 35, 31, 28, 24, 21,
            19, 17, 15, 13, 12, 10, 9, 8, 7, 6, 5, 5, 4, 4, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        #pragma HLS BIND_STORAGE variable=rom type=rom_np
        return rom[i];
    }
};

struct decision_last_config {
    static const unsigned n_classes = 10;
    static const unsigned n_gates = 0;
    static const unsigned exit_index = 2;
    static const bool is_last = true;
    static const unsigned reuse_factor = 16;
    typedef hwc::max_softmax criterion;
    typedef decision_last_tables tables;
};

void decision_last(hls::stream<decision_last_logits_t> &logits, hls::stream<hwc::sample_t> &sample_in,
                   hls::stream<hwc::record_t> &records);

#endif
