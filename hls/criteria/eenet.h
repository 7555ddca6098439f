#ifndef HWC_CRITERION_EENET_H_
#define HWC_CRITERION_EENET_H_

#include "criteria/exponential.h"
#include "exit_types.h"

// This criterion is EENet (arXiv 2301.07099). The CONFIG_T::scoring of an instance is generated as
//
//   struct exit1_scoring {
//       static const unsigned drop = 5;              // low bits of weight times table entry that are left out
//       static const unsigned earlier_fraction = 18; // bits of `earlier` after the binary point
//       static const int top = 4711;                 // weight of the largest probability
//       static const int nats = -815;                // weight of the entropy in nats
//       static int classes(unsigned c);              // weight of the probability of class c; all weights have 18 bits
//       static int votes(unsigned n);                // term of the score for n + 1 votes
//       static int earlier(unsigned k);              // weight of exit k's score
//   };
namespace hwc {

// The score says how likely the answer is right. It is a linear function of the softmax y, of its largest probability
// and its entropy, of the votes of all exits up to this one, and of the scores of earlier exits.
// Let S be the sum of the exponentials e^-x and W that of x e^-x, where x is the distance of a logit from the largest
// one in nats. Let e be the exponent, R' the reciprocal and L' the logarithm of S as of log_sum:
//   dot   = sum of classes(c) e^-x_c + top 2^F + nats W
//   score = ((dot R' >> F + e) + nats L' >> drop) + votes(n - 1) + weighted sum of the scores of earlier exits,
// where n is the number of exits that chose the class which most exits chose. Whoever makes the weights makes sure that
// scores fit 32 bits.
// It reads the tables exponential, weighted, logarithm and reciprocal.
struct eenet {
    typedef ap_int<18> weight_t;

    template <class code_T, typename CONFIG_T>
    static score_t score(const code_T codes[CONFIG_T::n_classes], const top_t<code_T> &top, const sample_t &,
                         const past_t *past) {
        typedef class_fold<CONFIG_T> fold;
        typedef exponential_types<CONFIG_T> types;
        typedef typename CONFIG_T::tables tables;
        typedef typename CONFIG_T::scoring scoring;
        typedef ap_int<19 + tables::fraction + ceil_log2(CONFIG_T::n_classes + 1)> dot_t;
        const weight_t nats = scoring::nats;
        typename types::sum_t sum = 0;
        typename types::sum_t weighted_sum = 0;
        dot_t dot = dot_t(scoring::top) << tables::fraction;

    EenetFoldLoop:
        for (unsigned i = 0; i < fold::folds; i++) {
            #pragma HLS PIPELINE II=1
        EenetLaneLoop:
            for (unsigned j = 0; j < fold::lanes; j++) {
                #pragma HLS UNROLL
                const unsigned c = i * fold::lanes + j;
                if (c < CONFIG_T::n_classes) {
                    const unsigned index = table_index<code_T, CONFIG_T>(top.value, codes[c]);
                    const typename types::entry_t entry = tables::exponential(index);
                    sum += entry;
                    weighted_sum += typename types::entry_t(tables::weighted(index));
                    dot += weight_t(scoring::classes(c)) * entry;
                }
            }
        }
        dot += nats * weighted_sum;

        const log_sum_t<CONFIG_T> parts = log_sum<CONFIG_T>(sum);
        const ap_int<dot_t::width + tables::fraction + 2> product = dot * parts.reciprocal;
        const dot_t mean = product >> (tables::fraction + parts.exponent);
        const dot_t own = mean + nats * parts.nats;
        return score_t(own >> scoring::drop) + past_score<CONFIG_T>(past);
    }

  private:
    // This function gives the part of the score that comes from the votes and from the scores of earlier exits.
    template <typename CONFIG_T> static score_t past_score(const past_t *past) {
        #pragma HLS INLINE
        typedef typename CONFIG_T::scoring scoring;
        const unsigned exits = CONFIG_T::exit_index + 1;
        unsigned most = 1;
        score_t score = 0;
    VoteLoop:
        for (unsigned a = 0; a < exits; a++) {
            #pragma HLS UNROLL
            unsigned count = 0;
        AgreeLoop:
            for (unsigned b = 0; b < exits; b++) {
                #pragma HLS UNROLL
                if (past[a].label == past[b].label)
                    count++;
            }
            most = count > most ? count : most;
            if (a < CONFIG_T::exit_index)
                score += score_t((weight_t(scoring::earlier(a)) * past[a].score) >> scoring::earlier_fraction);
        }
        return score + score_t(scoring::votes(most - 1));
    }
};

template <> struct is_learned<eenet> { static const bool value = true; };

} // namespace hwc

#endif
