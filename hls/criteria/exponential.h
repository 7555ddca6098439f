#ifndef HWC_CRITERION_EXPONENTIAL_H_
#define HWC_CRITERION_EXPONENTIAL_H_

#include "integer_logits.h"

// This header has what the criteria that read the softmax share, and describes their tables.
//
// Let d_c be the largest logit minus logit c, in steps of the logits, let a step be u nats (the temperature
// included), and let F = fraction. The CONFIG_T::tables of an instance is generated as
//
//   struct exit0_tables {
//       static const unsigned fraction = 16;      // F: bits of all entries after the binary point
//       static const unsigned shift = 0;          // low bits of a difference that the index leaves out
//       static const unsigned length = 118;       // entries of exponential and weighted
//       static const unsigned mantissa_bits = 10; // log2 of the entries of logarithm and reciprocal
//       static const unsigned ln2 = 45426;        // round(2^F ln 2)
//
//       // round(2^F e^-ud), d = i << shift: 2^F at i = 0, at most 2^F elsewhere, 0 at the last
//       static unsigned exponential(unsigned i) {
//           #pragma HLS INLINE
//           static const unsigned rom[length] = {65536, ...};
//           #pragma HLS BIND_STORAGE variable=rom type=rom_np
//           return rom[i];
//       }
//       static unsigned weighted(unsigned i);     // in the same way: round(2^F ud e^-ud)
//       static unsigned logarithm(unsigned m);    // round(2^F ln(1 + (m + 1/2) / 2^mantissa_bits))
//       static unsigned reciprocal(unsigned m);   // round(2^F / (1 + (m + 1/2) / 2^mantissa_bits))
//   };
//
// The arrays are local statics of member functions: constants of one definition however many files
// include them, and read-only memories in synthesis. Each lane of a fold reads its own port.
// max_softmax needs only fraction, shift, length and exponential; margin and patience need no tables.
namespace hwc {

// exponential_types has the types of entries and of their sums over the classes.
template <typename CONFIG_T> struct exponential_types {
    typedef typename CONFIG_T::tables tables;
    static const unsigned growth = floor_log2(CONFIG_T::n_classes); // bits that a sum over the classes gains
    typedef ap_uint<tables::fraction + 1> entry_t;
    typedef ap_uint<tables::fraction + 1 + growth> sum_t;

    static_assert(tables::fraction >= 1 && tables::fraction + 1 + growth <= 31,
                  "criteria: the sum of the exponentials must stay below 2^31; lower the fraction");
    static_assert(tables::length >= 1, "criteria: an empty table");
};

// table_index gives the index of a table for the difference between the largest logit and another.
template <class code_T, typename CONFIG_T> unsigned table_index(const code_T &top, const code_T &other) {
    #pragma HLS INLINE
    typedef typename CONFIG_T::tables tables;
    const ap_uint<code_T::width> difference = top - other;
    const unsigned index = difference >> tables::shift;
    return index < tables::length ? index : unsigned(tables::length - 1);
}

// log_sum computes the logarithm and the reciprocal of a sum S of exponentials, S = 2^(F + e) (1 + m / M + ...), where
// M is the number of entries of the tables. It looks both up at m, as L and R, and interpolates with what is left of S
// / 2^e, so that sums that differ by little give different results. With r this rest, measured from the middle of its
// cell of the tables, in units of 2^-F:
template <typename CONFIG_T> struct log_sum_t {
    typedef typename CONFIG_T::tables tables;
    unsigned exponent;                      // e
    ap_int<tables::fraction + 2> reciprocal; // R - (R (R r) >> 2 F), of S / 2^(F + e), in units of 2^-F
    ap_int<tables::fraction + 6> nats; // e ln 2 + L + (R r >> F), ln(S / 2^F), at most ln 65536 < 16, in units of 2^-F
};

template <typename CONFIG_T> log_sum_t<CONFIG_T> log_sum(const typename exponential_types<CONFIG_T>::sum_t &sum) {
    #pragma HLS INLINE
    typedef exponential_types<CONFIG_T> types;
    typedef typename CONFIG_T::tables tables;
    static_assert(tables::mantissa_bits >= 1 && tables::mantissa_bits < tables::fraction,
                  "criteria: mantissa_bits must lie between 1 and fraction - 1");
    // the leading one of S stands at bit F + e; the largest logit alone sets bit F
    unsigned e = 0;
ExponentLoop:
    for (unsigned b = 1; b <= types::growth; b++) {
        #pragma HLS UNROLL
        if (sum[tables::fraction + b])
            e = b;
    }
    const unsigned skipped = tables::fraction - tables::mantissa_bits; // low bits that the lookup leaves out
    const typename types::sum_t normal = sum >> e;
    const ap_uint<tables::mantissa_bits> m = normal.range(tables::fraction - 1, skipped);
    const typename types::entry_t reciprocal = tables::reciprocal(m);
    const ap_int<skipped + 1> rest = (normal & typename types::sum_t((1u << skipped) - 1)) - ((1u << skipped) / 2);
    const ap_int<2 * tables::fraction + 2> slope = reciprocal * rest;
    log_sum_t<CONFIG_T> parts;
    parts.exponent = e;
    parts.reciprocal = reciprocal - ((reciprocal * slope) >> (2 * tables::fraction));
    parts.nats = ap_int<tables::fraction + 6>(e * tables::ln2 + tables::logarithm(m)) + (slope >> tables::fraction);
    return parts;
}

} // namespace hwc

#endif
