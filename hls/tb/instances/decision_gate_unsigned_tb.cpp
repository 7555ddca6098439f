#include "decision_gate_unsigned.h"
#include "tb/exit_decision_tb.h"

struct top {
    void operator()(hls::stream<decision_gate_unsigned_logits_t> &logits, hls::stream<hwc::sample_t> &sample_in,
                    hwc::control_t control, hls::stream<ap_uint<1> > &release, hls::stream<hwc::sample_t> &sample_out,
                    hls::stream<hwc::record_t> &records) const {
        decision_gate_unsigned(logits, sample_in, control.threshold, control.anytime, release, sample_out, records);
    }
};

int main(int argc, char **argv) {
    const unsigned samples = hwc_tb::argument(argc, argv, 1, 2000);
    const unsigned seed = hwc_tb::argument(argc, argv, 2, 1);
    return hwc_tb::test_exit_decision<decision_gate_unsigned_logits_t, decision_gate_unsigned_config>(top(), samples, seed) != 0;
}
