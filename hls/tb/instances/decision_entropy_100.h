#ifndef DECISION_ENTROPY_100_H_
#define DECISION_ENTROPY_100_H_

#include "criteria/entropy.h"
#include "exit_decision.h"

// a hundred classes, logits finer than the table
typedef nnet::array<ap_fixed<16, 6>, 100> decision_entropy_100_logits_t;

// 2^-10 nats a logit step
struct decision_entropy_100_tables {
    static const unsigned fraction = 12;     // F: bits after the point of all entries
    static const unsigned shift = 8;         // low bits of a difference that the index leaves out
    static const unsigned length = 50;       // entries of exponential and weighted
    static const unsigned mantissa_bits = 5; // log2 of the entries of logarithm and reciprocal
    static const unsigned ln2 = 2839;        // round(2^F ln 2)

    // round(2^F e^-ud), d = i << shift
    static unsigned exponential(unsigned i) {
        #pragma HLS INLINE
        static const unsigned rom[length] = {
            4096, 3190, 2484, 1935, 1507, 1174, 914, 712, 554, 432, 336, 262, 204, 159, 124, 96, 75, 58, 46, 35, 28,
            21, 17, 13, 10, 8, 6, 5, 4, 3, 2, 2, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
        #pragma HLS BIND_STORAGE variable=rom type=rom_np
        return rom[i];
    }

    // round(2^F ud e^-ud)
    static unsigned weighted(unsigned i) {
        #pragma HLS INLINE
        static const unsigned rom[length] = {
            0, 797, 1242, 1451, 1507, 1467, 1371, 1246, 1109, 971, 841, 720, 612, 516, 433, 361, 300, 248, 205, 168,
            138, 113, 92, 75, 61, 49, 40, 32, 26, 21, 17, 14, 11, 9, 7, 6, 5, 4, 3, 2, 2, 1, 1, 1, 1, 1, 0, 0, 0, 0};
        #pragma HLS BIND_STORAGE variable=rom type=rom_np
        return rom[i];
    }

    // round(2^F ln(1 + (m + 1/2) / 2^mantissa_bits))
    static unsigned logarithm(unsigned m) {
        #pragma HLS INLINE
        static const unsigned rom[1 << mantissa_bits] = {
            64, 188, 308, 425, 539, 650, 757, 862, 965, 1065, 1162, 1258, 1351, 1442, 1531, 1618, 1703, 1787, 1869,
            1949, 2028, 2105, 2181, 2255, 2329, 2400, 2471, 2541, 2609, 2676, 2742, 2807};
        #pragma HLS BIND_STORAGE variable=rom type=rom_np
        return rom[m];
    }

    // round(2^F / (1 + (m + 1/2) / 2^mantissa_bits))
    static unsigned reciprocal(unsigned m) {
        #pragma HLS INLINE
        static const unsigned rom[1 << mantissa_bits] = {
            4033, 3913, 3799, 3692, 3591, 3495, 3404, 3318, 3236, 3158, 3084, 3013, 2945, 2881, 2819, 2759, 2703,
            2648, 2595, 2545, 2497, 2450, 2405, 2362, 2320, 2280, 2241, 2203, 2166, 2131, 2097, 2064};
        #pragma HLS BIND_STORAGE variable=rom type=rom_np
        return rom[m];
    }
};

struct decision_entropy_100_config {
    static const unsigned n_classes = 100;
    static const unsigned n_gates = 0;
    static const unsigned exit_index = 2;
    static const bool is_last = false;
    static const unsigned reuse_factor = 16;
    typedef hwc::entropy criterion;
    typedef decision_entropy_100_tables tables;
};

void decision_entropy_100(hls::stream<decision_entropy_100_logits_t> &logits, hls::stream<hwc::sample_t> &sample_in,
                          hwc::threshold_t threshold, ap_uint<1> anytime,
                          hls::stream<ap_uint<1> > &release, hls::stream<hwc::sample_t> &sample_out,
                          hls::stream<hwc::record_t> &records);

#endif
