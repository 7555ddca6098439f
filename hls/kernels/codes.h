#ifndef HWC_KERNELS_CODES_H_
#define HWC_KERNELS_CODES_H_

#include "ap_fixed.h"
#include "ap_int.h"

// Codes of fixed-point numbers: the integers that their bits are.
namespace hwc {

// The code of a number, with a bit more than the number has, so that codes without a sign are positive
template <int W, int I, ap_q_mode Q, ap_o_mode O, int N> ap_int<W + 1> code_of(const ap_fixed<W, I, Q, O, N> &x) {
    #pragma HLS INLINE
    ap_int<W> code;
    code.range(W - 1, 0) = x.range(W - 1, 0);
    return code;
}

template <int W, int I, ap_q_mode Q, ap_o_mode O, int N> ap_int<W + 1> code_of(const ap_ufixed<W, I, Q, O, N> &x) {
    #pragma HLS INLINE
    ap_uint<W> code;
    code.range(W - 1, 0) = x.range(W - 1, 0);
    return code;
}

template <int W> ap_int<W + 1> code_of(const ap_int<W> &x) { return x; }

template <int W> ap_int<W + 1> code_of(const ap_uint<W> &x) { return x; }

// The number of a code: its low bits become those of the number
template <class number_T, class code_T> number_T number_of(const code_T &code) {
    #pragma HLS INLINE
    number_T x;
    x.range(number_T::width - 1, 0) = code.range(number_T::width - 1, 0);
    return x;
}

} // namespace hwc

#endif
