#ifndef HWC_EXIT_DECISION_H_
#define HWC_EXIT_DECISION_H_

#include "ap_int.h"
#include "exit_types.h"
#include "hls_stream.h"
#include "integer_logits.h"
#include "nnet_utils/nnet_types.h"

// This block decides whether a sample leaves at an exit. One call decides on one sample.
//
// C-simulated with g++ and the open ap_types; written for Vitis HLS 2022 and later, not run through it.
namespace hwc {

// The constants of a decision; each instance defines its own struct with all of them.
struct exit_decision_config {
    // Number of classes; each has one logit, and all logits come in one beat
    static const unsigned n_classes = 10;

    // 1: a beat has one more element behind the logits, the gate of the sample, which is no class; 0: it has none
    static const unsigned n_gates = 0;

    // Index of this exit, from 0, as its records have it
    static const unsigned exit_index = 0;

    // Whether this is the last exit, at which every sample leaves whatever the threshold is
    static const bool is_last = false;

    // Cycles over which the classes are folded: ceil(n_classes / reuse_factor) logits are processed in a
    // cycle. A decision scans the logits once for the maximum and at most once more for the score, so
    // that its interval is at most about 2 * reuse_factor cycles plus the depth of the pipeline.
    static const unsigned reuse_factor = 1;

    // The criterion: one of the structs in criteria/, whose header the instance includes
    // typedef hwc::max_softmax criterion;

    // Of criteria/cdln.h only: the least logit, an integer, with which a class is active
    // static const int activation = 12;

    // Tables of the criterion, if it has any; criteria/exponential.h describes them
    // typedef exit0_tables tables;

    // Weights of a learned criterion; criteria/eenet.h describes them
    // typedef exit0_scoring scoring;
};

// What travels with a sample has two forms, a sample_t, or a traced_t if the criterion is learned. These functions read
// either.
inline const sample_t &sample_of(const sample_t &info) { return info; }
template <unsigned N> const sample_t &sample_of(const traced_t<N> &info) { return info.sample; }

template <class info_T> struct past_of {
    static const unsigned exits = info_T::exits;
    static void copy(const info_T &info, past_t *past) {
        #pragma HLS INLINE
    PastLoop:
        for (unsigned k = 0; k < exits; k++) {
            #pragma HLS UNROLL
            past[k] = info.past[k];
        }
    }
};
template <> struct past_of<sample_t> {
    static const unsigned exits = 0;
    static void copy(const sample_t &, past_t *) {}
};

// These functions write what travels on to the next exit: the sample_t and, if the criterion is learned, the past_t of
// each exit up to this one.
inline void hand_on(const sample_t &sample, const past_t *, sample_t &next) { next = sample; }
template <unsigned N> void hand_on(const sample_t &sample, const past_t *past, traced_t<N> &next) {
    #pragma HLS INLINE
    next.sample = sample;
HandOnLoop:
    for (unsigned k = 0; k < N; k++) {
        #pragma HLS UNROLL
        next.past[k] = past[k];
    }
}

// The result of a decision; EXITS is the number of earlier exits whose past_t it has read.
template <unsigned EXITS> struct verdict_t {
    sample_t sample;        // for the next exit, if the sample stays
    past_t past[EXITS + 1]; // of the earlier exits, and of this one
    record_t record;        // its final flag is set if the sample leaves
    bool leave;             // whether the sample leaves
};

// This function decides on one sample, from its logits and what travels with it.
template <class logits_T, typename CONFIG_T, class info_T>
verdict_t<past_of<info_T>::exits> decide(const logits_T &logits, const info_T &info, const control_t &control) {
    #pragma HLS INLINE
    static const unsigned earlier = past_of<info_T>::exits;
    typedef raw_code<typename logits_T::value_type> raw;
    typedef typename raw::type code_t;

    static const unsigned outputs = CONFIG_T::n_classes + CONFIG_T::n_gates;
    static_assert(logits_T::size == outputs, "exit_decision: one beat must hold one logit per class, and the gate");
    static_assert(CONFIG_T::n_gates <= 1, "exit_decision: a head has one gate at most");
    static_assert(CONFIG_T::n_classes >= 2 && CONFIG_T::n_classes <= 65536, "exit_decision: 2 to 65536 classes");
    static_assert(CONFIG_T::reuse_factor >= 1, "exit_decision: reuse_factor counts from 1");
    static_assert(CONFIG_T::exit_index < 256, "exit_decision: exit_index has 8 bits in a record");
    static_assert(raw::width <= 30, "exit_decision: logits wider than 30 bits would overflow a score");
    static_assert(earlier == (is_learned<typename CONFIG_T::criterion>::value ? CONFIG_T::exit_index : 0),
                  "exit_decision: a learned criterion, and no other, reads the past of every exit before");

    code_t codes[outputs];
    #pragma HLS ARRAY_PARTITION variable=codes complete
CodeLoop:
    for (unsigned c = 0; c < outputs; c++) {
        #pragma HLS UNROLL
        codes[c] = raw::of(logits[c]);
    }

    const top_t<code_t> top = find_top<code_t, CONFIG_T>(codes);

    const sample_t &previous = sample_of(info);
    verdict_t<earlier> verdict;
    verdict.sample.sample_id = previous.sample_id;
    verdict.sample.label = top.label;
    verdict.sample.seen = 1;
    if (previous.seen == 0 || previous.label != top.label)
        verdict.sample.agreements = 0;
    else if (previous.agreements == 255)
        verdict.sample.agreements = 255;
    else
        verdict.sample.agreements = previous.agreements + 1;

    past_of<info_T>::copy(info, verdict.past);
    verdict.past[earlier].label = top.label;
    const score_t score =
        CONFIG_T::criterion::template score<code_t, CONFIG_T>(codes, top, verdict.sample, verdict.past);
    verdict.past[earlier].score = score;
    verdict.leave = CONFIG_T::is_last || (score >= control.threshold && control.threshold != never);

    verdict.record.sample_id = previous.sample_id;
    verdict.record.cycles = 0;
    verdict.record.score = score;
    verdict.record.label = top.label;
    verdict.record.exit = CONFIG_T::exit_index;
    verdict.record.flags = verdict.leave ? flag_final : 0;
    return verdict;
}

// This is the block of every exit but the last.
// in_T, out_T  sample_t; if the criterion is learned, traced_t of all exits before this one, and of those up to it
// logits       hls4ml's nnet::array of ap_fixed or ap_ufixed, one beat for each sample
// sample_in    what travels with a sample, one entry for each, in the order of the logits
// control      threshold and mode of this exit, read once in a call
// release      one bit for the conditional buffer: 1 forwards the sample to the next stage, 0 drops it
// sample_out   what travels on to the next exit, for samples that stay
// records      records of the samples that leave, and in anytime mode of all samples
// With is_last it writes neither release nor sample_out.
template <class logits_T, typename CONFIG_T, class in_T, class out_T>
void exit_decision(hls::stream<logits_T> &logits, hls::stream<in_T> &sample_in, control_t control,
                   hls::stream<ap_uint<1> > &release, hls::stream<out_T> &sample_out, hls::stream<record_t> &records) {
    const logits_T beat = logits.read();
    const in_T info = sample_in.read();
    const verdict_t<past_of<in_T>::exits> verdict = decide<logits_T, CONFIG_T>(beat, info, control);

    if (verdict.leave || control.anytime)
        records.write(verdict.record);
    if (!CONFIG_T::is_last) {
        if (!verdict.leave) {
            out_T next;
            hand_on(verdict.sample, verdict.past, next);
            sample_out.write(next);
        }
        release.write(verdict.leave ? 0 : 1);
    }
}

// This is the block of the last exit, without the ports that it does not need.
template <class logits_T, typename CONFIG_T, class in_T>
void exit_decision(hls::stream<logits_T> &logits, hls::stream<in_T> &sample_in, hls::stream<record_t> &records) {
    static_assert(CONFIG_T::is_last, "exit_decision: only the last exit does without a threshold");
    const logits_T beat = logits.read();
    const in_T info = sample_in.read();
    const control_t control = {always, 0};
    records.write(decide<logits_T, CONFIG_T>(beat, info, control).record);
}

} // namespace hwc

#endif
