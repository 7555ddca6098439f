#ifndef BUFFER_RING_H_
#define BUFFER_RING_H_

#include "conditional_buffer.h"
#include "nnet_utils/nnet_types.h"

// samples that wrap around the ring
typedef nnet::array<ap_fixed<8, 4>, 3> buffer_ring_data_t;

struct buffer_ring_config {
    static const unsigned beats = 5;
    static const unsigned depth = 13;
};

void buffer_ring(hls::stream<buffer_ring_data_t> &in, hls::stream<ap_uint<1> > &release,
                 hls::stream<buffer_ring_data_t> &out);

#endif
