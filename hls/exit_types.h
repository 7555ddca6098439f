#ifndef HWC_EXIT_TYPES_H_
#define HWC_EXIT_TYPES_H_

#include "ap_int.h"

// What the exit blocks pass to each other. Plain structs of public fields: a host model may copy
// them field by field, and Vitis HLS packs them in the order of declaration, first field lowest.
namespace hwc {

// Surer is larger. A sample leaves at an exit when its score reaches the exit's threshold.
typedef ap_int<32> score_t;
typedef ap_int<32> threshold_t;

// Threshold codes. No criterion's score reaches `never`; every score reaches `always`.
static const int never = 0x7fffffff;
static const int always = -never - 1;

// Bits of record_t::flags.
static const unsigned flag_final = 1; // the sample's last record: it left here
static const unsigned flag_error = 2; // the record cannot be trusted; no block of this folder sets it

// Travels with a sample past the kernels of a stage, in a FIFO beside them. 57 bits.
struct sample_t {
    ap_uint<32> sample_id; // accepted samples before this one, modulo 2^32
    ap_uint<16> label;     // class that the previous exit chose; meaningless while seen = 0
    ap_uint<8> agreements; // exits in a row, up to the previous one, that repeated the label before them
    ap_uint<1> seen;       // 1 once an exit has decided on the sample, 0 before the first one
};

// What a learned criterion keeps of an exit. 48 bits.
struct past_t {
    score_t score;
    ap_uint<16> label; // class that it chose
};

// Travels in the place of a sample_t where the criterion is learned: with what each exit so far left.
template <unsigned N> struct traced_t {
    static const unsigned exits = N; // at least 1
    sample_t sample;
    past_t past[N]; // the first exit first
};

// Whether a criterion is learned; those that are say so beside themselves.
template <class criterion> struct is_learned { static const bool value = false; };

// What an exit with N exits before it reads.
template <bool LEARNED, unsigned N> struct info_t { typedef traced_t<N> type; };
template <unsigned N> struct info_t<false, N> { typedef sample_t type; };
template <> struct info_t<true, 0> { typedef sample_t type; };

// What an exit reports. 16 bytes, little endian, in this order.
struct record_t {
    ap_uint<32> sample_id; // of the sample_t
    ap_uint<32> cycles;    // clock cycles since the sample's first beat; measured around the blocks, 0 here
    ap_int<32> score;      // the criterion's score_t
    ap_uint<16> label;     // the class chosen, lowest index on ties
    ap_uint<8> exit;       // index of the exit, from 0
    ap_uint<8> flags;      // flag_final | flag_error
};

// Run-time settings of one exit. They must hold still while a sample is being decided.
struct control_t {
    threshold_t threshold; // score from which a sample leaves, in the criterion's integer units
    ap_uint<1> anytime;    // 1: report samples that stay, too
};

} // namespace hwc

#endif
