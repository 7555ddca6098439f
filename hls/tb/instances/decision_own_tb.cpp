#include "decision_own.h"
#include "tb/exit_decision_tb.h"

namespace hwc_tb {
template <class CONFIG_T> int64_t reference_score(tag<first_logit>, const integers &logits, int64_t) {
    return logits[0] > 0 ? 0x7fffffff : logits[0];
}
} // namespace hwc_tb

struct top {
    void operator()(hls::stream<decision_own_logits_t> &logits, hls::stream<hwc::sample_t> &sample_in,
                    hwc::control_t control, hls::stream<ap_uint<1> > &release, hls::stream<hwc::sample_t> &sample_out,
                    hls::stream<hwc::record_t> &records) const {
        decision_own(logits, sample_in, control.threshold, control.anytime, release, sample_out, records);
    }
};

int main(int argc, char **argv) {
    const unsigned samples = hwc_tb::argument(argc, argv, 1, 2000);
    const unsigned seed = hwc_tb::argument(argc, argv, 2, 1);
    return hwc_tb::test_exit_decision<decision_own_logits_t, decision_own_config>(top(), samples, seed) != 0;
}
