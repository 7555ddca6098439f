#ifndef BUFFER_LEAST_H_
#define BUFFER_LEAST_H_

#include "conditional_buffer.h"
#include "nnet_utils/nnet_types.h"

// the least depth: one sample
typedef nnet::array<ap_ufixed<6, 3, AP_RND_CONV, AP_SAT>, 4> buffer_least_data_t;

struct buffer_least_config {
    static const unsigned beats = 6;
    static const unsigned depth = 6;
};

void buffer_least(hls::stream<buffer_least_data_t> &in, hls::stream<ap_uint<1> > &release,
                  hls::stream<buffer_least_data_t> &out);

#endif
