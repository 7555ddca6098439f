#ifndef HWC_CRITERION_ENTROPY_H_
#define HWC_CRITERION_ENTROPY_H_

#include "criteria/exponential.h"
#include "exit_types.h"

namespace hwc {

// The score is the entropy of the softmax, negated, in nats and units of 2^-F: -(ln S + W / S). S is the sum of the
// exponentials e^-x and W that of x e^-x, where x is the distance of a logit from the largest one in nats.
// The logarithm and the reciprocal of S are those of log_sum.
// It reads the tables exponential, weighted, logarithm and reciprocal.
struct entropy {
    template <class code_T, typename CONFIG_T>
    static score_t score(const code_T codes[CONFIG_T::n_classes], const top_t<code_T> &top, const sample_t &,
                         const past_t *) {
        typedef class_fold<CONFIG_T> fold;
        typedef exponential_types<CONFIG_T> types;
        typedef typename CONFIG_T::tables tables;
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

        const log_sum_t<CONFIG_T> parts = log_sum<CONFIG_T>(sum);
        const ap_int<2 * tables::fraction + 4 + types::growth> product = parts.reciprocal * weighted_sum;
        const score_t expected = product >> (tables::fraction + parts.exponent);
        return -(score_t(parts.nats) + expected);
    }
};

} // namespace hwc

#endif
