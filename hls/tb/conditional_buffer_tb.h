#ifndef HWC_TB_CONDITIONAL_BUFFER_H_
#define HWC_TB_CONDITIONAL_BUFFER_H_

#include <deque>

#include "nnet_utils/nnet_types.h"
#include "tb/check.h"

namespace hwc_tb {

// Calls top(in, release, out) with beats, decisions and stalls of the output that come at random, at
// rates that change now and then, until `samples` samples are through. A list of beat numbers says
// what each call must take and emit; in the end exactly the forwarded samples have come out, in order.
// Returns the number of mismatches.
template <class data_T, class CONFIG_T, class top_T>
int test_conditional_buffer(top_T top, unsigned samples, unsigned seed) {
    hls::stream<data_T> in("in"), out("out");
    hls::stream<ap_uint<1> > release("release");
    random_t random(seed);
    checker check("conditional_buffer");

    std::deque<uint64_t> held;   // beats that the buffer must hold
    std::deque<bool> decisions;  // decisions on their way
    std::deque<uint64_t> wanted; // beats that must come out, in order
    const uint64_t beats = uint64_t(samples) * CONFIG_T::beats;
    uint64_t sent = 0, taken = 0, gone = 0, received = 0;
    unsigned decided = 0;
    bool busy = false, forward = false;
    const unsigned phase = 8 * CONFIG_T::depth; // calls at the same rates
    unsigned in_rate = 50, decision_rate = 50, out_rate = 50, forward_rate = 50; // per cent of the calls
    unsigned long call = 0, last_progress = 0;

    for (; gone < beats && call - last_progress < 100 * phase; call++) {
        if (call % phase == 0) {
            const unsigned rates[5] = {0, 5, 50, 95, 100};
            in_rate = rates[below(random, 5)];
            decision_rate = rates[below(random, 5)];
            out_rate = rates[below(random, 5)];
            forward_rate = rates[below(random, 5)];
        }
        if (sent < beats && below(random, 100) < in_rate && sent - taken < 4)
            in.write(make_beat<data_T>(seed + sent++));
        if (decided < samples && below(random, 100) < decision_rate && decisions.size() < 4) {
            const bool keep = below(random, 100) < forward_rate;
            release.write(keep ? 1 : 0);
            decisions.push_back(keep);
            for (unsigned i = 0; keep && i < CONFIG_T::beats; i++)
                wanted.push_back(uint64_t(decided) * CONFIG_T::beats + i);
            decided++;
        }
        const bool stalled = stall(out, below(random, 100) >= out_rate);

        top(in, release, out);

        // the same call on the list
        const std::size_t before = held.size();
        const uint64_t gone_before = gone, taken_before = taken;
        bool emitted = false;
        if (!busy && !decisions.empty()) {
            busy = true;
            forward = decisions.front();
            decisions.pop_front();
        }
        if (busy && forward && before > 0 && !stalled) {
            emitted = true;
            held.pop_front();
            gone++;
            busy = gone % CONFIG_T::beats != 0;
        } else if (busy && !forward && before >= CONFIG_T::beats) {
            held.erase(held.begin(), held.begin() + CONFIG_T::beats);
            gone += CONFIG_T::beats;
            busy = false;
        }
        if (before < CONFIG_T::depth && taken < sent)
            held.push_back(taken++);
        if (gone != gone_before || taken != taken_before)
            last_progress = call;

        check.equal("beats waiting at the input", call, in.size(), sent - taken);
        check.equal("decisions waiting", call, release.size(), decisions.size());
        check.equal("beats emitted", call, out.size(), emitted);
        for (; !out.empty() && !wanted.empty(); received++, wanted.pop_front())
            check.equal("beat", received, is_beat(out.read(), seed + wanted.front()), true);
        if (check.failed())
            return check.finish();
    }
    check.equal("beats that left", call, gone, beats);
    check.equal("beats that never came out", call, wanted.size(), 0);
    check.equal("beats too many", call, out.size() + held.size() + in.size(), 0);
    return check.finish();
}

} // namespace hwc_tb

#endif
