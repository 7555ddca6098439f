#ifndef HWC_CRITERION_GATE_H_
#define HWC_CRITERION_GATE_H_

#include "exit_types.h"
#include "integer_logits.h"

namespace hwc {

// The score is the gate of the sample, in steps of the logits: the output that a head gives behind its logits.
struct gate {
    template <class code_T, typename CONFIG_T>
    static score_t score(const code_T codes[CONFIG_T::n_classes + CONFIG_T::n_gates], const top_t<code_T> &,
                         const sample_t &, const past_t *) {
        static_assert(CONFIG_T::n_gates == 1, "gate: the head must give a gate behind its logits");
        return codes[CONFIG_T::n_classes];
    }
};

} // namespace hwc

#endif
