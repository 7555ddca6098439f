// The largest value of each window, or the average: for each place, over the taps that lie in the image.
#pragma once

#include <algorithm>
#include <vector>

#include "steps.h"
#include "values.h"

namespace hwc {

struct PoolConfig {
    int32_t in, out;
    int32_t maximum, with_zero; // with_zero: zeros of the padding count in the maximum where a window reaches it
    int64_t shift;              // of sums, before they are divided
    int64_t rows, columns, channels;              // of the input
    int64_t pool_rows, pool_columns;
    int64_t stride_rows, stride_columns;
    int64_t top, left;                            // of the padding
    int64_t out_rows, out_columns;
    const int64_t *row_counts, *column_counts;    // what counts of each row and column of windows
};

template <class T> class Pool : public Operation {
    static constexpr int kTile = 64;

  public:
    Pool(const PoolConfig &c, const StepConfig *steps, int step_count, bool wide)
        : c_(c), row_counts_(c.row_counts, c.row_counts + c.out_rows),
          column_counts_(c.column_counts, c.column_counts + c.out_columns),
          steps_(steps, step_count, wide, c.channels) {}

    void run(const std::vector<Value> &values, const Block &block) const override {
        with_type(values[c_.in].type, [&](auto *typed) {
            using In = std::remove_pointer_t<decltype(typed)>;
            for (int n = 0; n < block.samples; n++)
                image((const In *)block.sample(values, c_.in, n), values[c_.out].type, block.sample(values, c_.out, n));
        });
    }

  private:
    template <class In> void image(const In *in, Type type, char *out) const {
        for (int64_t r = 0; r < c_.out_rows; r++)
            for (int64_t q = 0; q < c_.out_columns; q++)
                for (int64_t first = 0; first < c_.channels; first += kTile) {
                    const int count = (int)std::min<int64_t>(kTile, c_.channels - first);
                    T pooled[kTile];
                    pool(in + first, r, q, count, pooled);
                    steps_.run(pooled, count, first);
                    write(type, pooled, count, out, (r * c_.out_columns + q) * c_.channels + first);
                }
    }

    template <class In>
    void pool(const In *__restrict in, int64_t r, int64_t q, int count, T *__restrict pooled) const {
        const int64_t top = r * c_.stride_rows - c_.top, left = q * c_.stride_columns - c_.left;
        const int64_t row = std::max<int64_t>(top, 0), last_row = std::min(top + c_.pool_rows, c_.rows);
        const int64_t column = std::max<int64_t>(left, 0), last_column = std::min(left + c_.pool_columns, c_.columns);
        const bool inside = (last_row - row) * (last_column - column) == c_.pool_rows * c_.pool_columns;
        std::fill(pooled, pooled + count, c_.maximum && (inside || !c_.with_zero) ? std::numeric_limits<T>::min() : 0);
        for (int64_t y = row; y < last_row; y++)
            for (int64_t x = column; x < last_column; x++) {
                const In *__restrict tap = in + (y * c_.columns + x) * c_.channels;
                if (c_.maximum)
                    for (int i = 0; i < count; i++)
                        pooled[i] = std::max(pooled[i], (T)tap[i]);
                else
                    for (int i = 0; i < count; i++)
                        pooled[i] += (T)tap[i];
            }
        if (!c_.maximum) {
            // floats divide exactly here: a quotient that is not whole is far enough from the next whole number
            const double pixels = (double)(row_counts_[r] * column_counts_[q]);
            for (int i = 0; i < count; i++)
                pooled[i] = (T)((double)(pooled[i] * (T(1) << c_.shift)) / pixels);
        }
    }

    PoolConfig c_;
    std::vector<int64_t> row_counts_, column_counts_;
    Steps steps_;
};

} // namespace hwc
