// The most multiply-accumulates that a core does in a second: independent sums, which stay in registers.
#include "simd.h"

// Enough that no instruction waits for the one before it.
constexpr int kSums = 2 * hwc::places_at_once(1);

template <class M> static int64_t run(int64_t rounds) {
    typename M::Vector sums[kSums], x = {}, w = {};
    for (auto &sum : sums)
        sum = typename M::Vector{};
    for (int64_t i = 0; i < rounds; i++) {
#pragma GCC unroll 24
        for (int s = 0; s < kSums; s++)
            sums[s] = M::add(sums[s], x, w);
        asm volatile("" : "+x"(x), "+x"(w)); // they may have changed, so that each product is computed
    }
    for (int i = 1; i < kSums; i++)
        sums[0] += sums[i];
    asm volatile("" : : "m"(sums[0]));
    return rounds * kSums * M::kLanes * M::kGroup;
}

// Returns the number of multiply-accumulates.
extern "C" int64_t peak(int64_t rounds) {
    return hwc::kHasBytes ? run<hwc::Bytes>(rounds) : run<hwc::Words>(rounds);
}
