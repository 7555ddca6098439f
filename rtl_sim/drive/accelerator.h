#ifndef HWC_ACCELERATOR_H_
#define HWC_ACCELERATOR_H_

#include <cstdint>
#include <memory>
#include <string>

#include "model.h"
#include "ports.h"
#include "verilated.h"
#include "waves.h"

namespace hwc {

// What happens on the streams in a cycle in which the bus of the registers is busy: nothing.
struct StillStreams {
    void drive() {}
    void sample() {}
};

// A whole Verilated accelerator with its clock, its reset and the bus of its registers.
//
// An access to a register takes some cycles, in which the streams go on: `streams` sets their inputs (drive) before the
// signals settle, and looks at their outputs (sample) before the edge.
class Simulation {
  public:
    explicit Simulation(const char *trace) : context_(new VerilatedContext) {
        context_->traceEverOn(trace != nullptr);
        context_->fatalOnError(false); // a run goes on, and tells at its end
        model_.reset(new Model(context_.get(), "TOP"));
        waves_.prepare(*model_, trace);
        reset();
    }
    ~Simulation() { end(); }

    // Ends the simulation; whether no check has failed.
    bool end() {
        if (!ended_)
            model_->final();
        ended_ = true;
        return !context_->gotError();
    }

    // By aresetn; the bus and the streams are idle. Cycles count from its end.
    void reset() {
        Model &m = *model_;
        m.aresetn = 0;
        m.s_axis_tvalid = m.m_axis_tready = 0;
        m.s_axil_awvalid = m.s_axil_wvalid = m.s_axil_bready = m.s_axil_arvalid = m.s_axil_rready = 0;
        for (int i = 0; i < 4; i++)
            tick();
        m.aresetn = 1;
        for (int i = 0; i < 16; i++) // the core's own reset lasts some cycles longer
            tick();
        cycle_ = 0;
    }

    // The waveform begins with the next cycle.
    void begin_waves() { waves_.begin(); }

    Model &model() { return *model_; }
    int64_t cycle() const { return cycle_; }

    // Settle the signals of this cycle; then take the edge.
    void settle() {
        waves_.rise(*model_);
        model_->aclk = 0;
        model_->eval();
        waves_.fall();
    }
    void edge() {
        model_->aclk = 1;
        model_->eval();
        cycle_++;
    }
    void tick() {
        settle();
        edge();
    }

    void write(uint32_t address, uint32_t value) { write(address, value, StillStreams()); }
    template <class Streams> void write(uint32_t address, uint32_t value, Streams &&streams) {
        Model &m = *model_;
        m.s_axil_awaddr = address;
        m.s_axil_wdata = value;
        m.s_axil_wstrb = 0xf;
        m.s_axil_awvalid = m.s_axil_wvalid = 1;
        m.s_axil_bready = 1;
        for (bool done = false; !done;) {
            streams.drive();
            settle();
            streams.sample();
            const bool address_taken = m.s_axil_awvalid && m.s_axil_awready;
            const bool data_taken = m.s_axil_wvalid && m.s_axil_wready;
            done = m.s_axil_bvalid;
            edge();
            if (address_taken)
                m.s_axil_awvalid = 0;
            if (data_taken)
                m.s_axil_wvalid = 0;
        }
        m.s_axil_bready = 0;
    }
    uint32_t read(uint32_t address) { return read(address, StillStreams()); }
    template <class Streams> uint32_t read(uint32_t address, Streams &&streams) {
        Model &m = *model_;
        m.s_axil_araddr = address;
        m.s_axil_arvalid = 1;
        m.s_axil_rready = 1;
        for (;;) {
            streams.drive();
            settle();
            streams.sample();
            const bool address_taken = m.s_axil_arvalid && m.s_axil_arready, done = m.s_axil_rvalid;
            const uint32_t value = m.s_axil_rdata;
            edge();
            if (address_taken)
                m.s_axil_arvalid = 0;
            if (done) {
                m.s_axil_rready = 0;
                return value;
            }
        }
    }

    // Every stream between the blocks with its handshake, for a hang's report.
    std::string state() {
        static const char *const words[] = {"idle", "waits for data", "STALLED", "moving"};
        std::string text;
        for (unsigned i = 0; i < n_streams; i++) {
            const unsigned valid = hwc::field(model_->streams_valid_o, i, 1);
            const unsigned ready = hwc::field(model_->streams_ready_o, i, 1);
            text += std::string("  ") + stream_names[i] + ": " + words[valid * 2 + ready] + "\n";
        }
        return text;
    }

  private:
    std::unique_ptr<VerilatedContext> context_;
    std::unique_ptr<Model> model_;
    Waves waves_;
    bool ended_ = false;
    int64_t cycle_ = 0;
};

} // namespace hwc

#endif
