"""This module writes the C++ simulation model: segments and blocks composed as the hardware composes them.

It is one translation unit that declares the segments' tops (their headers cannot be included together, because they
share include guards) and calls everything in data order, one sample at a time. It exports two kinds of C functions: the
accelerator, and each segment alone.
"""

from __future__ import annotations

from hwcodesign.backends.vitis.blocks import beat_type, sample_type
from hwcodesign.designs.accelerator import Accelerator, beats_of
from hwcodesign.kernels import Segment


def model_source(accelerator: Accelerator) -> str:
    """Returns the text of accelerator.cpp."""
    exits = accelerator.exits
    parts = [
        f"// Simulation model of accelerator {accelerator.name}: {exits} exits, composed from the segments of",
        "// ../vitis and the blocks of ../vitis/hls. Not for synthesis: in hardware each of them is an IP of its own.",
        "",
        *(f'#include "{name}.h"' for name in sorted(accelerator.blocks)),
        '#include "simulation.h"',
        "",
        *(line for segment in accelerator.segments for line in _declaration(segment)),
        "namespace {",
        "",
        *_streams(accelerator),
        "",
        *_run_sample(accelerator),
        "",
        *_drained(accelerator),
        "",
        "} // namespace",
        "",
        'extern "C" {',
        "",
        *_run(accelerator),
        *(line for segment in accelerator.segments for line in _segment_function(segment)),
        '} // extern "C"',
    ]
    return "\n".join(parts) + "\n"


def _declaration(segment: Segment) -> list[str]:
    """Beat types and the forward declaration of a segment's top."""
    return [
        f"typedef {beat_type(segment.input_format, segment.input_shape)} {segment.name}_in_t;",
        f"typedef {beat_type(segment.output_format, segment.output_shape)} {segment.name}_out_t;",
        f"namespace ns_{segment.name} {{",
        f"void {segment.name}(hls::stream<{segment.name}_in_t> &in, hls::stream<{segment.name}_out_t> &out);",
        "}",
        "",
    ]


def _stream_names(accelerator: Accelerator) -> list[tuple[str, str]]:
    """(beat type, name) of every stream of the composition, in data order."""
    streams = [("stage0_in_t", "stage0_in"), ("hwc::sample_t", "sample0")]
    for k in range(accelerator.exits):
        last = k == accelerator.exits - 1
        streams.append((f"stage{k}_out_t", f"stage{k}_out"))
        if not last:
            streams += [(f"head{k}_in_t", f"head{k}_in"), (f"stage{k}_out_t", f"buffer{k}_in")]
        streams.append((f"head{k}_out_t", f"logits{k}"))
        if not last:
            streams += [
                ("ap_uint<1> ", f"release{k}"),
                (sample_type(accelerator.policy, k + 1), f"sample{k + 1}"),
                (f"stage{k + 1}_in_t", f"stage{k + 1}_in"),
            ]
    return streams


def _streams(accelerator: Accelerator) -> list[str]:
    lines = [f'hls::stream<{beat}> {name}("{name}");' for beat, name in _stream_names(accelerator)]
    lines += ["hls::stream<hwc::record_t> exit_records[merge_config::n_exits];"]
    return [*lines, 'hls::stream<hwc::record_t> records("records");']


def _run_sample(accelerator: Accelerator) -> list[str]:
    lines = [
        "// One sample from stage0_in and sample0 to its records. Returns at the exit at which it leaves.",
        "void run_sample(const hwc::threshold_t *threshold, ap_uint<1> anytime) {",
    ]
    for k in range(accelerator.exits):
        if k:
            lines += [f"    if (stage{k}_in.empty())", "        return;"]
        lines.append(f"    ns_stage{k}::stage{k}(stage{k}_in, stage{k}_out);")
        if k == accelerator.exits - 1:
            lines.append(f"    ns_head{k}::head{k}(stage{k}_out, logits{k});")
            lines.append(f"    decision{k}(logits{k}, sample{k}, exit_records[{k}]);")
            continue
        beats = beats_of(accelerator.stages[k].output_shape)
        lines += [
            f"    fork{k}(stage{k}_out, head{k}_in, buffer{k}_in);",
            f"    ns_head{k}::head{k}(head{k}_in, logits{k});",
            f"    decision{k}(logits{k}, sample{k}, threshold[{k}], anytime,",
            f"              release{k}, sample{k + 1}, exit_records[{k}]);",
            f"    for (unsigned step = 0; step < 2 * {beats} + 2; step++) // in and out again, a beat a step",
            f"        buffer{k}(buffer{k}_in, release{k}, stage{k + 1}_in);",
        ]
    return [*lines, "}"]


def _drained(accelerator: Accelerator) -> list[str]:
    conditions = " && ".join(f"{name}.empty()" for _, name in _stream_names(accelerator))
    return [
        "// Whether nothing is left between samples: what a kernel took too little or gave too much of would be",
        "bool drained() {",
        f"    return {conditions};",
        "}",
    ]


def _run(accelerator: Accelerator) -> list[str]:
    beats = beats_of(accelerator.stages[0].input_shape)
    return [
        "// Runs `samples` samples of raw codes, channels last, ids from first_id; thresholds: one code per exit.",
        "// Returns the number of records written, or -1 where a stream was not drained.",
        "long accelerator_run(const int32_t *codes, long samples, uint32_t first_id, const int32_t *thresholds,",
        "                     int anytime, hwc::host_record_t *out) {",
        "    hwc::threshold_t threshold[merge_config::n_exits];",
        "    for (unsigned k = 0; k < merge_config::n_exits; k++)",
        "        threshold[k] = thresholds[k];",
        "    long count = 0;",
        "    for (long n = 0; n < samples; n++) {",
        f"        hwc::write_codes<stage0_in_t>(codes + n * {beats} * stage0_in_t::size, {beats}, stage0_in);",
        "        hwc::sample_t sample;",
        "        sample.sample_id = first_id + uint32_t(n);",
        "        sample.label = 0;",
        "        sample.agreements = 0;",
        "        sample.seen = 0;",
        "        sample0.write(sample);",
        "        run_sample(threshold, ap_uint<1>(anytime));",
        "        for (unsigned step = 0; step < merge_config::n_exits; step++)",
        "            merge(exit_records, records);",
        "        while (!records.empty())",
        "            out[count++] = hwc::to_host(records.read());",
        "        if (!drained())",
        "            return -1;",
        "    }",
        "    return count;",
        "}",
        "",
    ]


def _segment_function(segment: Segment) -> list[str]:
    name = segment.name
    beats_in, beats_out = beats_of(segment.input_shape), beats_of(segment.output_shape)
    signed = str(segment.output_format.signed).lower()
    return [
        f"// {name} alone: raw codes in and out, channels last; -1 where a stream was not drained",
        f"long {name}_run(const int32_t *codes, long samples, int32_t *out) {{",
        f'    static hls::stream<{name}_in_t> in("{name}_in");',
        f'    static hls::stream<{name}_out_t> result("{name}_out");',
        "    for (long n = 0; n < samples; n++) {",
        f"        hwc::write_codes(codes + n * {beats_in} * {name}_in_t::size, {beats_in}, in);",
        f"        ns_{name}::{name}(in, result);",
        f"        hwc::read_codes<{signed}>(result, {beats_out}, out + n * {beats_out} * {name}_out_t::size);",
        "        if (!in.empty() || !result.empty())",
        "            return -1;",
        "    }",
        "    return samples;",
        "}",
        "",
    ]
