// Drives one Verilated segment: codes in, codes out, with random stalls on both sides.
// model.h is generated beside the segment and names its model, its beats and its formats.

#include <memory>

#include "model.h"
#include "ports.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

using hwc::Chance;

// Runs `samples` samples of raw codes, channels last, and writes the raw codes that come out.
//   rates       {valid, ready}: chances of 65536 that input is offered and output taken in a cycle
//   ends        cycle of each sample's last output beat; cycle 0 is the first in which input may be offered
//   patience    cycles without any transfer after which the segment is said to hang
//   trace       file of the waveform, or null; needs a model built for it
// Returns the number of cycles, or -1 where the segment hangs, -2 where a beat is left over at the end and -3 where a
// check failed.
extern "C" long hwc_segment_run(const int64_t *codes, long samples, int64_t *out, const uint32_t *rates, uint64_t seed,
                                uint64_t *ends, long patience, const char *trace) {
    const std::unique_ptr<VerilatedContext> context(new VerilatedContext);
    context->traceEverOn(trace != nullptr);
    context->fatalOnError(false); // the run goes on, and tells at its end
    const std::unique_ptr<Model> model(new Model(context.get(), "TOP"));
    uint64_t time = 0;
#if VM_TRACE
    std::unique_ptr<VerilatedVcdC> waves;
    if (trace) {
        waves.reset(new VerilatedVcdC);
        model->trace(waves.get(), 99);
        waves->open(trace);
    }
#define HWC_DUMP() \
    if (waves)      \
    waves->dump(time += 5)
#else
#define HWC_DUMP() time += 5
#endif
    model->rst_ni = 0;
    model->in_valid_i = 0;
    model->out_ready_i = 0;
    for (int half = 0; half < 8; half++) {
        model->clk_i = half & 1;
        model->eval();
        HWC_DUMP();
    }
    model->rst_ni = 1;

    Chance chance(seed);
    const long beats_in = samples * in_beats, beats_out = samples * out_beats;
    long sent = 0, got = 0, cycle = 0, moved = 0, left_over = 0;
    bool offered = false;
    while (got < beats_out || (sent == beats_in && cycle - moved < 4)) {
        if (!offered && sent < beats_in && chance(rates[0])) { // once offered, held until taken
            offered = true;
            for (unsigned lane = 0; lane < in_lanes; lane++)
                hwc::set_wide_field(model->in_data_i, size_t(lane) * in_width, in_width,
                                    uint64_t(codes[sent * in_lanes + lane]));
        }
        model->in_valid_i = offered;
        model->out_ready_i = chance(rates[1]);
        model->clk_i = 0;
        model->eval();
        HWC_DUMP();
        const bool taken = offered && model->in_ready_o, gave = model->out_valid_o && model->out_ready_i;
        if (gave && got < beats_out) {
            for (unsigned lane = 0; lane < out_lanes; lane++)
                out[got * out_lanes + lane] =
                    hwc::wide_code(model->out_data_o, size_t(lane) * out_width, out_width, out_signed);
            if (++got % out_beats == 0)
                ends[got / out_beats - 1] = uint64_t(cycle);
        } else if (gave) {
            left_over++;
        }
        if (taken) {
            sent++;
            offered = false;
        }
        if (taken || gave)
            moved = cycle;
        model->clk_i = 1;
        model->eval();
        HWC_DUMP();
        if (++cycle - moved > patience)
            break;
    }
    model->final();
    if (context->gotError())
        return -3;
    if (got < beats_out)
        return -1;
    return left_over ? -2 : cycle;
}
