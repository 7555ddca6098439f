#ifndef HWC_PORTS_H_
#define HWC_PORTS_H_

#include <cstddef>
#include <cstdint>

#include "verilated.h"

// Reading and writing fields of a Verilated model's ports, whatever C++ type Verilator gave them.
namespace hwc {

// Words of 32 bits below a port's type: one, two, or as many as a wide one has.
template <class T> inline uint32_t word(const T &port, size_t index) {
    return index * 32 < sizeof(T) * 8 ? uint32_t(uint64_t(port) >> (index * 32)) : 0;
}
template <size_t N> inline uint32_t word(const VlWide<N> &port, size_t index) { return index < N ? port[index] : 0; }

// Up to 32 bits from bit `low`.
template <class T> inline uint32_t field(const T &port, size_t low, unsigned width) {
    const size_t index = low / 32, shift = low % 32;
    uint64_t pair = word(port, index);
    if (shift + width > 32)
        pair |= uint64_t(word(port, index + 1)) << 32;
    return uint32_t(pair >> shift) & (width == 32 ? ~0u : (1u << width) - 1);
}

template <class T> inline void set_word(T &port, size_t index, uint32_t mask, uint32_t value) {
    const uint64_t wide_mask = uint64_t(mask) << (index * 32), wide = uint64_t(value) << (index * 32);
    port = T((uint64_t(port) & ~wide_mask) | wide);
}
template <size_t N> inline void set_word(VlWide<N> &port, size_t index, uint32_t mask, uint32_t value) {
    port[index] = (port[index] & ~mask) | value;
}

// Write up to 32 bits from bit `low`; the value's upper bits are ignored.
template <class T> inline void set_field(T &port, size_t low, unsigned width, uint32_t value) {
    const size_t index = low / 32, shift = low % 32;
    const uint64_t mask = (width == 32 ? 0xffffffffull : (1ull << width) - 1) << shift;
    const uint64_t placed = (uint64_t(value) << shift) & mask;
    set_word(port, index, uint32_t(mask), uint32_t(placed));
    if (shift + width > 32)
        set_word(port, index + 1, uint32_t(mask >> 32), uint32_t(placed >> 32));
}

// A field as a number.
template <class T> inline int32_t code(const T &port, size_t low, unsigned width, bool is_signed) {
    const uint32_t bits = field(port, low, width);
    if (!is_signed || width == 32)
        return int32_t(bits);
    return int32_t(bits << (32 - width)) >> (32 - width);
}

// The same for codes of up to 64 bits.
template <class T> inline int64_t wide_code(const T &port, size_t low, unsigned width, bool is_signed) {
    const unsigned lower = width < 32 ? width : 32;
    uint64_t bits = field(port, low, lower);
    if (width > 32)
        bits |= uint64_t(field(port, low + 32, width - 32)) << 32;
    return is_signed ? int64_t(bits << (64 - width)) >> (64 - width) : int64_t(bits);
}
template <class T> inline void set_wide_field(T &port, size_t low, unsigned width, uint64_t value) {
    set_field(port, low, width < 32 ? width : 32, uint32_t(value));
    if (width > 32)
        set_field(port, low + 32, width - 32, uint32_t(value >> 32));
}

// Whether to be valid or ready in a cycle: a rate of 65536 is always. One generator per run, so that runs repeat.
class Chance {
  public:
    explicit Chance(uint64_t seed) : state_(seed * 2654435769u + 88172645463325252ull) {}
    bool operator()(unsigned rate) {
        if (rate >= 65536)
            return true;
        state_ ^= state_ << 13; // xorshift64 (Marsaglia 2003)
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return ((state_ >> 24) & 0xffff) < rate;
    }

  private:
    uint64_t state_;
};

} // namespace hwc

#endif
