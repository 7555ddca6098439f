"""This module says which operations of the engine compute the kernels of segments, as plain values.

Every tensor of a plan is a value: it has an element type and lies channels last. A kernel and the elementwise kernels
behind it that nobody else reads are one operation.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.native.steps import Chain

Integers = NDArray[np.int64]


class ElementType(IntEnum):
    """The element types are those of the engine, with their numbers there."""

    U8 = 0
    I8 = 1
    I16 = 2
    I32 = 3
    I64 = 4

    @property
    def dtype(self) -> np.dtype[Any]:
        """Returns the same type of NumPy."""
        return np.dtype(("u1", "i1", "i2", "i4", "i8")[self])

    @classmethod
    def of(cls, fmt: FixedPoint) -> ElementType:
        """Returns the narrowest type that holds the codes of a format."""
        return next(candidate for candidate in cls if candidate.holds(fmt))

    def holds(self, fmt: FixedPoint) -> bool:
        """Tells whether it holds the codes of a format."""
        limits = np.iinfo(self.dtype)
        return bool(limits.min <= fmt.min_code and fmt.max_code <= limits.max)


class Multiply(IntEnum):
    """The ways to multiply are those of the engine, with their numbers there: by the widths of both factors."""

    BYTES = 0
    WORDS = 1
    LONGS = 2

    @property
    def operand(self) -> ElementType:
        """Returns the type in which inputs lie in memory."""
        return (ElementType.U8, ElementType.I16, ElementType.I64)[self]

    @property
    def group(self) -> int:
        """Returns how many inputs, one behind the other, an instruction multiplies and adds."""
        return (4, 2, 1)[self]


@dataclass(frozen=True)
class Value:
    """A value is a tensor of a plan.

    Attributes:
        type: of its elements.
        elements: number of a sample's elements.
    """

    type: ElementType
    elements: int


@dataclass(frozen=True, eq=False)
class Padded:
    """A padded copy is an image with zeros around it, in the type that products read, with `offset` added to all."""

    source: int
    result: int
    shape: tuple[int, int, int]
    padding: tuple[int, int, int, int]
    offset: int


@dataclass(frozen=True, eq=False)
class Products:
    """Products are sums of products, for every place and each of its results.

    out[out_places[i] + f] is the chain of the largest, over the phases p, of the sum over r and k of

        in[in_places[i] + phases[p] + runs[r] + k] weights[r, k, f], times 2^shifts[f], plus bias[f].

    Attributes:
        source, result: values.
        multiply: way to multiply.
        shifts, bias: of the sums, for each result of a place.
        in_places, out_places: of each i, in a sample's elements.
        phases: elements from one window of a maximum pooling's block to each of its windows.
        runs: elements from a window's first to each of its runs.
        weights: (runs, elements of a run, results of a place).
        chain: steps on the sums.
    """

    source: int
    result: int
    multiply: Multiply
    in_places: Integers
    out_places: Integers
    phases: Integers
    runs: Integers
    weights: Integers
    shifts: Integers
    bias: Integers
    chain: Chain


@dataclass(frozen=True, eq=False)
class Depthwise:
    """A depthwise operation is a convolution with one filter for each channel, over an image that was padded.

    Attributes:
        source, result: values.
        are_wide: whether sums have 64 bits.
        shifts, bias: of the sums, for each channel.
        in_places: of each output pixel, in a sample's elements.
        taps: elements from a window's first pixel to each of its pixels.
        weights: (taps, channels).
        chain: steps on the sums.
    """

    source: int
    result: int
    are_wide: bool
    in_places: Integers
    taps: Integers
    weights: Integers
    shifts: Integers
    bias: Integers
    chain: Chain


@dataclass(frozen=True, eq=False)
class Pool:
    """A pool takes the largest value of each window, or the average over the pixels that count.

    Attributes:
        source, result: values.
        maximum: whether it takes the largest.
        with_zero: whether zeros of the padding count in a maximum.
        shift: of sums to the left, before they are divided.
        shape: of the image.
        pool, stride, padding: of windows; of the padding, the rows at the top and the columns at the left.
        counts: rows that count in each row of windows, and columns in each column of them.
        chain: steps on the results.
    """

    source: int
    result: int
    maximum: bool
    with_zero: bool
    shift: int
    shape: tuple[int, int, int]
    pool: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    counts: tuple[Integers, Integers]
    chain: Chain


@dataclass(frozen=True, eq=False)
class Elements:
    """An elements operation runs steps on each element of a tensor, or of the sum of two.

    Attributes:
        sources: one value or two.
        result: value; the elements become its channels from `first` on.
        shifts: of each source to the left, before they are added.
        pixels, channels: of the sources.
        out_channels, first: channels of the result, and the first of them that is written.
        chain: steps.
    """

    sources: tuple[int, ...]
    result: int
    shifts: tuple[int, ...]
    pixels: int
    channels: int
    out_channels: int
    first: int
    chain: Chain


@dataclass(frozen=True, eq=False)
class Moved:
    """A move puts elements elsewhere.

    Attributes:
        source, result: values.
        places: for each element of the result, that of the source; -1 for a zero.
    """

    source: int
    result: int
    places: Integers


Operation = Padded | Products | Depthwise | Pool | Elements | Moved


@dataclass(frozen=True, eq=False)
class Plan:
    """A plan is all that the engine computes between some inputs and outputs.

    Attributes:
        values: tensors.
        inputs, outputs: positions in `values`.
        operations: in their order.
    """

    values: tuple[Value, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operations: tuple[Operation, ...]
