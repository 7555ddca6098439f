#ifndef BUFFER_PIXEL_H_
#define BUFFER_PIXEL_H_

#include "conditional_buffer.h"
#include "nnet_utils/nnet_types.h"

// samples of one beat
typedef nnet::array<ap_ufixed<12, 6>, 2> buffer_pixel_data_t;

struct buffer_pixel_config {
    static const unsigned beats = 1;
    static const unsigned depth = 3;
};

void buffer_pixel(hls::stream<buffer_pixel_data_t> &in, hls::stream<ap_uint<1> > &release,
                  hls::stream<buffer_pixel_data_t> &out);

#endif
