#ifndef HWC_EXIT_DECISION_H_
#define HWC_EXIT_DECISION_H_

#include "ap_int.h"
#include "exit_types.h"
#include "hls_stream.h"
#include "integer_logits.h"
#include "nnet_utils/nnet_types.h"

// Decides whether a sample leaves at an exit. One call decides one sample.
//
// C-simulated with g++ and the open ap_types; written for Vitis HLS 2022 and later, not run through it.
namespace hwc {

// The constants that a decision needs; an instance defines its own struct with all of them.
struct exit_decision_config {
    // Classes, one logit each, all in one beat of the logits stream
    static const unsigned n_classes = 10;

    // Position of this exit, from 0, as it stands in its records
    static const unsigned exit_index = 0;

    // The last exit takes every sample and ignores its threshold
    static const bool is_last = false;

    // Cycles over which the classes are folded: ceil(n_classes / reuse_factor) logits are handled per
    // cycle. A decision scans the logits once for the maximum and at most once more for the score, so
    // that its interval is about 2 * reuse_factor cycles and the depth of the pipeline.
    static const unsigned reuse_factor = 1;

    // How sure the logits are: one of the tags in criteria/, whose header the instance includes
    // typedef hwc::max_softmax criterion;

    // Lookup tables of the criterion, where it has any: see criteria/exponential.h for the shape
    // typedef exit0_tables tables;
};

// All that a decision comes to.
struct verdict_t {
    sample_t sample; // to the next exit, should it stay
    record_t record; // final flag set where it leaves
    bool leave;
};

template <class logits_T, typename CONFIG_T>
verdict_t decide(const logits_T &logits, const sample_t &previous, const control_t &control) {
    #pragma HLS INLINE
    typedef raw_code<typename logits_T::value_type> raw;
    typedef typename raw::type code_t;

    static_assert(logits_T::size == CONFIG_T::n_classes, "exit_decision: one beat must hold one logit per class");
    static_assert(CONFIG_T::n_classes >= 2 && CONFIG_T::n_classes <= 65536, "exit_decision: 2 to 65536 classes");
    static_assert(CONFIG_T::reuse_factor >= 1, "exit_decision: reuse_factor counts from 1");
    static_assert(CONFIG_T::exit_index < 256, "exit_decision: exit_index has 8 bits in a record");
    static_assert(raw::width <= 30, "exit_decision: logits wider than 30 bits would overflow a score");

    code_t codes[CONFIG_T::n_classes];
    #pragma HLS ARRAY_PARTITION variable=codes complete
CodeLoop:
    for (unsigned c = 0; c < CONFIG_T::n_classes; c++) {
        #pragma HLS UNROLL
        codes[c] = raw::of(logits[c]);
    }

    const top_t<code_t> top = find_top<code_t, CONFIG_T>(codes);

    verdict_t verdict;
    verdict.sample.sample_id = previous.sample_id;
    verdict.sample.label = top.label;
    verdict.sample.seen = 1;
    if (previous.seen == 0 || previous.label != top.label)
        verdict.sample.agreements = 0;
    else if (previous.agreements == 255)
        verdict.sample.agreements = 255;
    else
        verdict.sample.agreements = previous.agreements + 1;

    const score_t score = CONFIG_T::criterion::template score<code_t, CONFIG_T>(codes, top, verdict.sample);
    verdict.leave = CONFIG_T::is_last || (score >= control.threshold && control.threshold != never);

    verdict.record.sample_id = previous.sample_id;
    verdict.record.cycles = 0;
    verdict.record.score = score;
    verdict.record.label = top.label;
    verdict.record.exit = CONFIG_T::exit_index;
    verdict.record.flags = verdict.leave ? flag_final : 0;
    return verdict;
}

// logits       hls4ml's nnet::array of ap_fixed or ap_ufixed, one beat a sample
// sample_in    one entry a sample, in the order of the logits
// control      threshold and mode of this exit, read once a call
// release      to the conditional buffer: 1 forwards the sample to the next stage, 0 drops it
// sample_out   to the next exit, for samples that stay
// records      for samples that leave, and in anytime mode for all
// The last exit writes neither release nor sample_out.
template <class logits_T, typename CONFIG_T>
void exit_decision(hls::stream<logits_T> &logits, hls::stream<sample_t> &sample_in, control_t control,
                   hls::stream<ap_uint<1> > &release, hls::stream<sample_t> &sample_out, hls::stream<record_t> &records) {
    const logits_T beat = logits.read();
    const sample_t previous = sample_in.read();
    const verdict_t verdict = decide<logits_T, CONFIG_T>(beat, previous, control);

    if (verdict.leave || control.anytime)
        records.write(verdict.record);
    if (!CONFIG_T::is_last) {
        if (!verdict.leave)
            sample_out.write(verdict.sample);
        release.write(verdict.leave ? 0 : 1);
    }
}

// The same for the last exit, without the ports that it has no use for.
template <class logits_T, typename CONFIG_T>
void exit_decision(hls::stream<logits_T> &logits, hls::stream<sample_t> &sample_in, hls::stream<record_t> &records) {
    static_assert(CONFIG_T::is_last, "exit_decision: only the last exit does without a threshold");
    const logits_T beat = logits.read();
    const sample_t previous = sample_in.read();
    const control_t control = {always, 0};
    records.write(decide<logits_T, CONFIG_T>(beat, previous, control).record);
}

} // namespace hwc

#endif
