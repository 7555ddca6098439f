#include "decision_eenet.h"
#include "tb/exit_decision_tb.h"

struct top {
    void operator()(hls::stream<decision_eenet_logits_t> &logits,
                         hls::stream<hwc::traced_t<2> > &sample_in,
                         hwc::control_t control,
                         hls::stream<ap_uint<1> > &release,
                         hls::stream<hwc::traced_t<3> > &sample_out,
                         hls::stream<hwc::record_t> &records) const {
        decision_eenet(logits, sample_in, control.threshold, control.anytime, release, sample_out, records);
    }
};

int main(int argc, char **argv) {
    const unsigned samples = hwc_tb::argument(argc, argv, 1, 2000);
    const unsigned seed = hwc_tb::argument(argc, argv, 2, 1);
    return hwc_tb::test_exit_decision<decision_eenet_logits_t, decision_eenet_config>(top(), samples, seed) != 0;
}
