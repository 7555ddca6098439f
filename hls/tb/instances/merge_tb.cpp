#include "merge.h"
#include "tb/record_merge_tb.h"

struct top {
    void operator()(hls::stream<hwc::record_t> in[merge_config::n_exits], hls::stream<hwc::record_t> &out) const {
        merge(in, out);
    }
};

int main(int argc, char **argv) {
    const unsigned samples = hwc_tb::argument(argc, argv, 1, 2000);
    const unsigned seed = hwc_tb::argument(argc, argv, 2, 1);
    return hwc_tb::test_record_merge<merge_config>(top(), samples, seed) != 0;
}
