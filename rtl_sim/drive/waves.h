#ifndef HWC_WAVES_H_
#define HWC_WAVES_H_

#include <cstdint>
#include <memory>
#include <string>

#include "model.h"
#if VM_TRACE_FST
#include "verilated_fst_c.h"
#elif VM_TRACE
#include "verilated_vcd_c.h"
#endif

namespace hwc {

// The waveform of a simulation: a VCD or an FST file, or nothing.
//
// A cycle is 1 ns long, whatever the clock of the hardware is, so that the time axis counts cycles. Cycle n begins at
// n ns with the rising edge, and no signal but the clock changes before the next cycle. Nothing is written of what comes
// before the first cycle in which words may be offered, cycle 0: the reset, and the writing of registers.
class Waves {
#if VM_TRACE
  public:
    // To be called before the model is evaluated; with a null path, nothing is written.
    void prepare(Model &model, const char *path) {
        if (!path)
            return;
        file_.reset(new File);
        model.trace(file_.get(), 99);
        path_ = path;
    }
    // The next cycle is cycle 0; the last edge has left the clock high
    void begin() {
        if (file_)
            file_->open(path_.c_str());
        cycle_ = 0;
    }
    // The inputs of a cycle are set, and the clock is still high, as the edge has left it
    void rise(Model &model) {
        if (!file_ || !file_->isOpen())
            return;
        model.eval();
        file_->dump(cycle_ * cycle_ps);
    }
    // The clock has fallen
    void fall() {
        if (file_ && file_->isOpen())
            file_->dump(cycle_++ * cycle_ps + cycle_ps / 2);
    }

  private:
#if VM_TRACE_FST
    typedef VerilatedFstC File;
#else
    typedef VerilatedVcdC File;
#endif
    static constexpr uint64_t cycle_ps = 1000;
    std::unique_ptr<File> file_;
    std::string path_;
    uint64_t cycle_ = 0;
#else
  public:
    void prepare(Model &, const char *) {}
    void begin() {}
    void rise(Model &) {}
    void fall() {}
#endif
};

} // namespace hwc

#endif
