#ifndef HWC_TB_REFERENCE_SCORES_H_
#define HWC_TB_REFERENCE_SCORES_H_

#include <algorithm>
#include <cstdint>
#include <vector>

// The criteria once more, from their definition, in plain 64-bit loops; only the tables' entries are
// taken from the instance. A new criterion adds its own reference_score here.
namespace hwc {
struct margin;
struct max_softmax;
struct entropy;
struct patience;
struct eenet;
struct gate;
struct cdln;
template <class inner> struct by_class;
} // namespace hwc

namespace hwc_tb {

typedef std::vector<int64_t> integers;

template <class criterion> struct tag {};

template <class CONFIG_T> int64_t reference_score(tag<hwc::margin>, const integers &logits, int64_t) {
    integers sorted(logits);
    std::sort(sorted.begin(), sorted.end());
    return sorted[sorted.size() - 1] - sorted[sorted.size() - 2];
}

template <class CONFIG_T> int64_t reference_score(tag<hwc::cdln>, const integers &logits, int64_t) {
    integers sorted(logits);
    std::sort(sorted.begin(), sorted.end());
    const int64_t above = sorted[sorted.size() - 1] - CONFIG_T::activation;
    return std::min(above, CONFIG_T::activation - 1 - sorted[sorted.size() - 2]);
}

template <class CONFIG_T> int64_t reference_score(tag<hwc::patience>, const integers &, int64_t agreements) {
    return agreements;
}

template <class CONFIG_T> int64_t reference_index(const integers &logits, unsigned c) {
    typedef typename CONFIG_T::tables tables;
    const int64_t step = int64_t(1) << tables::shift;
    const int64_t index = (*std::max_element(logits.begin(), logits.end()) - logits[c]) / step;
    return std::min(index, int64_t(tables::length) - 1);
}

template <class CONFIG_T> int64_t reference_score(tag<hwc::max_softmax>, const integers &logits, int64_t) {
    int64_t sum = 0;
    for (unsigned c = 0; c < logits.size(); c++)
        sum += CONFIG_T::tables::exponential(reference_index<CONFIG_T>(logits, c));
    return -sum;
}

inline int64_t floor_shift(int64_t value, unsigned bits) {
    const int64_t divisor = int64_t(1) << bits;
    return value / divisor - (value % divisor < 0 ? 1 : 0);
}

// Of a sum of exponentials.
struct log_reciprocal {
    unsigned exponent;
    int64_t reciprocal, logarithm;
};

template <class CONFIG_T> log_reciprocal reference_parts(int64_t sum) {
    typedef typename CONFIG_T::tables tables;
    const int64_t one = int64_t(1) << tables::fraction, cell = one >> tables::mantissa_bits;
    unsigned e = 0;
    while (sum >= one << (e + 1))
        e += 1;
    const int64_t m = ((sum >> e) - one) / cell;
    const int64_t slope = tables::reciprocal(m) * ((sum >> e) % cell - cell / 2);
    log_reciprocal parts;
    parts.exponent = e;
    parts.reciprocal = tables::reciprocal(m) - floor_shift(tables::reciprocal(m) * slope, 2 * tables::fraction);
    parts.logarithm = e * int64_t(tables::ln2) + tables::logarithm(m) + floor_shift(slope, tables::fraction);
    return parts;
}

template <class CONFIG_T> int64_t reference_score(tag<hwc::entropy>, const integers &logits, int64_t) {
    typedef typename CONFIG_T::tables tables;
    int64_t sum = 0, weighted = 0;
    for (unsigned c = 0; c < logits.size(); c++) {
        sum += tables::exponential(reference_index<CONFIG_T>(logits, c));
        weighted += tables::weighted(reference_index<CONFIG_T>(logits, c));
    }
    const log_reciprocal parts = reference_parts<CONFIG_T>(sum);
    return -(parts.logarithm + floor_shift(parts.reciprocal * weighted, tables::fraction + parts.exponent));
}

template <class CONFIG_T, class inner>
int64_t reference_score(tag<hwc::by_class<inner> >, const integers &logits, int64_t agreements) {
    const long label = std::max_element(logits.begin(), logits.end()) - logits.begin();
    return reference_score<CONFIG_T>(tag<inner>(), logits, agreements) - CONFIG_T::offsets::offset(label);
}

// Of an exit before; and, last in the list, of the exit itself, whose score is not known.
struct past {
    int64_t label, score;
};
typedef std::vector<past> pasts;

// Most criteria need none of them, and no gate.
template <class CONFIG_T, class criterion>
int64_t reference_score(tag<criterion> which, const integers &logits, int64_t agreements, const pasts &, int64_t) {
    return reference_score<CONFIG_T>(which, logits, agreements);
}

template <class CONFIG_T>
int64_t reference_score(tag<hwc::gate>, const integers &, int64_t, const pasts &, int64_t gate) {
    return gate;
}

template <class CONFIG_T>
int64_t reference_score(tag<hwc::eenet>, const integers &logits, int64_t, const pasts &exits, int64_t) {
    typedef typename CONFIG_T::tables tables;
    typedef typename CONFIG_T::scoring scoring;
    const int64_t one = int64_t(1) << tables::fraction, nats = scoring::nats;
    int64_t sum = 0, dot = scoring::top * one;
    for (unsigned c = 0; c < logits.size(); c++) {
        const unsigned index = reference_index<CONFIG_T>(logits, c);
        sum += tables::exponential(index);
        dot += scoring::classes(c) * int64_t(tables::exponential(index)) + nats * tables::weighted(index);
    }
    const log_reciprocal parts = reference_parts<CONFIG_T>(sum);
    const int64_t mean = floor_shift(dot * parts.reciprocal, tables::fraction + parts.exponent);
    int64_t score = floor_shift(mean + nats * parts.logarithm, scoring::drop);
    long most = 0;
    for (unsigned k = 0; k < exits.size(); k++) {
        const int64_t label = exits[k].label;
        most = std::max(most, long(std::count_if(exits.begin(), exits.end(),
                                                 [label](const past &other) { return other.label == label; })));
        if (k + 1 < exits.size())
            score += floor_shift(scoring::earlier(k) * exits[k].score, scoring::earlier_fraction);
    }
    return score + scoring::votes(most - 1);
}

} // namespace hwc_tb

#endif
