"""This module generates layers of the strategy `distributed_arithmetic`: adder graphs without multipliers.

A layer becomes two modules beside those of rtl_sim/rtl. `<name>_sums` holds the adders, with registers every few adders
and a clock enable. `<name>` has the ports of a mac_array or conv2d, and joins the sums to the stream shell
`distributed_array`. The graph is da4ml's; the text is our own, so that nothing of da4ml's own RTL is needed.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import FormatError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.adder_graph import LIMIT, AdderGraph, adder_graph, bits_of, da4ml_version, form_range
from hwcodesign.hardware.layout import (
    Port,
    input_stream,
    instance_lines,
    module_lines,
    output_stream,
    range_of,
    stream_ports,
)
from hwcodesign.hardware.window import Window
from hwcodesign.systemverilog import Instance, Parameter, concatenated, parameter_lines, with_constants

#: Adders between registers.
ADDERS_PER_STAGE = 2
#: Widest sum, as everywhere where a code must be exact in float64.
_WIDEST = 53


@dataclass(frozen=True)
class DistributedKernel:
    """A distributed kernel is a generated layer.

    Attributes:
        module: name of the module with the ports clk_i, rst_ni, in_valid_i, in_ready_o, in_data_i, out_valid_o,
            out_ready_i, out_data_o, and without parameters.
        texts: file name to content; the modules of rtl_sim/rtl are needed beside them.
        latency: cycles from the one in which a vector is taken to that in which its result is valid; a new one can be
            taken in every cycle. Behind a window buffer, it is counted from the window.
        sum_width: bits of the widest sum, in two's complement.
        sum_fraction: bits of the sums after the point.
        adders: number of adders, those of biases included.
        adder_bits: bits of the adders, about the number of LUTs.
        shared_bits: bits of the adders that add no bias.
        lanes, outputs: elements of a vector and of a result.
        held: bits of values that wait for those that are added to them, and the registers that each passes.
    """

    module: str
    texts: dict[str, str]
    latency: int
    sum_width: int
    sum_fraction: int
    adders: int
    adder_bits: int
    shared_bits: int
    lanes: int
    outputs: int
    held: tuple[tuple[int, int], ...]


def distributed_kernel(
    weights: NDArray[np.int64],
    input_format: FixedPoint,
    name: str,
    *,
    result: FixedPoint,
    sum_fraction: int,
    bias: Sequence[int] = (),
    product_shift: int = 0,
    window: Window | None = None,
    adders_per_stage: int = ADDERS_PER_STAGE,
    limit: float = LIMIT,
) -> DistributedKernel:
    """Writes a layer: result[o] = cast((sum over i of weights[i, o] * input[i]) * 2**product_shift + bias[o]).

    Args:
        weights: (lanes, outputs) integer codes; for a depthwise convolution with the zeros between its channels.
        input_format: format of the elements.
        name: name of the module and prefix of all generated names: an identifier.
        result: format of the results.
        sum_fraction: fraction bits of the shifted products and of the biases.
        bias: one integer per output; empty: zeros.
        product_shift: left shift of the products.
        window: windows of a window_buffer in front; None: vectors come as they are.
        adders_per_stage: adders between registers; more adders mean fewer registers and a slower clock.
        limit: time limit of the search for a graph, in seconds.

    Raises:
        FormatError: a sum needs more than 53 bits.
        ToolError: da4ml is missing, fails or takes too long.
    """
    fixed = [int(code) for code in bias] or [0] * weights.shape[1]
    graph = adder_graph(weights, input_format.min_code, input_format.max_code, limit)
    text = _Text(graph, input_format, name, fixed, product_shift, adders_per_stage)
    if text.width > _WIDEST:
        raise FormatError(f"{name}: sums of {text.width} bits; {_WIDEST} are the most that is held exactly")
    top = _top(name, text, graph, input_format, result, sum_fraction, window)
    biased = sum(1 for code in fixed if code)
    return DistributedKernel(
        name,
        {f"{name}_sums.sv": text.module(), f"{name}.sv": top},
        text.stages + 2,
        text.width,
        sum_fraction,
        len(graph.adders) + biased,
        graph.adder_bits + biased * text.width,
        graph.adder_bits,
        weights.shape[0],
        weights.shape[1],
        text.held(),
    )


@dataclass
class _Text:
    """Writes the module with the adders."""

    graph: AdderGraph
    input_format: FixedPoint
    name: str
    bias: Sequence[int]
    product_shift: int
    adders_per_stage: int
    width: int = 1
    stages: int = 1
    #: For each node the last stage that reads it.
    needed: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        graph = self.graph
        depths = [0]  # of sums, biases included
        for output, code, form in zip(graph.outputs, self.bias, graph.matrix.T, strict=True):
            low, high = form_range(form, graph.low, graph.high)
            low, high = ((edge << self.product_shift) + code for edge in (low, high))
            self.width = max(self.width, bits_of(min(low, -1), high))
            if output.node is not None:
                depths.append(graph.depths[output.node] + self._adds_at_end(output.negated, code))
        self.stages = max(1, -(-max(depths) // self.adders_per_stage))
        for i, adder in enumerate(graph.adders, graph.inputs):
            for operand in (adder.left, adder.right):
                self.needed[operand] = max(self.needed.get(operand, 0), self._stage(i))
        for output in graph.outputs:
            if output.node is not None:
                self.needed[output.node] = self.stages - 1

    @staticmethod
    def _adds_at_end(negated: bool, code: int) -> bool:
        return negated or code != 0

    def _stage(self, node: int) -> int:
        """Stage, from 0, in which a node is calculated."""
        return max(0, self.graph.depths[node] - 1) // self.adders_per_stage

    def module(self) -> str:
        graph = self.graph
        lanes, outputs = graph.inputs, len(graph.outputs)
        lines = ["`default_nettype none", "", *(f"// {line}" for line in textwrap.wrap(self._summary(), 114))]
        lines += [
            *module_lines(
                f"{self.name}_sums",
                (),
                (
                    ("", (Port("clk_i", False), Port("enable_i", False))),
                    (
                        "",
                        (
                            Port("operands_i", False, (range_of(lanes), range_of(self.input_format.width))),
                            Port("sums_o", True, (range_of(outputs), range_of(self.width))),
                        ),
                    ),
                ),
            ),
        ]
        lines += self._unused()
        for stage in range(self.stages):
            lines += self._calculated(stage)
            lines += self._registered(stage) if stage < self.stages - 1 else self._sums()
        return "\n".join([*lines, "endmodule", "", "`default_nettype wire", ""])

    def _summary(self) -> str:
        graph = self.graph
        return (
            f"{len(graph.outputs)} sums of {graph.inputs} inputs times weights that never change, exact: "
            f"{len(graph.adders)} adders that the sums share, and no multiplier. Inputs x0, x1, ... are taken, and "
            f"sums given, in every enabled cycle; sums follow {self.stages} enabled cycles after their inputs. "
            f"t0, t1, ... are sums on the way, and what a name is followed by, as in t0_2, counts the registers that "
            f"it has passed. "
            f"The graph was found by da4ml {da4ml_version()}."
        )

    def _label(self, node: int, stage: int) -> str:
        """Name of a node in a stage."""
        inputs = self.graph.inputs
        first = self._stage(node) if node >= inputs else 0
        base = f"x{node}" if node < inputs else f"t{node - inputs}"
        return f"{base}_{stage - first}" if stage > first else base

    def _dimension(self, node: int) -> str:
        """What stands between `logic` or `wire` and a node's name."""
        low, high = self.graph.ranges[node]
        return f"{'signed ' if low < 0 else ''}[{range_of(bits_of(low, high))}]"

    def _unused(self) -> list[str]:
        unused = [f"operands_i[{i}]" for i in range(self.graph.inputs) if i not in self.needed]
        if not unused:
            return []
        value = concatenated("&", ["1'b0", *unused], "", indent=len("  wire unused = "))
        return ["  // inputs whose weights are all zero", *f"  wire unused = {value};".split("\n"), ""]

    def _calculated(self, stage: int) -> list[str]:
        """Inputs, and adders of one stage."""
        graph = self.graph
        lines = []
        if stage == 0:
            for i in sorted(node for node in self.needed if node < graph.inputs):
                lines.append(f"  wire {self._dimension(i)} x{i} = operands_i[{i}];")
        adders = [i for i in range(graph.inputs, graph.inputs + len(graph.adders)) if self._stage(i) == stage]
        if adders:
            lines += ["", f"  // Stage {stage}"] if stage == 0 else [f"  // Stage {stage}"]
        lines += [f"  wire {self._dimension(i)} {self._label(i, stage)} = {self._adder(i, stage)};" for i in adders]
        return [*lines, ""]

    def _adder(self, node: int, stage: int) -> str:
        adder = self.graph.adders[node - self.graph.inputs]
        width = bits_of(*self.graph.ranges[node])
        left = _shifted(self._label(adder.left, stage), width, adder.left_shift)
        right = _shifted(self._label(adder.right, stage), width, adder.right_shift)
        return f"{left} {'-' if adder.subtract else '+'} {right}"

    def _registered(self, stage: int) -> list[str]:
        """Registers between a stage and the next one."""
        nodes = sorted(node for node, last in self.needed.items() if self._made(node) <= stage < last)
        lines = [f"  logic {self._dimension(node)} {self._label(node, stage + 1)};" for node in nodes]
        lines += ["  always_ff @(posedge clk_i) begin", "    if (enable_i) begin"]
        lines += [f"      {self._label(node, stage + 1)} <= {self._label(node, stage)};" for node in nodes]
        return [*lines, "    end", "  end", ""]

    def held(self) -> tuple[tuple[int, int], ...]:
        """Bits and registers of each node that is needed in a later stage."""
        waits = ((bits_of(*self.graph.ranges[node]), last - self._made(node)) for node, last in self.needed.items())
        return tuple((bits, registers) for bits, registers in waits if registers > 0)

    def _made(self, node: int) -> int:
        return self._stage(node) if node >= self.graph.inputs else 0

    def _sums(self) -> list[str]:
        lines = ["  // Sums, at the accumulator's fraction, and their biases"]
        lines += ["  always_ff @(posedge clk_i) begin", "    if (enable_i) begin"]
        lines += [f"      sums_o[{i}] <= {self._sum(i)};" for i in range(len(self.graph.outputs))]
        return [*lines, "    end", "  end", ""]

    def _sum(self, index: int) -> str:
        output, code = self.graph.outputs[index], self.bias[index]
        constant = f"{self.width}'h{code & ((1 << self.width) - 1):x}"
        if output.node is None:
            return constant
        shift = output.shift + self.product_shift
        value = _shifted(self._label(output.node, self.stages - 1), self.width, shift)
        if output.negated:
            return f"{constant} - {value}"
        return f"{value} + {constant}" if code else value


def _shifted(name: str, width: int, shift: int) -> str:
    """A value at a width, times 2**shift. Casts keep the sign of what they widen."""
    if shift <= 0:
        return f"{width}'({name})" if shift == 0 else f"{width}'({name} >>> {-shift})"
    return f"({width}'({name}) << {shift})"


def _top(
    name: str,
    text: _Text,
    graph: AdderGraph,
    input_format: FixedPoint,
    result: FixedPoint,
    sum_fraction: int,
    window: Window | None,
) -> str:
    """The module that joins window buffer, shell and adders."""
    lanes, outputs = graph.inputs, len(graph.outputs)
    pixel = window.input_shape[2] if window else lanes
    shell: list[tuple[str, Parameter]] = [
        ("Lanes", lanes),
        ("Outputs", outputs),
        ("In", input_format),
        ("SumWidth", text.width),
        ("SumFraction", sum_fraction),
        ("SumDepth", text.stages),
        ("Result", result),
    ]
    what = f"window of {lanes} elements" if window else f"beat of {lanes} elements"
    about = (
        f"A layer of {outputs} outputs without multipliers: takes a {what} a cycle, "
        f"and gives its result {text.stages + 2} cycles later. The sums come from {name}_sums."
    )
    source = input_stream("in", "window") if window else [".in_valid_i", ".in_ready_o", ".in_data_i"]
    connections = [
        *(".clk_i", ".rst_ni", *source),
        *(".enable_o(enable)", ".operands_o(operands)", ".sums_i(sums)"),
        *(".out_valid_o", ".out_ready_i", ".out_data_o"),
    ]
    lines = [
        "`default_nettype none",
        "",
        *(f"// {line}" for line in textwrap.wrap(about, 114)),
        *module_lines(
            name,
            (),
            (
                ("", (Port("clk_i", False), Port("rst_ni", False))),
                ("", stream_ports("in", pixel, input_format.width, output=False)),
                ("", stream_ports("out", outputs, result.width, output=True)),
            ),
            imports=("hwc_pkg",),
        ),
        "  logic enable;",
        f"  logic [{lanes - 1}:0][{input_format.width - 1}:0] operands;",
        f"  logic [{outputs - 1}:0][{text.width - 1}:0] sums;",
        "",
        *(_window_lines(window, lanes, input_format) if window else []),
        *instance_lines("distributed_array", "u_array", connections, parameter_lines(shell)),
        "",
        *instance_lines(
            f"{name}_sums", "u_sums", (".clk_i", ".enable_i(enable)", ".operands_i(operands)", ".sums_o(sums)")
        ),
        "",
        "endmodule",
        "",
        "`default_nettype wire",
        "",
    ]
    return "\n".join(lines)


def _window_lines(window: Window, lanes: int, input_format: FixedPoint) -> list[str]:
    parameters: tuple[tuple[str, Parameter], ...] = (("Window", window.config), ("ElementWidth", input_format.width))
    constants, buffer = with_constants(Instance("window_buffer", parameters), "buffer")
    return [
        "  logic window_valid, window_ready;",
        f"  logic [{lanes - 1}:0][{input_format.width - 1}:0] window_data;",
        "",
        *constants,
        *instance_lines(
            buffer.module,
            "u_window_buffer",
            (".clk_i", ".rst_ni", ".in_valid_i", ".in_ready_o", ".in_data_i", *output_stream("out", "window")),
            parameter_lines(buffer.parameters),
        ),
        "",
    ]
