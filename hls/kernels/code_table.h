#ifndef HWC_KERNELS_CODE_TABLE_H_
#define HWC_KERNELS_CODE_TABLE_H_

#include "hls_stream.h"
#include "raw_code.h"

// This kernel looks up each element in a table of results, one for each code that an element may have.
//
// C-simulated with g++ and the open ap_types; written for Vitis HLS 2022 and later, not run through it.
namespace hwc {

// The constants of a code_table; each layer defines its own struct with all of them.
struct code_table_config {
    // Number of elements of a sample
    static const unsigned n_in = 4;

    // Number of entries, and the least code, whose result is the first of them
    static const unsigned n_entries = 2;
    static const int least = 0;
};

// entries: codes of the result, for the codes of an element in ascending order
template <class data_T, class res_T, typename CONFIG_T>
void code_table(hls::stream<data_T> &data, hls::stream<res_T> &res,
                const typename CONFIG_T::entry_t entries[CONFIG_T::n_entries]) {
    static_assert(data_T::size == res_T::size, "code_table: beats keep their size");

Beats:
    for (unsigned i = 0; i < CONFIG_T::n_in / res_T::size; i++) {
        #pragma HLS PIPELINE
        const data_T given = data.read();
        res_T result;

    Elements:
        for (unsigned c = 0; c < res_T::size; c++) {
            #pragma HLS UNROLL
            const int place = int(raw_code<typename data_T::value_type>::of(given[c])) - CONFIG_T::least;
            result[c] = number_of<typename res_T::value_type>(entries[place]);
        }
        res.write(result);
    }
}

} // namespace hwc

#endif
