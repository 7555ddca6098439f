#ifndef HWC_CONDITIONAL_BUFFER_H_
#define HWC_CONDITIONAL_BUFFER_H_

#include "ap_int.h"
#include "hls_stream.h"
#include "integer_logits.h"

// This block holds samples between two stages until the exit has decided, and then forwards or drops each.
//
// C-simulated with g++ and the open ap_types; written for Vitis HLS 2022 and later, not run through it.
// What the guide (UG1399) says about it:
// - Non-blocking access needs ap_fifo ports, because axis has no full() and no non-blocking write. An AXI
//   stream drives the read side directly (TVALID = empty_n, TREADY = read). On the write side, `write`
//   waits for full_n, but AXI forbids that TVALID waits for TREADY: the input FIFO of the next block
//   must be in between.
// - With ap_ctrl_none, the top starts a call in every cycle: synthesis must reach a task interval of 1.
// - Co-simulation of ap_ctrl_none with non-blocking streams is not guaranteed to complete, and its
//   streams do not come call by call: the exported RTL is checked in the composed design instead.
namespace hwc {

// The constants of a buffer; each instance defines its own struct with all of them.
struct conditional_buffer_config {
    // Number of beats of a sample
    static const unsigned beats = 64;

    // Capacity of the ring in beats, at least `beats`; more lets the stage in front run ahead
    static const unsigned depth = 128;
};

// One call is one cycle: it accepts at most one beat, starts at most one decision and gives at most
// one beat. `in` carries the samples, one after the other. `release` carries one bit for each sample, in
// the same order: 1 forwards the sample, beat by beat as its beats come in; 0 drops it by one jump of the
// read pointer, as soon as the whole sample is in the ring.
//
// The ring and its pointers are static: CONFIG_T must be a type of its own for every instance.
template <class data_T, typename CONFIG_T>
void conditional_buffer(hls::stream<data_T> &in, hls::stream<ap_uint<1> > &release, hls::stream<data_T> &out) {
    #pragma HLS PIPELINE II=1
    static_assert(CONFIG_T::beats >= 1, "conditional_buffer: a sample has at least one beat");
    static_assert(CONFIG_T::depth >= CONFIG_T::beats, "conditional_buffer: a sample to be dropped must fit wholly");

    typedef ap_uint<ceil_log2(CONFIG_T::depth + 1)> count_t; // 0 .. depth
    static data_T ring[CONFIG_T::depth];                     // one word a beat
    #pragma HLS AGGREGATE variable=ring compact=bit
    #pragma HLS BIND_STORAGE variable=ring type=ram_s2p
    static count_t write_at = 0; // where the next beat goes
    static count_t read_at = 0;  // the oldest beat
    static count_t stored = 0;   // beats held from read_at on
    static count_t left = 0;     // beats that the sample decided on has still to give; 0: none is decided on
    static bool forward = false; // what was decided on it
    #pragma HLS RESET variable=write_at
    #pragma HLS RESET variable=read_at
    #pragma HLS RESET variable=stored
    #pragma HLS RESET variable=left
    #pragma HLS RESET variable=forward

    const count_t held = stored; // beats that this call may give or drop; what it accepts counts from the next call on
    count_t gone = 0;            // beats that leave the ring in this call

    ap_uint<1> decision;
    if (left == 0 && release.read_nb(decision)) {
        left = CONFIG_T::beats;
        forward = decision == 1;
    }

    if (left != 0 && forward && held != 0 && !out.full()) {
        out.write(ring[read_at]);
        gone = 1;
    } else if (left != 0 && !forward && held >= CONFIG_T::beats) {
        gone = CONFIG_T::beats;
    }
    left -= gone;
    read_at = read_at + gone >= CONFIG_T::depth ? count_t(read_at + gone - CONFIG_T::depth) : count_t(read_at + gone);

    data_T beat;
    const bool taken = held < CONFIG_T::depth && in.read_nb(beat);
    if (taken) {
        ring[write_at] = beat;
        write_at = write_at == CONFIG_T::depth - 1 ? count_t(0) : count_t(write_at + 1);
    }
    stored = held - gone + (taken ? 1 : 0);
}

} // namespace hwc

#endif
