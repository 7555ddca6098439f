"""This module writes thin instances of the blocks in hls/: a header, a top function, a testbench and block.tcl for
each.

What a block does is hand-written in hls/; only its numbers are written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwcodesign.cplusplus import Struct, Table
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.boards import Board
from hwcodesign.kernels import TensorType
from hwcodesign.kernels.tensor import suffix
from hwcodesign.policies import ExitPolicy


@dataclass(frozen=True)
class Block:
    """A block is one IP.

    Attributes:
        name: name of its top function and stem of its files.
        files: file name to text.
    """

    name: str
    files: dict[str, str]


def beat_type(tensor: TensorType) -> str:
    """Returns the C++ type of one beat of a tensor: a pixel's channels, or a whole vector."""
    return f"nnet::array<{tensor.format.ap_type}, {tensor.shape[-1]}>"


def releases(k: int, tensors: int) -> list[str]:
    """Returns the streams of decisions from an exit to the buffers of so many tensors."""
    if tensors == 1:
        return [f"release{k}"]
    rest = [f"release{k}_rest{i}" for i in range(1, tensors - 1)]
    return [f"release{k}", *rest, *(f"release{k}_to{i}" for i in range(tensors))]


def release_forks(k: int, tensors: int) -> list[tuple[str, tuple[str, str, str]]]:
    """Returns the blocks that copy the decisions of an exit to the buffers of so many tensors, each with the stream
    that it reads and the two that it writes.
    """
    rest = [f"release{k}", *(f"release{k}_rest{i}" for i in range(1, tensors - 1)), f"release{k}_to{tensors - 1}"]
    return [(f"release_fork{k}{suffix(i)}", (rest[i - 1], f"release{k}_to{i - 1}", rest[i])) for i in range(1, tensors)]


def sample_type(policy: ExitPolicy, k: int) -> str:
    """Returns the C++ type of what travels with a sample to exit k."""
    return f"hwc::traced_t<{k}> " if policy.criterion.reads_past and k else "hwc::sample_t"


def blocks_of(accelerator: Accelerator, board: Board) -> list[Block]:
    """Returns every block around the segments, in data order."""
    blocks = []
    for k in range(accelerator.exits - 1):
        tensors = range(len(accelerator.stages[k].outputs))
        blocks += [_fork(accelerator, k, i, board) for i in tensors if i in accelerator.head_reads[k]]
        blocks.append(decision_block(accelerator.policy, k, board))
        blocks += [_release_fork(name, k, board) for name, _ in release_forks(k, len(tensors))]
        blocks += [_buffer(accelerator, k, i, board) for i in tensors]
    blocks.append(decision_block(accelerator.policy, accelerator.exits - 1, board))
    return [*blocks, _merge(accelerator, board)]


@dataclass(frozen=True)
class _Port:
    """An argument of a top function: its C++ type, `{}` standing for the name, and its interface."""

    name: str
    type: str
    interface: str

    @property
    def declaration(self) -> str:
        return self.type.format(self.name)


def _stream(name: str, beat: str, interface: str = "axis") -> _Port:
    return _Port(name, f"hls::stream<{beat}> &{{}}", interface)


@dataclass(frozen=True)
class _Top:
    """A top function and its testbench.

    Attributes:
        call: the kernel of hls/ with its template arguments and arguments.
        pragmas: of the function, beside those of its ports.
        test: template of hls/tb with its arguments.
        functor: the arguments that the testbench calls with; the ports' own unless given.
        passed: what the functor hands to the top function.
    """

    name: str
    ports: tuple[_Port, ...]
    call: str
    test: str
    bench: str
    pragmas: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    functor: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()

    @property
    def signature(self) -> str:
        head = f"void {self.name}("
        return head + (",\n" + " " * len(head)).join(port.declaration for port in self.ports) + ")"


def _block(top: _Top, includes: Sequence[str], text: str, board: Board, *, step: bool, comment: str) -> Block:
    guard = f"{top.name.upper()}_H_"
    header = [f"#ifndef {guard}", f"#define {guard}", ""]
    header += [f'#include "{name}"' for name in includes] + [
        "",
        f"// {comment}",
        text,
        f"{top.signature};",
        "",
        "#endif",
    ]
    pragmas = [*top.pragmas, *(f"INTERFACE {port.interface} port={port.name}" for port in top.ports)]
    if step:
        pragmas = ["INTERFACE ap_ctrl_none port=return", *pragmas, "PIPELINE II=1"]
    source = [f'#include "{top.name}.h"', "", f"{top.signature} {{"]
    source += [f"    #pragma HLS {pragma}" for pragma in pragmas]
    source += [f"    {line}" for line in top.body] + [f"    {top.call}", "}"]
    functor = top.functor or tuple(port.declaration for port in top.ports)
    passed = top.passed or tuple(port.name for port in top.ports)
    indent = ",\n" + " " * 20
    bench = [f'#include "{top.name}.h"', f'#include "{top.bench}"', "", "struct top {"]
    bench += [f"    void operator()({indent.join(functor)}) const {{", f"        {top.name}({', '.join(passed)});"]
    bench += ["    }", "};", "", "int main(int argc, char **argv) {"]
    bench += ["    const unsigned samples = hwc_tb::argument(argc, argv, 1, 2000);"]
    bench += ["    const unsigned seed = hwc_tb::argument(argc, argv, 2, 1);"]
    bench += [f"    return hwc_tb::{top.test}(top(), samples, seed) != 0;", "}"]
    files = {f"{top.name}.h": header, f"{top.name}.cpp": source, f"{top.name}_tb.cpp": bench}
    texts = {name: "\n".join(lines) + "\n" for name, lines in files.items()}
    return Block(top.name, {**texts, "block.tcl": _tcl(top.name, board, step=step)})


def _tcl(name: str, board: Board, *, step: bool) -> str:
    lines = [
        f"set block_name {name}",
        f"set part {board.part}",
        f"set clock_period {1000.0 / board.clock_mhz:g}",
        "set include_dirs [list ../hls ../stage0/firmware]",
    ]
    if step:
        lines += ["set expected_interval 1", "set opt(cosim) 0"]
    return "\n".join(lines) + "\n"


def _fork(accelerator: Accelerator, k: int, i: int, board: Board) -> Block:
    tensor = accelerator.stages[k].results[i]
    comment = f"Copies the output of stage{k} to head{k} and to buffer{k}{suffix(i)}"
    includes = ["ap_fixed.h", "nnet_utils/nnet_types.h", "stream_fork.h"]
    outputs = ("out_head", "out_buffer")
    return _copies(f"fork{k}{suffix(i)}", beat_type(tensor), tensor.beats, outputs, includes, comment, board)


def _release_fork(name: str, k: int, board: Board) -> Block:
    comment = f"Copies the decisions of exit {k}, so that the buffers of all tensors behind it do the same"
    return _copies(name, "ap_uint<1> ", 1, ("out_first", "out_second"), ["ap_int.h", "stream_fork.h"], comment, board)


def _copies(
    name: str, beat: str, beats: int, outputs: tuple[str, str], includes: Sequence[str], comment: str, board: Board
) -> Block:
    text = f"""\
typedef {beat} {name}_data_t;

struct {name}_config {{
    static const unsigned beats = {beats}; // of one sample
}};
"""
    top = _Top(
        name,
        tuple(_stream(port, f"{name}_data_t") for port in ("in", *outputs)),
        f"hwc::stream_fork<{name}_data_t, {name}_config>(in, {', '.join(outputs)});",
        f"test_stream_fork<{name}_data_t, {name}_config>",
        "tb/stream_fork_tb.h",
    )
    return _block(top, includes, text, board, step=False, comment=comment)


def _buffer(accelerator: Accelerator, k: int, i: int, board: Board) -> Block:
    tensor = accelerator.stages[k].results[i]
    name = f"buffer{k}{suffix(i)}"
    text = f"""\
typedef {beat_type(tensor)} {name}_data_t;

struct {name}_config {{
    static const unsigned beats = {tensor.beats}; // of one sample
    static const unsigned depth = {tensor.beats * accelerator.buffer_samples}; // {accelerator.buffer_samples} samples
}};
"""
    ports = (
        _stream("in", f"{name}_data_t", "ap_fifo"),
        _stream("release", "ap_uint<1> ", "ap_fifo"),
        _stream("out", f"{name}_data_t", "ap_fifo"),
    )
    top = _Top(
        name,
        ports,
        f"hwc::conditional_buffer<{name}_data_t, {name}_config>(in, release, out);",
        f"test_conditional_buffer<{name}_data_t, {name}_config>",
        "tb/conditional_buffer_tb.h",
    )
    comment = f"Holds samples between stage{k} and stage{k + 1} until decision{k} forwards or drops them"
    return _block(
        top, ["ap_fixed.h", "nnet_utils/nnet_types.h", "conditional_buffer.h"], text, board, step=True, comment=comment
    )


def _merge(accelerator: Accelerator, board: Board) -> Block:
    text = f"""\
struct merge_config {{
    static const unsigned n_exits = {accelerator.exits};
}};
"""
    ports = (
        _Port("in", "hls::stream<hwc::record_t> {}[merge_config::n_exits]", "ap_fifo"),
        _stream("out", "hwc::record_t", "ap_fifo"),
    )
    top = _Top(
        "merge",
        ports,
        "hwc::record_merge<merge_config>(in, out);",
        "test_record_merge<merge_config>",
        "tb/record_merge_tb.h",
        pragmas=("ARRAY_PARTITION variable=in complete",),
    )
    comment = "Joins the records of all exits, the deepest first"
    return _block(top, ["record_merge.h"], text, board, step=True, comment=comment)


def decision_block(policy: ExitPolicy, k: int, board: Board, name: str = "", folds: int = 1) -> Block:
    """Returns the decision at exit k of a policy.

    Args:
        policy: the policy.
        k: number of the exit, from 0.
        board: board that it is built for.
        name: name of its top function; by default decision<k>.
        folds: cycles over which the logits are spread.
    """
    last, name = k == len(policy.exits) - 1, name or f"decision{k}"
    beat, cycles = beat_type(TensorType(policy.exits[k].logits, (policy.columns,))), "all logits in one cycle"
    criterion, config, offsets = f"hwc::{policy.criterion_name}", policy.config(k), policy.exits[k].class_offsets
    structs = list(config.structs)
    if offsets is not None:
        criterion = f"hwc::by_class<{criterion}>"
        structs.append(Struct("offsets", (Table("offset", "c", offsets, "of the class chosen", "int"),)))
    tables = "".join(struct.text(name) for struct in structs)
    text = f"""\
typedef {beat} {name}_logits_t;
{tables}
struct {name}_config {{
    static const unsigned n_classes = {policy.classes};
    static const unsigned n_gates = {int(policy.gated)};
    static const unsigned exit_index = {k};
    static const bool is_last = {str(last).lower()};
    static const unsigned reuse_factor = {folds}; // {cycles if folds == 1 else "cycles of its pass over the logits"}
    typedef {criterion} criterion;
"""
    text += "".join(f"{line}\n" for constant in config.constants for line in constant.lines)
    text += "".join(f"    typedef {name}_{struct.name} {struct.name};\n" for struct in structs)
    text += "};\n"
    logits, samples = _stream("logits", f"{name}_logits_t"), _stream("sample_in", sample_type(policy, k))
    records = _stream("records", "hwc::record_t")
    control = (_Port("threshold", "hwc::threshold_t {}", "ap_none"), _Port("anytime", "ap_uint<1> {}", "ap_none"))
    out = (_stream("release", "ap_uint<1> "), _stream("sample_out", sample_type(policy, k + 1)))
    streams = (logits, samples, *out, records)
    # the last exit's function leaves arguments out, which then have no names
    functor = [port.type.format("" if last and port in out else port.name) for port in streams]
    functor.insert(2, "hwc::control_t" if last else "hwc::control_t control")
    kernel = f"hwc::exit_decision<{name}_logits_t, {name}_config>"
    early = ("logits", "sample_in", "control", "release", "sample_out", "records")
    passed = tuple("control.threshold, control.anytime" if arg == "control" else arg for arg in early)
    top = _Top(
        name,
        (logits, samples, records) if last else (logits, samples, *control, *out, records),
        f"{kernel}(logits, sample_in, records);" if last else f"{kernel}({', '.join(early)});",
        f"test_exit_decision<{name}_logits_t, {name}_config>",
        "tb/exit_decision_tb.h",
        body=() if last else ("const hwc::control_t control = {threshold, anytime};",),
        functor=tuple(functor),
        passed=("logits", "sample_in", "records") if last else passed,
    )
    comment = f"Decides by {policy.criterion_name} ({policy.criterion.unit}) whether a sample leaves at exit {k}"
    includes = [f"criteria/{policy.criterion_name}.h", "exit_decision.h"]
    if offsets is not None:
        includes.insert(0, "criteria/by_class.h")
    return _block(top, includes, text, board, step=False, comment=comment)
