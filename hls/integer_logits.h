#ifndef HWC_INTEGER_LOGITS_H_
#define HWC_INTEGER_LOGITS_H_

#include "raw_code.h"

// This header finds the largest logits.
namespace hwc {

constexpr unsigned floor_log2(unsigned n) { return n <= 1 ? 0 : 1 + floor_log2(n / 2); }

constexpr unsigned ceil_log2(unsigned n) { return n <= 1 ? 0 : 1 + ceil_log2((n + 1) / 2); }

constexpr unsigned div_roundup(unsigned n, unsigned d) { return (n + d - 1) / d; }

// class_fold says how CONFIG_T::reuse_factor folds the classes: `lanes` classes in a cycle, over `folds` cycles.
template <typename CONFIG_T> struct class_fold {
    static const unsigned lanes = div_roundup(CONFIG_T::n_classes, CONFIG_T::reuse_factor);
    static const unsigned folds = div_roundup(CONFIG_T::n_classes, lanes);
};

// A top_t is a logit with the class it belongs to.
template <class code_T> struct top_t {
    code_T value;      // integer logit
    ap_uint<16> label; // class index
};

// top_tree gives the largest of n lanes, with a balanced tree; on ties the leftmost.
template <class code_T, unsigned n> struct top_tree {
    static top_t<code_T> of(const top_t<code_T> *lane) {
        #pragma HLS INLINE
        const top_t<code_T> left = top_tree<code_T, n / 2>::of(lane);
        const top_t<code_T> right = top_tree<code_T, n - n / 2>::of(lane + n / 2);
        return right.value > left.value ? right : left;
    }
};

template <class code_T> struct top_tree<code_T, 1> {
    static top_t<code_T> of(const top_t<code_T> *lane) {
        #pragma HLS INLINE
        return lane[0];
    }
};

// find_top gives the largest logit, with the lowest class that has it.
template <class code_T, typename CONFIG_T> top_t<code_T> find_top(const code_T codes[CONFIG_T::n_classes]) {
    typedef class_fold<CONFIG_T> fold;
    top_t<code_T> top = {codes[0], 0};

TopFoldLoop:
    for (unsigned i = 0; i < fold::folds; i++) {
        #pragma HLS PIPELINE II=1
        top_t<code_T> lane[fold::lanes];
        #pragma HLS ARRAY_PARTITION variable=lane complete

    TopLaneLoop:
        for (unsigned j = 0; j < fold::lanes; j++) {
            #pragma HLS UNROLL
            // lanes behind the last class repeat class 0, which changes nothing
            const unsigned c = i * fold::lanes + j;
            lane[j].label = c < CONFIG_T::n_classes ? c : 0;
            lane[j].value = codes[c < CONFIG_T::n_classes ? c : 0];
        }

        const top_t<code_T> best = top_tree<code_T, fold::lanes>::of(lane);
        if (best.value > top.value)
            top = best;
    }
    return top;
}

// find_second gives the second largest logit, which equals the largest if two classes have that.
template <class code_T, typename CONFIG_T>
code_T find_second(const code_T codes[CONFIG_T::n_classes], const top_t<code_T> &top) {
    const code_T lowest = code_T(1) << (code_T::width - 1);
    code_T others[CONFIG_T::n_classes];
    #pragma HLS ARRAY_PARTITION variable=others complete
OthersLoop:
    for (unsigned c = 0; c < CONFIG_T::n_classes; c++) {
        #pragma HLS UNROLL
        others[c] = top.label == c ? lowest : codes[c];
    }
    return find_top<code_T, CONFIG_T>(others).value;
}

} // namespace hwc

#endif
