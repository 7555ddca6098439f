"""Two-dimensional convolution, with its zero padding.

In software each convolution is a matrix product of input tiles with a banded matrix: one row of
the left factor holds the input window of a tile of output pixels, and the matrix repeats the kernel
once per pixel of the tile. It multiplies some zeros, but copies far less than one row per output pixel
would, and gives BLAS wide matrices even where there are few channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from hwcodesign.fixedpoint import Codes, FixedPoint
from hwcodesign.kernels.kernel import Kernel, carrier, register, require_exact, sum_bounds

#: Cost of copying one element of a window, in multiply-accumulates; measured, and not critical.
_COPY_COST = 32


class _Tiling(NamedTuple):
    """How outputs are cut into tiles of `pool` by `width` pixels."""

    width: int  # output pixels of a tile, before pooling
    rows: int  # tiles down
    columns: int  # tiles across
    window: tuple[int, int]  # input rows and columns a tile reads
    matrix: Codes  # (window pixels * channels, pool * width * filters)


@register
@dataclass(frozen=True, eq=False)
class Conv2D(Kernel):
    """y[o] = bias[o] + sum w[i, j, c, o] x[i, j, c], strided, zero padded.

    Attributes:
        weights: (kh, kw, C / groups, filters) integer codes; groups is 1 or C (depthwise, filters a multiple of C).
        bias: (filters,) integer codes at the accumulator's fraction.
        weight_format: of the weights.
        accumulator: exact type of the sums.
        stride: down, across.
        padding: top, bottom, left, right.
        reuse_factor: how often hardware uses each multiplier a pixel.
    """

    kind = "conv2d"

    weights: Codes
    bias: Codes
    weight_format: FixedPoint
    accumulator: FixedPoint
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    reuse_factor: int

    def __post_init__(self) -> None:
        step = 2.0 ** -(self.accumulator.fraction - self.product_fraction)
        low, high, _ = sum_bounds(self.weights, self.bias * step, self.input_formats[0], (0, 1, 2))
        require_exact(self.name, self.accumulator, self.product_fraction, low, high)

    @property
    def product_fraction(self) -> int:
        """Bits after the point of a product of weight and input."""
        return self.input_formats[0].fraction + self.weight_format.fraction

    @property
    def groups(self) -> int:
        return self.input_shapes[0][2] // self.weights.shape[2]

    @property
    def macs(self) -> int:
        return self.output_shape[0] * self.output_shape[1] * self.weights.size

    @property
    def parameters(self) -> int:
        return self.weights.size + self.bias.size

    @property
    def result_is_sum(self) -> bool:
        """Whether the cast from accumulator to result changes nothing."""
        fmt = self.accumulator
        return self.result.fraction == fmt.fraction and self.result.holds(fmt.min_code, fmt.max_code, fmt.fraction)

    def compute(self, *inputs: Codes) -> Codes:
        sums = self.sums(inputs[0], pool=1)
        return sums if self.result_is_sum else self.result.requantise(sums, self.accumulator.fraction)

    def sums(self, codes: Codes, pool: int) -> Codes:
        """Accumulator codes, reduced by the maximum of each `pool` by `pool` block.

        Args:
            codes: (N, H, W, C).
            pool: 1 for the sums themselves; else must divide the output's height and width.
        """
        tiling = self._tilings.get(pool)
        if tiling is None:
            tiling = self._tilings[pool] = self._tile(pool)
        padded = self._pad(codes, tiling)
        samples, _, _, channels = padded.shape
        s_n, s_h, s_w, _ = padded.strides
        windows = as_strided(
            padded,
            (samples, tiling.rows, tiling.columns, tiling.window[0], tiling.window[1] * channels),
            (s_n, s_h * pool * self.stride[0], s_w * tiling.width * self.stride[1], s_h, padded.itemsize),
            writeable=False,
        )
        product = windows.reshape(-1, tiling.matrix.shape[0]) @ tiling.matrix
        if pool > 1:
            product = product.reshape(len(product), pool * pool, -1).max(axis=1)
        columns = tiling.columns * (tiling.width // pool)
        result = product.reshape(samples, tiling.rows, columns, -1)
        result = result[:, :, : self.output_shape[1] // pool]
        result += self._bias
        return result

    @cached_property
    def _tilings(self) -> dict[int, _Tiling]:
        return {}

    @cached_property
    def _bias(self) -> Codes:
        return self.bias.astype(self._carrier)

    @cached_property
    def _carrier(self) -> type[np.float32] | type[np.float64]:
        _, _, bound = sum_bounds(self._aligned_weights, self.bias, self.input_formats[0], (0, 1, 2))
        return carrier(bound, self.name)

    @property
    def _aligned_weights(self) -> Codes:
        """Weights such that their products are at the accumulator's fraction."""
        return self.weights * 2.0 ** (self.accumulator.fraction - self.product_fraction)

    def _dense_weights(self) -> Codes:
        """(kh, kw, C, filters), zeros between groups."""
        weights = self._aligned_weights
        if self.groups == 1:
            return weights
        kh, kw, depth, filters = weights.shape
        dense = np.zeros((kh, kw, self.input_shapes[0][2], filters))
        for o in range(filters):
            group = o // (filters // self.groups)
            dense[:, :, group * depth : (group + 1) * depth, o] = weights[:, :, :, o]
        return dense

    def _tile(self, pool: int) -> _Tiling:
        kh, kw, channels, filters = (*self.weights.shape[:2], self.input_shapes[0][2], self.output_shape[2])
        height, width = self.output_shape[:2]
        sh, sw = self.stride
        window_rows = (pool - 1) * sh + kh

        def cost(tile: int) -> float:
            window = window_rows * ((tile - 1) * sw + kw) * channels
            return -(-width // tile) * window * (pool * tile * filters + _COPY_COST)

        tile = min(range(pool, width + 1, pool), key=cost)
        window = (window_rows, (tile - 1) * sw + kw)
        dense = self._dense_weights()
        # columns: position in the pooling block, then block across, then filter
        matrix = np.zeros((*window, channels, pool, pool, tile // pool, filters))
        for row in range(pool):
            for column in range(tile):
                i, j = row * sh, column * sw
                matrix[i : i + kh, j : j + kw, :, row, column % pool, column // pool] = dense
        flat = np.ascontiguousarray(matrix.reshape(window[0] * window[1] * channels, -1).astype(self._carrier))
        return _Tiling(tile, height // pool, -(-width // tile), window, flat)

    def _pad(self, codes: Codes, tiling: _Tiling) -> Codes:
        """Zero padding, and what the last tiles read beyond it; contiguous, in the carrier."""
        samples, height, width, channels = codes.shape
        top, bottom, left, right = self.padding
        needed = (tiling.columns - 1) * tiling.width * self.stride[1] + tiling.window[1]
        padded = np.zeros((samples, top + height + bottom, max(left + width + right, needed), channels), self._carrier)
        padded[:, top : top + height, left : left + width] = codes
        return padded
