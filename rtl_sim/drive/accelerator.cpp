// Runs batches through a whole Verilated accelerator: input words with TLAST, record words, registers.
// model.h is generated beside the accelerator and names its model, registers, probes and streams.

#include <cstdio>
#include <string>

#include "accelerator.h"
#include "model.h"
#include "ports.h"

using hwc::Simulation;

namespace {

// What a run is asked for; the same fields in the same order as in hwcodesign/simulation/rtl.py.
struct settings_t {
    uint32_t valid_rate;         // chance of 65536 that a word is offered in a cycle
    uint32_t ready_rate;         // chance of 65536 that a record word is taken in a cycle
    uint64_t seed;               // of the stalls
    uint32_t anytime;            // 1: a record at every exit reached
    uint32_t records_per_packet; // records between two TLAST; 0: only at the batch's end
    int64_t patience;            // cycles without a transfer on the streams after which the accelerator is said to hang
};

void configure(Simulation &simulation, const settings_t &settings, const int32_t *thresholds) {
    for (unsigned k = 0; k < n_exits; k++)
        simulation.write(reg_threshold + k * reg_threshold_stride, uint32_t(thresholds[k]));
    simulation.write(reg_mode, settings.anytime);
    simulation.write(reg_records_per_packet, settings.records_per_packet);
    simulation.write(reg_control, control_commit);
    for (int i = 0; i < 16; i++) // the idle bank takes them at once
        simulation.tick();
}

// Copies what passes the probes, as codes.
struct Capture {
    int32_t *const *out;    // one array a probe
    const int64_t *room;    // elements that each holds
    int64_t count[n_probes > 0 ? n_probes : 1] = {};

    template <class T> void operator()(unsigned probe, bool fires, const T &data, unsigned lanes, unsigned width, bool is_signed) {
        if (!fires)
            return;
        for (unsigned lane = 0; lane < lanes && count[probe] < room[probe]; lane++)
            out[probe][count[probe]++] = hwc::code(data, size_t(lane) * width, width, is_signed);
    }
};

// Whether a probe fires.
struct Fires {
    bool any = false;

    template <class T> void operator()(unsigned, bool fires, const T &, unsigned, unsigned, bool) { any |= fires; }
};

// Room for what every cycle of a run shows; the same fields in the same order as in hwcodesign/simulation/activity.py.
struct activity_t {
    int64_t capacity; // cycles that there is room for
    int64_t cycles;   // cycles that were shown, those without room among them
    uint32_t *valid;  // a bit a stream, in whole words: its valid, in each cycle
    uint32_t *ready;  // the same for its ready
    uint8_t *bus;     // bits 0 to 3: valid and ready of the input words, valid and ready of the record words
    uint16_t *levels; // beats in each buffer
};

// Writes down what a settled cycle shows; with a null pointer nothing.
void show(Model &m, activity_t *activity) {
    if (!activity)
        return;
    const int64_t now = activity->cycles++;
    if (now >= activity->capacity)
        return;
    const size_t n_words = (n_streams + 31) / 32, n_levels = n_exits - 1;
    for (size_t i = 0; i < n_words; i++) {
        activity->valid[size_t(now) * n_words + i] = hwc::word(m.streams_valid_o, i);
        activity->ready[size_t(now) * n_words + i] = hwc::word(m.streams_ready_o, i);
    }
    activity->bus[now] = uint8_t(m.s_axis_tvalid | m.s_axis_tready << 1 | m.m_axis_tvalid << 2 | m.m_axis_tready << 3);
#ifdef HWC_BUFFER_LEVEL
    for (size_t k = 0; k < n_levels; k++)
        activity->levels[size_t(now) * n_levels + k] = uint16_t(HWC_BUFFER_LEVEL(m, unsigned(k)));
#endif
}

// Cycles that are shown behind the last record: by then the last sample has left its buffer.
static const int64_t shown_behind = 64;

// Goes on until no segment gives anything any more: one of several tensors may come after the record of its sample.
// `drain_cycles` without a beat say so, since no segment takes longer from its input to its output.
void drain(Simulation &simulation, Capture *capture, activity_t *activity) {
    Model &m = simulation.model();
    const int64_t least = activity && shown_behind > drain_cycles ? shown_behind : drain_cycles;
    for (int64_t quiet = 0; quiet < least; quiet++) {
        simulation.settle();
        show(m, activity);
        Fires fires;
        for_each_probe(m, fires);
        if (fires.any)
            quiet = 0;
        if (capture)
            for_each_probe(m, *capture);
        simulation.edge();
    }
}

} // namespace

extern "C" {

// Runs one batch.
//   words       samples * words_per_sample input words
//   thresholds  one code an exit
//   records     room for `capacity` records of 16 bytes, as they leave
//   left        cycle in which each record's last word left
//   accepted    cycle in which each sample's first word was accepted
//   probes      null, or for each probe an array for the codes that pass it; room: elements in each
//   registers   n_counters words: the counters, latched at the end
//   activity    null, or room for what every cycle shows
//   dump        text: state of the streams where it hangs
// Returns the number of records. -1: it hangs; -2: more records than capacity; -3: a check failed.
long hwc_accelerator_run(const uint64_t *words, long samples, const settings_t *settings, const int32_t *thresholds,
                         uint64_t *records, long capacity, uint64_t *left, uint64_t *accepted, int32_t *const *probes,
                         const int64_t *room, uint32_t *registers, uint64_t *cycles, activity_t *activity, char *dump,
                         long dump_size, const char *trace) {
    Simulation simulation(trace);
    Model &m = simulation.model();
    configure(simulation, *settings, thresholds);
    const int64_t start = simulation.cycle();
    simulation.begin_waves();
    hwc::Chance chance(settings->seed);
    Capture capture = {probes, room};

    const int64_t n_words = samples * int64_t(words_per_sample);
    int64_t sent = 0, halves = 0, finals = 0, moved = 0, now = 0;
    bool offered = false, ended = samples == 0;
    while (!ended) {
        if (!offered && sent < n_words && chance(settings->valid_rate)) { // once offered, held until taken
            offered = true;
            m.s_axis_tdata = words[sent];
            m.s_axis_tlast = sent == n_words - 1;
        }
        m.s_axis_tvalid = offered;
        m.m_axis_tready = chance(settings->ready_rate);
        simulation.settle();
        show(m, activity);
        now = simulation.cycle() - start;
        if (offered && m.s_axis_tready) {
            if (sent % words_per_sample == 0)
                accepted[sent / words_per_sample] = uint64_t(now);
            sent++;
            offered = false;
            moved = now;
        }
        if (m.m_axis_tvalid && m.m_axis_tready) {
            if (halves / 2 >= capacity)
                return -2;
            records[halves] = m.m_axis_tdata;
            left[halves / 2] = uint64_t(now);
            if (halves++ % 2 == 1)
                finals += (m.m_axis_tdata >> 56) & 1; // flag of a sample's last record
            moved = now;
            ended = m.m_axis_tlast && finals == samples;
        }
        if (probes)
            for_each_probe(m, capture);
        if (now - moved > settings->patience) {
            const std::string state = simulation.state();
            snprintf(dump, size_t(dump_size), "%lld of %lld words sent, %lld records got, cycle %lld\n%s", (long long)sent,
                     (long long)n_words, (long long)(halves / 2), (long long)now, state.c_str());
            return -1;
        }
        simulation.edge();
    }
    m.s_axis_tvalid = m.m_axis_tready = 0;
    *cycles = uint64_t(simulation.cycle() - start);
    drain(simulation, probes ? &capture : nullptr, activity);
    simulation.write(reg_control, control_snapshot);
    simulation.tick();
    simulation.tick();
    for (unsigned i = 0; i < n_counters; i++)
        registers[i] = simulation.read(counter_addresses[i]);
    return simulation.end() ? long(halves / 2) : -3;
}

} // extern "C"
