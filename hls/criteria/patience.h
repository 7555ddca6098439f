#ifndef HWC_CRITERION_PATIENCE_H_
#define HWC_CRITERION_PATIENCE_H_

#include "exit_types.h"
#include "integer_logits.h"

namespace hwc {

// The score is the number of exits in a row, this one included, that chose the class of the exit before them.
struct patience {
    template <class code_T, typename CONFIG_T>
    static score_t score(const code_T *, const top_t<code_T> &, const sample_t &now, const past_t *) {
        return now.agreements;
    }
};

} // namespace hwc

#endif
