#ifndef HWC_TB_STREAM_FORK_H_
#define HWC_TB_STREAM_FORK_H_

#include "nnet_utils/nnet_types.h"
#include "tb/check.h"

namespace hwc_tb {

// Sends `samples` samples through top(in, out_head, out_buffer), sometimes several at once, and compares
// both outputs with the input, beat by beat. Returns the number of mismatches.
template <class data_T, class CONFIG_T, class top_T> int test_stream_fork(top_T top, unsigned samples, unsigned seed) {
    hls::stream<data_T> in("in"), out_head("out_head"), out_buffer("out_buffer");
    random_t random(seed);
    checker check("stream_fork");
    uint64_t sent = 0, received = 0;

    for (unsigned n = 0; n < samples; n++) {
        // the input holds at least the sample of this call, and up to two more
        const uint64_t least = uint64_t(n + 1) * CONFIG_T::beats;
        const uint64_t ahead = below(random, 2 * CONFIG_T::beats + 1);
        for (; sent < least + ahead; sent++)
            in.write(make_beat<data_T>(seed + sent));
        top(in, out_head, out_buffer);

        for (unsigned i = 0; i < CONFIG_T::beats; i++, received++) {
            check.equal("beats for the head", received, !out_head.empty(), true);
            check.equal("beats for the buffer", received, !out_buffer.empty(), true);
            if (out_head.empty() || out_buffer.empty())
                return check.finish();
            check.equal("head's beat", received, is_beat(out_head.read(), seed + received), true);
            check.equal("buffer's beat", received, is_beat(out_buffer.read(), seed + received), true);
        }
        check.equal("beats too many", n, !out_head.empty() || !out_buffer.empty(), false);
    }
    for (; received < sent; received++) { // what was sent ahead is still there, whole
        check.equal("beats left in the input", received, !in.empty(), true);
        if (in.empty())
            break;
        check.equal("beat left in the input", received, is_beat(in.read(), seed + received), true);
    }
    return check.finish();
}

} // namespace hwc_tb

#endif
