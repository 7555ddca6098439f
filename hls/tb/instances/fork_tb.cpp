#include "fork.h"
#include "tb/stream_fork_tb.h"

struct top {
    void operator()(hls::stream<fork_data_t> &in, hls::stream<fork_data_t> &out_head,
                    hls::stream<fork_data_t> &out_buffer) const {
        fork_top(in, out_head, out_buffer);
    }
};

int main(int argc, char **argv) {
    const unsigned samples = hwc_tb::argument(argc, argv, 1, 2000);
    const unsigned seed = hwc_tb::argument(argc, argv, 2, 1);
    return hwc_tb::test_stream_fork<fork_data_t, fork_config>(top(), samples, seed) != 0;
}
