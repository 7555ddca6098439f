#ifndef HWC_CRITERION_ENTROPY_H_
#define HWC_CRITERION_ENTROPY_H_

#include "criteria/exponential.h"
#include "exit_types.h"

namespace hwc {

// Score: the softmax's entropy, negated, in nats and units of 2^-F: -(ln S + W / S), S the sum of the
// exponentials e^-x and W that of x e^-x, x the distance in nats from the largest logit.
// S = 2^(F + e) (1 + m / M + ...): the logarithm and reciprocal are looked up at the M mantissas.
// Tables: exponential, weighted, logarithm, reciprocal.
struct entropy {
    template <class code_T, typename CONFIG_T>
    static score_t score(const code_T codes[CONFIG_T::n_classes], const top_t<code_T> &top, const sample_t &) {
        typedef class_fold<CONFIG_T> fold;
        typedef exponential_types<CONFIG_T> types;
        typedef typename CONFIG_T::tables tables;
        static_assert(tables::mantissa_bits >= 1 && tables::mantissa_bits <= tables::fraction,
                      "entropy: mantissa_bits must lie between 1 and fraction");
        typename types::sum_t sum = 0;
        typename types::sum_t weighted_sum = 0;

    EntropyFoldLoop:
        for (unsigned i = 0; i < fold::folds; i++) {
            #pragma HLS PIPELINE II=1
        EntropyLaneLoop:
            for (unsigned j = 0; j < fold::lanes; j++) {
                #pragma HLS UNROLL
                const unsigned c = i * fold::lanes + j;
                if (c < CONFIG_T::n_classes) {
                    const unsigned index = table_index<code_T, CONFIG_T>(top.value, codes[c]);
                    sum += typename types::entry_t(tables::exponential(index));
                    weighted_sum += typename types::entry_t(tables::weighted(index));
                }
            }
        }

        // the leading one of S stands at bit F + e; the largest logit alone sets bit F
        unsigned e = 0;
    ExponentLoop:
        for (unsigned b = 1; b <= types::growth; b++) {
            #pragma HLS UNROLL
            if (sum[tables::fraction + b])
                e = b;
        }

        const unsigned skipped = tables::fraction - tables::mantissa_bits;
        const typename types::sum_t normal = sum >> e;
        const ap_uint<tables::mantissa_bits> m = normal.range(tables::fraction - 1, skipped);
        const typename types::entry_t logarithm = tables::logarithm(m);
        const typename types::entry_t reciprocal = tables::reciprocal(m);
        const ap_uint<2 * tables::fraction + 2 + types::growth> product = reciprocal * weighted_sum;
        const score_t expected = product >> (tables::fraction + e);
        const score_t log_sum = score_t(e * tables::ln2) + score_t(logarithm);
        return -(log_sum + expected);
    }
};

} // namespace hwc

#endif
