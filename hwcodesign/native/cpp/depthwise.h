// Convolutions whose filters read one channel each, as many filters as channels: tap by tap, channels side by side.
#pragma once

#include <algorithm>
#include <vector>

#include "steps.h"
#include "values.h"

namespace hwc {

struct DepthwiseConfig {
    int32_t in, out;
    int32_t sums_are_wide, unused;
    int64_t places, taps, channels;
    const int64_t *in_places, *tap_places; // of the first channel
    const int64_t *weights;                // [taps][channels]
    const int64_t *shifts, *bias;          // [channels]
};

// `In` is int16_t where `Sum` is int32_t, and int64_t where it is int64_t.
template <class In, class Sum> class Depthwise : public Operation {
    static constexpr int kTile = 64;

  public:
    Depthwise(const DepthwiseConfig &c, const StepConfig *steps, int step_count, bool wide)
        : in_(c.in), out_(c.out), channels_(c.channels), in_places_(c.in_places, c.in_places + c.places),
          tap_places_(c.tap_places, c.tap_places + c.taps), weights_(c.weights, c.weights + c.taps * c.channels),
          shifts_(c.shifts, c.shifts + c.channels), bias_(c.bias, c.bias + c.channels),
          steps_(steps, step_count, wide, c.channels) {}

    void run(const std::vector<Value> &values, const Block &block) const override {
        for (int n = 0; n < block.samples; n++) {
            const In *in = (const In *)block.sample(values, in_, n);
            char *out = block.sample(values, out_, n);
            for (size_t i = 0; i < in_places_.size(); i++)
                for (int64_t first = 0; first < channels_; first += kTile) {
                    const int count = (int)std::min<int64_t>(kTile, channels_ - first);
                    Sum sums[kTile];
                    add(in + in_places_[i] + first, first, count, sums);
                    finish_in_memory<kTile>(steps_, sums, count, first, values[out_].type, count, out,
                                            (int64_t)i * channels_ + first);
                }
        }
    }

  private:
    void add(const In *in, int64_t first, int count, Sum *sums) const {
        std::fill(sums, sums + count, Sum(0));
        for (size_t tap = 0; tap < tap_places_.size(); tap++) {
            const In *x = in + tap_places_[tap], *w = weights_.data() + tap * channels_ + first;
            for (int i = 0; i < count; i++)
                sums[i] += (Sum)x[i] * (Sum)w[i];
        }
        for (int i = 0; i < count; i++)
            sums[i] = (sums[i] << shifts_[first + i]) + bias_[first + i];
    }

    int in_, out_;
    int64_t channels_;
    std::vector<int64_t> in_places_, tap_places_;
    std::vector<In> weights_;
    std::vector<Sum> shifts_, bias_;
    Steps steps_;
};

} // namespace hwc
