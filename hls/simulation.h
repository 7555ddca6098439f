#ifndef HWC_SIMULATION_H_
#define HWC_SIMULATION_H_

#include "exit_types.h"
#include "hls_stream.h"

#include <cstdint>

// This header has what the simulation model of a composed accelerator needs beside the blocks; it is not for synthesis.
namespace hwc {

// A host_record_t is a record as the host sees it: 16 bytes, little endian on the machines that simulate.
struct host_record_t {
    uint32_t sample_id;
    uint32_t cycles;
    int32_t score;
    uint16_t label;
    uint8_t exit;
    uint8_t flags;
};
static_assert(sizeof(host_record_t) == 16, "host_record_t: a record has 16 bytes");

// This function converts a record of the blocks to that of the host.
inline host_record_t to_host(const record_t &record) {
    host_record_t host;
    host.sample_id = record.sample_id.to_uint();
    host.cycles = record.cycles.to_uint();
    host.score = record.score.to_int();
    host.label = record.label.to_uint();
    host.exit = record.exit.to_uint();
    host.flags = record.flags.to_uint();
    return host;
}

// This function writes one sample: `beats` beats of beat_T::size raw codes each.
template <class beat_T> void write_codes(const int32_t *codes, unsigned beats, hls::stream<beat_T> &out) {
    for (unsigned b = 0; b < beats; b++) {
        beat_T beat;
        for (unsigned c = 0; c < beat_T::size; c++) {
            typename beat_T::value_type &value = beat[c];
            value.range(value.width - 1, 0) = codes[b * beat_T::size + c];
        }
        out.write(beat);
    }
}

// This function moves one sample of a tensor that a stage hands on unchanged.
template <class beat_T> void hand_on(hls::stream<beat_T> &in, unsigned beats, hls::stream<beat_T> &out) {
    for (unsigned b = 0; b < beats; b++)
        out.write(in.read());
}

// This function copies one sample of a tensor that a stage reads and hands on. It leaves the sample in `in`.
template <class beat_T> void copy_on(hls::stream<beat_T> &in, unsigned beats, hls::stream<beat_T> &out) {
    for (unsigned b = 0; b < beats; b++) {
        const beat_T beat = in.read();
        out.write(beat);
        in.write(beat);
    }
}

// This function reads the raw codes of one sample, with sign extension if the format is signed.
template <bool SIGNED, class beat_T> void read_codes(hls::stream<beat_T> &in, unsigned beats, int32_t *codes) {
    for (unsigned b = 0; b < beats; b++) {
        const beat_T beat = in.read();
        for (unsigned c = 0; c < beat_T::size; c++) {
            const unsigned width = beat_T::value_type::width;
            const int64_t raw = beat[c].range(width - 1, 0).to_uint64();
            const bool negative = SIGNED && ((raw >> (width - 1)) & 1);
            codes[b * beat_T::size + c] = int32_t(negative ? raw - (int64_t(1) << width) : raw);
        }
    }
}

} // namespace hwc

#endif
