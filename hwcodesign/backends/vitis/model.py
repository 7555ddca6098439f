"""This module writes the C++ simulation model: segments and blocks composed as the hardware composes them.

It is one translation unit that declares the segments' tops (their headers cannot be included together, because they
share include guards) and calls everything in data order, one sample at a time. It exports two kinds of C functions: the
accelerator, and each segment alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from hwcodesign.backends.vitis.blocks import beat_type, release_forks, releases, sample_type
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.kernels import Segment
from hwcodesign.kernels.tensor import suffix


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
    """Beat types, and the forward declaration of a segment's top: of hls4ml, what its layers read and compute."""
    name, ports = segment.name, []
    types = [(f"{name}_in{suffix(i)}", tensor) for i, tensor in enumerate(segment.inputs)]
    types += [(f"{name}_out{suffix(i)}", tensor) for i, tensor in enumerate(segment.results)]
    ports = [f"hls::stream<{name}_{port}_t> &{port}" for port in _top_ports(segment)]
    return [
        *(f"typedef {beat_type(tensor)} {stream}_t;" for stream, tensor in types),
        f"namespace ns_{name} {{",
        f"void {name}({', '.join(ports)});",
        "}",
        "",
    ]


def _top_ports(segment: Segment) -> list[str]:
    """Ports of the top function that hls4ml wrote, in their order; it has none of a tensor that is handed on."""
    computed = [i for i in range(len(segment.outputs)) if i not in segment.handed_on]
    if not computed:  # a quantiser that changes nothing
        return ["in", "out"]
    return [*(f"in{suffix(i)}" for i in segment.read_inputs), *(f"out{suffix(i)}" for i in computed)]


def _call(segment: Segment, streams: Mapping[str, str]) -> list[str]:
    """Statements that run one sample through a segment.

    Args:
        streams: by port, in, in_1, out and so on.
    """
    lines = []
    if len(segment.outputs) > 1:
        for out, given in segment.handed_on.items():
            function = "copy_on" if given in segment.read_inputs else "hand_on"
            beats = segment.inputs[given].beats
            lines.append(f"hwc::{function}({streams[f'in{suffix(given)}']}, {beats}, {streams[f'out{suffix(out)}']});")
    if len(segment.handed_on) < len(segment.outputs) or len(segment.outputs) == 1:
        arguments = ", ".join(streams[port] for port in _top_ports(segment))
        lines.append(f"ns_{segment.name}::{segment.name}({arguments});")
    return lines


def _stream_names(accelerator: Accelerator) -> list[tuple[str, str]]:
    """(beat type, name) of every stream of the composition, in data order."""
    streams = [("stage0_in_t", "stage0_in"), ("hwc::sample_t", "sample0")]
    for k, stage in enumerate(accelerator.stages):
        last = k == accelerator.exits - 1
        tensors = [suffix(i) for i in range(len(stage.outputs))]
        streams += [(f"stage{k}_out{of}_t", f"stage{k}_out{of}") for of in tensors]
        if not last:
            for i in accelerator.head_reads[k]:
                beat = f"stage{k}_out{suffix(i)}_t"
                streams += [(beat, f"head{k}_in{suffix(i)}"), (beat, f"buffer{k}_in{suffix(i)}")]
        streams.append((f"head{k}_out_t", f"logits{k}"))
        if not last:
            streams += [("ap_uint<1> ", name) for name in releases(k, len(tensors))]
            streams.append((sample_type(accelerator.policy, k + 1), f"sample{k + 1}"))
            streams += [(f"stage{k + 1}_in{of}_t", f"stage{k + 1}_in{of}") for of in tensors]
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
    for k, (stage, head) in enumerate(zip(accelerator.stages, accelerator.heads, strict=True)):
        last, tensors = k == accelerator.exits - 1, [suffix(i) for i in range(len(stage.outputs))]
        if k:
            lines += [f"    if (stage{k}_in.empty())", "        return;"]
        given = {f"in{suffix(i)}": f"stage{k}_in{suffix(i)}" for i in range(len(stage.inputs))}
        written = {f"out{of}": f"stage{k}_out{of}" for of in tensors}
        lines += [f"    {line}" for line in _call(stage, {**given, **written})]
        reads = accelerator.head_reads[k]
        source = f"stage{k}_out" if last else f"head{k}_in"
        if not last:
            for i in reads:
                of = suffix(i)
                lines.append(f"    fork{k}{of}(stage{k}_out{of}, head{k}_in{of}, buffer{k}_in{of});")
        inputs = {f"in{suffix(j)}": f"{source}{suffix(i)}" for j, i in enumerate(reads)}
        lines += [f"    {line}" for line in _call(head, {**inputs, "out": f"logits{k}"})]
        if last:
            lines.append(f"    decision{k}(logits{k}, sample{k}, exit_records[{k}]);")
        else:
            lines += _decided(accelerator, k)
    return [*lines, "}"]


def _decided(accelerator: Accelerator, k: int) -> list[str]:
    """A decision, and what it does to the buffers behind it."""
    stage = accelerator.stages[k]
    lines = [
        f"    decision{k}(logits{k}, sample{k}, threshold[{k}], anytime,",
        f"              release{k}, sample{k + 1}, exit_records[{k}]);",
    ]
    tensors = len(stage.outputs)
    lines += [f"    {name}({', '.join(streams)});" for name, streams in release_forks(k, tensors)]
    for i, tensor in enumerate(stage.results):
        of = suffix(i)
        source = f"buffer{k}_in{of}" if i in accelerator.head_reads[k] else f"stage{k}_out{of}"
        release = f"release{k}_to{i}" if tensors > 1 else f"release{k}"
        lines += [
            f"    for (unsigned step = 0; step < 2 * {tensor.beats} + 2; step++) // in and out again, a beat a step",
            f"        buffer{k}{of}({source}, {release}, stage{k + 1}_in{of});",
        ]
    return lines


def _drained(accelerator: Accelerator) -> list[str]:
    conditions = " && ".join(f"{name}.empty()" for _, name in _stream_names(accelerator))
    return [
        "// Whether nothing is left between samples: what a kernel took too little or gave too much of would be",
        "bool drained() {",
        f"    return {conditions};",
        "}",
    ]


def _run(accelerator: Accelerator) -> list[str]:
    beats = accelerator.stages[0].inputs[0].beats
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
    ports = [f"in{suffix(i)}" for i in range(len(segment.inputs))]
    results = [f"out{suffix(i)}" for i in range(len(segment.outputs))]
    streams = {port: f"{port}_stream" for port in (*ports, *results)}
    lines = [
        f"// {name} alone: raw codes of every input and output, channels last; -1 where a stream was not drained",
        f"long {name}_run(const int32_t *const *codes, long samples, int32_t *const *out) {{",
        *(f'    static hls::stream<{name}_{port}_t> {net}("{name}_{port}");' for port, net in streams.items()),
        "    for (long n = 0; n < samples; n++) {",
    ]
    for i, (port, tensor) in enumerate(zip(ports, segment.inputs, strict=True)):
        codes = f"codes[{i}] + n * {tensor.elements}"
        lines.append(f"        hwc::write_codes({codes}, {tensor.beats}, {streams[port]});")
    lines += [f"        {line}" for line in _call(segment, streams)]
    for i, (port, tensor) in enumerate(zip(results, segment.results, strict=True)):
        signed = str(tensor.format.signed).lower()
        codes = f"out[{i}] + n * {tensor.elements}"
        lines.append(f"        hwc::read_codes<{signed}>({streams[port]}, {tensor.beats}, {codes});")
    left = " || ".join(f"!{net}.empty()" for net in streams.values())
    return [*lines, f"        if ({left})", "            return -1;", "    }", "    return samples;", "}", ""]
