#ifndef FORK_H_
#define FORK_H_

#include "ap_fixed.h"
#include "nnet_utils/nnet_types.h"
#include "stream_fork.h"

typedef nnet::array<ap_ufixed<6, 3, AP_RND_CONV, AP_SAT>, 4> fork_data_t;

struct fork_config {
    static const unsigned beats = 9;
};

void fork_top(hls::stream<fork_data_t> &in, hls::stream<fork_data_t> &out_head, hls::stream<fork_data_t> &out_buffer);

#endif
