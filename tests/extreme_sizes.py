"""Kernels and decision units at the largest sizes that are promised: whatever compiles also simulates.

Inputs to 4,096, channels to 512, classes to 1,000, and up to 4,096 products a cycle. Each is written, Verilated, and
held to software in `==` on a few samples.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hwcodesign.backends.streamrtl.project_files import write_segment
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.implementation import DEFAULT, Implementation, Implementations
from hwcodesign.hardware.parallelism import check_products
from hwcodesign.interface.modes import Mode, exit_control
from hwcodesign.kernels import (
    Activation,
    Add,
    Affine,
    AveragePool2D,
    Concatenate,
    Conv2D,
    Dense,
    GlobalPool,
    Kernel,
    MaxPool2D,
    Reshape,
    Segment,
    Transpose,
    ZeroColumns,
)
from hwcodesign.kernels.kernel import Shape
from hwcodesign.policies import CRITERIA
from hwcodesign.runtime import software
from hwcodesign.simulation.segment import read_segment
from hwcodesign.verification.comparison import Comparison
from rtl_sim.tb.drawn_policies import drawn_policy
from tests.stress import require_same, written

#: Random samples, and two extreme ones before them.
_SAMPLES = 3
_S8 = FixedPoint(8, 3)
_U5 = FixedPoint(5, 2, signed=False)
_RESULT = FixedPoint(12, 8, True, "RND_CONV", "SAT")  # type: ignore[arg-type]
_LOGITS = FixedPoint(8, 5, True, "RND_CONV", "SAT")  # type: ignore[arg-type]


@dataclass(frozen=True)
class Extreme:
    """A kernel, or several, of one input.

    Attributes:
        text: its sizes, for tables.
        kernels: in order; the last one gives the result.
        implementation: of the last one.
    """

    text: str
    kernels: tuple[Kernel, ...]
    implementation: Implementation = DEFAULT

    @property
    def implementations(self) -> Implementations:
        return {self.kernels[-1].name: self.implementation}

    @property
    def segment(self) -> Segment:
        first = self.kernels[0]
        return Segment.chain("extreme", first.input_formats[0], first.input_shapes[0], self.kernels)


def _weights(shape: Shape, bits: int) -> tuple[np.ndarray, FixedPoint]:
    """Random codes of all a format's values, and the format."""
    rng = np.random.default_rng([bits, *shape])
    bound = 1 << (bits - 1)
    return rng.integers(-bound, bound, shape).astype(np.float64), FixedPoint(bits, 1)


def dense(inputs: int, outputs: int, bits: int, reuse: int = 1, strategy: str = "latency") -> Extreme:
    """A linear layer whose vector comes in one beat."""
    weights, fmt = _weights((inputs, outputs), bits)
    bias = np.arange(outputs, dtype=np.float64) - outputs // 2
    kernel = Dense(
        "fc", ("input",), (_S8,), ((inputs,),), _RESULT, (outputs,), weights, bias, fmt, FixedPoint(40, 24),
    )  # fmt: skip
    return Extreme(
        f"dense {inputs} to {outputs}, {bits} bits, {strategy}, reuse {reuse}",
        (kernel,),
        Implementation(reuse, strategy),
    )


def flattened(shape: Shape, outputs: int, reuse: int) -> Extreme:
    """A linear layer that takes an image as it comes."""
    inputs = int(np.prod(shape))
    weights, fmt = _weights((inputs, outputs), 4)
    flat = Reshape("flat", ("input",), (_S8,), (shape,), _S8, (inputs,))
    kernel = Dense(
        "fc", ("flat",), (_S8,), ((inputs,),), _RESULT, (outputs,), weights, np.zeros(outputs), fmt,
        FixedPoint(40, 24),
    )  # fmt: skip
    return Extreme(f"dense of {_by(shape)} to {outputs}, reuse {reuse}", (flat, kernel), Implementation(reuse))


def conv(
    shape: Shape, filters: int, size: int, bits: int, reuse: int, strategy: str = "latency", *, depthwise: bool = False
) -> Extreme:
    """A convolution that keeps the image's size."""
    weights, fmt = _weights((size, size, 1 if depthwise else shape[2], filters), bits)
    pad = size // 2
    kernel = Conv2D(
        "conv", ("input",), (_U5,), (shape,), _RESULT, (*shape[:2], filters), weights, np.zeros(filters), fmt,
        FixedPoint(40, 24), (1, 1), (pad, pad, pad, pad),
    )  # fmt: skip
    kind = "depthwise" if depthwise else "conv2d"
    return Extreme(
        f"{kind} {size}x{size} of {_by(shape)} to {filters}, {bits} bits, {strategy}, reuse {reuse}",
        (kernel,),
        Implementation(reuse, strategy),
    )


def pool(shape: Shape, size: int, *, average: bool) -> Extreme:
    """Windows side by side."""
    result = (shape[0] // size, shape[1] // size, shape[2])
    common = ("pool", ("input",), (_S8,), (shape,), _S8, result, (size, size), (size, size))
    kernel = AveragePool2D(*common, FixedPoint(20, 15)) if average else MaxPool2D(*common)
    return Extreme(f"{kernel.kind} {size}x{size} of {_by(shape)}", (kernel,))


def global_pool(shape: Shape, *, maximum: bool) -> Extreme:
    kernel = GlobalPool("pool", ("input",), (_S8,), (shape,), _S8, shape[2:], maximum, FixedPoint(32, 27))
    return Extreme(f"global {'maximum' if maximum else 'average'} of {_by(shape)}", (kernel,))


def affine(shape: Shape, reuse: int) -> Extreme:
    scale, fmt = _weights(shape[-1:], 8)
    kernel = Affine("affine", ("input",), (_S8,), (shape,), _RESULT, shape, scale, scale[::-1].copy(), fmt, fmt)
    return Extreme(f"affine of {_by(shape)}, reuse {reuse}", (kernel,), Implementation(reuse))


def joined(shape: Shape, kind: str) -> Extreme:
    """The input and its rectified copy, put together: a fork, two queues, and a kernel of two inputs."""
    relu = Activation("relu", ("input",), (_S8,), (shape,), _S8, shape, rectify=True)
    names, formats, shapes = ("input", "relu"), (_S8, _S8), (shape, shape)
    kernel: Kernel = (
        Add("sum", names, formats, shapes, _RESULT, shape)
        if kind == "add"
        else Concatenate("both", names, formats, shapes, _S8, (*shape[:-1], 2 * shape[-1]))
    )
    return Extreme(f"{kind} of {_by(shape)} and its rectified copy", (relu, kernel))


def transpose(shape: Shape, axes: tuple[int, int, int]) -> Extreme:
    result = (shape[axes[0]], shape[axes[1]], shape[axes[2]])
    return Extreme(
        f"transpose {axes} of {_by(shape)}", (Transpose("t", ("input",), (_S8,), (shape,), _S8, result, axes),)
    )


def zero_columns(shape: Shape, columns: int) -> Extreme:
    return Extreme(
        f"{columns} zero columns before {_by(shape)}", (ZeroColumns.before("z", "input", _S8, shape, columns),)
    )


def _by(shape: Shape) -> str:
    return "x".join(map(str, shape))


#: What the test suite runs: wide, and soon compiled.
QUICK: tuple[Callable[[], Extreme], ...] = (
    lambda: dense(256, 2, 8),
    lambda: dense(784, 1, 2),
    lambda: dense(4096, 2, 4, 4096),
    lambda: conv((2, 2, 512), 4, 1, 4, 64, "resource"),
    lambda: joined((1, 2, 512), "concatenate"),
)
#: What the campaign runs besides.
WIDE: tuple[Callable[[], Extreme], ...] = (
    lambda: conv((3, 3, 512), 512, 3, 2, 9, depthwise=True),
    *(lambda bits=bits: dense(4096, 1, bits) for bits in (2, 4, 8)),
    *(lambda shape=shape: dense(*shape, 2) for shape in ((784, 5), (64, 64), (8, 512), (1, 1000), (4, 1000))),
    lambda: dense(64, 64, 8),
    lambda: dense(512, 8, 5),
    *(lambda s=s, r=r: dense(4096, 1000, 4, r, s) for s in ("latency", "resource") for r in (1000, 4096, 4_096_000)),
    *(lambda s=s: dense(784, 64, 2, 14, s) for s in ("latency", "resource")),
    lambda: dense(64, 64, 8, 1, "resource"),
    lambda: dense(4096, 1, 8, 1, "resource"),
    lambda: dense(64, 16, 4, 1, "distributed_arithmetic"),
    lambda: dense(784, 5, 2, 1, "distributed_arithmetic"),
    lambda: flattened((8, 8, 64), 1000, 1000),
    lambda: flattened((2, 2, 512), 10, 64),
    lambda: flattened((4096, 1, 1), 10, 4096),
    *(lambda s=s, r=r: conv((4, 4, 512), 512, 3, 4, r, s) for s in ("latency", "resource") for r in (576, 2304)),
    lambda: conv((3, 3, 512), 8, 1, 4, 1),
    lambda: conv((3, 3, 50), 9, 3, 4, 1),
    lambda: conv((3, 3, 512), 512, 5, 4, 25 * 512),
    lambda: conv((3, 3, 16), 16, 3, 3, 1, "distributed_arithmetic"),
    lambda: conv((3, 3, 512), 512, 3, 4, 3, depthwise=True),
    lambda: conv((3, 3, 455), 455, 3, 4, 1, depthwise=True),
    lambda: conv((3, 3, 512), 1024, 3, 4, 9, "resource", depthwise=True),
    *(lambda a=a, n=n: pool((2 * n, 2 * n, 512), n, average=a) for a in (False, True) for n in (2, 4, 7)),
    *(lambda m=m, n=n: global_pool((n, n, 512), maximum=m) for m in (False, True) for n in (2, 8)),
    lambda: global_pool((64, 64, 1), maximum=False),
    *(lambda k=k, s=s: joined(s, k) for k in ("add", "concatenate") for s in ((4096,), (2, 2, 512))),
    *(lambda r=r: affine((2, 2, 512), r) for r in (1, 512)),
    lambda: affine((4096,), 1),
    *(lambda a=a: transpose((8, 4, 128), a) for a in ((1, 0, 2), (2, 0, 1), (0, 2, 1), (2, 1, 0))),
    lambda: transpose((2, 3, 512), (2, 0, 1)),
    lambda: transpose((1, 8, 512), (2, 1, 0)),
    lambda: zero_columns((2, 3, 512), 3),
)
#: (criterion, classes); decision units of two exits that pass logits on.
QUICK_DECISIONS = (("margin", 200),)
DECISIONS = tuple((name, classes) for name in sorted(CRITERIA) for classes in (2, 257, 1000))


def compare(extreme: Extreme, folder: Path | None = None) -> Comparison:
    """RTL and software of one, in `==`."""
    segment = extreme.segment
    check_products(segment, extreme.implementations)
    fmt = segment.inputs[0].format
    codes = np.random.default_rng(1).integers(
        fmt.min_code, fmt.max_code, (_SAMPLES + 2, *segment.inputs[0].shape), endpoint=True
    )
    codes[0], codes[1] = fmt.min_code, fmt.max_code
    with tempfile.TemporaryDirectory() as scratch:
        write_segment(segment, folder or Path(scratch), "sizes", extreme.implementations)
        got = read_segment(folder or Path(scratch)).run(codes).outputs[0]
    expected = segment.run(codes.astype(np.float64))[0]
    return Comparison(("software", "rtl"), extreme.text, len(codes), got.size, int((got != expected).sum()))


def decided(criterion: str, classes: int) -> Accelerator:
    """Two exits whose heads give their input as logits."""
    policy = drawn_policy(criterion, [_LOGITS] * 2, classes)
    shape = (1, 1, policy.columns)
    source = FixedPoint(8, 5)

    def segment(name: str, fmt: FixedPoint, result: FixedPoint, *, flat: bool) -> Segment:
        kernel: Kernel = Activation("pass", ("input",), (fmt,), (shape,), result, shape, rectify=False)
        kernels = (kernel, Reshape("flat", ("pass",), (result,), (shape,), result, shape[2:]))
        return Segment.chain(name, fmt, shape, kernels if flat else kernels[:1])

    stages = (segment("stage0", source, _LOGITS, flat=False), segment("stage1", _LOGITS, _LOGITS, flat=False))
    heads = tuple(segment(f"head{k}", _LOGITS, _LOGITS, flat=True) for k in range(2))
    return Accelerator("decided", (policy.columns, 1, 1), stages, heads, policy)


def compare_decisions(criterion: str, classes: int) -> Comparison:
    """Records of every exit, in RTL and in software, in `==`: words unpacked, forked, buffered, decided on, merged."""
    accelerator = decided(criterion, classes)
    rng, fmt = np.random.default_rng(classes), accelerator.input_format
    images = rng.integers(fmt.min_code, fmt.max_code, (_SAMPLES + 2, *accelerator.input_shape), endpoint=True)
    images[0], images[1] = fmt.min_code, fmt.max_code
    control = exit_control(accelerator.policy, Mode.ANYTIME)
    expected = np.concatenate(list(software.stream_records(accelerator, images, control)))
    with tempfile.TemporaryDirectory() as scratch:
        run = written(accelerator, Path(scratch)).run(images, control)
    require_same(run.records, expected)
    return Comparison(("software", "rtl"), f"records, {criterion}, {classes} classes", len(images), len(expected), 0)


def sweep() -> list[Callable[[], Comparison]]:
    """The whole sweep, one comparison each."""
    kernels = [functools.partial(_compare_made, make) for make in (*QUICK, *WIDE)]
    return [*kernels, *(functools.partial(compare_decisions, *decision) for decision in DECISIONS)]


def _compare_made(make: Callable[[], Extreme]) -> Comparison:
    return compare(make())
