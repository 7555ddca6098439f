#include "buffer_least.h"
#include "tb/conditional_buffer_tb.h"

struct top {
    void operator()(hls::stream<buffer_least_data_t> &in, hls::stream<ap_uint<1> > &release,
                    hls::stream<buffer_least_data_t> &out) const {
        buffer_least(in, release, out);
    }
};

int main(int argc, char **argv) {
    const unsigned samples = hwc_tb::argument(argc, argv, 1, 2000);
    const unsigned seed = hwc_tb::argument(argc, argv, 2, 1);
    return hwc_tb::test_conditional_buffer<buffer_least_data_t, buffer_least_config>(top(), samples, seed) != 0;
}
