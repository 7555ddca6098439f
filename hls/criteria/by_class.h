#ifndef HWC_CRITERION_BY_CLASS_H_
#define HWC_CRITERION_BY_CLASS_H_

#include "exit_types.h"
#include "integer_logits.h"

// An instance's CONFIG_T::offsets is generated as
//
//   struct exit0_offsets {
//       static int offset(unsigned c); // of the class chosen; at most 2^30 either way
//   };
namespace hwc {

// Score: another criterion's, lowered by an offset of the class chosen, so that classes have thresholds of their own.
template <class inner> struct by_class {
    template <class code_T, typename CONFIG_T>
    static score_t score(const code_T codes[CONFIG_T::n_classes], const top_t<code_T> &top, const sample_t &now,
                         const past_t *past) {
        return inner::template score<code_T, CONFIG_T>(codes, top, now, past) -
               score_t(CONFIG_T::offsets::offset(top.label));
    }
};

} // namespace hwc

#endif
