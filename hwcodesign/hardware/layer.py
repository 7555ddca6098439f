"""How a kernel is built: by a module of rtl_sim/rtl, or by adders that are generated for its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hwcodesign.hardware.distributed_arithmetic import distributed_kernel
from hwcodesign.kernels import Conv2D, Dense, Kernel
from hwcodesign.kernels.kernel import Stream
from hwcodesign.kernels.timing import Automaton, Pipeline
from hwcodesign.kernels.weighted import WeightedKernel
from hwcodesign.systemverilog import Instance

DISTRIBUTED = "distributed_arithmetic"


@dataclass(frozen=True)
class Layer:
    """A kernel's hardware.

    Attributes:
        reads: its input streams.
        writes: its output stream.
        instance: of its module; None where it is wires alone.
        timing: control of the module.
        texts: SystemVerilog that is generated for it, by file name.
    """

    reads: tuple[Stream, ...]
    writes: Stream
    instance: Instance | None
    timing: tuple[Automaton, ...]
    texts: Mapping[str, str] = field(default_factory=dict)


def layer(kernel: Kernel, offered: tuple[Stream, ...], module: str) -> Layer:
    """Choose a kernel's hardware.

    Args:
        offered: streams that come; those it reads may differ.
        module: name for a module that is generated for it.

    Raises:
        ToolError: distributed arithmetic without da4ml.
    """
    if isinstance(kernel, WeightedKernel) and kernel.strategy == DISTRIBUTED:
        return _distributed(kernel, module)
    streams = kernel.reads(offered)
    return Layer(streams, kernel.writes(streams), kernel.instance(streams), kernel.timing(streams))


def _distributed(kernel: WeightedKernel, module: str) -> Layer:
    """Adders for all products of a vector at once, without reuse; a linear layer takes its vector in one beat."""
    shift, sums, bias = kernel.narrowest_sums()
    made = distributed_kernel(
        _matrix(kernel),
        kernel.input_formats[0],
        module,
        result=kernel.result,
        sum_fraction=sums.fraction,
        bias=bias,
        product_shift=shift,
        window=kernel.window.parameters if isinstance(kernel, Conv2D) else (),
    )
    timing: tuple[Automaton, ...] = (Pipeline(depth=made.latency),)
    if isinstance(kernel, Conv2D):
        reads, timing = Stream.of(kernel.input_shapes[0]), (kernel.window.timing, *timing)
    else:
        reads = Stream(1, kernel.weights.shape[0])
    return Layer((reads,), Stream.of(kernel.output_shape), Instance(made.module, ()), timing, made.texts)


def _matrix(kernel: WeightedKernel) -> NDArray[np.int64]:
    """(inputs of a vector, outputs) integer weights, zeros between the channels of a depthwise convolution."""
    assert isinstance(kernel, (Conv2D, Dense))
    weights = kernel.dense_weights() if isinstance(kernel, Conv2D) else kernel.weights
    return weights.reshape(-1, weights.shape[-1]).astype(np.int64)
