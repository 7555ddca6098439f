// A whole Verilated accelerator that is stepped from outside, as a board's processor and DMA see it: registers are read
// and written, words offered and records taken while time passes. model.h is generated beside the accelerator.
//
// The same calls in the same order give the same cycles.

#include <cstdint>
#include <cstdio>
#include <string>

#include "accelerator.h"
#include "model.h"
#include "ports.h"

namespace {

// Words on their way in; the same fields in the same order as in hwcodesign/simulation/stepped.py.
struct source_t {
    const uint64_t *words;
    int64_t count; // of them that may be offered
    int64_t last;  // number of the word that carries TLAST; -1: none
    int64_t sent;  // of them accepted
};

// Room for record words on their way out; the same fields as in hwcodesign/simulation/stepped.py.
struct sink_t {
    uint64_t *words;
    int64_t capacity;  // words that may be taken
    int64_t drop_from; // from this word on ...
    int64_t drops;     // ... so many TLASTs are taken for none
    int64_t taken;
    int64_t ended; // 1 once a word with TLAST was taken: no further one is
};

struct Board {
    explicit Board(int64_t stillness) : simulation(nullptr), stillness(stillness), quiet(stillness) {}

    hwc::Simulation simulation;
    hwc::Chance chance{1};
    unsigned valid_rate = 65536, ready_rate = 65536; // chances of 65536 to be valid and ready in a cycle
    bool offered = false;                            // a word is: it is held until taken
    int64_t stillness;                               // cycles without a transfer after which nothing can come any more
    int64_t quiet;                                   // cycles since the last transfer, or what may bring about another
};

// Both streams in one cycle.
class Streams {
  public:
    Streams(Board &board, source_t &source, sink_t &sink)
        : board_(board), source_(source), sink_(sink), model_(board.simulation.model()) {}

    void drive() {
        if (!board_.offered && source_.sent < source_.count && board_.chance(board_.valid_rate)) {
            board_.offered = true;
            model_.s_axis_tdata = source_.words[source_.sent];
            model_.s_axis_tlast = source_.sent == source_.last;
        }
        model_.s_axis_tvalid = board_.offered;
        model_.m_axis_tready = !sink_.ended && sink_.taken < sink_.capacity && board_.chance(board_.ready_rate);
    }
    void sample() {
        board_.quiet++;
        if (board_.offered && model_.s_axis_tready) {
            source_.sent++;
            board_.offered = false;
            board_.quiet = 0;
        }
        if (model_.m_axis_tvalid && model_.m_axis_tready) {
            bool last = model_.m_axis_tlast;
            if (last && sink_.drops > 0 && sink_.taken >= sink_.drop_from) {
                last = false;
                sink_.drops--;
            }
            sink_.words[sink_.taken++] = model_.m_axis_tdata;
            sink_.ended = last;
            board_.quiet = 0;
        }
    }

  private:
    Board &board_;
    source_t &source_;
    sink_t &sink_;
    Model &model_;
};

} // namespace

extern "C" {

// A freshly reset accelerator.
//   stillness  cycles without a transfer after which hwc_board_advance holds the clock
Board *hwc_board_create(int64_t stillness) { return new Board(stillness); }
void hwc_board_destroy(Board *board) { delete board; }

// By aresetn.
void hwc_board_reset(Board *board) {
    board->simulation.reset();
    board->offered = false;
    board->quiet = board->stillness;
}

// How often a word is offered, and one taken, from now on: chances of 65536.
void hwc_board_stalls(Board *board, uint32_t valid_rate, uint32_t ready_rate, uint64_t seed) {
    board->chance = hwc::Chance(seed);
    board->valid_rate = valid_rate;
    board->ready_rate = ready_rate;
}

// The clock runs again: there is something new to send, or to take.
void hwc_board_wake(Board *board) { board->quiet = 0; }

// The word that is offered is no longer.
void hwc_board_withdraw(Board *board) { board->offered = false; }

// Cycles since reset, of those that were simulated.
int64_t hwc_board_cycles(Board *board) { return board->simulation.cycle(); }

void hwc_board_write(Board *board, uint32_t address, uint32_t value, source_t *source, sink_t *sink) {
    board->simulation.write(address, value, Streams(*board, *source, *sink));
    board->quiet = 0; // a soft reset may have set free what was stuck
}
uint32_t hwc_board_read(Board *board, uint32_t address, source_t *source, sink_t *sink) {
    return board->simulation.read(address, Streams(*board, *source, *sink));
}

// Lets up to so many cycles pass; fewer where nothing has moved for so long that nothing can.
// Returns how many passed.
int64_t hwc_board_advance(Board *board, int64_t cycles, source_t *source, sink_t *sink) {
    Streams streams(*board, *source, *sink);
    int64_t passed = 0;
    for (; passed < cycles && board->quiet < board->stillness; passed++) {
        streams.drive();
        board->simulation.settle();
        streams.sample();
        board->simulation.edge();
    }
    return passed;
}

// What every stream between the blocks is doing.
void hwc_board_state(Board *board, char *text, long size) {
    board->simulation.settle();
    snprintf(text, size_t(size), "%s", board->simulation.state().c_str());
}

} // extern "C"
