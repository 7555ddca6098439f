#ifndef MERGE_H_
#define MERGE_H_

#include "record_merge.h"

struct merge_config {
    static const unsigned n_exits = 3;
};

void merge(hls::stream<hwc::record_t> in[merge_config::n_exits], hls::stream<hwc::record_t> &out);

#endif
