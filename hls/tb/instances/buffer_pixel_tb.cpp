#include "buffer_pixel.h"
#include "tb/conditional_buffer_tb.h"

struct top {
    void operator()(hls::stream<buffer_pixel_data_t> &in, hls::stream<ap_uint<1> > &release,
                    hls::stream<buffer_pixel_data_t> &out) const {
        buffer_pixel(in, release, out);
    }
};

int main(int argc, char **argv) {
    const unsigned samples = hwc_tb::argument(argc, argv, 1, 2000);
    const unsigned seed = hwc_tb::argument(argc, argv, 2, 1);
    return hwc_tb::test_conditional_buffer<buffer_pixel_data_t, buffer_pixel_config>(top(), samples, seed) != 0;
}
