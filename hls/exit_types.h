#ifndef HWC_EXIT_TYPES_H_
#define HWC_EXIT_TYPES_H_

#include "ap_int.h"

// This header defines what the exit blocks pass to each other, in plain structs of public fields. A host
// model may copy them field by field, and Vitis HLS packs them in the order of declaration, first field lowest.
namespace hwc {

// The surer an exit is, the larger is the score. A sample leaves if its score is at least the threshold of the exit.
typedef ap_int<32> score_t;
typedef ap_int<32> threshold_t;

// Threshold codes: no score is at least `never`, every score is at least `always`.
static const int never = 0x7fffffff;
static const int always = -never - 1;

// Bits of record_t::flags.
static const unsigned flag_final = 1; // the sample's last record: it left here
static const unsigned flag_error = 2; // the record cannot be trusted; no block of this folder sets it

// A sample_t travels with a sample, in a FIFO beside the kernels of a stage. It has 57 bits.
struct sample_t {
    ap_uint<32> sample_id; // number of samples accepted before this one, modulo 2^32
    ap_uint<16> label;     // class that the previous exit chose; meaningless while seen = 0
    ap_uint<8> agreements; // exits in a row, up to the previous one, that chose the label of the exit before them
    ap_uint<1> seen;       // 1 once an exit has decided on the sample, 0 before the first one
};

// A past_t is what a learned criterion keeps of an exit. It has 48 bits.
struct past_t {
    score_t score;     // score of the sample at that exit
    ap_uint<16> label; // class that it chose
};

// A traced_t travels in the place of a sample_t if the criterion is learned: it adds the past_t of each exit so far.
template <unsigned N> struct traced_t {
    static const unsigned exits = N; // at least 1
    sample_t sample;
    past_t past[N]; // the first exit first
};

// is_learned says whether a criterion is learned. The header of a learned criterion specialises it.
template <class criterion> struct is_learned { static const bool value = false; };

// info_t is what travels with a sample to an exit with N exits before it.
template <bool LEARNED, unsigned N> struct info_t { typedef traced_t<N> type; };
template <unsigned N> struct info_t<false, N> { typedef sample_t type; };
template <> struct info_t<true, 0> { typedef sample_t type; };

// A record_t is the report of an exit: 16 bytes, little endian, in this order.
struct record_t {
    ap_uint<32> sample_id; // of the sample_t
    ap_uint<32> cycles;    // clock cycles since the sample's first beat; measured around the blocks, 0 here
    ap_int<32> score;      // the criterion's score_t
    ap_uint<16> label;     // the class chosen, lowest index on ties
    ap_uint<8> exit;       // index of the exit, from 0
    ap_uint<8> flags;      // flag_final | flag_error
};

// A control_t has the run-time settings of one exit. They must not change while it decides on a sample.
struct control_t {
    threshold_t threshold; // least score with which a sample leaves, in the criterion's integer units
    ap_uint<1> anytime;    // 1: report samples that stay, too
};

} // namespace hwc

#endif
