// Sums of products: convolutions and linear layers.
//
// For each place i the operation computes
//     out[out_places[i] + f] = steps((max over p of sum over r, k of
//         in[in_places[i] + phases[p] + runs[r] + k] * weights[r][k][f]) * 2^shifts[f] + bias[f])
// A run is a row of a window: elements that lie one behind the other. Several phases are those of a maximum pooling.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "simd.h"
#include "steps.h"
#include "values.h"

namespace hwc {

enum class Multiply : int32_t { Bytes, Words, Longs };

struct ProductsConfig {
    int32_t in, out;
    Multiply multiply;
    int32_t unused;
    int64_t places, phases, runs, run_length, outputs;
    const int64_t *in_places, *out_places, *phase_places, *run_places;
    const int64_t *weights; // [runs][run_length][outputs]
    const int64_t *shifts, *bias; // [outputs]
};

template <class M> class Products : public Operation {
    using Vector = typename M::Vector;
    using Sum = typename M::Sum;
    static constexpr int kMostVectors = 4;

  public:
    Products(const ProductsConfig &c, const StepConfig *steps, int step_count, bool wide)
        : in_(c.in), out_(c.out), outputs_(c.outputs), runs_(c.runs),
          groups_((c.run_length + M::kGroup - 1) / M::kGroup), in_places_(c.in_places, c.in_places + c.places),
          out_places_(c.out_places, c.out_places + c.places), phases_(c.phase_places, c.phase_places + c.phases),
          run_places_(c.run_places, c.run_places + c.runs), vectors_(vectors(c.outputs)),
          blocks_((all_vectors(c.outputs) + vectors_ - 1) / vectors_),
          steps_(steps, step_count, wide, (int64_t)blocks_ * vectors_ * M::kLanes) {
        pack(c);
        const bool one = step_count == 1 && steps[0].kind == StepKind::Cast;
        is_plain_ = !wide && sizeof(Sum) == 4 &&
                    (step_count == 0 || (one && steps[0].overflow == Overflow::Saturate));
    }

    void run(const std::vector<Value> &values, const Block &block) const override {
        switch (vectors_) {
        case 1: return all_places<1, places_at_once(1)>(values, block);
        case 2: return all_places<2, places_at_once(2)>(values, block);
        case 3: return all_places<3, places_at_once(3)>(values, block);
        case 4: return all_places<4, places_at_once(4)>(values, block);
        }
    }

  private:
    static int all_vectors(int64_t outputs) { return (int)((outputs + M::kLanes - 1) / M::kLanes); }
    static int vectors(int64_t outputs) {
        const int all = all_vectors(outputs), blocks = (all + kMostVectors - 1) / kMostVectors;
        return (all + blocks - 1) / blocks;
    }

    // Weights in the order in which they are read: [block][run][group][vector][lane and place in the group].
    void pack(const ProductsConfig &c) {
        constexpr int size = M::kLanes * M::kGroup;
        packed_.assign((size_t)(blocks_ * runs_ * groups_ * vectors_ * size), 0);
        bias_.assign((size_t)(blocks_ * vectors_ * M::kLanes), 0);
        shifts_ = bias_;
        for (int64_t f = 0; f < c.outputs; f++) {
            const int64_t block = f / (vectors_ * M::kLanes), vector = f / M::kLanes % vectors_;
            bias_[(size_t)f] = (Sum)c.bias[f];
            shifts_[(size_t)f] = (Sum)c.shifts[f];
            for (int64_t r = 0; r < runs_; r++)
                for (int64_t k = 0; k < c.run_length; k++) {
                    const int64_t group = ((block * runs_ + r) * groups_ + k / M::kGroup) * vectors_ + vector;
                    const int place = M::place((int)(f % M::kLanes), (int)(k % M::kGroup));
                    packed_[(size_t)(group * size + place)] =
                        (typename M::Packed)c.weights[(r * c.run_length + k) * c.outputs + f];
                }
        }
    }

    template <int V, int P> void all_places(const std::vector<Value> &values, const Block &block) const {
        const int64_t places = (int64_t)in_places_.size(), all = places * block.samples;
        for (int64_t start = 0; start < all; start += P) {
            // the last places are computed twice where they do not fill a tile
            if (start + P <= all)
                tile<V, P>(values, block, start);
            else if (all >= P)
                tile<V, P>(values, block, all - P);
            else
                for (int64_t i = start; i < all; i++)
                    tile<V, 1>(values, block, i);
        }
    }

    template <int V, int P>
    void tile(const std::vector<Value> &values, const Block &block, int64_t start) const {
        const typename M::Operand *from[P];
        char *to[P];
        const int64_t bytes = (int64_t)bytes_of(values[out_].type);
        const int64_t places = (int64_t)in_places_.size();
        int64_t sample = start / places, place = start % places;
        for (int p = 0; p < P; p++) {
            from[p] = (const typename M::Operand *)block.sample(values, in_, sample) + in_places_[place];
            to[p] = block.sample(values, out_, sample) + out_places_[place] * bytes;
            if (++place == places)
                place = 0, sample++;
        }
        for (int b = 0; b < blocks_; b++) {
            Vector sums[P][V];
            summed<V, P>(from, b, phases_[0], sums);
            for (size_t phase = 1; phase < phases_.size(); phase++) {
                Vector others[P][V];
                summed<V, P>(from, b, phases_[phase], others);
                for (int p = 0; p < P; p++)
                    for (int v = 0; v < V; v++)
                        sums[p][v] = larger(sums[p][v], others[p][v]);
            }
            finish<V, P>(sums, to, b, values[out_].type);
        }
    }

    template <int V, int P>
    void summed(const typename M::Operand *const *from, int block, int64_t phase, Vector (&out)[P][V]) const {
        constexpr int size = M::kLanes * M::kGroup;
        const typename M::Packed *weights = packed_.data() + (size_t)block * runs_ * groups_ * V * size;
        Vector sums[P][V];
#pragma GCC unroll 16
        for (int p = 0; p < P; p++)
            for (int v = 0; v < V; v++)
                sums[p][v] = Vector{};
        const ptrdiff_t runs = (ptrdiff_t)runs_, groups = (ptrdiff_t)groups_;
        for (ptrdiff_t r = 0; r < runs; r++) {
            const ptrdiff_t place = (ptrdiff_t)(phase + run_places_[r]);
            ptrdiff_t g = 0;
            if constexpr (M::kTogether > 1)
                for (; g + M::kTogether <= groups; g += M::kTogether, weights += M::kTogether * V * size) {
                    typename M::Several x[P];
                    for (int p = 0; p < P; p++)
                        x[p] = M::several(from[p] + place + g * M::kGroup);
                    add_several(x, weights, sums, std::make_integer_sequence<int, M::kTogether>());
                }
            for (; g < groups; g++, weights += V * size) {
                Vector w[V];
                for (int v = 0; v < V; v++)
                    w[v] = load<Vector>(weights + v * size);
                for (int p = 0; p < P; p++) {
                    const Vector x = M::spread(from[p] + place + g * M::kGroup);
                    for (int v = 0; v < V; v++)
                        sums[p][v] = M::add(sums[p][v], x, w[v]);
                }
            }
        }
#pragma GCC unroll 16 // a copy in one piece would keep the sums in memory, too
        for (int p = 0; p < P; p++)
            for (int v = 0; v < V; v++)
                out[p][v] = sums[p][v];
    }

    // Adds the products of several groups: those numbered `I`.
    template <int V, int P, class X, int... I>
    static void add_several(const X (&x)[P], const typename M::Packed *weights, Vector (&sums)[P][V],
                            std::integer_sequence<int, I...>) {
        (add_group<I>(x, weights + I * V * M::kLanes * M::kGroup, sums), ...);
    }

    template <int I, int V, int P, class X>
    static void add_group(const X (&x)[P], const typename M::Packed *weights, Vector (&sums)[P][V]) {
        for (int v = 0; v < V; v++) {
            const Vector w = load<Vector>(weights + v * M::kLanes * M::kGroup);
            for (int p = 0; p < P; p++)
                sums[p][v] = M::template add_at<I>(sums[p][v], x[p], w);
        }
    }

    template <int V, int P> void finish(Vector (&sums)[P][V], char *const *to, int block, Type type) const {
        const int64_t first = (int64_t)block * V * M::kLanes;
        const int count = (int)std::min<int64_t>(V * M::kLanes, outputs_ - first);
        for (int v = 0; v < V; v++) {
            const Vector bias = load<Vector>(bias_.data() + first + v * M::kLanes);
            const Vector shifts = load<Vector>(shifts_.data() + first + v * M::kLanes);
            for (int p = 0; p < P; p++)
                sums[p][v] = (sums[p][v] << shifts) + bias;
        }
        if constexpr (sizeof(Sum) == 4)
            if (is_plain_ && (type == Type::U8 || type == Type::I8)) {
                if (!steps_.narrow_steps.empty())
                    cast_in_registers<V, P>(sums, steps_.narrow_steps[0]);
                for (int p = 0; p < P; p++)
                    for (int v = 0; v < V; v++)
                        put(sums[p][v], (uint8_t *)to[p] + first + v * M::kLanes, count - v * M::kLanes);
                return;
            }
        for (int p = 0; p < P; p++) {
            Sum tile[V * M::kLanes];
            std::memcpy(tile, sums[p], sizeof tile);
            finish_in_memory<V * M::kLanes>(steps_, tile, V * M::kLanes, first, type, count, to[p], first);
        }
    }

    // The usual end, in registers: one cast that saturates, to bytes.
    template <int V, int P> static void cast_in_registers(Vector (&sums)[P][V], const Step<int32_t> &cast) {
        const Vector low = Vector{} + cast.low, high = Vector{} + cast.high;
        const int shift = cast.shift;
        for (int p = 0; p < P; p++)
            for (int v = 0; v < V; v++) {
                Vector x = sums[p][v];
                if (shift > 0)
                    x = (x + cast.add + ((x >> 31) & cast.if_negative) + ((x >> shift) & cast.if_odd)) >> shift;
                else
                    x = x << -shift;
                sums[p][v] = smaller(larger(x, low), high);
            }
    }

    // Stores the low byte of each lane, which is that of signed and of unsigned bytes.
    static void put(Vector x, uint8_t *to, int count) {
        typedef uint8_t narrow_t __attribute__((vector_size(M::kLanes)));
        const narrow_t narrow = __builtin_convertvector(x, narrow_t);
#if defined(__AVX512BW__) && defined(__AVX512VL__)
        if constexpr (M::kLanes == 16)
            _mm_mask_storeu_epi8(to, (__mmask16)((1u << std::min(std::max(count, 0), 16)) - 1), (__m128i)narrow);
        else
#endif
            std::memcpy(to, &narrow, (size_t)std::min(std::max(count, 0), M::kLanes));
    }

    int in_, out_;
    int64_t outputs_, runs_, groups_;
    std::vector<int64_t> in_places_, out_places_, phases_, run_places_;
    int vectors_, blocks_;
    Steps steps_;
    bool is_plain_;
    std::vector<typename M::Packed> packed_;
    std::vector<Sum> bias_, shifts_;
};

} // namespace hwc
