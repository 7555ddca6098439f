"""This module writes the SystemVerilog of one exit: its stage and head, the decision, and the buffers behind it."""

from __future__ import annotations

from collections.abc import Sequence

from hwcodesign.backends.streamrtl.decision_source import info_bits
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.hardware.layout import input_stream, instance_lines, left_open, output_stream
from hwcodesign.hardware.stream import Stream
from hwcodesign.kernels import Segment, TensorType
from hwcodesign.kernels.tensor import suffix
from hwcodesign.systemverilog import concatenated, parameter_lines

#: Bits of a buffer's level as the registers show it.
LEVEL_BITS = 16
#: Connections of what a soft reset stops.
CLOCK = (".clk_i(aclk)", ".rst_ni(core_rst_n)")


def exit_lines(accelerator: Accelerator, info_depth: int, queues: Sequence[int], k: int) -> list[str]:
    """Returns declarations and instances of one exit: its stage, forks, head, decision and buffers.

    Args:
        info_depth: samples whose ids wait beside stage and head.
        queues: beats of the FIFO before each tensor that the head reads, if it reads several.
        k: number of the exit.
    """
    stage, last = accelerator.stages[k], k == accelerator.exits - 1
    tensors = range(len(stage.outputs))
    given = [f"stage{k}_in{suffix(i)}" for i in range(len(stage.inputs))]
    lines = [f"  // Exit {k}", *_segment(accelerator, stage, given, f"stage{k}_out")]
    read = []
    for i in accelerator.head_reads[k]:
        read.append(f"stage{k}_out{suffix(i)}" if last else f"head{k}_in{suffix(i)}")
        lines += [] if last else _fork(k, suffix(i), accelerator.beat_bits(k, i))
    if queues:
        for i, (net, depth) in enumerate(zip(read, queues, strict=True)):
            lines += _queue(accelerator, k, i, net, depth)
        read = [f"head{k}_waiting{suffix(i)}" for i in range(len(read))]
    lines += _segment(accelerator, accelerator.heads[k], read, f"logits{k}")
    lines += _info(accelerator, k, info_depth)
    lines += _decision(accelerator, k)
    if last:
        return lines
    releases, more = _releases(accelerator, k)
    lines += more
    for i in tensors:
        source = f"buffer{k}_in" if i in accelerator.head_reads[k] else f"stage{k}_out"
        lines += _buffer(accelerator, k, i, f"{source}{suffix(i)}", releases[i])
    return [*lines, f"  assign levels[{k}] = {LEVEL_BITS}'(level{k});", ""]


def info_type(accelerator: Accelerator, k: int) -> str:
    """Returns the type of what travels with a sample to exit k: a sample_t, above it a past_t for each earlier exit if
    read.
    """
    past = k if accelerator.policy.criterion.reads_past else 0
    return f"logic [{info_bits(past)}-1:0]" if past else "sample_t"


def data_type(tensor: TensorType, stream: Stream) -> str:
    """Returns the type of the data of a tensor's stream."""
    return f"logic [{stream.lanes - 1}:0][{tensor.format.width - 1}:0]"


def _segment(accelerator: Accelerator, segment: Segment, sources: Sequence[str], target: str) -> list[str]:
    """A segment; where it has several outputs, they drive `target`, `target`_1 and so on."""
    connections = [*CLOCK]
    for i, source in enumerate(sources):
        connections += input_stream(f"in{suffix(i)}", source)
    for i in range(len(segment.outputs)):
        connections += output_stream(f"out{suffix(i)}", f"{target}{suffix(i)}")
    module = f"{accelerator.name}_{segment.name}"
    return [*instance_lines(module, f"u_{segment.name}", connections, [".RomFolder(RomFolder)"]), ""]


def _fork(k: int, of: str, width: int) -> list[str]:
    """The fork of a tensor to head and buffer.

    Args:
        of: suffix of the tensor.
    """
    head, buffer = f"head{k}_in{of}", f"buffer{k}_in{of}"
    connections = [
        *CLOCK,
        *input_stream("in", f"stage{k}_out{of}"),
        f".out_valid_o({{{buffer}_valid, {head}_valid}})",
        f".out_ready_i({{{buffer}_ready, {head}_ready}})",
        f".out_data_o({head}_data)",
    ]
    sizes = parameter_lines([("Width", width), ("Outputs", 2)])
    fork = instance_lines("stream_fork", f"u_fork{k}{of}", connections, sizes)
    return [*fork, f"  assign {buffer}_data = {head}_data;", ""]


def _queue(accelerator: Accelerator, k: int, i: int, source: str, depth: int) -> list[str]:
    """A FIFO in front of a head that reads several tensors, for the one that comes before another.

    Args:
        i: which of the tensors that the head reads.
    """
    name, of = f"head{k}_waiting{suffix(i)}", accelerator.head_reads[k][i]
    connections = [*CLOCK, *input_stream("in", source), *output_stream("out", name), *left_open("level_o")]
    sizes = parameter_lines([("Width", accelerator.beat_bits(k, of)), ("Depth", depth)])
    return [
        f"  logic {name}_valid, {name}_ready;",
        f"  {data_type(accelerator.stages[k].results[of], accelerator.stream(k, of))} {name}_data;",
        *instance_lines("stream_fifo", f"u_{name}", connections, sizes),
        "",
    ]


def _info(accelerator: Accelerator, k: int, depth: int) -> list[str]:
    """The FIFO beside stage and head, behind the net `info{k}`."""
    waiting = f"waiting{k}"
    sizes = [f".Width($bits({waiting}_data)),", f".Depth({depth})"]
    connections = [*CLOCK, *input_stream("in", f"info{k}"), *output_stream("out", waiting), *left_open("level_o")]
    return [
        f"  logic {waiting}_valid, {waiting}_ready;",
        f"  {info_type(accelerator, k)} {waiting}_data;",
        *instance_lines("stream_fifo", f"u_info{k}", connections, sizes),
        "",
    ]


def _decision(accelerator: Accelerator, k: int) -> list[str]:
    last = k == accelerator.exits - 1
    connections = [
        *CLOCK,
        *(f".threshold_i(thresholds[{k}])", ".anytime_i(anytime)"),
        *input_stream("logits", f"logits{k}"),
        *input_stream("sample", f"waiting{k}"),
        *output_stream("record", f"record{k}"),
    ]
    if last:
        connections += ["// Nothing goes on from here", ".release_ready_i(1'b1)", ".next_ready_i(1'b1)"]
        connections += left_open("release_valid_o", "release_keep_o", "next_valid_o", "next_data_o")
    else:
        release = f"release{k}"
        connections += [f".release_valid_o({release}_valid)", f".release_ready_i({release}_ready)"]
        connections += [f".release_keep_o({release}_data)", *output_stream("next", f"next{k}")]
    module = f"{accelerator.name}_decision{k}"
    lines = instance_lines(module, f"u_decision{k}", connections, [".RomFolder(RomFolder)"])
    if not last:
        lines += [f"  assign info{k + 1}_{part} = next{k}_{part};" for part in ("valid", "data")]
        lines.append(f"  assign next{k}_ready = info{k + 1}_ready;")
    return [*lines, ""]


def _releases(accelerator: Accelerator, k: int) -> tuple[list[str], list[str]]:
    """The nets by which the buffers behind a stage are told, one for each tensor, and what drives them.

    All buffers are told the same, in the same order; each takes a decision when it can.
    """
    nets, lines = [f"release{k}"], []
    tensors = len(accelerator.stages[k].outputs)
    if tensors > 1:
        nets = [f"release{k}_to{i}" for i in range(tensors)]
        lines += [f"  logic {net}_valid, {net}_ready, {net}_data;" for net in nets]
        connections = [
            *CLOCK,
            *input_stream("in", f"release{k}"),
            concatenated(".out_valid_o(", [f"{net}_valid" for net in reversed(nets)], ")"),
            concatenated(".out_ready_i(", [f"{net}_ready" for net in reversed(nets)], ")"),
            f".out_data_o({nets[0]}_data)",
        ]
        sizes = parameter_lines([("Width", 1), ("Outputs", tensors)])
        lines += instance_lines("stream_fork", f"u_release_fork{k}", connections, sizes)
        lines += [*(f"  assign {net}_data = {nets[0]}_data;" for net in nets[1:]), ""]
    return nets, lines


def _buffer(accelerator: Accelerator, k: int, i: int, source: str, release: str) -> list[str]:
    """The conditional buffer of a tensor, and the FIFO of decisions before it."""
    of, depth = suffix(i), accelerator.buffer_beats(k, i)
    level = max(1, depth.bit_length())
    waiting = accelerator.waiting_decisions
    lines = [f"  // {accelerator.buffer_samples} samples"]
    if waiting:
        decided = f"decided{k}{of}"
        connections = [*CLOCK, *input_stream("in", release), *output_stream("out", decided), *left_open("level_o")]
        sizes = [("Width", 1), ("Depth", waiting)]
        lines.append(f"  logic {decided}_valid, {decided}_ready, {decided}_data;")
        lines += instance_lines("stream_fifo", f"u_{decided}", connections, parameter_lines(sizes))
        release = decided
    connections = [
        *CLOCK,
        *input_stream("in", source),
        *(f".release_valid_i({release}_valid)", f".release_ready_o({release}_ready)"),
        f".release_keep_i({release}_data)",
        *output_stream("out", f"stage{k + 1}_in{of}"),
    ]
    connections += left_open("level_o") if i else [f".level_o(level{k})"]
    sizes = [
        ("Width", accelerator.beat_bits(k, i)),
        ("Beats", accelerator.least_buffer_beats(k, i)),
        ("Depth", depth),
    ]
    if not i:
        lines.append(f"  logic [{level - 1}:0] level{k};")
    return [*lines, *instance_lines("conditional_buffer", f"u_buffer{k}{of}", connections, parameter_lines(sizes)), ""]
