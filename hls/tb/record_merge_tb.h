#ifndef HWC_TB_RECORD_MERGE_H_
#define HWC_TB_RECORD_MERGE_H_

#include <deque>
#include <vector>

#include "exit_types.h"
#include "tb/check.h"

namespace hwc_tb {

// Calls top(in, out) while records arrive at random exits and the output stalls at random, until
// `samples` records are through. Each call must move the oldest record of the deepest exit that has
// one, and nothing while stalled. Returns the number of mismatches.
template <class CONFIG_T, class top_T> int test_record_merge(top_T top, unsigned samples, unsigned seed) {
    hls::stream<hwc::record_t> in[CONFIG_T::n_exits], out("out");
    random_t random(seed);
    checker check("record_merge");

    std::vector<std::deque<hwc::record_t> > waiting(CONFIG_T::n_exits);
    unsigned sent = 0, received = 0, in_rate = 50, out_rate = 50; // rates in per cent of the calls
    unsigned long call = 0;

    for (; received < samples && call < 1000ul * (samples + 1000ul); call++) {
        if (call % 64 == 0) {
            in_rate = 25 * below(random, 5);
            out_rate = 25 * below(random, 5);
        }
        for (unsigned k = 0; k < CONFIG_T::n_exits; k++) {
            if (sent == samples || below(random, 100) >= in_rate || waiting[k].size() == 4)
                continue;
            hwc::record_t record;
            record.sample_id = sent++;
            record.cycles = unsigned(random());
            record.score = int(random());
            record.label = unsigned(random());
            record.exit = k;
            record.flags = below(random, 4);
            in[k].write(record);
            waiting[k].push_back(record);
        }
        const bool stalled = stall(out, below(random, 100) >= out_rate);

        top(in, out);

        unsigned next = CONFIG_T::n_exits; // the exit whose record must have come, if any
        for (unsigned k = 0; k < CONFIG_T::n_exits; k++)
            if (!stalled && !waiting[k].empty())
                next = k;
        check.equal("records out", call, out.size(), next < CONFIG_T::n_exits);
        if (!out.empty() && next < CONFIG_T::n_exits) {
            equal_records(check, call, out.read(), waiting[next].front());
            waiting[next].pop_front();
            received++;
        }
        for (unsigned k = 0; k < CONFIG_T::n_exits; k++)
            check.equal("records waiting", call, in[k].size(), waiting[k].size());
        if (check.failed())
            return check.finish();
    }
    check.equal("records that came out", call, received, samples);
    return check.finish();
}

} // namespace hwc_tb

#endif
