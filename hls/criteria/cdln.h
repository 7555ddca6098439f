#ifndef HWC_CRITERION_CDLN_H_
#define HWC_CRITERION_CDLN_H_

#include "exit_types.h"
#include "integer_logits.h"

// This criterion is CDLN. The CONFIG_T of an instance has
//
//   static const int activation = 12; // the least logit, an integer, with which a class is active
namespace hwc {

// The score says how far the largest logit is above the activation, or how far the second largest is below the largest
// inactive logit, activation - 1, whichever is less, in steps of the logits. It is at least 0 if exactly one class is
// active.
struct cdln {
    template <class code_T, typename CONFIG_T>
    static score_t score(const code_T codes[CONFIG_T::n_classes], const top_t<code_T> &top, const sample_t &,
                         const past_t *) {
        const score_t activation = CONFIG_T::activation;
        const score_t above = score_t(top.value) - activation;
        const score_t below = activation - 1 - score_t(find_second<code_T, CONFIG_T>(codes, top));
        return above < below ? above : below;
    }
};

} // namespace hwc

#endif
