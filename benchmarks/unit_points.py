"""Hardware units and blocks that are drawn at random, to be synthesised: each follows from its kind and its seed.

Formats, shapes and foldings are of the size that small networks have, so that a run of Yosys takes seconds. Weights are
drawn from a normal distribution and rounded, as trained ones are.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from hwcodesign.backends.streamrtl.decision_source import decision_source
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.project_files import LIBRARY, write_accelerator
from hwcodesign.backends.streamrtl.resources import AcceleratorEstimate
from hwcodesign.fixedpoint import Codes, FixedPoint, Overflow, Rounding
from hwcodesign.hardware.implementation import (
    AUTO,
    BLOCK,
    DISTRIBUTED,
    LATENCY,
    MEMORY,
    REGISTERS,
    RESOURCE,
    Implementation,
)
from hwcodesign.hardware.resources.decisions import decision_parts
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.resources.shell import conditional_buffer, word_unpack
from hwcodesign.hardware.resources.streams import queue, stream_resize
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.unit import Unit
from hwcodesign.hardware.units import unit_of
from hwcodesign.kernels import (
    Activation,
    Add,
    Affine,
    Arrays,
    AveragePool2D,
    CodeTable,
    Concatenate,
    Conv2D,
    Dense,
    GlobalPool,
    Kernel,
    MaxPool2D,
    Thresholds,
    Transpose,
    Upsample2D,
    kernel_to_json,
)
from hwcodesign.kernels.decision import Decision
from hwcodesign.kernels.kernel import Shape, largest
from hwcodesign.policies import CRITERIA
from hwcodesign.storage.cache import scratch_folder
from hwcodesign.storage.files import sha256, sha256_json
from hwcodesign.systemverilog import Instance
from rtl_sim.tb.drawn_policies import drawn_policy
from rtl_sim.tb.small_accelerators import plain, steered

#: Module of what is drawn, where it is generated.
GENERATED = "generated"


@dataclass(frozen=True)
class Drawn:
    """What was drawn.

    Attributes:
        instance: the module, its parameters and ROM images.
        inputs, output: beats of its streams and bits of an element, by prefix of their ports; none of a decision.
        unit: that it is of, or the decision or accelerator, or the parts that are estimated; nothing of streams.
        texts: SystemVerilog and ROM images that are generated for it.
    """

    instance: Instance
    inputs: tuple[tuple[str, int, int], ...] = ()
    output: tuple[int, int] = (0, 0)
    unit: Unit[Any] | Decision | Hardware | tuple[Part, ...] | None = None
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Hash of what was drawn."""
        match self.unit:
            case Unit():
                arrays: Arrays = {}
                kernel = kernel_to_json(self.unit.kernel, "", arrays)
                weights = {name: sha256(array.astype("<f8").tobytes()) for name, array in arrays.items()}
                offered = [[stream.beats, stream.lanes] for stream in self.unit.offered]
                built = self.unit.implementation.to_json()
                # as points are called that were measured when there was no other
                if built["windows"] == REGISTERS:
                    del built["windows"]
                if built["weights"] == AUTO:
                    del built["weights"]
                if built["pixels"] == 1:
                    del built["pixels"]
                return sha256_json([kernel, weights, built, offered])
            case Decision():
                decision = self.unit
                roms = [[rom.name, rom.width, *rom.words] for rom in decision.unit.roms]
                sizes = [decision.classes, decision.per_cycle, decision.exit_index, decision.is_last, decision.gated]
                return sha256_json(
                    [decision.unit.module, decision.logits.to_json(), sizes, decision.class_offsets, roms]
                )
            case Hardware():
                return self.unit.accelerator.configuration_hash
        return sha256_json([self.instance.module, repr(self.instance.parameters), self.texts])

    @property
    def parts(self) -> tuple[Part, ...]:
        """What it is made of, as it is estimated."""
        match self.unit:
            case tuple():
                return self.unit
            case Unit():
                return self.unit.parts
            case Decision():
                return decision_parts(self.unit)
            case Hardware():
                return tuple(part for block in AcceleratorEstimate.of(self.unit).blocks for part in block.parts)
        sizes = {name: int(str(value)) for name, value in self.instance.parameters}
        if self.instance.module == "stream_resize":
            source, output = (Stream(sizes["Elements"] // sizes[n], sizes[n]) for n in ("InLanes", "OutLanes"))
            return (stream_resize(source, output, sizes["ElementWidth"]),)
        return (queue(sizes["Width"], sizes.get("Depth", 2)),)


def drawn(kind: str, seed: int) -> Drawn:
    """Draw what a key of `KINDS` makes."""
    return KINDS[kind](random.Random(f"{kind} {seed}"))  # noqa: S311  # no secret


def _format(rng: random.Random, narrow: int = 3, wide: int = 8, *, signed: bool | None = None) -> FixedPoint:
    width = rng.randint(narrow, wide)
    return FixedPoint(width, rng.randint(0, 3), rng.random() < 0.4 if signed is None else signed)


def _result(rng: random.Random, bits: int, fraction: int) -> FixedPoint:
    """A format for the cast of signed values of so many bits; two in three as Brevitas' quantisers cast."""
    width = rng.randint(3, 8)
    kept = fraction - max(0, bits - width - rng.randint(0, 3))
    signed = rng.random() < 0.4
    modes = (Rounding.RND_CONV, Overflow.SAT)
    if rng.random() < 1 / 3:
        modes = rng.choice(list(Rounding)), rng.choice(list(Overflow))
    return FixedPoint(width, width - kept, signed, *modes)


def _weights(rng: random.Random, shape: tuple[int, ...], fmt: FixedPoint) -> Codes:
    numbers = np.random.default_rng(rng.getrandbits(32))
    drawn_ = np.rint(numbers.normal(0, fmt.max_code * rng.uniform(0.25, 0.7), shape))
    drawn_.flat[0] = fmt.max_code  # the narrowest width is the format's
    return np.clip(drawn_, -fmt.max_code, fmt.max_code)


def _of_kernel(kernel: Kernel, implementation: Implementation, offered: tuple[Stream, ...] | None = None) -> Drawn:
    unit = unit_of(kernel, implementation, offered or tuple(Stream.of(s) for s in kernel.input_shapes), GENERATED)
    names = ("in",) if len(unit.reads) == 1 else ("a", "b")
    inputs = tuple(
        (name, stream.lanes, fmt.width)
        for name, stream, fmt in zip(names, unit.reads, kernel.input_formats, strict=True)
    )
    return Drawn(unit.instance, inputs, (unit.writes.lanes, kernel.result.width), unit, dict(unit.texts))


def _reuse(rng: random.Random, products: int, most: int) -> int:
    """A number of folds that leaves at most so many products a cycle."""
    fitting = [n for n in range(2, products + 1) if products % n == 0 and products // n <= most]
    return rng.choice(fitting) if fitting else products


def _convolution(rng: random.Random, strategy: str, *, adders: bool = False, depthwise: bool = False) -> Drawn:
    most = 500 if adders else 2000
    if strategy == DISTRIBUTED:
        most = 200
    while True:
        kernel = rng.choice([(1, 1), (2, 2), (3, 3), (3, 3), (5, 5), (1, 3), (3, 2)])
        stride = rng.choice([(1, 1), (1, 1), (2, 2)])
        channels, filters = rng.choice([1, 2, 3, 4, 6, 8]), rng.choice([1, 2, 3, 4, 5, 6, 8, 12, 16])
        filters = channels * rng.choice([1, 1, 2]) if depthwise else filters
        depth = 1 if depthwise else channels
        rows, columns = rng.randint(kernel[0], 20), rng.randint(kernel[1], 28)
        pad = rng.choice([0, kernel[0] // 2]) if kernel[0] == kernel[1] else 0
        if 4 <= kernel[0] * kernel[1] * depth * filters <= most:
            break
    source, weight = _format(rng), _format(rng, 2, 7, signed=True)
    weights = _weights(rng, (*kernel, depth, filters), weight)
    out = (rows + 2 * pad - kernel[0]) // stride[0] + 1, (columns + 2 * pad - kernel[1]) // stride[1] + 1
    bias = np.array([float(rng.randint(-40, 40)) for _ in range(filters)])
    fraction = source.fraction + weight.fraction
    bits = source.width + weight.width + (kernel[0] * kernel[1] * depth).bit_length() // 2
    layer = Conv2D(
        "layer", ("input",), (source,), ((rows, columns, channels),), _result(rng, bits, fraction), (*out, filters),
        weights, bias, weight, FixedPoint(30, 30 - fraction), stride, (pad,) * 4,
    )  # fmt: skip
    reuse = 1 if adders else _reuse(rng, weights.size, 128)
    return _of_kernel(layer, Implementation(reuse, strategy))


def _folded(rng: random.Random, *, depthwise: bool = False) -> Drawn:
    """A convolution of many channels; half of them have weights with a scale for each output."""
    side, stride, strategy = rng.choice([1, 3, 3, 3]), rng.choice([1, 1, 2]), rng.choice([LATENCY, RESOURCE])
    channels = rng.choice([8, 12, 16, 24, 32])
    filters, depth = (channels, 1) if depthwise else (rng.choice([4, 8, 10, 16, 32]), channels)
    rows, columns, pad = rng.randint(3, 16), rng.randint(4, 32), side // 2
    source, weight = _format(rng, 3, 6, signed=False), _format(rng, 3, 5, signed=True)
    weights = _weights(rng, (side, side, depth, filters), weight)
    if rng.random() < 0.5:
        weights *= np.array([2.0 ** rng.randint(0, 2) for _ in range(filters)])
    out = (rows + 2 * pad - side) // stride + 1, (columns + 2 * pad - side) // stride + 1
    bias = np.array([float(rng.randint(-40, 40)) for _ in range(filters)])
    fraction = source.fraction + weight.fraction
    bits = source.width + weight.width + (side * side * depth).bit_length() // 2
    layer = Conv2D(
        "layer", ("input",), (source,), ((rows, columns, channels),), _result(rng, bits, fraction), (*out, filters),
        weights, bias, replace(weight, width=weight.width + 2, integer=weight.integer + 2),
        FixedPoint(30, 30 - fraction), (stride, stride), (pad,) * 4,
    )  # fmt: skip
    reuse, where = _reuse(rng, weights.size, 128), rng.choice([AUTO, BLOCK])
    return _of_kernel(layer, Implementation(reuse, strategy, MEMORY, where))


def _linear(rng: random.Random, strategy: str, *, adders: bool = False) -> Drawn:
    most = {DISTRIBUTED: 200}.get(strategy, 500 if adders else 3000)
    while True:
        beats = 1 if adders or strategy == DISTRIBUTED else rng.choice([1, 1, 4, 9, 16, 25])
        lanes, outputs = rng.randint(2, 40), rng.choice([2, 3, 4, 8, 10, 16, 20])
        if beats * lanes * outputs <= most:
            break
    source, weight = _format(rng), _format(rng, 2, 7, signed=True)
    weights = _weights(rng, (beats * lanes, outputs), weight)
    bias = np.array([float(rng.randint(-40, 40)) for _ in range(outputs)])
    fraction = source.fraction + weight.fraction
    bits = source.width + weight.width + (beats * lanes).bit_length() // 2
    layer = Dense(
        "layer", ("input",), (source,), ((beats * lanes,),), _result(rng, bits, fraction), (outputs,), weights, bias,
        weight, FixedPoint(30, 30 - fraction),
    )  # fmt: skip
    reuse = 1 if adders else _reuse(rng, weights.size, 128)
    return _of_kernel(layer, Implementation(reuse, strategy), (Stream(beats, lanes),))


def _affine(rng: random.Random) -> Drawn:
    channels = rng.choice([2, 4, 6, 8, 12, 16])
    shape, source, scale = (6, 7, channels), _format(rng), _format(rng, 3, 7, signed=True)
    bias = FixedPoint(6, 6 - source.fraction - scale.fraction)
    biases = np.array([float(rng.randint(-30, 30)) for _ in range(channels)])
    layer = Affine(
        "layer", ("in",), (source,), (shape,), source, shape, _weights(rng, (channels,), scale), biases, scale, bias
    )
    bits, fraction = source.width + scale.width, source.fraction + scale.fraction
    kernel = replace(layer, result=_result(rng, bits, fraction))
    return _of_kernel(kernel, Implementation(rng.choice([1, 1, 2, 4, channels])))


def _shape(rng: random.Random) -> Shape:
    return rng.randint(2, 20), rng.randint(2, 28), rng.choice([1, 2, 4, 8, 12, 16, 24])


def _activation(rng: random.Random) -> Drawn:
    shape, source = _shape(rng), _format(rng, 4, 12, signed=True)
    result = _result(rng, source.width, source.fraction)
    layer = Activation("layer", ("input",), (source,), (shape,), result, shape, rng.random() < 0.5)
    return _of_kernel(layer, Implementation())


def _thresholds(rng: random.Random) -> Drawn:
    """Of batch normalisations: results that are evenly apart, in some channels falling."""
    shape, source = _shape(rng), _format(rng, 8, 16, signed=True)
    result = FixedPoint(rng.randint(2, 6), 2, rng.random() < 0.3)
    most = result.max_code - result.min_code
    numbers = np.random.default_rng(rng.getrandbits(32))
    step = (source.max_code - source.min_code) / (most + 1) * numbers.uniform(0.2, 1.0, (shape[2], 1))
    levels = np.rint(source.min_code + step * (np.arange(most) + numbers.uniform(0.2, 2.0, (shape[2], 1))))
    sign = np.where(numbers.random(shape[2]) < 0.8, 1.0, -1.0)
    first = np.where(sign > 0, float(result.min_code), float(result.max_code))
    constants = (first, sign, np.clip(levels, source.min_code, source.max_code + 1))
    layer = Thresholds("layer", ("input",), (source,), (shape,), result, shape, *constants)
    return _of_kernel(layer, Implementation())


def _code_table(rng: random.Random) -> Drawn:
    """Of a bell, at some place and of some width."""
    shape, source, result = _shape(rng), _format(rng, 4, 9, signed=True), _format(rng, 4, 8, signed=True)
    codes = np.arange(source.min_code, source.max_code + 1)
    width = (source.max_code + 1) * rng.uniform(0.2, 0.8)
    entries = np.rint(result.max_code * np.exp(-(((codes - rng.uniform(-width, width)) / width) ** 2)))
    layer = CodeTable("layer", ("input",), (source,), (shape,), result, shape, entries)
    return _of_kernel(layer, Implementation())


def _add(rng: random.Random) -> Drawn:
    shape, one, other = _shape(rng), _format(rng), _format(rng)
    fraction = max(one.fraction, other.fraction)
    layer = Add("layer", ("a", "b"), (one, other), (shape, shape), _result(rng, 9, fraction), shape)
    return _of_kernel(layer, Implementation())


def _concatenate(rng: random.Random) -> Drawn:
    one, other, shape = _format(rng), _format(rng), _shape(rng)
    shapes = shape, (*shape[:2], rng.choice([1, 2, 4, 8]))
    output = (*shape[:2], shape[2] + shapes[1][2])
    layer = Concatenate("layer", ("a", "b"), (one, other), shapes, _result(rng, 8, one.fraction), output)
    return _of_kernel(layer, Implementation())


def _folded_pool(rng: random.Random) -> Drawn:
    side, source, lanes = rng.choice([2, 2, 4]), _format(rng), rng.choice([1, 2, 4, 8])
    shape = (side * rng.randint(1, 8), side * rng.randint(1, 8), lanes * rng.choice([1, 2, 4, 8]))
    output = (shape[0] // side, shape[1] // side, shape[2])
    common, sides = ("layer", ("input",), (source,), (shape,)), ((side, side), (side, side))
    result = source if rng.random() < 0.5 else _result(rng, source.width, source.fraction)
    kernel: Kernel = MaxPool2D(*common, result, output, *sides)
    if rng.random() < 0.5:
        kernel = AveragePool2D(*common, result, output, *sides, _averaging(source, side * side))
    return _of_kernel(kernel, Implementation(windows=MEMORY), (Stream.of(shape, lanes),))


def _pooling(rng: random.Random, *, average: bool) -> Drawn:
    side, source = rng.choice([2, 2, 3]), _format(rng)
    shape = (rng.randint(side, 20), rng.randint(side, 28), rng.choice([1, 2, 4, 8, 12]))
    stride = rng.choice([side, side, 1])
    output = ((shape[0] - side) // stride + 1, (shape[1] - side) // stride + 1, shape[2])
    common = ("layer", ("input",), (source,), (shape,))
    sides = (side, side), (stride, stride)
    if not average:
        result = source if rng.random() < 0.6 else _result(rng, source.width, source.fraction)
        return _of_kernel(MaxPool2D(*common, result, output, *sides, padding=(0, 0, 0, 0)), Implementation())
    accumulator = _averaging(source, side * side)
    result = _result(rng, source.width, source.fraction)
    around = (1, 1, 1, 1) if side == 3 and rng.random() < 0.5 else (0, 0, 0, 0)  # which it does not count
    output = (
        (shape[0] + 2 * around[0] - side) // stride + 1,
        (shape[1] + 2 * around[0] - side) // stride + 1,
        shape[2],
    )
    layer = AveragePool2D(*common, result, output, *sides, accumulator, padding=around, uncounted=around)
    return _of_kernel(layer, Implementation())


def _averaging(source: FixedPoint, count: int) -> FixedPoint:
    width = (count * largest(source)).bit_length() + 1
    return FixedPoint(width, width - source.fraction)


def _global_pool(rng: random.Random, *, maximum: bool) -> Drawn:
    shape, source = (rng.randint(2, 9), rng.randint(2, 9), rng.choice([2, 4, 8, 12, 16])), _format(rng)
    accumulator = source if maximum else _averaging(source, shape[0] * shape[1])
    result = source if maximum and rng.random() < 0.5 else _result(rng, source.width, source.fraction)
    layer = GlobalPool("layer", ("input",), (source,), (shape,), result, shape[2:], maximum, accumulator)
    return _of_kernel(layer, Implementation())


def _transpose(rng: random.Random) -> Drawn:
    shape, source = (rng.randint(2, 8), rng.randint(2, 8), rng.choice([2, 3, 4, 8])), _format(rng)
    axes = rng.choice([(1, 0, 2), (2, 0, 1), (0, 2, 1), (2, 1, 0), (1, 2, 0)])
    output = (shape[axes[0]], shape[axes[1]], shape[axes[2]])
    return _of_kernel(Transpose("layer", ("in",), (source,), (shape,), source, output, axes), Implementation())


def _upsample(rng: random.Random) -> Drawn:
    shape, source = (rng.randint(2, 12), rng.randint(2, 64), rng.choice([1, 2, 4, 8, 16, 48])), _format(rng)
    factors, zeros = (rng.randint(1, 3), rng.randint(1, 3)), rng.random() < 0.3
    last = [1 if zeros else factor for factor in factors]
    output = ((shape[0] - 1) * factors[0] + last[0], (shape[1] - 1) * factors[1] + last[1], shape[2])
    layer = Upsample2D("layer", ("in",), (source,), (shape,), source, output, factors, zeros)
    return _of_kernel(layer, Implementation())


def _resize(rng: random.Random) -> Drawn:
    one, factor, width = rng.randint(1, 8), rng.randint(2, 6), rng.randint(3, 8)
    lanes = rng.choice([(one, one * factor), (one * factor, one), (2 * factor, 2 * factor + 2)])
    sizes = (("InLanes", lanes[0]), ("OutLanes", lanes[1]), ("ElementWidth", width), ("Elements", math.lcm(*lanes)))
    return Drawn(Instance("stream_resize", sizes), (("in", lanes[0], width),), (lanes[1], width))


def _queue(rng: random.Random) -> Drawn:
    width, depth = rng.randint(3, 96), rng.choice([2, 2, 3, 5, 8, 13, 20, 32, 48, 100, 200])
    module = "stream_register" if depth == 2 else "stream_fifo"
    sizes = (("Width", width), *((("Depth", depth),) if depth > 2 else ()))
    return Drawn(Instance(module, sizes), (("in", 1, width),), (1, width))


def _decision(rng: random.Random, criterion: str | None = None) -> Drawn:
    criterion = criterion or rng.choice(sorted(CRITERIA))
    classes = rng.choice([4, 10, 10, 16, 26])
    exits = rng.randint(2, 4)
    logits = FixedPoint(rng.randint(6, 10), 4)
    softmax = rng.random() < 0.3 and criterion in {"margin", "max_softmax"}
    policy = drawn_policy(criterion, [logits] * exits, classes, by_class=softmax, seed=rng.getrandbits(16))
    decision = Decision.of(policy, rng.randrange(exits), rng.choice([1, 1, 2, classes]))
    return Drawn(Instance(GENERATED, ()), unit=decision, texts=decision_source(decision, GENERATED).texts)


def _buffer(rng: random.Random) -> Drawn:
    width, beats = rng.randint(3, 120), rng.choice([1, 4, 9, 16, 25, 49, 64, 144, 196])
    depth = beats * rng.choice([1, 2, 3, 4, 8, 16, 32, 100])
    sizes = f"#(.Width({width}), .Beats({beats}), .Depth({depth}))"
    level = max(1, depth.bit_length())
    text = f"""module {GENERATED} (
  input wire logic clk_i, rst_ni, in_valid_i, release_valid_i, release_keep_i, out_ready_i,
  input wire logic [{width - 1}:0] in_data_i,
  output logic in_ready_o, release_ready_o, out_valid_o,
  output logic [{width - 1}:0] out_data_o, output logic [{level - 1}:0] level_o
);
  conditional_buffer {sizes} u_buffer (.*);
endmodule
"""
    parts = tuple(conditional_buffer(width, beats, depth))
    return Drawn(Instance(GENERATED, ()), unit=parts, texts={f"{GENERATED}.sv": text})


def _unpack(rng: random.Random, pixels: int = 1) -> Drawn:
    channels, width = rng.choice([1, 1, 1, 2, 3, 3, 4, 8, 16]), rng.choice([4, 5, 8, 8, 12])
    shape = (rng.randint(4, 40), rng.randint(4, 40) // pixels * pixels or pixels, channels)
    several = f", .PixelsPerBeat({pixels})" if pixels > 1 else ""
    sizes = f"#(.Channels({channels}), .ElementWidth({width}), .Pixels({shape[0] * shape[1]}){several})"
    text = f"""module {GENERATED} import hwc_pkg::*; (
  input wire logic clk_i, rst_ni, s_axis_tvalid, s_axis_tlast, out_ready_i, info_ready_i, bank_i, start_allowed_i,
  input wire logic [63:0] s_axis_tdata, input wire logic [31:0] now_i,
  output logic s_axis_tready, out_valid_o, info_valid_o, sample_started_o, batch_ended_o, error_o,
  output logic [{pixels * channels - 1}:0][{width - 1}:0] out_data_o, output sample_t info_data_o,
  output logic [31:0] accepted_o
);
  word_unpack {sizes} u_unpack (.*);
endmodule
"""
    return Drawn(Instance(GENERATED, ()), unit=(word_unpack(shape, width, pixels),), texts={f"{GENERATED}.sv": text})


def _several_pixels(rng: random.Random) -> Drawn:
    """A unit that takes several pixels in a beat: a convolution of few channels, a pooling, or the unpacker."""
    kind, pixels = rng.choice(["adders", "LUTs", "DSPs", "maximum", "average", "unpack"]), rng.choice([2, 2, 4])
    if kind == "unpack":
        return _unpack(rng, pixels)
    source, weight = _format(rng), _format(rng, 2, 5, signed=True)
    channels, side = rng.choice([1, 1, 2, 3, 5]), rng.choice([2, 3, 3, 5])
    rows, columns, pad = rng.randint(side, 16), 4 * rng.randint(2, 7), side // 2 if side % 2 else 0
    shape = (rows, columns, channels)
    common = ("layer", ("input",), (source,), (shape,))
    offered = (Stream.of(shape, pixels * channels),)
    if kind in ("maximum", "average"):
        output, sides = (rows // 2, columns // 2, channels), ((2, 2), (2, 2))
        kernel: Kernel = MaxPool2D(*common, source, output, *sides)
        if kind == "average":
            result = _result(rng, source.width, source.fraction)
            kernel = AveragePool2D(*common, result, output, *sides, _averaging(source, 4))
        return _of_kernel(kernel, Implementation(), offered)
    filters = rng.choice([2, 4, 5])
    weights = _weights(rng, (side, side, channels, filters), weight)
    columns = columns + 2 * pad - side + 1
    if columns % pixels:  # rows of results are whole beats
        return _several_pixels(rng)
    bias = np.array([float(rng.randint(-40, 40)) for _ in range(filters)])
    fraction, bits = source.fraction + weight.fraction, source.width + weight.width + 3
    layer = Conv2D(
        *common, _result(rng, bits, fraction), (rows + 2 * pad - side + 1, columns, filters), weights, bias, weight,
        FixedPoint(30, 30 - fraction), (1, 1), (pad,) * 4,
    )  # fmt: skip
    reuse = 1 if kind == "adders" else _reuse(rng, weights.size, 40)
    return _of_kernel(layer, Implementation(reuse, RESOURCE if kind == "DSPs" else LATENCY, pixels=pixels), offered)


def _accelerator(rng: random.Random) -> Drawn:
    """A small accelerator made by hand, for all that is around its segments and decisions."""
    exits = rng.randint(1, 5)
    if rng.random() < 0.5:
        accelerator = plain(GENERATED, exits=rng.randint(2, 3), criterion=rng.choice(["margin", "max_softmax"]))
    else:
        accelerator = steered(GENERATED, exits)
    accelerator = replace(accelerator, buffer_samples=rng.choice([1, 2, 4, 8, 32]))
    hardware = Hardware.of(accelerator)
    with scratch_folder() as folder:
        project = write_accelerator(hardware, folder)
        files = [file for file in project.sources if file.parent.name != LIBRARY]
        texts = {file.name: file.read_text() for file in files} | project.rom_texts
    return Drawn(Instance(GENERATED, ()), unit=hardware, texts=texts)


#: How what is drawn of each kind is made.
KINDS: dict[str, Callable[[random.Random], Drawn]] = {
    "conv2d by adders": lambda rng: _convolution(rng, LATENCY, adders=True),
    "conv2d by LUTs": lambda rng: _convolution(rng, LATENCY),
    "conv2d by DSPs": lambda rng: _convolution(rng, RESOURCE),
    "conv2d from memory": _folded,
    "depthwise from memory": lambda rng: _folded(rng, depthwise=True),
    "pooling from memory": _folded_pool,
    "depthwise by adders": lambda rng: _convolution(rng, LATENCY, adders=True, depthwise=True),
    "depthwise by LUTs": lambda rng: _convolution(rng, LATENCY, depthwise=True),
    "dense by adders": lambda rng: _linear(rng, LATENCY, adders=True),
    "dense by LUTs": lambda rng: _linear(rng, LATENCY),
    "dense by DSPs": lambda rng: _linear(rng, RESOURCE),
    "distributed conv2d": lambda rng: _convolution(rng, DISTRIBUTED),
    "distributed dense": lambda rng: _linear(rng, DISTRIBUTED),
    "affine": _affine,
    "activation": _activation,
    "thresholds": _thresholds,
    "code_table": _code_table,
    "add": _add,
    "concatenate": _concatenate,
    "max_pool2d": lambda rng: _pooling(rng, average=False),
    "average_pool2d": lambda rng: _pooling(rng, average=True),
    "global maximum": lambda rng: _global_pool(rng, maximum=True),
    "global average": lambda rng: _global_pool(rng, maximum=False),
    "transpose": _transpose,
    "upsample2d": _upsample,
    "resize": _resize,
    "queue": _queue,
    "buffer": _buffer,
    "unpack": _unpack,
    "several pixels": _several_pixels,
    "decision": _decision,
    **{f"decision by {name}": functools.partial(_decision, criterion=name) for name in sorted(CRITERIA)},
    "accelerator": _accelerator,
}
