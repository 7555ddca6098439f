// The engine: programs of operations, which run on blocks of samples. Its interface is that of C; who calls it keeps
// to the sizes that the configurations name, because nothing is checked here.

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "depthwise.h"
#include "elements.h"
#include "pools.h"
#include "products.h"
#include "simd.h"
#include "steps.h"
#include "values.h"

namespace hwc {

struct Program {
    std::vector<Value> values;
    std::vector<int> inputs, outputs;
    int64_t memory; // bytes of all values but inputs and outputs
    int most;       // samples of a block
    std::vector<std::unique_ptr<Operation>> operations;

    void run(int64_t samples, const char *const *in, char *const *out) const {
        thread_local std::vector<char> memory_of_thread;
        if (memory_of_thread.size() < (size_t)memory)
            memory_of_thread.resize((size_t)memory);
        Block block;
        block.first.resize(values.size());
        for (int64_t start = 0; start < samples; start += most) {
            block.samples = (int)std::min<int64_t>(most, samples - start);
            for (size_t i = 0; i < values.size(); i++)
                block.first[i] = memory_of_thread.data() + values[i].place;
            for (size_t i = 0; i < inputs.size(); i++)
                block.first[inputs[i]] = const_cast<char *>(in[i]) + start * values[inputs[i]].stride();
            for (size_t i = 0; i < outputs.size(); i++)
                block.first[outputs[i]] = out[i] + start * values[outputs[i]].stride();
            for (const auto &operation : operations)
                operation->run(values, block);
        }
    }
};

template <template <class> class Kind, class Config>
void append_typed(Program *program, const Config *config, const StepConfig *steps, int count, bool wide) {
    if (wide)
        program->operations.push_back(std::make_unique<Kind<int64_t>>(*config, steps, count, wide));
    else
        program->operations.push_back(std::make_unique<Kind<int32_t>>(*config, steps, count, wide));
}

} // namespace hwc

using namespace hwc;

extern "C" {

int hwc_lanes() { return kBytes / 4; }
int hwc_has_bytes() { return kHasBytes; }

Program *hwc_program(const Value *values, int count, const int32_t *inputs, int input_count, const int32_t *outputs,
                     int output_count, int64_t memory, int most) {
    return new Program{{values, values + count},
                       {inputs, inputs + input_count},
                       {outputs, outputs + output_count},
                       memory,
                       most,
                       {}};
}

void hwc_free(Program *program) { delete program; }

void hwc_products(Program *program, const ProductsConfig *c, const StepConfig *steps, int count, int wide) {
    std::unique_ptr<Operation> made;
    switch (c->multiply) {
    case Multiply::Bytes: made = std::make_unique<Products<Bytes>>(*c, steps, count, wide); break;
    case Multiply::Words: made = std::make_unique<Products<Words>>(*c, steps, count, wide); break;
    case Multiply::Longs: made = std::make_unique<Products<Longs>>(*c, steps, count, wide); break;
    }
    program->operations.push_back(std::move(made));
}

void hwc_depthwise(Program *program, const DepthwiseConfig *c, const StepConfig *steps, int count, int wide) {
    std::unique_ptr<Operation> made;
    if (c->sums_are_wide)
        made = std::make_unique<Depthwise<int64_t, int64_t>>(*c, steps, count, wide);
    else
        made = std::make_unique<Depthwise<int16_t, int32_t>>(*c, steps, count, wide);
    program->operations.push_back(std::move(made));
}

void hwc_pool(Program *program, const PoolConfig *c, const StepConfig *steps, int count, int wide) {
    append_typed<Pool>(program, c, steps, count, wide);
}

void hwc_elements(Program *program, const ElementsConfig *c, const StepConfig *steps, int count, int wide) {
    append_typed<Elements>(program, c, steps, count, wide);
}

void hwc_padded(Program *program, const PaddedConfig *c) {
    program->operations.push_back(std::make_unique<Padded>(*c));
}

void hwc_moved(Program *program, const MovedConfig *c) { program->operations.push_back(std::make_unique<Moved>(*c)); }

// Computes `samples` samples on so many threads, each a part of them.
void hwc_run(const Program *program, int64_t samples, const char *const *in, char *const *out, int threads) {
    if (threads <= 1 || samples < 2) {
        program->run(samples, in, out);
        return;
    }
    std::vector<std::thread> others;
    const int64_t part = (samples + threads - 1) / threads;
    for (int64_t start = 0; start < samples; start += part)
        others.emplace_back([=] {
            std::vector<const char *> from;
            std::vector<char *> to;
            for (size_t i = 0; i < program->inputs.size(); i++)
                from.push_back(in[i] + start * program->values[program->inputs[i]].stride());
            for (size_t i = 0; i < program->outputs.size(); i++)
                to.push_back(out[i] + start * program->values[program->outputs[i]].stride());
            program->run(std::min(part, samples - start), from.data(), to.data());
        });
    for (std::thread &other : others)
        other.join();
}
}
