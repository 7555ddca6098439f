#ifndef HWC_TB_CHECK_H_
#define HWC_TB_CHECK_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "exit_types.h"
#include "hls_stream.h"

// What the testbenches share: counting mismatches, beats with recognisable contents, command lines.
namespace hwc_tb {

typedef std::mt19937 random_t;

// A number from 0 to n - 1.
inline unsigned below(random_t &random, unsigned n) { return random() % n; }

class checker {
  public:
    explicit checker(const char *block) : block_(block), mismatches_(0) {}

    // Counts a mismatch where the two differ, and prints the first few.
    void equal(const char *what, unsigned long at, int64_t got, int64_t expected) {
        if (got == expected)
            return;
        if (++mismatches_ <= 10)
            std::printf("%s: %s at %lu is %lld, expected %lld\n", block_, what, at, (long long)got, (long long)expected);
    }

    bool failed() const { return mismatches_ != 0; }

    // Prints the verdict as the last line and returns the number of mismatches.
    int finish() const {
        std::printf("%s: %d mismatches\n%s\n", block_, mismatches_, mismatches_ == 0 ? "PASS" : "FAIL");
        return mismatches_;
    }

  private:
    const char *block_;
    int mismatches_;
};

// Fills a beat (nnet::array) with bits that tell its number, and recognises it again.
template <class data_T> data_T make_beat(uint64_t number) {
    typedef typename data_T::value_type element_t;
    const int width = element_t::width;
    random_t random(uint32_t(number * 2654435761u + 12345u));
    data_T beat;
    for (unsigned i = 0; i < data_T::size; i++) {
        const ap_uint<width> bits = random();
        element_t element = 0;
        element.range(width - 1, 0) = bits;
        beat[i] = element;
    }
    return beat;
}

// The same for a single bit
template <> inline ap_uint<1> make_beat<ap_uint<1> >(uint64_t number) {
    random_t random(uint32_t(number * 2654435761u + 12345u));
    return ap_uint<1>(random() >> 31);
}

template <class data_T> bool is_beat(const data_T &beat, uint64_t number) { return beat == make_beat<data_T>(number); }

// Makes a stream full or not, where the model of hls::stream knows how; returns whether it is full now.
template <class T> bool stall(hls::stream<T> &stream, bool stalled) {
#ifdef HWC_TB_STALLING_STREAM
    stream.stall(stalled);
#else
    (void)stalled;
#endif
    return stream.full();
}

inline void equal_records(checker &check, unsigned long at, const hwc::record_t &got, const hwc::record_t &expected) {
    check.equal("record.sample_id", at, got.sample_id, expected.sample_id);
    check.equal("record.cycles", at, got.cycles, expected.cycles);
    check.equal("record.score", at, got.score, expected.score);
    check.equal("record.label", at, got.label, expected.label);
    check.equal("record.exit", at, got.exit, expected.exit);
    check.equal("record.flags", at, got.flags, expected.flags);
}

// The command line of every testbench: [samples [seed]].
inline unsigned argument(int argc, char **argv, int position, unsigned otherwise) {
    return argc > position ? unsigned(std::strtoul(argv[position], 0, 10)) : otherwise;
}

} // namespace hwc_tb

#endif
