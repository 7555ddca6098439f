#ifndef HWC_CRITERION_BY_CLASS_H_
#define HWC_CRITERION_BY_CLASS_H_

#include "exit_types.h"
#include "integer_logits.h"

// This criterion lowers the scores of another one by class. The CONFIG_T::offsets of an instance is generated as
//
//   struct exit0_offsets {
//       static int offset(unsigned c); // of class c, in units of the score; from -2^30 to 2^30
//   };
namespace hwc {

// The score is that of another criterion, lowered by an offset that belongs to the chosen class. With that, each class
// can have a threshold of its own.
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
