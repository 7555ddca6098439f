#ifndef HWC_TB_STALLING_HLS_STREAM_H_
#define HWC_TB_STALLING_HLS_STREAM_H_
#define X_HLS_STREAM_SIM_H // stands in for the header of this name in ap_types

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <deque>

// A model of hls::stream that can be full, for g++ alone: the vendor's never is in C simulation, so a
// step function's way with a stalled output would go untested. Put this folder before ap_types in
// the include path. Reading an empty stream or writing a full one would stop a cycle-true design in
// the middle of a call, and stops the test.
#define HWC_TB_STALLING_STREAM

namespace hls {

template <class T> class stream {
  public:
    stream() : stalled_(false) {}
    explicit stream(const char *) : stalled_(false) {}

    // Whether the reader of the stream holds it up: it is full then, whatever it holds.
    void stall(bool stalled) { stalled_ = stalled; }

    bool empty() const { return data_.empty(); }
    bool full() const { return stalled_; }
    std::size_t size() const { return data_.size(); }

    T read() {
        if (empty())
            stop("an empty stream was read");
        const T head = data_.front();
        data_.pop_front();
        return head;
    }
    void read(T &head) { head = read(); }

    void write(const T &tail) {
        if (full())
            stop("a full stream was written");
        data_.push_back(tail);
    }

    bool read_nb(T &head) {
        if (empty())
            return false;
        head = read();
        return true;
    }
    bool write_nb(const T &tail) {
        if (full())
            return false;
        write(tail);
        return true;
    }

  private:
    stream(const stream &);
    stream &operator=(const stream &);

    static void stop(const char *why) {
        std::printf("%s\nFAIL\n", why);
        std::exit(2);
    }

    std::deque<T> data_;
    bool stalled_;
};

} // namespace hls

#endif
