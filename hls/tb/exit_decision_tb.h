#ifndef HWC_TB_EXIT_DECISION_H_
#define HWC_TB_EXIT_DECISION_H_

#include <cmath>

#include "exit_decision.h"
#include "exit_types.h"
#include "nnet_utils/nnet_types.h"
#include "tb/check.h"
#include "tb/reference_scores.h"

namespace hwc_tb {

// Codes of a sample: anything, ties of a few values, all equal, extremes, or a clear winner.
template <class element_T> integers random_codes(random_t &random, unsigned n_classes) {
    element_T ones = 0;
    ones.range(element_T::width - 1, 0) = ~ap_uint<element_T::width>(0);
    const int64_t values = int64_t(1) << element_T::width;
    const int64_t lowest = ones < 0 ? -values / 2 : 0;
    const int64_t highest = lowest + values - 1;
    const unsigned kind = below(random, 6);
    const int64_t base = lowest + int64_t(random()) % values;
    integers codes(n_classes);
    for (unsigned c = 0; c < n_classes; c++) {
        if (kind == 0)
            codes[c] = lowest + int64_t(random()) % values;
        else if (kind == 1)
            codes[c] = std::min(highest, base + below(random, 3));
        else if (kind == 2)
            codes[c] = base;
        else if (kind == 3)
            codes[c] = below(random, 2) ? lowest : highest;
        else
            codes[c] = std::max(lowest, base - below(random, 40));
    }
    if (kind == 5)
        codes[below(random, n_classes)] = highest;
    return codes;
}

// A threshold in every relation to the score, the codes for never and always among them.
inline int64_t random_threshold(random_t &random, int64_t score) {
    switch (below(random, 6)) {
    case 0:
        return 0x7fffffff;
    case 1:
        return -int64_t(0x7fffffff) - 1;
    case 2:
        return score;
    case 3:
        return std::min<int64_t>(score + 1, 0x7fffffff);
    case 4:
        return score - 1;
    default:
        return int32_t(random());
    }
}

// Calls top(logits, sample_in, control, release, sample_out, records) once for each of `samples` random
// samples and compares everything that comes out with the definition. `top` is an object whose
// operator() calls the instance's top function by its name; for the last exit it leaves out what that
// does not have. Returns the number of mismatches.
template <class logits_T, class CONFIG_T, class top_T>
int test_exit_decision(top_T top, unsigned samples, unsigned seed) {
    typedef typename logits_T::value_type element_t;
    typedef typename CONFIG_T::criterion criterion;
    static const bool learned = hwc::is_learned<criterion>::value;
    static const unsigned exits = learned ? CONFIG_T::exit_index + 1 : 1; // whose past there is, this one's included
    typedef typename hwc::info_t<learned, CONFIG_T::exit_index>::type in_t;
    typedef typename hwc::info_t<learned, CONFIG_T::exit_index + 1>::type out_t;
    const int64_t never = 0x7fffffff;
    hls::stream<logits_T> logits("logits");
    hls::stream<in_t> sample_in("sample_in");
    hls::stream<out_t> sample_out("sample_out");
    hls::stream<ap_uint<1> > release("release");
    hls::stream<hwc::record_t> records("records");
    random_t random(seed);
    checker check("exit_decision");

    for (unsigned n = 0; n < samples; n++) {
        integers codes = random_codes<element_t>(random, CONFIG_T::n_classes);
        unsigned label = 0;
        for (unsigned c = 0; c < codes.size(); c++)
            if (codes[c] > codes[label])
                label = c;
        const int64_t gate = random_codes<element_t>(random, 1)[0];

        hwc::sample_t previous;
        const unsigned counts[4] = {0, 1, 254, 255};
        previous.sample_id = n % 16 == 0 ? 0xffffffffu : unsigned(random());
        previous.label = below(random, 3) ? label : below(random, CONFIG_T::n_classes);
        previous.seen = below(random, 4) != 0;
        previous.agreements = below(random, 2) ? counts[below(random, 4)] : below(random, 256);
        int64_t agreements = 0;
        if (previous.seen == 1 && previous.label == label)
            agreements = std::min<int64_t>(255, int64_t(previous.agreements) + 1);

        pasts exit_pasts(exits);
        hwc::past_t given[exits];
        for (unsigned k = 0; k + 1 < exits; k++) {
            exit_pasts[k].label = below(random, 2) ? label : below(random, CONFIG_T::n_classes);
            exit_pasts[k].score = int64_t(below(random, 1 << 27)) - (1 << 26);
            given[k].label = exit_pasts[k].label;
            given[k].score = exit_pasts[k].score;
        }
        exit_pasts[exits - 1].label = label;

        const int64_t score = reference_score<CONFIG_T>(tag<criterion>(), codes, agreements, exit_pasts, gate);
        const int64_t threshold = random_threshold(random, score);
        hwc::control_t control;
        control.threshold = threshold;
        control.anytime = below(random, 2);
        const bool leave = CONFIG_T::is_last || (threshold != never && score >= threshold);

        if (CONFIG_T::n_gates == 1)
            codes.push_back(gate);
        logits_T beat;
        for (unsigned c = 0; c < codes.size(); c++)
            beat[c] = std::ldexp(double(codes[c]), element_t::iwidth - element_t::width);
        logits.write(beat);
        in_t info;
        hwc::hand_on(previous, given, info);
        sample_in.write(info);
        top(logits, sample_in, control, release, sample_out, records);

        const bool reported = leave || control.anytime == 1;
        check.equal("records", n, !records.empty(), reported);
        if (!records.empty()) {
            hwc::record_t expected;
            expected.sample_id = previous.sample_id;
            expected.cycles = 0;
            expected.score = score;
            expected.label = label;
            expected.exit = CONFIG_T::exit_index;
            expected.flags = leave ? 1 : 0;
            equal_records(check, n, records.read(), expected);
        }
        check.equal("releases", n, !release.empty(), !CONFIG_T::is_last);
        if (!release.empty())
            check.equal("release", n, release.read(), !leave);
        check.equal("samples forwarded", n, !sample_out.empty(), !leave);
        if (!sample_out.empty()) {
            const out_t next = sample_out.read();
            const hwc::sample_t now = hwc::sample_of(next);
            check.equal("sample_id", n, now.sample_id, previous.sample_id);
            check.equal("label", n, now.label, label);
            check.equal("agreements", n, now.agreements, agreements);
            check.equal("seen", n, now.seen, 1);
            if (learned) {
                hwc::past_t left[exits];
                hwc::past_of<out_t>::copy(next, left);
                exit_pasts[exits - 1].score = score;
                for (unsigned k = 0; k < exits; k++) {
                    check.equal("past label", n, left[k].label, exit_pasts[k].label);
                    check.equal("past score", n, left[k].score, exit_pasts[k].score);
                }
            }
        }
        check.equal("left over", n, logits.empty() && sample_in.empty() && records.empty() && release.empty(), true);
    }
    return check.finish();
}

} // namespace hwc_tb

#endif
