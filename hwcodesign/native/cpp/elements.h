// Operations on each element: a copy with steps, or the sum of two tensors; and copies that put elements elsewhere.
#pragma once

#include <algorithm>
#include <vector>

#include "steps.h"
#include "values.h"

namespace hwc {

struct ElementsConfig {
    int32_t first, second; // second: -1 where there is one tensor
    int32_t out;
    int32_t first_shift, second_shift; // left, before they are added
    int32_t unused;
    int64_t pixels, channels;          // of the inputs
    int64_t out_channels, out_first;   // of the output, and which of them is the inputs' first
};

template <class T> class Elements : public Operation {
    static constexpr int kTile = 256;

  public:
    Elements(const ElementsConfig &c, const StepConfig *steps, int step_count, bool wide)
        : c_(c), is_whole_(c.channels == c.out_channels),
          steps_(steps, step_count, wide, is_whole_ ? std::max<int64_t>(c.channels, kTile) + c.channels : c.channels) {}

    void run(const std::vector<Value> &values, const Block &block) const override {
        // elements of all pixels are one row, where the result has no other channels
        const int64_t rows = is_whole_ ? 1 : c_.pixels, size = is_whole_ ? c_.pixels * c_.channels : c_.channels;
        for (int n = 0; n < block.samples; n++)
            for (int64_t row = 0; row < rows; row++)
                for (int64_t i = 0; i < size; i += kTile) {
                    const int count = (int)std::min<int64_t>(kTile, size - i);
                    T x[kTile];
                    const int64_t from = row * c_.channels + i;
                    read(values[c_.first].type, block.sample(values, c_.first, n), from, count, c_.first_shift, false, x);
                    if (c_.second >= 0)
                        read(values[c_.second].type, block.sample(values, c_.second, n), from, count, c_.second_shift,
                             true, x);
                    steps_.run(x, count, i % c_.channels);
                    write(values[c_.out].type, x, count, block.sample(values, c_.out, n),
                          row * c_.out_channels + c_.out_first + i);
                }
    }

  private:
    ElementsConfig c_;
    bool is_whole_;
    Steps steps_;
};

struct PaddedConfig {
    int32_t in, out;
    int32_t offset; // added to each element, and to the zeros around the image
    int32_t unused;
    int64_t rows, columns, channels; // of the input
    int64_t top, bottom, left, right;
};

// The image with zeros around it, in the type that products read.
class Padded : public Operation {
  public:
    explicit Padded(const PaddedConfig &c) : c_(c) {}

    void run(const std::vector<Value> &values, const Block &block) const override {
        with_type(values[c_.in].type, [&](auto *typed) {
            using In = std::remove_pointer_t<decltype(typed)>;
            for (int n = 0; n < block.samples; n++) {
                const In *in = (const In *)block.sample(values, c_.in, n);
                char *out = block.sample(values, c_.out, n);
                switch (values[c_.out].type) { // those that products read
                case Type::U8: image(in, (uint8_t *)out); break;
                case Type::I16: image(in, (int16_t *)out); break;
                default: image(in, (int64_t *)out);
                }
            }
        });
    }

  private:
    template <class In, class Out> void image(const In *__restrict in, Out *__restrict out) const {
        const Out zero = (Out)c_.offset;
        const int64_t read = c_.columns * c_.channels, left = c_.left * c_.channels, right = c_.right * c_.channels;
        out = std::fill_n(out, c_.top * (left + read + right), zero);
        for (int64_t row = 0; row < c_.rows; row++, in += read) {
            out = std::fill_n(out, left, zero);
            for (int64_t i = 0; i < read; i++)
                out[i] = (Out)(in[i] + c_.offset);
            out = std::fill_n(out + read, right, zero);
        }
        std::fill_n(out, c_.bottom * (left + read + right), zero);
    }

    PaddedConfig c_;
};

struct MovedConfig {
    int32_t in, out;
    int64_t elements;
    const int64_t *places; // of each output element in the input; -1 is zero
};

class Moved : public Operation {
  public:
    explicit Moved(const MovedConfig &c) : in_(c.in), out_(c.out), places_(c.places, c.places + c.elements) {}

    void run(const std::vector<Value> &values, const Block &block) const override {
        with_type(values[out_].type, [&](auto *typed) {
            using T = std::remove_pointer_t<decltype(typed)>;
            for (int n = 0; n < block.samples; n++) {
                const T *in = (const T *)block.sample(values, in_, n);
                T *out = (T *)block.sample(values, out_, n);
                for (size_t i = 0; i < places_.size(); i++)
                    out[i] = places_[i] < 0 ? T(0) : in[places_[i]];
            }
        });
    }

  private:
    int in_, out_;
    std::vector<int64_t> places_;
};

} // namespace hwc
