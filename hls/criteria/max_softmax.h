#ifndef HWC_CRITERION_MAX_SOFTMAX_H_
#define HWC_CRITERION_MAX_SOFTMAX_H_

#include "criteria/exponential.h"
#include "exit_types.h"

namespace hwc {

// The score is -S, where S is the sum of the exponentials of the distances from the largest logit, in units of 2^-F.
// 2^F / S is the largest probability of the softmax, so that a larger score means a surer sample.
// It reads the table exponential.
struct max_softmax {
    template <class code_T, typename CONFIG_T>
    static score_t score(const code_T codes[CONFIG_T::n_classes], const top_t<code_T> &top, const sample_t &,
                         const past_t *) {
        typedef class_fold<CONFIG_T> fold;
        typedef exponential_types<CONFIG_T> types;
        typename types::sum_t sum = 0;

    SoftmaxFoldLoop:
        for (unsigned i = 0; i < fold::folds; i++) {
            #pragma HLS PIPELINE II=1
        SoftmaxLaneLoop:
            for (unsigned j = 0; j < fold::lanes; j++) {
                #pragma HLS UNROLL
                const unsigned c = i * fold::lanes + j;
                if (c < CONFIG_T::n_classes) {
                    const unsigned index = table_index<code_T, CONFIG_T>(top.value, codes[c]);
                    sum += typename types::entry_t(CONFIG_T::tables::exponential(index));
                }
            }
        }
        return -score_t(sum);
    }
};

} // namespace hwc

#endif
