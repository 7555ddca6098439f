// Functions of one element, one after the other, on a tile of sums: casts, rectifiers, affine functions, tables.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "simd.h"
#include "values.h"

namespace hwc {

enum class StepKind : int64_t { Cast, Rectify, Affine, Table, Thresholds };
enum class Overflow : int64_t { Wrap, Saturate, Zero };

// What C callers hand over. Pointers are read once.
struct StepConfig {
    StepKind kind;
    // Cast. Rounding adds `add`, `if_negative` to negative values, and `if_odd & (value >> shift)`; then it shifts
    // right, or left where `shift` is negative.
    int64_t shift, add, if_negative, if_odd;
    Overflow overflow;
    int64_t low, high;
    // Affine: factors and terms of each channel. Table: its entries, from the code `low` on. Thresholds: the first
    // result and the sign of each channel; `levels` has `count` of each channel, one channel after the other.
    int64_t channels, count;
    const int64_t *first, *second, *levels;
};

// A step with its constants in the type of the tile. Constants of channels are repeated `repeats` times and end with
// those of the first channel, so that a tile may be as wide as whole vectors.
template <class T> struct Step {
    StepKind kind;
    int shift;
    T add, if_negative, if_odd, low, high;
    Overflow overflow;
    int64_t count;
    std::vector<T> first, second, levels; // levels: [count][width]
    int64_t width;
};

template <class T> inline void cast(const Step<T> &step, T *x, int n) {
    const T add = step.add, negative = step.if_negative, odd = step.if_odd, low = step.low, high = step.high;
    const int shift = step.shift;
    if (shift > 0)
        for (int i = 0; i < n; i++) {
            const T v = x[i];
            x[i] = (v + add + (v < 0 ? negative : 0) + ((v >> shift) & odd)) >> shift;
        }
    else if (shift < 0)
        for (int i = 0; i < n; i++)
            x[i] = x[i] * (T(1) << -shift);
    switch (step.overflow) {
    case Overflow::Saturate:
        for (int i = 0; i < n; i++)
            x[i] = std::min(std::max(x[i], low), high);
        return;
    case Overflow::Zero:
        for (int i = 0; i < n; i++)
            x[i] = x[i] < low || x[i] > high ? 0 : x[i];
        return;
    case Overflow::Wrap: {
        using U = std::make_unsigned_t<T>;
        const U mask = (U)high - (U)low;
        for (int i = 0; i < n; i++)
            x[i] = (T)((((U)x[i] - (U)low) & mask) + (U)low);
        return;
    }
    }
}

// Few thresholds are counted one after the other, so that elements fill vectors; many are searched.
template <class T> inline void count_thresholds(const Step<T> &step, T *x, int n, int64_t channel) {
    const T *first = step.first.data() + channel, *sign = step.second.data() + channel;
    const T *levels = step.levels.data() + channel;
    constexpr int kFew = 32, kTile = 64;
    for (int start = 0; start < n; start += kTile) {
        const int size = std::min(kTile, n - start);
        T counts[kTile] = {};
        for (int64_t k = 0; step.count <= kFew && k < step.count; k++)
            for (int i = 0; i < size; i++)
                counts[i] += x[start + i] >= levels[k * step.width + start + i];
        for (int i = 0; step.count > kFew && i < size; i++) {
            int64_t low = 0, high = step.count; // levels below `low` are reached, those from `high` on are not
            while (low < high) {
                const int64_t middle = (low + high) / 2;
                const bool reached = x[start + i] >= levels[middle * step.width + start + i];
                (reached ? low : high) = middle + (reached ? 1 : 0);
            }
            counts[i] = (T)low;
        }
        for (int i = 0; i < size; i++)
            x[start + i] = first[start + i] + sign[start + i] * counts[i];
    }
}

// Changes `n` elements in place; the first of them has channel `channel` of the constants.
template <class T> inline void apply(const Step<T> &step, T *x, int n, int64_t channel) {
    const T *first = step.first.data() + channel, *second = step.second.data() + channel;
    switch (step.kind) {
    case StepKind::Cast: return cast(step, x, n);
    case StepKind::Rectify:
        for (int i = 0; i < n; i++)
            x[i] = std::max(x[i], T(0));
        return;
    case StepKind::Affine:
        for (int i = 0; i < n; i++)
            x[i] = x[i] * first[i] + second[i];
        return;
    case StepKind::Table:
        for (int i = 0; i < n; i++) // lanes behind the tensor's end hold anything
            x[i] = step.first[std::min(std::max(x[i], step.low), step.high) - step.low];
        return;
    case StepKind::Thresholds:
        return count_thresholds(step, x, n, channel);
    }
}

// The steps behind an operation, for tiles of 32 or 64 bits.
struct Steps {
    bool wide = false;
    std::vector<Step<int32_t>> narrow_steps;
    std::vector<Step<int64_t>> wide_steps;

    template <class T> const std::vector<Step<T>> &of() const;

    // Takes `count` steps; constants of channels are repeated to at least `width` elements.
    Steps(const StepConfig *configs, int count, bool wide, int64_t width) : wide(wide) {
        for (int i = 0; i < count; i++) {
            if (wide)
                wide_steps.push_back(made<int64_t>(configs[i], width));
            else
                narrow_steps.push_back(made<int32_t>(configs[i], width));
        }
    }

    template <class T> static T clipped(int64_t value) {
        return (T)std::min<int64_t>(std::max<int64_t>(value, std::numeric_limits<T>::min()),
                                    std::numeric_limits<T>::max());
    }

    template <class T> static Step<T> made(const StepConfig &c, int64_t width) {
        Step<T> step{c.kind,      (int)c.shift,       (T)c.add,   (T)c.if_negative, (T)c.if_odd, clipped<T>(c.low),
                     clipped<T>(c.high), c.overflow, c.count, {}, {}, {}, width};
        if (c.kind == StepKind::Table) {
            step.first.assign(c.first, c.first + c.count);
            return step;
        }
        for (int64_t i = 0; c.channels && i < width; i++) {
            const int64_t channel = i % c.channels;
            step.first.push_back((T)c.first[channel]);
            step.second.push_back((T)c.second[channel]);
        }
        for (int64_t k = 0; c.levels && k < c.count; k++)
            for (int64_t i = 0; i < width; i++)
                step.levels.push_back(clipped<T>(c.levels[i % c.channels * c.count + k]));
        return step;
    }

    // Changes `n` elements in place; the first of them has channel `channel` of the constants.
    template <class T> __attribute__((noinline)) void run(T *x, int n, int64_t channel) const {
        for (const Step<T> &step : of<T>())
            apply(step, x, n, channel);
    }
};

template <> inline const std::vector<Step<int32_t>> &Steps::of<int32_t>() const { return narrow_steps; }
template <> inline const std::vector<Step<int64_t>> &Steps::of<int64_t>() const { return wide_steps; }

// Reads memory of any type into a tile, each element times 2^shift; it is added to what is there, where `add` is set.
template <class T>
__attribute__((noinline)) void read(Type type, const char *from, int64_t place, int n, int shift, bool add,
                                    T *__restrict x) {
    with_type(type, [&](auto *typed) {
        const auto *__restrict in = (const std::remove_pointer_t<decltype(typed)> *)from + place;
        const T factor = T(1) << shift;
        if (add)
            for (int i = 0; i < n; i++)
                x[i] += (T)in[i] * factor;
        else
            for (int i = 0; i < n; i++)
                x[i] = (T)in[i] * factor;
    });
}

// Writes a tile into memory of any type.
template <class T>
__attribute__((noinline)) void write(Type type, const T *__restrict x, int n, char *to, int64_t place) {
    with_type(type, [&](auto *typed) {
        auto *__restrict out = (std::remove_pointer_t<decltype(typed)> *)to + place;
        for (int i = 0; i < n; i++)
            out[i] = (std::remove_pointer_t<decltype(typed)>)x[i];
    });
}

// Runs steps on a tile of sums, in the width that they need, and writes the first `count` results. Noinline: only what
// is not done in registers comes here.
template <int Most, class Sum>
__attribute__((noinline)) void finish_in_memory(const Steps &steps, const Sum *sums, int size, int64_t channel,
                                                Type type, int count, char *to, int64_t place) {
    const auto finished = [&](auto *x) {
        std::copy(sums, sums + size, x);
        steps.run(x, size, channel);
        write(type, x, count, to, place);
    };
    if (steps.wide) {
        int64_t wide[Most];
        finished(wide);
    } else {
        int32_t narrow[Most];
        finished(narrow);
    }
}

} // namespace hwc
