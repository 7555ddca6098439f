"""This module holds the units of distributed arithmetic: an adder graph is generated for the weights.

They take one vector per cycle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from hwcodesign.fixedpoint import Codes
from hwcodesign.hardware.distributed_arithmetic import DistributedKernel, distributed_kernel
from hwcodesign.hardware.folding import Folding
from hwcodesign.hardware.implementation import DISTRIBUTED, REGISTERS
from hwcodesign.hardware.resources.distributed import distributed_array
from hwcodesign.hardware.resources.figures import Part
from hwcodesign.hardware.resources.windows import window_buffer
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.timing import Automaton, Pipeline
from hwcodesign.hardware.unit import K, Unit
from hwcodesign.hardware.units.conv2d import window_of
from hwcodesign.hardware.window import Window
from hwcodesign.kernels import Conv2D, Dense
from hwcodesign.kernels.weighted import WeightedKernel
from hwcodesign.systemverilog import Instance


@dataclass(frozen=True, eq=False)
class _Distributed(Unit[K]):
    """Base of both.

    Raises:
        ToolError: da4ml is missing, where the module or its timing is asked for.
    """

    strategies: ClassVar[tuple[str, ...]] = (DISTRIBUTED,)

    @property
    def made(self) -> DistributedKernel:
        """What is generated."""
        raise NotImplementedError

    @property
    def instance(self) -> Instance:
        return Instance(self.made.module, ())

    @property
    def texts(self) -> Mapping[str, str]:
        return self.made.texts


@dataclass(frozen=True, eq=False)
class DistributedLinear(_Distributed[Dense]):
    """The unit computes all products of a vector, which comes in one beat."""

    @property
    def reads(self) -> tuple[Stream, ...]:
        return (Stream(1, self.kernel.weights.shape[0]),)

    @property
    def folding(self) -> Folding:
        inputs, outputs = self.kernel.weights.shape
        return Folding(inputs, outputs, folds=1)

    @cached_property
    def made(self) -> DistributedKernel:
        """Returns the generated layer."""
        return _made(self.kernel, self.kernel.weights, self.module)

    @property
    def parts(self) -> tuple[Part, ...]:
        return distributed_array(self.made, self.kernel.input_formats[0], self.kernel.result)

    @property
    def timing(self) -> tuple[Automaton, ...]:
        return (Pipeline(depth=self.made.latency),)


@dataclass(frozen=True, eq=False)
class DistributedConvolution(_Distributed[Conv2D]):
    """The unit computes all products of a window."""

    windows: ClassVar[tuple[str, ...]] = (REGISTERS,)

    @property
    def window(self) -> Window:
        """Returns the windows of its window_buffer."""
        return window_of(self.kernel)

    @property
    def folding(self) -> Folding:
        weights = self.kernel.spread_weights()
        return Folding(weights.size // weights.shape[-1], weights.shape[-1], folds=1)

    @cached_property
    def made(self) -> DistributedKernel:
        """Returns the generated layer."""
        weights = self.kernel.dense_weights()  # zeros between groups and taps
        matrix = weights.reshape(-1, weights.shape[-1])
        return _made(self.kernel, matrix, self.module, self.window)

    @property
    def parts(self) -> tuple[Part, ...]:
        source = self.kernel.input_formats[0]
        return window_buffer(self.window, source.width), *distributed_array(self.made, source, self.kernel.result)

    @property
    def timing(self) -> tuple[Automaton, ...]:
        return (self.window.timing, Pipeline(depth=self.made.latency))


def _made(kernel: WeightedKernel, matrix: Codes, module: str, window: Window | None = None) -> DistributedKernel:
    sums = kernel.narrowest_sums
    return distributed_kernel(
        matrix.astype(np.int64),
        kernel.input_formats[0],
        module,
        result=kernel.result,
        sum_fraction=sums.accumulator.fraction,
        bias=sums.bias,
        product_shift=sums.shift,
        window=window,
    )
