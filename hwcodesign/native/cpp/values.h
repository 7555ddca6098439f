// Tensors in memory: their element types, and where those of a block of samples lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hwc {

enum class Type : int32_t { U8, I8, I16, I32, I64 };

inline size_t bytes_of(Type type) {
    constexpr size_t sizes[] = {1, 1, 2, 4, 8};
    return sizes[(int)type];
}

// Calls `f` with a null pointer to the C++ type.
template <class F> inline void with_type(Type type, F f) {
    switch (type) {
    case Type::U8: return f((uint8_t *)nullptr);
    case Type::I8: return f((int8_t *)nullptr);
    case Type::I16: return f((int16_t *)nullptr);
    case Type::I32: return f((int32_t *)nullptr);
    case Type::I64: return f((int64_t *)nullptr);
    }
}

// A tensor of a program. Samples lie one behind the other.
struct Value {
    Type type;
    int64_t elements; // of a sample
    int64_t place;    // of its memory, in bytes; not of inputs and outputs

    int64_t stride() const { return elements * (int64_t)bytes_of(type); }
};

// The samples that a thread computes together.
struct Block {
    int samples;
    std::vector<char *> first; // for each value, where its first sample lies

    char *sample(const std::vector<Value> &values, int value, int64_t n) const {
        return first[value] + values[value].stride() * n;
    }
};

// A step of a program: it computes one value, or a part of it.
struct Operation {
    virtual ~Operation() = default;
    virtual void run(const std::vector<Value> &values, const Block &block) const = 0;
};

} // namespace hwc
