#include "decision_eenet_last.h"
#include "tb/exit_decision_tb.h"

struct top {
    void operator()(hls::stream<decision_eenet_last_logits_t> &logits,
                              hls::stream<hwc::traced_t<3> > &sample_in,
                              hwc::control_t,
                              hls::stream<ap_uint<1> > &,
                              hls::stream<hwc::traced_t<4> > &,
                              hls::stream<hwc::record_t> &records) const {
        decision_eenet_last(logits, sample_in, records);
    }
};

int main(int argc, char **argv) {
    const unsigned samples = hwc_tb::argument(argc, argv, 1, 2000);
    const unsigned seed = hwc_tb::argument(argc, argv, 2, 1);
    return hwc_tb::test_exit_decision<decision_eenet_last_logits_t, decision_eenet_last_config>(top(), samples, seed) != 0;
}
