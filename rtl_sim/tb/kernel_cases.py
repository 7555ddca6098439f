"""Kernels with random shapes and formats, their inputs and results in beats, and a wrapper that holds many of them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from telling import why_not_telling

from hwcodesign.fixedpoint import Codes, FixedPoint, Overflow, Rounding
from hwcodesign.hardware.implementation import (
    AUTO,
    BLOCK,
    DEFAULT,
    LATENCY,
    MEMORY,
    REGISTERS,
    RESOURCE,
    Implementation,
)
from hwcodesign.hardware.netlist import resize_timing
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.timing import Automaton
from hwcodesign.hardware.unit import Unit
from hwcodesign.hardware.units import unit_of
from hwcodesign.kernels import (
    Activation,
    Add,
    Affine,
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
)
from hwcodesign.kernels.kernel import Shape, largest
from hwcodesign.systemverilog import Instance, Rom, parameter_lines, with_constants

#: That each module computes.
SAMPLES = 5


@dataclass(frozen=True)
class Port:
    """One stream of a module.

    Attributes:
        name: "in", "a", "b" or "out".
        stream: its beats.
        fmt: of its elements.
    """

    name: str
    stream: Stream
    fmt: FixedPoint

    @property
    def bits(self) -> int:
        return self.stream.lanes * self.fmt.width


@dataclass(frozen=True)
class Case:
    """A module under test.

    Attributes:
        instance: the module and its parameters.
        ports: inputs, then the output.
        timing: its control, a chain.
        compute: codes (N, beats, lanes) of each input to those of the output.
    """

    instance: Instance
    ports: tuple[Port, ...]
    timing: tuple[Automaton, ...]
    compute: Callable[..., Codes]

    def expected(self, seed: int) -> list[list[int]]:
        """Results of its inputs: codes of each output beat."""
        outputs = self.compute(*self.inputs(seed))
        return outputs.reshape(-1, self.ports[-1].stream.lanes).astype(int).tolist()  # type: ignore[no-any-return]

    def inputs(self, seed: int) -> list[Codes]:
        """Codes (SAMPLES, beats, lanes) of each input; the first two samples are all lowest and all highest."""
        numbers = np.random.default_rng(seed)
        arrays = []
        for port in self.ports[:-1]:
            shape = (SAMPLES, port.stream.beats, port.stream.lanes)
            codes = numbers.integers(port.fmt.min_code, port.fmt.max_code, shape, endpoint=True).astype(np.float64)
            codes[0], codes[1:2] = port.fmt.min_code, port.fmt.max_code
            arrays.append(codes)
        return arrays


def random_case(kind: str, seed: int) -> Case:
    """A module of a kind (a key of `KINDS`), all else by the seed; drawn anew until its results tell."""
    rng = random.Random(seed)  # noqa: S311
    for _ in range(100):
        case = KINDS[kind](rng)
        if why_not_telling(case.expected(seed)) is None:
            return case
    raise AssertionError(f"no {kind} of seed {seed} gives results that tell")


def _format(rng: random.Random, narrow: int = 1, wide: int = 8) -> FixedPoint:
    """Any sign, width and binary point."""
    width = rng.randint(narrow, wide)
    return FixedPoint(width, rng.randint(-2, width + 2), rng.random() < 0.5)


def _result(rng: random.Random, low: float, high: float, fraction: int) -> FixedPoint:
    """A format for the cast of values between two codes: some bits are dropped or added, some values overflow."""
    bits = max(int(high), int(-low - 1)).bit_length() + 1
    kept = fraction - rng.randint(-2, max(bits // 2, 1))
    width = max(1, bits - (fraction - kept) + rng.randint(-2, 1))
    modes = rng.choice(list(Rounding)), rng.choice(list(Overflow))
    return FixedPoint(width, width - kept, rng.random() < 0.5, *modes)


def _unit(kernel: Kernel, implementation: Implementation) -> Unit[Any]:
    return unit_of(kernel, implementation, tuple(Stream.of(shape) for shape in kernel.input_shapes))


def _of_kernel(kernel: Kernel, implementation: Implementation = DEFAULT, lanes: int | None = None) -> Case:
    """A kernel's module, to which beats of so many channels come; without a number, whole pixels."""
    offered = tuple(Stream.of(shape, lanes) for shape in kernel.input_shapes)
    unit = unit_of(kernel, implementation, offered)
    names = ("in",) if len(unit.reads) == 1 else ("a", "b")
    ports = [Port(*port) for port in zip(names, unit.reads, kernel.input_formats, strict=True)]
    output = unit.writes

    def compute(*inputs: Codes) -> Codes:
        shaped = [codes.reshape(-1, *shape) for codes, shape in zip(inputs, kernel.input_shapes, strict=True)]
        return kernel.compute(*shaped).reshape(-1, output.beats, output.lanes)

    return Case(unit.instance, (*ports, Port("out", output, kernel.result)), unit.timing, compute)


def _shape(rng: random.Random) -> Shape:
    return rng.randint(1, 6), rng.randint(1, 6), rng.randint(1, 4)


def _lanes(rng: random.Random, shape: Shape) -> int:
    """Channels that come in a beat."""
    return rng.choice([lanes for lanes in range(1, shape[-1] + 1) if shape[-1] % lanes == 0])


def _several(rng: random.Random, shape: Shape) -> int:
    """Elements of several pixels that come in a beat."""
    return shape[-1] * rng.choice([pixels for pixels in range(2, shape[-2] + 1) if shape[-2] % pixels == 0])


def _for_several(rng: random.Random) -> Shape:
    """Rows of several pixels, which have several channels: in their order there is something to go wrong."""
    return rng.randint(1, 6), rng.choice((2, 4, 6)), rng.randint(2, 4)


def _pooling(rng: random.Random, average: bool, windows: str = REGISTERS, *, several: bool = False) -> Case:
    pool, stride = (rng.randint(1, 3), rng.randint(1, 3)), (rng.randint(1, 3), rng.randint(1, 3))
    padding = rng.randint(0, pool[0] - 1), rng.randint(0, pool[0] - 1), rng.randint(0, pool[1] - 1), rng.randint(0, 1)
    shape = (rng.randint(pool[0], 7), rng.randint(pool[1], 7), rng.randint(1, 3 if windows == REGISTERS else 6))
    if several:  # rows of so many pixels that beats divide them, and rows of windows
        padding, stride = (padding[0], padding[1], 0, 0), (stride[0], min(stride[1], 2))
        shape = (shape[0], rng.choice((4, 8, 12)), rng.randint(2, 3))
    lanes = (_several if several else _lanes)(rng, shape)
    built: dict[str, Any] = {"implementation": Implementation(windows=windows), "lanes": lanes}
    rows = (shape[0] + padding[0] + padding[1] - pool[0]) // stride[0] + 1
    columns = (shape[1] + padding[2] + padding[3] - pool[1]) // stride[1] + 1
    source = _format(rng)
    common = ("layer", ("input",), (source,), (shape,))
    if not average:
        result = _result(rng, source.min_code, source.max_code, source.fraction)
        ignored = _sees_everywhere(shape, pool, stride, padding, (rows, columns)) and rng.random() < 0.7
        return _of_kernel(
            MaxPool2D(
                *common, result, (rows, columns, shape[2]), pool, stride, padding=padding, ignores_padding=ignored
            ),
            **built,
        )
    accumulator, result = _averaging(rng, source, pool[0] * pool[1])
    uncounted = (0, 0, 0, 0)
    if _sees_everywhere(shape, pool, stride, padding, (rows, columns)):
        uncounted = padding[0], rng.randint(0, padding[1]), rng.randint(0, padding[2]), padding[3]
    kernel = AveragePool2D(
        *common, result, (rows, columns, shape[2]), pool, stride, accumulator, padding=padding, uncounted=uncounted
    )
    return _of_kernel(kernel, **built)


def _border(rng: random.Random, average: bool, pixels: int = 1) -> Case:
    """Padding that a maximum ignores, or that an average does not count: it divides by 4, 6 and 9."""
    shape, stride = (rng.randint(3, 6), rng.randint(3, 6), rng.randint(1, 3)), rng.randint(1, 2)
    shape = (shape[0], 2 * pixels if pixels > 1 else shape[1], shape[2])
    rows, columns = ((side - 1) // stride + 1 for side in shape[:2])
    source = _format(rng, 2)
    common, padding = ("layer", ("input",), (source,), (shape,)), (1, 1, 1, 1)
    if average:
        accumulator, result = _averaging(rng, source, 9)
        fields: dict[str, Any] = {"accumulator": accumulator, "uncounted": padding}
    else:
        result, fields = _result(rng, source.min_code, source.max_code, source.fraction), {"ignores_padding": True}
    kernel = AveragePool2D if average else MaxPool2D
    return _of_kernel(
        kernel(*common, result, (rows, columns, shape[2]), (3, 3), (stride, stride), padding=padding, **fields),
        lanes=pixels * shape[2],
    )


def _sees_everywhere(
    shape: Shape, pool: tuple[int, int], stride: tuple[int, int], padding: tuple[int, ...], number: tuple[int, int]
) -> bool:
    """Whether every window sees a pixel of the image."""
    starts = [
        range(-padding[2 * axis], number[axis] * stride[axis] - padding[2 * axis], stride[axis]) for axis in (0, 1)
    ]
    return all(-pool[axis] < start < shape[axis] for axis in (0, 1) for start in starts[axis])


def _averaging(rng: random.Random, source: FixedPoint, count: int) -> tuple[FixedPoint, FixedPoint]:
    """A type for sums of some values, and one for their average."""
    up = rng.randint(0, 3)
    width = (count * largest(source) << up).bit_length() + 1
    accumulator = FixedPoint(width, width - source.fraction - up)
    return accumulator, _result(rng, source.min_code << up, source.max_code << up, accumulator.fraction)


def _global_pool(rng: random.Random, maximum: bool, turns: int = 1) -> Case:
    (*sides, lanes), source = _shape(rng), _format(rng)
    shape = (*sides, lanes * turns)
    accumulator, result = source, _result(rng, source.min_code, source.max_code, source.fraction)
    if not maximum:
        accumulator, result = _averaging(rng, source, shape[0] * shape[1])
    kernel = GlobalPool("layer", ("input",), (source,), (shape,), result, shape[2:], maximum, accumulator)
    return _of_kernel(kernel, lanes=lanes)


def _activation(rng: random.Random) -> Case:
    return _cast(rng, _format(rng), rectify=None)


def _unsigned_rectifier(rng: random.Random) -> Case:
    """No code is below zero, though the highest bit of some is set."""
    return _cast(rng, replace(_format(rng, 3), signed=False), rectify=True)


def _cast(rng: random.Random, source: FixedPoint, rectify: bool | None) -> Case:
    shape = _shape(rng)
    result = _result(rng, source.min_code, source.max_code, source.fraction)
    rectify = rng.random() < 0.5 if rectify is None else rectify
    return _of_kernel(Activation("layer", ("input",), (source,), (shape,), result, shape, rectify))


def _add(rng: random.Random, *, several: bool = False) -> Case:
    shape, one, other = (_for_several if several else _shape)(rng), _format(rng), _format(rng)
    fraction = max(one.fraction, other.fraction)
    ends = [
        sum(code * 2.0 ** (fraction - fmt.fraction) for fmt, code in zip((one, other), codes, strict=True))
        for codes in ((one.min_code, other.min_code), (one.max_code, other.max_code))
    ]
    result = _result(rng, ends[0], ends[1], fraction)
    lanes = (_several if several else _lanes)(rng, shape)
    return _of_kernel(Add("layer", ("a", "b"), (one, other), (shape, shape), result, shape), lanes=lanes)


def _concatenate(rng: random.Random) -> Case:
    one, other = _format(rng), _format(rng)
    rows, columns, channels = _shape(rng)
    shapes = (rows, columns, channels), (rows, columns, rng.randint(1, 4))
    result = _result(rng, one.min_code, one.max_code, one.fraction)
    output = (rows, columns, channels + shapes[1][2])
    return _of_kernel(Concatenate("layer", ("a", "b"), (one, other), shapes, result, output))


def _affine(rng: random.Random, *, several: bool = False) -> Case:
    shape, source, scale, bias = (
        (_for_several if several else _shape)(rng),
        _format(rng),
        _format(rng, 2),
        _format(rng, 2),
    )
    scales, biases = (
        np.array([float(rng.randint(fmt.min_code, fmt.max_code)) for _ in range(shape[2])]) for fmt in (scale, bias)
    )
    layer = Affine("layer", ("in",), (source,), (shape,), source, shape, scales, biases, scale, bias)
    implementation = Implementation(rng.randint(1, 6))
    lanes = _several(rng, shape) if several else None
    return _of_kernel(replace(layer, result=_result(rng, *layer.bounds, layer.sum_fraction)), implementation, lanes)


def _scaled_weights(rng: random.Random) -> Case:
    """A scale for each output: some have weights that are multiples of two, four and eight."""
    numbers, source, weight = np.random.default_rng(rng.getrandbits(32)), _format(rng, 2), FixedPoint(8, 4)
    strategy, windows = rng.choice((LATENCY, RESOURCE)), rng.choice((REGISTERS, MEMORY))
    weights_in = BLOCK if strategy == RESOURCE else AUTO
    implementation = Implementation(rng.choice((2, 4, 8, 16)), strategy, windows, weights_in)
    outputs = rng.choice((2, 4, 6))
    scales = 1 << numbers.integers(0, 4, outputs)
    accumulator = FixedPoint(32, 32 - source.fraction - weight.fraction)

    def drawn(*shape: int) -> tuple[Codes, Codes]:
        weights = numbers.integers(-7, 8, (*shape, outputs)) * scales
        return weights.astype(float), numbers.integers(-40, 41, outputs).astype(float)

    high = 15.0 * source.max_code
    result = _result(rng, -high, high, accumulator.fraction)
    if rng.random() < 0.5:
        inputs = rng.choice((4, 8, 12))
        common = ("layer", ("input",), (source,), ((inputs,),), result, (outputs,))
        return _of_kernel(Dense(*common, *drawn(inputs), weight, accumulator), implementation)
    rows, columns, channels = rng.randint(3, 6), rng.randint(3, 6), rng.choice((2, 4))
    shape, output = (rows, columns, channels), (rows - 2, columns - 1, outputs)
    common = ("layer", ("input",), (source,), (shape,), result, output)
    convolution = Conv2D(*common, *drawn(3, 2, channels), weight, accumulator, (1, 1), (0, 0, 0, 0))
    return _of_kernel(convolution, implementation)


def _thresholds(rng: random.Random, *, several: bool = False) -> Case:
    """Channels that fall and rise in turn; jump, and stay."""
    shape, source = (_for_several if several else _shape)(rng), _format(rng)
    most = rng.randint(1, 9)
    result = FixedPoint(rng.randint(5, 8), 2, rng.random() < 0.5)
    never = source.max_code + 1
    first, sign, thresholds = [], [], []
    for channel in range(shape[2]):
        used = rng.randint(int(channel < 2), most)
        rises = channel % 2 == 1
        low = rng.randint(result.min_code, result.max_code - most)
        first.append(float(low if rises else low + most))
        sign.append(1.0 if rises else -1.0)
        levels = sorted(rng.randint(source.min_code, never) for _ in range(used))
        thresholds.append([float(level) for level in (*levels, *[never] * (most - used))])
    constants = (np.array(first), np.array(sign), np.array(thresholds))
    kernel = Thresholds("layer", ("input",), (source,), (shape,), result, shape, *constants)
    return _of_kernel(kernel, lanes=_several(rng, shape) if several else None)


def _code_table(rng: random.Random) -> Case:
    shape, source, result = _shape(rng), _format(rng), _format(rng)
    entries = np.array([float(rng.randint(result.min_code, result.max_code)) for _ in range(1 << source.width)])
    return _of_kernel(CodeTable("layer", ("input",), (source,), (shape,), result, shape, entries))


def _transpose(rng: random.Random) -> Case:
    while True:
        shape, axes = _shape(rng), rng.sample(range(3), 3)
        source = _format(rng)
        output = tuple(shape[axis] for axis in axes)
        kernel = Transpose("layer", ("in",), (source,), (shape,), source, output, (axes[0], axes[1], axes[2]))
        if not _unit(kernel, DEFAULT).is_wires:
            return _of_kernel(kernel)


def _upsample(rng: random.Random, *, zeros: bool) -> Case:
    shape, source = _shape(rng), _format(rng)
    factors = rng.randint(1, 3), rng.randint(1, 3)
    left = [rng.randint(0, factor - 1) if zeros else 0 for factor in factors]  # of the last row and column
    output = (shape[0] * factors[0] - left[0], shape[1] * factors[1] - left[1], shape[2])
    return _of_kernel(Upsample2D("layer", ("in",), (source,), (shape,), source, output, factors, zeros))


def _resize(rng: random.Random, factor: int = 0) -> Case:
    """Beats of other sizes; `factor` > 0 joins that many, < 0 splits into that many, 0 does both."""
    one = rng.randint(1, 5)
    lanes = (one, one * factor) if factor > 0 else (-one * factor, one)
    while factor == 0 and (lanes[0] % lanes[1] == 0 or lanes[1] % lanes[0] == 0):
        lanes = rng.randint(2, 12), rng.randint(2, 12)
    elements = math.lcm(*lanes) * rng.randint(1, 3)
    source, output = (Stream(elements // count, count) for count in lanes)
    fmt = _format(rng)
    sizes = (("InLanes", lanes[0]), ("OutLanes", lanes[1]), ("ElementWidth", fmt.width), ("Elements", elements))
    ports = Port("in", source, fmt), Port("out", output, fmt)
    timing = resize_timing(source, output)
    return Case(
        Instance("stream_resize", sizes), ports, timing, lambda codes: codes.reshape(-1, output.beats, output.lanes)
    )


#: How a random module of each kind is made.
KINDS: dict[str, Callable[[random.Random], Case]] = {
    "maximum": lambda rng: _pooling(rng, average=False),
    "average": lambda rng: _pooling(rng, average=True),
    "maximum from memory": lambda rng: _pooling(rng, average=False, windows=MEMORY),
    "average from memory": lambda rng: _pooling(rng, average=True, windows=MEMORY),
    "maximum at the border": lambda rng: _border(rng, average=False),
    "average at the border": lambda rng: _border(rng, average=True),
    "maximum of several pixels": lambda rng: _pooling(rng, average=False, several=True),
    "average of several pixels": lambda rng: _pooling(rng, average=True, several=True),
    "average at the border, several pixels": lambda rng: _border(rng, average=True, pixels=rng.choice((2, 4))),
    "affine of several pixels": lambda rng: _affine(rng, several=True),
    "thresholds of several pixels": lambda rng: _thresholds(rng, several=True),
    "add of several pixels": lambda rng: _add(rng, several=True),
    "global maximum": lambda rng: _global_pool(rng, maximum=True),
    "global average": lambda rng: _global_pool(rng, maximum=False),
    "global maximum in turns": lambda rng: _global_pool(rng, maximum=True, turns=rng.randint(2, 4)),
    "global average in turns": lambda rng: _global_pool(rng, maximum=False, turns=rng.randint(2, 4)),
    "activation": _activation,
    "unsigned rectifier": _unsigned_rectifier,
    "add": _add,
    "concatenate": _concatenate,
    "affine": _affine,
    "scaled weights": _scaled_weights,
    "thresholds": _thresholds,
    "code table": _code_table,
    "transpose": _transpose,
    "repeated pixels": lambda rng: _upsample(rng, zeros=False),
    "inserted zeros": lambda rng: _upsample(rng, zeros=True),
    "join": lambda rng: _resize(rng, rng.randint(2, 5)),
    "split": lambda rng: _resize(rng, -rng.randint(2, 5)),
    "split and join": _resize,
}


def wrapper(cases: list[Case]) -> tuple[str, list[Rom]]:
    """Source of a module that holds all cases side by side, ports prefixed with k0_, k1_, …; and its ROM images."""
    lines, body, roms = (
        ["module kernels import hwc_pkg::*; (", "  input wire logic clk_i,", "  input wire logic rst_ni"],
        [""],
        [],
    )
    for i, case in enumerate(cases):
        connections = [".clk_i", ".rst_ni"]
        for port in case.ports:
            towards, away = ("o", "i") if port.name == "out" else ("i", "o")
            names = [f"{port.name}_valid_{towards}", f"{port.name}_ready_{away}", f"{port.name}_data_{towards}"]
            kinds = [_net(towards, 1), _net(away, 1), _net(towards, port.bits)]
            lines += [f"  , {kind} k{i}_{name}" for kind, name in zip(kinds, names, strict=True)]
            connections += [f".{name}(k{i}_{name})" for name in names]
        constants, instance = with_constants(case.instance, str(i))
        parameters = parameter_lines(instance.parameters)
        for rom in case.instance.roms:
            roms.append(replace(rom, name=f"k{i}_{rom.name}"))
            parameters.append(f', .{rom.parameter}("k{i}_{rom.name}.hex")')
        body += constants
        body.append(f"  {instance.module} #({' '.join(parameters)}) u_{i} ({', '.join(connections)});")
    return "\n".join(["`default_nettype none", *lines, ");", *body, "endmodule", "`default_nettype wire", ""]), roms


def _net(direction: str, bits: int) -> str:
    kind = "input wire logic" if direction == "i" else "output logic"
    return f"{kind} [{bits - 1}:0]" if bits > 1 else kind
