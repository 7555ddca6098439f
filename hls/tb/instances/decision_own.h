#ifndef DECISION_OWN_H_
#define DECISION_OWN_H_

#include "exit_decision.h"

// a criterion of its own
typedef nnet::array<ap_fixed<10, 4, AP_RND_CONV, AP_SAT>, 5> decision_own_logits_t;

// A criterion as a design may bring it: how sure it is stands in logit 0 alone. Its score saturates at `never`,
// which must not be taken for a reason to leave where the threshold is `never`.
struct first_logit {
    template <class code_T, typename CONFIG_T>
    static hwc::score_t score(const code_T codes[CONFIG_T::n_classes], const hwc::top_t<code_T> &, const hwc::sample_t &,
                              const hwc::past_t *) {
        return codes[0] > 0 ? hwc::score_t(hwc::never) : hwc::score_t(codes[0]);
    }
};

struct decision_own_config {
    static const unsigned n_classes = 5;
    static const unsigned n_gates = 0;
    static const unsigned exit_index = 3;
    static const bool is_last = false;
    static const unsigned reuse_factor = 2;
    typedef first_logit criterion;
};

void decision_own(hls::stream<decision_own_logits_t> &logits, hls::stream<hwc::sample_t> &sample_in,
                  hwc::threshold_t threshold, ap_uint<1> anytime,
                  hls::stream<ap_uint<1> > &release, hls::stream<hwc::sample_t> &sample_out,
                  hls::stream<hwc::record_t> &records);

#endif
