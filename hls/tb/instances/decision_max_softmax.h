#ifndef DECISION_MAX_SOFTMAX_H_
#define DECISION_MAX_SOFTMAX_H_

#include "criteria/max_softmax.h"
#include "exit_decision.h"

// five folds of two lanes
typedef nnet::array<ap_fixed<8, 4, AP_RND_CONV, AP_SAT>, 10> decision_max_softmax_logits_t;

// 1/16 nats a logit step
struct decision_max_softmax_tables {
    static const unsigned fraction = 16; // F: bits after the point of all entries
    static const unsigned shift = 0;     // low bits of a difference that the index leaves out
    static const unsigned length = 247;  // entries of exponential and weighted

    // round(2^F e^-ud), d = i << shift
    static unsigned exponential(unsigned i) {
        #pragma HLS INLINE
        static const unsigned rom[length] = {
            65536, 61565, 57835, 54331, 51039, 47947, 45042, 42313, 39750, 37341, 35079, 32954, 30957, 29081, 27319,
            25664, 24109, 22649, 21276, 19987, 18776, 17639, 16570, 15566, 14623, 13737, 12905, 12123, 11388, 10698,
            10050, 9441, 8869, 8332, 7827, 7353, 6907, 6489, 6096, 5726, 5380, 5054, 4747, 4460, 4190, 3936, 3697,
            3473, 3263, 3065, 2879, 2705, 2541, 2387, 2243, 2107, 1979, 1859, 1746, 1641, 1541, 1448, 1360, 1278,
            1200, 1128, 1059, 995, 935, 878, 825, 775, 728, 684, 642, 604, 567, 533, 500, 470, 442, 415, 390, 366,
            344, 323, 303, 285, 268, 252, 236, 222, 209, 196, 184, 173, 162, 153, 143, 135, 127, 119, 112, 105, 99,
            93, 87, 82, 77, 72, 68, 64, 60, 56, 53, 50, 47, 44, 41, 39, 36, 34, 32, 30, 28, 27, 25, 23, 22, 21, 19,
            18, 17, 16, 15, 14, 13, 13, 12, 11, 10, 10, 9, 9, 8, 8, 7, 7, 6, 6, 6, 5, 5, 5, 4, 4, 4, 4, 3, 3, 3, 3, 3,
            2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        #pragma HLS BIND_STORAGE variable=rom type=rom_np
        return rom[i];
    }
};

struct decision_max_softmax_config {
    static const unsigned n_classes = 10;
    static const unsigned n_gates = 0;
    static const unsigned exit_index = 1;
    static const bool is_last = false;
    static const unsigned reuse_factor = 5;
    typedef hwc::max_softmax criterion;
    typedef decision_max_softmax_tables tables;
};

void decision_max_softmax(hls::stream<decision_max_softmax_logits_t> &logits, hls::stream<hwc::sample_t> &sample_in,
                          hwc::threshold_t threshold, ap_uint<1> anytime,
                          hls::stream<ap_uint<1> > &release, hls::stream<hwc::sample_t> &sample_out,
                          hls::stream<hwc::record_t> &records);

#endif
