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
} // namespace hwc

namespace hwc_tb {

typedef std::vector<int64_t> integers;

template <class criterion> struct tag {};

template <class CONFIG_T> int64_t reference_score(tag<hwc::margin>, const integers &logits, int64_t) {
    integers sorted(logits);
    std::sort(sorted.begin(), sorted.end());
    return sorted[sorted.size() - 1] - sorted[sorted.size() - 2];
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

template <class CONFIG_T> int64_t reference_score(tag<hwc::entropy>, const integers &logits, int64_t) {
    typedef typename CONFIG_T::tables tables;
    const int64_t one = int64_t(1) << tables::fraction;
    int64_t sum = 0, weighted = 0;
    for (unsigned c = 0; c < logits.size(); c++) {
        sum += tables::exponential(reference_index<CONFIG_T>(logits, c));
        weighted += tables::weighted(reference_index<CONFIG_T>(logits, c));
    }
    int64_t e = 0, power = 1; // power = 2^e, the largest with one * power <= sum
    while (one * power * 2 <= sum) {
        e += 1;
        power *= 2;
    }
    const int64_t mantissas = int64_t(1) << tables::mantissa_bits;
    const int64_t m = (sum / power - one) / (one / mantissas);
    return -(e * int64_t(tables::ln2) + tables::logarithm(m) + tables::reciprocal(m) * weighted / (one * power));
}

} // namespace hwc_tb

#endif
