#ifndef HWC_KERNELS_UPSAMPLE2D_H_
#define HWC_KERNELS_UPSAMPLE2D_H_

#include "hls_stream.h"

// This kernel makes an image larger by whole factors: it repeats pixels, or puts zeros between them.
//
// C-simulated with g++ and the open ap_types; written for Vitis HLS 2022 and later, not run through it.
namespace hwc {

// The constants of an upsample2d; each layer defines its own struct with all of them.
struct upsample2d_config {
    // Number of columns of the input
    static const unsigned width = 2;

    // Rows and columns of the output for each of the input
    static const unsigned row_factor = 2;
    static const unsigned column_factor = 2;

    // Number of rows and columns of the output
    static const unsigned out_height = 4;
    static const unsigned out_width = 4;

    // Whether a pixel is there once, among zeros, instead of several times
    static const unsigned zeros = 0;
};

template <class data_T, class res_T, typename CONFIG_T>
void upsample2d(hls::stream<data_T> &data, hls::stream<res_T> &res) {
    static_assert(data_T::size == res_T::size, "upsample2d: pixels keep their channels");

    data_T row[CONFIG_T::width];
    unsigned down = 0;

Rows:
    for (unsigned y = 0; y < CONFIG_T::out_height; y++) {
        unsigned across = 0, column = 0;

    Columns:
        for (unsigned x = 0; x < CONFIG_T::out_width; x++) {
            #pragma HLS PIPELINE
            const bool comes = down == 0 && across == 0;
            if (comes)
                row[column] = data.read();
            res_T result;

        Elements:
            for (unsigned c = 0; c < res_T::size; c++) {
                #pragma HLS UNROLL
                if (CONFIG_T::zeros && !comes)
                    result[c] = 0;
                else
                    result[c] = row[column][c];
            }
            res.write(result);
            if (++across == CONFIG_T::column_factor) {
                across = 0;
                column++;
            }
        }
        if (++down == CONFIG_T::row_factor)
            down = 0;
    }
}

} // namespace hwc

#endif
