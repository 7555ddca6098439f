#ifndef HWC_CRITERION_MARGIN_H_
#define HWC_CRITERION_MARGIN_H_

#include "exit_types.h"
#include "integer_logits.h"

namespace hwc {

// The score is the margin: the largest logit minus the second largest, in steps of the logits. It is 0 if two logits
// are largest.
struct margin {
    template <class code_T, typename CONFIG_T>
    static score_t score(const code_T codes[CONFIG_T::n_classes], const top_t<code_T> &top, const sample_t &,
                         const past_t *) {
        return top.value - find_second<code_T, CONFIG_T>(codes, top);
    }
};

} // namespace hwc

#endif
