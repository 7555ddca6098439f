"""This module holds the two-dimensional convolution, with its zero padding.

In software the padded image is cut into vertical strips that overlap by the kernel's width. The rows of a strip that
one output row reads lie next to each other in memory. So an output row of all samples and strips is one matrix product
with a banded matrix, which repeats the kernel once per pixel of the row. It multiplies some zeros, but copies each
input little more than once, and gives BLAS wide matrices even if there are few channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from hwcodesign.errors import FieldError, FormatError
from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.kernel import Shape, Windows, register, require_shape
from hwcodesign.kernels.stored_shapes import require_image, require_windows
from hwcodesign.kernels.weighted import WeightedKernel

#: Time of a multiply-accumulate against the number of columns n of the right factor is about 1 + _NARROW / n, and that
#: of copying an element about _COPY of them: measured with OpenBLAS on x86-64, and not critical.
_NARROW, _COPY = 12, 32


class Sparsity(NamedTuple):
    """A sparsity says which weights of a convolution are there; all others are zero.

    Attributes:
        groups: number of groups; a filter reads the channels of its own group alone.
        dilation: rows and columns from one tap to the next.
    """

    groups: int = 1
    dilation: tuple[int, int] = (1, 1)


class _Strips(NamedTuple):
    """How the image is cut into strips."""

    width: int  # output pixels across, before pooling
    number: int  # of strips
    reads: int  # input pixels across
    matrices: Codes  # (pool, kh * reads * channels, width / pool * filters), one per column of a pooling block


@register
@dataclass(frozen=True, eq=False)
class Conv2D(WeightedKernel):
    """A convolution computes y[r, q, o] = bias[o] + sum w[i, j, c, o] x[r s + i d, q s + j d, c], with stride s,
    dilation d and zero padding.

    Attributes:
        weights: (kh, kw, C / groups, filters) integer codes. Filter o reads the channels of group
            o // (filters / groups); there may be one group, one for each channel (depthwise), or any number between.
        stride: rows down, columns across.
        padding: zero rows and columns at top, bottom, left, right.
        dilation: rows and columns from one tap to the next.
    """

    kind = "conv2d"
    summed_axes = (0, 1, 2)

    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilation: tuple[int, int] = field(default=(1, 1), kw_only=True)

    @property
    def groups(self) -> int:
        """Returns the number of groups."""
        return self.input_shapes[0][2] // self.weights.shape[2]

    @property
    def macs(self) -> int:
        return self.output_shape[0] * self.output_shape[1] * self.weights.size

    @property
    def sides(self) -> tuple[int, int]:
        """Returns rows and columns of a window: those of the kernel, and what lies between its taps."""
        return _spread(self.weights.shape[:2], self.dilation)

    @property
    def windows(self) -> Windows:
        return Windows(self.sides, self.stride, self.padding)

    @classmethod
    def check_shapes(cls, values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:
        channels, filters = require_image(values["input_shapes"][0])[2], require_image(values["output_shape"])[2]
        weights = shapes["weights"]
        if len(weights) != 4:
            raise FieldError(f"shape of weights is {weights}, and must have 4 axes")
        require_windows(values, _spread(weights[:2], values["dilation"]))
        if weights[2] < 1 or channels % weights[2] or filters % (channels // weights[2]):
            raise FieldError(
                f"shape of weights is {weights}: the third axis must be {channels}, or the channels of one of several "
                f"groups, whose number divides {channels} channels and {filters} filters"
            )
        require_shape("shape of weights", weights, (*weights[:3], filters))
        require_shape("shape of bias", shapes["bias"], (filters,))

    @property
    def gives_block_maxima(self) -> bool:
        # the cast from accumulator to result changes nothing
        fmt = self.accumulator
        return self.result.fraction == fmt.fraction and self.result.holds(fmt.min_code, fmt.max_code, fmt.fraction)

    def compute(self, *inputs: Codes) -> Codes:
        sums = self.block_maxima(inputs[0], 1)
        return sums if self.gives_block_maxima else self.result.requantise(sums, self.accumulator.fraction)

    def block_maxima(self, codes: Codes, side: int) -> Codes:
        """Computes accumulator codes, reduced by the maximum of each `side` by `side` block.

        Args:
            codes: (N, H, W, C).
            side: 1 for the sums themselves; else must divide the output's height and width.

        Returns:
            (N, output rows / side, output columns / side, filters).
        """
        if self.groups == self.input_shapes[0][2] > 1:
            return self._depthwise_maxima(codes, side)
        strips = self._strips.get(side)
        if strips is None:
            strips = self._strips[side] = self._cut(side)
        rows = self._rows(codes, strips)
        samples, kh = len(codes), self.sides[0]
        step = strips.reads * self.input_shapes[0][2]  # elements of one row of a strip
        height, width, filters = self.output_shape
        shape = (samples, height // side, strips.number, strips.matrices.shape[2])
        result: Codes = np.empty(shape, self._carrier)
        for y in range(height // side):
            most: Codes | None = None
            for row in range(y * side * self.stride[0], (y * side + side) * self.stride[0], self.stride[0]):
                read = rows[:, row * step : (row + kh) * step]
                for matrix in strips.matrices:
                    product = read @ matrix
                    most = product if most is None else np.maximum(most, product, out=most)
            assert most is not None  # a pooling block has one pixel at least
            result[:, y] = most.reshape(samples, strips.number, strips.matrices.shape[2])
        columns = strips.number * strips.width // side  # the last strip may reach past the image
        result = result.reshape(samples, height // side, columns, filters)[:, :, : width // side]
        result += self._bias
        return result

    def _depthwise_maxima(self, codes: Codes, side: int) -> Codes:
        """Computes what `block_maxima` does if each filter reads one channel: tap by tap, since no matrix has more than
        one number a row.
        """
        rows, columns, filters = self.output_shape
        padded = self._padded(codes, 0)
        channel = np.arange(filters) // (filters // self.groups)
        sums: Codes = np.broadcast_to(self._bias, (len(codes), *self.output_shape)).copy()
        for i, row in enumerate(self.weights[:, :, 0] * self._alignment):
            for j, weights in enumerate(row.astype(self._carrier)):
                top, left, (down, across) = i * self.dilation[0], j * self.dilation[1], self.stride
                read = padded[:, top : top + rows * down : down, left : left + columns * across : across]
                sums += (read if filters == self.groups else read[..., channel]) * weights
        if side == 1:
            return sums
        blocks = sums.reshape(len(codes), rows // side, side, columns // side, side, filters)
        return np.asarray(blocks.max(axis=(2, 4)))

    @cached_property
    def _strips(self) -> dict[int, _Strips]:
        return {}

    def spread_weights(self) -> Codes:
        """Returns the weights of whole windows, (rows, columns, C / groups, filters), with zeros between taps."""
        if self.dilation == (1, 1):
            return self.weights
        spread = np.zeros((*self.sides, *self.weights.shape[2:]))
        spread[:: self.dilation[0], :: self.dilation[1]] = self.weights
        return spread

    def dense_weights(self) -> Codes:
        """Returns the weights of whole windows, (rows, columns, C, filters), with zeros between groups, too."""
        weights, groups = self.spread_weights(), self.groups
        if groups == 1:
            return weights
        rows, columns, depth, filters = weights.shape
        dense = np.zeros((rows, columns, groups * depth, filters))
        for o in range(filters):
            group = o // (filters // groups)
            dense[:, :, group * depth : (group + 1) * depth, o] = weights[:, :, :, o]
        return dense

    def _cut(self, pool: int) -> _Strips:
        kh, kw, channels, filters = (*self.sides, self.input_shapes[0][2], self.output_shape[2])
        height, width = self.output_shape[:2]
        stride = self.stride[1]

        def cost(across: int) -> float:
            reads = ((across - 1) * stride + kw) * channels
            columns = -(-across // pool * filters // 4) * 4
            products = height * pool * kh * reads * columns * (1 + _NARROW / columns)
            return -(-width // across) * (products + _COPY * self._padded_height * reads)

        across = min(range(pool, width + 1, pool), key=cost)
        reads = (across - 1) * stride + kw
        matrices: Codes = np.zeros((pool, kh, reads, channels, across // pool, filters), self._carrier)
        dense = self.dense_weights() * self._alignment
        for x in range(across):
            matrices[x % pool, :, x * stride : x * stride + kw, :, x // pool] = dense
        return _Strips(across, -(-width // across), reads, matrices.reshape(pool, kh * reads * channels, -1))

    @property
    def _padded_height(self) -> int:
        return self.input_shapes[0][0] + self.padding[0] + self.padding[1]

    def _padded(self, codes: Codes, width: int) -> Codes:
        """Returns the zero-padded image in the carrier, at least so many pixels wide."""
        samples, height, columns, channels = codes.shape
        top, _, left, right = self.padding
        shape = (samples, self._padded_height, max(left + columns + right, width), channels)
        padded: Codes = np.zeros(shape, self._carrier)
        padded[:, top : top + height, left : left + columns] = codes
        return padded

    def _rows(self, codes: Codes, strips: _Strips) -> Codes:
        """Strips of the zero-padded image, (samples * strips, padded height * reads * channels), in the carrier."""
        samples, channels = len(codes), codes.shape[3]
        padded = self._padded(codes, (strips.number - 1) * strips.width * self.stride[1] + strips.reads)
        s_n, s_h, s_w, _ = padded.strides
        view = as_strided(
            padded,
            (samples, strips.number, self._padded_height, strips.reads * channels),
            (s_n, s_w * strips.width * self.stride[1], s_h, padded.itemsize),
            writeable=False,
        )
        return np.ascontiguousarray(view).reshape(samples * strips.number, -1)


def compact_weights(name: str, weights: Codes, sparsity: Sparsity, channels: int) -> Codes:
    """Returns the weights that are there, (kh, kw, C / groups, filters), from those with zeros in the place of others.

    Args:
        name: name of the layer, for the error.
        weights: (rows, columns, C, filters) of whole windows; or with one channel each, of a depthwise convolution.
        sparsity: which weights are there.
        channels: number of channels of the input.

    Raises:
        FormatError: a weight that should not be there is not zero.
    """
    taps = weights[:: sparsity.dilation[0], :: sparsity.dilation[1]]
    depth, filters = channels // sparsity.groups, weights.shape[3]
    found = np.empty((*taps.shape[:2], depth, filters), taps.dtype)
    for o in range(filters):
        first = 0 if weights.shape[2] == depth else o // (filters // sparsity.groups) * depth
        found[..., o] = taps[:, :, first : first + depth, o]
    if np.count_nonzero(found) != np.count_nonzero(weights):
        raise FormatError(f"{name}: it has weights beyond those of {sparsity.groups} groups: a fault of hwcodesign")
    return found


def _spread(kernel: Sequence[int], dilation: Sequence[int]) -> tuple[int, int]:
    rows, columns = ((side - 1) * step + 1 for side, step in zip(kernel, dilation, strict=True))
    return rows, columns
