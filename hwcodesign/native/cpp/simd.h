// Vectors of integers, and the multiply-accumulate instructions of each processor.
//
// Everything but these instructions is plain C++, which the compiler vectorises. A compiler does not find them by
// itself, because they multiply narrow integers in groups and add the products to wide ones.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX2__) || defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

namespace hwc {

#if defined(__AVX512BW__)
constexpr int kBytes = 64;
#elif defined(__AVX2__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif

// Places whose sums are in registers at once, for so many vectors of results; other registers hold weights and inputs.
constexpr int places_at_once(int vectors) {
#if defined(__AVX512BW__)
    constexpr int most[] = {12, 8, 8, 6};
#elif defined(__aarch64__)
    constexpr int most[] = {12, 9, 6, 5};
#elif defined(__ARM_NEON)
    constexpr int most[] = {8, 5, 3, 3};
#else
    constexpr int most[] = {6, 4, 4, 3};
#endif
    return most[vectors - 1];
}

typedef int32_t v_i32 __attribute__((vector_size(kBytes)));
typedef int64_t v_i64 __attribute__((vector_size(kBytes)));

template <class V, class T> inline V load(const T *from) {
    V v;
    std::memcpy(&v, from, sizeof v);
    return v;
}

template <class V> inline V larger(V a, V b) { return a > b ? a : b; }
template <class V> inline V smaller(V a, V b) { return a < b ? a : b; }

// Each of the following structs is one way to multiply. `Operand` is the type of inputs in memory, `kGroup` how many
// of them, one behind the other, a lane multiplies by its weights and adds. `Packed` is the type of weights in memory;
// the weights of one vector are `kLanes * kGroup` of them, and `place` says where the weight of a lane and a place in
// the group lies among them. The inputs of `kTogether` groups are loaded at once where a run has so many: `several` loads
// them, and `add_at<I>` multiplies those of group I.

// Unsigned bytes by signed ones. The 32-bit sums do not saturate.
struct Bytes {
    using Operand = uint8_t;
    using Packed = int8_t;
    using Sum = int32_t;
    using Vector = v_i32;
    static constexpr int kGroup = 4, kLanes = kBytes / 4, kTogether = 1;

    static int place(int lane, int i) { return lane * kGroup + i; }
    static Vector spread(const Operand *group) {
        int32_t word;
        std::memcpy(&word, group, 4);
        return Vector{} + word;
    }
    static Vector add(Vector sum, Vector inputs, Vector weights) {
#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
        return (Vector)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)inputs, (__m512i)weights);
#elif defined(__AVXVNNI__) && defined(__AVX2__) && !defined(__AVX512BW__)
        return (Vector)_mm256_dpbusd_avx_epi32((__m256i)sum, (__m256i)inputs, (__m256i)weights);
#else
        for (int i = 0; i < kGroup; i++) {
            const int up = 24 - 8 * i;
            sum += ((inputs >> (8 * i)) & 255) * ((weights << up) >> 24);
        }
        return sum;
#endif
    }
};

// Whether `Bytes` is one instruction here; if it is not, `Words` is faster.
#if (defined(__AVX512VNNI__) && defined(__AVX512BW__)) || \
    (defined(__AVXVNNI__) && defined(__AVX2__) && !defined(__AVX512BW__))
constexpr bool kHasBytes = true;
#else
constexpr bool kHasBytes = false;
#endif

// Signed 16-bit integers by such ones.
struct Words {
    using Operand = int16_t;
    using Packed = int16_t;
    using Sum = int32_t;
    using Vector = v_i32;
    static constexpr int kGroup = 2, kLanes = kBytes / 4;

#if defined(__ARM_NEON)
    static int place(int lane, int i) { return i * kLanes + lane; }
#if defined(__aarch64__)
    static constexpr int kTogether = 4;
    using Several = int16x8_t;
    static Several several(const Operand *groups) { return vld1q_s16(groups); }
    template <int I> static Vector add_at(Vector sum, Several inputs, Vector weights) {
        const int16x8_t w = (int16x8_t)weights;
        const int32x4_t first = vmlal_laneq_s16((int32x4_t)sum, vget_low_s16(w), inputs, 2 * I);
        return (Vector)vmlal_high_laneq_s16(first, w, inputs, 2 * I + 1);
    }
#else
    static constexpr int kTogether = 2;
    using Several = int16x4_t;
    static Several several(const Operand *groups) { return vld1_s16(groups); }
    template <int I> static Vector add_at(Vector sum, Several inputs, Vector weights) {
        const int16x8_t w = (int16x8_t)weights;
        const int32x4_t first = vmlal_lane_s16((int32x4_t)sum, vget_low_s16(w), inputs, 2 * I);
        return (Vector)vmlal_lane_s16(first, vget_high_s16(w), inputs, 2 * I + 1);
    }
#endif
#else
    static constexpr int kTogether = 1;
    static int place(int lane, int i) { return lane * kGroup + i; }
#endif
    static Vector spread(const Operand *group) {
        int32_t word;
        std::memcpy(&word, group, 4);
        return Vector{} + word;
    }
    static Vector add(Vector sum, Vector inputs, Vector weights) {
#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
        return (Vector)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)inputs, (__m512i)weights);
#elif defined(__AVX512BW__)
        return sum + (Vector)_mm512_madd_epi16((__m512i)inputs, (__m512i)weights);
#elif defined(__AVX2__)
        return sum + (Vector)_mm256_madd_epi16((__m256i)inputs, (__m256i)weights);
#elif defined(__SSE2__)
        return sum + (Vector)_mm_madd_epi16((__m128i)inputs, (__m128i)weights);
#elif defined(__ARM_NEON)
        const int16x8_t x = (int16x8_t)inputs, w = (int16x8_t)weights;
        const int32x4_t first = vmlal_lane_s16((int32x4_t)sum, vget_low_s16(w), vget_low_s16(x), 0);
        return (Vector)vmlal_lane_s16(first, vget_high_s16(w), vget_low_s16(x), 1);
#else
        sum += ((inputs << 16) >> 16) * ((weights << 16) >> 16);
        return sum + (inputs >> 16) * (weights >> 16);
#endif
    }
};

// 64-bit integers, for sums that 32 bits do not hold.
struct Longs {
    using Operand = int64_t;
    using Packed = int64_t;
    using Sum = int64_t;
    using Vector = v_i64;
    static constexpr int kGroup = 1, kLanes = kBytes / 8, kTogether = 1;

    static int place(int lane, int) { return lane; }
    static Vector spread(const Operand *group) { return Vector{} + *group; }
    static Vector add(Vector sum, Vector inputs, Vector weights) { return sum + inputs * weights; }
};

} // namespace hwc
