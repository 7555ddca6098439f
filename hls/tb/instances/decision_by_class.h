#ifndef DECISION_BY_CLASS_H_
#define DECISION_BY_CLASS_H_

#include "criteria/by_class.h"
#include "criteria/max_softmax.h"
#include "exit_decision.h"

// Decides by max_softmax (probability) whether a sample leaves at exit 1
typedef nnet::array<ap_fixed<8,4,AP_RND_CONV,AP_SAT,0>, 6> decision_by_class_logits_t;

// u = 0.078125 nats a logit step
struct decision_by_class_tables {
    static const unsigned fraction = 16; // F: bits after the point of all entries
    static const unsigned shift = 0; // low bits of a difference that the index leaves out
    static const unsigned length = 197; // entries of exponential and weighted

    // round(2^F e^-ud), d = i << shift
    static unsigned exponential(unsigned i) {
        #pragma HLS INLINE
        static const unsigned rom[length] = {
            65536, 60611, 56056, 51843, 47947, 44344, 41011, 37929, 35079, 32443, 30005, 27750, 25664, 23736,
            21952, 20302, 18776, 17365, 16060, 14853, 13737, 12705, 11750, 10867, 10050, 9295, 8596, 7950, 7353,
            6800, 6289, 5817, 5380, 4975, 4601, 4256, 3936, 3640, 3366, 3113, 2879, 2663, 2463, 2278, 2107,
            1948, 1802, 1666, 1541, 1425, 1318, 1219, 1128, 1043, 964, 892, 825, 763, 706, 653, 604, 558, 516,
            477, 442, 408, 378, 349, 323, 299, 276, 256, 236, 219, 202, 187, 173, 160, 148, 137, 127, 117, 108,
            100, 93, 86, 79, 73, 68, 63, 58, 54, 50, 46, 42, 39, 36, 34, 31, 29, 27, 25, 23, 21, 19, 18, 17, 15,
            14, 13, 12, 11, 10, 10, 9, 8, 8, 7, 6, 6, 6, 5, 5, 4, 4, 4, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, 1, 1,
            1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        #pragma HLS BIND_STORAGE variable=rom type=rom_np
        return rom[i];
    }
};

struct decision_by_class_offsets {
    // of the class chosen
    static int offset(unsigned c) {
        #pragma HLS INLINE
        static const int rom[6] = {
            69839, 32507, -38079, -30961, 0, 1073741824};
        #pragma HLS BIND_STORAGE variable=rom type=rom_np
        return rom[c];
    }
};

struct decision_by_class_config {
    static const unsigned n_classes = 6;
    static const unsigned n_gates = 0;
    static const unsigned exit_index = 1;
    static const bool is_last = false;
    static const unsigned reuse_factor = 2;
    typedef hwc::by_class<hwc::max_softmax> criterion;
    typedef decision_by_class_tables tables;
    typedef decision_by_class_offsets offsets;
};

void decision_by_class(hls::stream<decision_by_class_logits_t> &logits,
                       hls::stream<hwc::sample_t> &sample_in,
                       hwc::threshold_t threshold,
                       ap_uint<1> anytime,
                       hls::stream<ap_uint<1> > &release,
                       hls::stream<hwc::sample_t> &sample_out,
                       hls::stream<hwc::record_t> &records);

#endif
