#ifndef HWC_KERNELS_BORDER_POOL_H_
#define HWC_KERNELS_BORDER_POOL_H_

#include "ap_fixed.h"
#include "hls_stream.h"

// This kernel computes the maximum or the average of each window of an image, and takes no pixel for one of the image
// that lies beyond it: a maximum ignores it, and an average divides by the number of pixels that count. It keeps as many
// rows as a window has, and makes a row of windows as soon as its last row of the image is there.
//
// C-simulated with g++ and the open ap_types; written for Vitis HLS 2022 and later, not run through it.
namespace hwc {

// The constants of a border_pool; each layer defines its own struct with all of them.
struct border_pool_config {
    // Shape of the image, and rows and columns of windows
    static const unsigned in_height = 2;
    static const unsigned in_width = 2;
    static const unsigned n_chan = 1;
    static const unsigned out_height = 2;
    static const unsigned out_width = 2;

    // Rows and columns of a window, how far windows are apart, and how far the first one begins before the image
    static const unsigned pool_height = 2;
    static const unsigned pool_width = 2;
    static const unsigned stride_height = 1;
    static const unsigned stride_width = 1;
    static const unsigned pad_top = 1;
    static const unsigned pad_left = 1;

    // Whether it averages. Then rows and columns beyond the image count as zeros, so many on each side.
    static const unsigned average = 0;
    static const unsigned count_top = 0;
    static const unsigned count_bottom = 0;
    static const unsigned count_left = 0;
    static const unsigned count_right = 0;

    // Type of sums, and of the quotient's fraction; of a maximum, that of the elements
    typedef ap_fixed<16, 6> accum_t;
};

// How many of `length` places from `first` on are from `low` up to, but not at, `high`
inline int places_between(int first, int length, int low, int high) {
    #pragma HLS INLINE
    const int from = first > low ? first : low;
    const int to = first + length < high ? first + length : high;
    return to - from;
}

template <class data_T, class res_T, typename CONFIG_T>
void border_pool(hls::stream<data_T> &data, hls::stream<res_T> &res) {
    static_assert(data_T::size == CONFIG_T::n_chan && res_T::size == CONFIG_T::n_chan,
                  "border_pool: a beat has one element of each channel");
    const int height = CONFIG_T::in_height, width = CONFIG_T::in_width;
    data_T rows[CONFIG_T::pool_height][CONFIG_T::in_width];
    #pragma HLS ARRAY_PARTITION variable=rows complete dim=1
    int there = 0; // rows of the image that were read

Down:
    for (unsigned r = 0; r < CONFIG_T::out_height; r++) {
        const int top = int(r * CONFIG_T::stride_height) - int(CONFIG_T::pad_top);
        const int below = top + int(CONFIG_T::pool_height) < height ? top + int(CONFIG_T::pool_height) : height;

    Read:
        for (; there < below; there++) {
        ReadRow:
            for (int x = 0; x < width; x++) {
                #pragma HLS PIPELINE
                rows[there % int(CONFIG_T::pool_height)][x] = data.read();
            }
        }

    Across:
        for (unsigned q = 0; q < CONFIG_T::out_width; q++) {
            const int left = int(q * CONFIG_T::stride_width) - int(CONFIG_T::pad_left);
            const int counted = places_between(top, CONFIG_T::pool_height, -int(CONFIG_T::count_top),
                                               height + int(CONFIG_T::count_bottom)) *
                                places_between(left, CONFIG_T::pool_width, -int(CONFIG_T::count_left),
                                               width + int(CONFIG_T::count_right));
            res_T result;

        Channels:
            for (unsigned c = 0; c < CONFIG_T::n_chan; c++) {
                #pragma HLS UNROLL
                typename CONFIG_T::accum_t value = 0;
                bool first = true;

            Rows:
                for (int y = top; y < top + int(CONFIG_T::pool_height); y++) {
                Columns:
                    for (int x = left; x < left + int(CONFIG_T::pool_width); x++) {
                        #pragma HLS PIPELINE
                        if (y < 0 || y >= height || x < 0 || x >= width)
                            continue;
                        const typename CONFIG_T::accum_t element = rows[y % int(CONFIG_T::pool_height)][x][c];
                        if (CONFIG_T::average)
                            value += element;
                        else if (first || element > value)
                            value = element;
                        first = false;
                    }
                }
                if (CONFIG_T::average)
                    result[c] = value / counted;
                else
                    result[c] = value;
            }
            res.write(result);
        }
    }

Rest:
    for (int i = there * width; i < height * width; i++) {
        #pragma HLS PIPELINE
        data.read();
    }
}

} // namespace hwc

#endif
