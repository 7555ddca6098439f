// Drives one Verilated segment: codes in, codes out, with random stalls on all of its streams.
// model.h is generated beside the segment and names its model, its streams and their ports.

#include <memory>
#include <vector>

#include "verilated.h"

// A stream at the segment's ports: elements of a beat, their bits, beats of a sample, and whether codes are signed
struct StreamType {
    unsigned lanes, width;
    long beats;
    bool is_signed;
};

#include "model.h"
#include "ports.h"
#include "waves.h"

using hwc::Chance;

// Where a stream is: beats that went through it, and whether one is offered now
struct Progress {
    long beats = 0;
    bool offered = false;
};

// Runs `samples` samples of raw codes, channels last, and writes the raw codes that come out. Streams go on without
// waiting for each other, but for what the segment itself makes them wait.
//   codes, out  of each input and output
//   rates       {valid, ready}: chances of 65536 that an input is offered and an output taken in a cycle
//   ends        of each output, cycle of each sample's last beat; cycle 0 is the first in which input may be offered
//   patience    cycles without any transfer after which the segment is said to hang
//   trace       file of the waveform, or null; needs a model built for it
// Returns the number of cycles, or -1 where the segment hangs, -2 where a beat is left over at the end and -3 where a
// check failed.
extern "C" long hwc_segment_run(const int64_t *const *codes, long samples, int64_t *const *out, const uint32_t *rates,
                                uint64_t seed, uint64_t *const *ends, long patience, const char *trace) {
    const std::unique_ptr<VerilatedContext> context(new VerilatedContext);
    context->traceEverOn(trace != nullptr);
    context->fatalOnError(false); // the run goes on, and tells at its end
    const std::unique_ptr<Model> model(new Model(context.get(), "TOP"));
    hwc::Waves waves;
    waves.prepare(*model, trace);
    model->rst_ni = 0;
    for_each_input(*model, [](unsigned, auto &valid, const auto &, auto &) { valid = 0; });
    for_each_output(*model, [](unsigned, const auto &, auto &ready, const auto &) { ready = 0; });
    for (int half = 0; half < 8; half++) {
        model->clk_i = half & 1;
        model->eval();
    }
    model->rst_ni = 1;
    waves.begin();

    Chance chance(seed);
    std::vector<Progress> sent(n_inputs), got(n_outputs);
    long cycle = 0, moved = 0, left_over = 0;
    const auto all_through = [samples](const std::vector<Progress> &streams, const StreamType *types) {
        for (size_t i = 0; i < streams.size(); i++)
            if (streams[i].beats < samples * types[i].beats)
                return false;
        return true;
    };
    while (!all_through(got, outputs) || (all_through(sent, inputs) && cycle - moved < 4)) {
        for_each_input(*model, [&](unsigned i, auto &valid, const auto &, auto &data) {
            Progress &at = sent[i];
            const StreamType &type = inputs[i];
            if (!at.offered && at.beats < samples * type.beats && chance(rates[0])) { // once offered, held until taken
                at.offered = true;
                for (unsigned lane = 0; lane < type.lanes; lane++)
                    hwc::set_wide_field(data, size_t(lane) * type.width, type.width,
                                        uint64_t(codes[i][at.beats * type.lanes + lane]));
            }
            valid = at.offered;
        });
        for_each_output(*model, [&](unsigned, const auto &, auto &ready, const auto &) { ready = chance(rates[1]); });
        waves.rise(*model);
        model->clk_i = 0;
        model->eval();
        waves.fall();
        bool any = false;
        for_each_output(*model, [&](unsigned i, const auto &valid, auto &ready, const auto &data) {
            if (!valid || !ready)
                return;
            any = true;
            Progress &at = got[i];
            const StreamType &type = outputs[i];
            if (at.beats == samples * type.beats) {
                left_over++;
                return;
            }
            for (unsigned lane = 0; lane < type.lanes; lane++)
                out[i][at.beats * type.lanes + lane] =
                    hwc::wide_code(data, size_t(lane) * type.width, type.width, type.is_signed);
            if (++at.beats % type.beats == 0)
                ends[i][at.beats / type.beats - 1] = uint64_t(cycle);
        });
        for_each_input(*model, [&](unsigned i, auto &, const auto &ready, auto &) {
            if (!sent[i].offered || !ready)
                return;
            any = true;
            sent[i].beats++;
            sent[i].offered = false;
        });
        if (any)
            moved = cycle;
        model->clk_i = 1;
        model->eval();
        if (++cycle - moved > patience)
            break;
    }
    model->final();
    if (context->gotError())
        return -3;
    if (!all_through(got, outputs))
        return -1;
    return left_over ? -2 : cycle;
}
