#ifndef HWC_KERNELS_THRESHOLDS_H_
#define HWC_KERNELS_THRESHOLDS_H_

#include "hls_stream.h"
#include "raw_code.h"

// This kernel computes a monotone function of each element, by the thresholds of its channel: it counts those that are
// at most the element, and adds the count to the channel's first result, or subtracts it.
//
// C-simulated with g++ and the open ap_types; written for Vitis HLS 2022 and later, not run through it.
namespace hwc {

// The constants of thresholds; each layer defines its own struct with all of them.
struct thresholds_config {
    // Number of elements of a sample, and of a pixel
    static const unsigned n_in = 4;
    static const unsigned n_chan = 1;

    // Bits of a count: a channel has 2^count_bits - 1 thresholds
    static const unsigned count_bits = 1;
};

// levels: the thresholds of each channel in turn, ascending; first: results below all thresholds; sign: 1 or -1
template <class data_T, class res_T, typename CONFIG_T>
void thresholds(hls::stream<data_T> &data, hls::stream<res_T> &res,
                const typename CONFIG_T::level_t levels[CONFIG_T::n_chan * ((1 << CONFIG_T::count_bits) - 1)],
                const typename CONFIG_T::first_t first[CONFIG_T::n_chan],
                const typename CONFIG_T::sign_t sign[CONFIG_T::n_chan]) {
    static_assert(data_T::size == CONFIG_T::n_chan && res_T::size == CONFIG_T::n_chan,
                  "thresholds: a beat has one element of each channel");
    const unsigned n_levels = (1 << CONFIG_T::count_bits) - 1;

Pixels:
    for (unsigned i = 0; i < CONFIG_T::n_in / CONFIG_T::n_chan; i++) {
        #pragma HLS PIPELINE
        const data_T given = data.read();
        res_T result;

    Channels:
        for (unsigned c = 0; c < CONFIG_T::n_chan; c++) {
            #pragma HLS UNROLL
            unsigned count = 0;

        Bits:
            for (unsigned bit = CONFIG_T::count_bits; bit > 0; bit--) {
                #pragma HLS UNROLL
                const unsigned next = count + (1u << (bit - 1));
                if (raw_code<typename data_T::value_type>::of(given[c]) >= levels[c * n_levels + next - 1])
                    count = next;
            }
            const ap_int<CONFIG_T::code_bits> code = first[c] + sign[c] * ap_int<CONFIG_T::count_bits + 1>(count);
            result[c] = number_of<typename res_T::value_type>(code);
        }
        res.write(result);
    }
}

} // namespace hwc

#endif
