#ifndef HWC_RAW_CODE_H_
#define HWC_RAW_CODE_H_

#include "ap_fixed.h"
#include "ap_int.h"

// This header reads fixed-point numbers as the integers as which they are stored, and makes numbers of such.
namespace hwc {

// raw_code<T>::of(x) gives the stored bits of x as a signed integer, that is x in units of its last place.
template <class T> struct raw_code;

template <class T, int W, bool S> struct raw_bits {
    static const int width = S ? W : W + 1; // bits of the signed integer
    typedef ap_int<width> type;
    static type of(const T &x) {
        #pragma HLS INLINE
        const ap_uint<W> bits = x.range(W - 1, 0);
        return type(bits);
    }
};

template <int W, int I, ap_q_mode Q, ap_o_mode O, int N>
struct raw_code<ap_fixed<W, I, Q, O, N> > : raw_bits<ap_fixed<W, I, Q, O, N>, W, true> {};
template <int W, int I, ap_q_mode Q, ap_o_mode O, int N>
struct raw_code<ap_ufixed<W, I, Q, O, N> > : raw_bits<ap_ufixed<W, I, Q, O, N>, W, false> {};
template <int W> struct raw_code<ap_int<W> > : raw_bits<ap_int<W>, W, true> {};
template <int W> struct raw_code<ap_uint<W> > : raw_bits<ap_uint<W>, W, false> {};

// The number of a code: its low bits become those of the number
template <class number_T, class code_T> number_T number_of(const code_T &code) {
    #pragma HLS INLINE
    number_T x;
    x.range(number_T::width - 1, 0) = code.range(number_T::width - 1, 0);
    return x;
}

} // namespace hwc

#endif
