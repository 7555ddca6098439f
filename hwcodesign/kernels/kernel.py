"""This module says what a kernel is: one class per kernel holds its function, its formats and its cost.

It does not say which hardware builds the kernel. Arrays are codes in float carriers, channels last: (N, H, W, C) or
(N, F). A kernel takes float32 if every intermediate integer stays below 2^23 (one bit is spare for rounding), else
float64 below 2^52, and refuses more. So every result is exact in whatever order BLAS adds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from hwcodesign.errors import AccumulatorError, FieldError, FormatError
from hwcodesign.fixedpoint import Codes, FixedPoint

Shape = tuple[int, ...]
Axes = tuple[int, int, int]


class Windows(NamedTuple):
    """Windows slide over a zero-padded image.

    Attributes:
        sides: rows and columns of a window.
        stride: rows down, columns across.
        padding: zeros at top, bottom, left, right.
    """

    sides: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Kernel:
    """A kernel is the base of all kernels.

    The properties from `is_elementwise` on tell what else may be computed in its place, so that passes over kernels
    need not know the classes. Their defaults promise nothing.

    Attributes:
        name: name of the layer, unique in its segment; also its name in generated sources.
        inputs: names of the kernels that it reads; the segment's input is called "input".
        input_formats, input_shapes: one per input, channels last, without the batch.
        result: format of its output.
        output_shape: shape of its output, channels last, without the batch.
    """

    kind: ClassVar[str]
    #: Number of inputs.
    arity: ClassVar[int] = 1

    name: str
    inputs: tuple[str, ...]
    input_formats: tuple[FixedPoint, ...]
    input_shapes: tuple[Shape, ...]
    result: FixedPoint
    output_shape: Shape

    def compute(self, *inputs: Codes) -> Codes:
        """Computes the exact integer function, from codes of `input_formats` to codes of `result`."""
        raise NotImplementedError

    @cached_property
    def content(self) -> str:
        """Returns a digest of what it computes: of all fields but the names."""
        digest = hashlib.sha256(self.kind.encode())
        for field in fields(self):
            if field.name not in ("name", "inputs"):
                value = getattr(self, field.name)
                if isinstance(value, np.ndarray):
                    value = (value.shape, value.dtype.str, value.tobytes())
                digest.update(repr((field.name, value)).encode())
        return digest.hexdigest()

    @property
    def macs(self) -> int:
        """Returns the multiply-accumulates per sample, padding included; only of convolutions and linear layers."""
        return 0

    @property
    def parameters(self) -> int:
        """Returns the number of weights and biases."""
        return 0

    @property
    def is_elementwise(self) -> bool:
        """Returns whether each output element is the same function of the input elements at its place."""
        return False

    @property
    def is_cast(self) -> bool:
        """Returns whether it does nothing but cast its input to `result`."""
        return False

    @property
    def is_flattening(self) -> bool:
        """Returns whether it does nothing but make a vector of its input."""
        return False

    @property
    def is_maximum(self) -> bool:
        """Returns whether each output is the largest of some inputs, not cast."""
        return False

    @property
    def maximum_block(self) -> int:
        """Returns the side of square blocks that tile the input if it takes the largest value of each; else 0."""
        return 0

    @property
    def gives_block_maxima(self) -> bool:
        """Returns whether `block_maxima` is there, and gives the largest results of each block."""
        return False

    def block_maxima(self, codes: Codes, side: int) -> Codes:
        """Computes the largest result of each `side` by `side` block, at once from the input's codes."""
        raise NotImplementedError

    @property
    def windows(self) -> Windows | None:
        """Returns the windows that it reads, whose padding is then its field `padding`; None if it reads none."""
        return None

    def with_cast(self, result: FixedPoint) -> Kernel | None:  # noqa: ARG002  # a kernel that can overrides it
        """Returns a kernel that computes its result and a cast of it to another format; None if there is none."""
        return None

    def before_transpose(self, shape: Shape, permutation: Axes) -> Kernel | None:  # noqa: ARG002
        """Returns a kernel that reads a tensor whose transpose, flattened, is its input; None if there is none.

        Args:
            shape: shape of the tensor, (H, W, C).
            permutation: the transpose has axis `permutation[i]` of the tensor as axis i.
        """
        return None

    @classmethod
    def check_shapes(cls, values: Mapping[str, Any], shapes: Mapping[str, Shape]) -> None:  # noqa: ARG003
        """Refuses shapes of a stored kernel that do not belong together; by default all must be equal.

        Args:
            values: its fields without the arrays.
            shapes: shapes of its arrays, as their headers say.

        Raises:
            FieldError: a shape is wrong; the message names the first one, and what it must be.
        """
        for shape in (*values["input_shapes"][1:], values["output_shape"]):
            require_shape("a shape", shape, values["input_shapes"][0])


KERNELS: dict[str, type[Kernel]] = {}


def register(kernel: type[Kernel]) -> type[Kernel]:
    """Decorates a class so that the kernel is known by its kind."""
    KERNELS[kernel.kind] = kernel
    return kernel


def require_shape(name: str, shape: Shape, wanted: Shape) -> None:
    """Refuses a stored shape that is not the wanted one.

    Raises:
        FieldError: it is another; the message has the name and both shapes.
    """
    if shape != wanted:
        raise FieldError(f"{name} is {shape}, and must be {wanted}")


def carrier(bound: float, name: str) -> type[np.float32] | type[np.float64]:
    """Returns the narrowest float dtype that is exact for integers up to `bound` in magnitude.

    Raises:
        FormatError: not even float64 would be exact.
    """
    if bound < 2**23:
        return np.float32
    if bound < 2**52:
        return np.float64
    raise FormatError(f"{name}: sums reach {bound:.4g}, beyond 2^52: use fewer bits in weights or activations")


def largest(fmt: FixedPoint) -> int:
    """Returns the largest magnitude of a format's codes."""
    return max(-fmt.min_code, fmt.max_code)


def exact_sums_carrier(
    name: str,
    accumulator: FixedPoint,
    result: FixedPoint,
    product_fraction: int,
    weights: Codes,
    bias: Codes,
    fmt: FixedPoint,
    axes: tuple[int, ...],
) -> type[np.float32] | type[np.float64]:
    """Returns the dtype that is exact for sums and their cast; refuses an accumulator that could round or overflow.

    Args:
        name: name of the kernel, for the error.
        accumulator, result: format of the sums, and the format that they are cast to.
        product_fraction: fraction bits of a product.
        weights, bias: codes; those of the bias at the accumulator's fraction.
        fmt: format of the inputs.
        axes: axes of `weights` that are summed over.

    Raises:
        AccumulatorError: the accumulator is too narrow; the message names a sufficient type.
        FormatError: no type is sufficient.
    """
    fraction = product_fraction
    while not np.array_equal(shifted := bias * 2.0 ** (fraction - accumulator.fraction), np.rint(shifted)):
        fraction += 1  # a bias may be finer than the products
    low, high, partial = sum_bounds(weights * 2.0 ** (fraction - product_fraction), shifted, fmt, axes)
    finest = max(fraction, accumulator.fraction)
    grown = max(finest, result.fraction)  # a cast to a finer fraction multiplies the code before it saturates
    dtype = carrier(partial * 2.0 ** (grown - fraction), name)
    if not accumulator.holds(low, high, fraction):
        bits = max(int(max(high, -low - 1)).bit_length(), 1) + int(low < 0)
        would_do = FixedPoint(bits + finest - fraction, bits - fraction, low < 0)
        raise AccumulatorError(
            f"{name}: the accumulator {accumulator} could round or overflow, since its sums lie in "
            f"{low * 2.0**-fraction:g} to {high * 2.0**-fraction:g} in steps of 2^-{fraction}",
            str(would_do),
        )
    return dtype


def sum_bounds(weights: Codes, bias: Codes, fmt: FixedPoint, axes: tuple[int, ...]) -> tuple[float, float, float]:
    """Computes the least and the greatest exact sum over all inputs of a format, and a bound on every partial sum's
    magnitude.

    Args:
        weights: integer weights; summed over `axes`, which leaves one value per output.
        bias: one per output, at the same fraction as the products.
        fmt: format of the inputs.
        axes: axes of `weights` that are summed over.
    """
    w = weights.astype(np.float64)
    low = np.minimum(w * fmt.min_code, w * fmt.max_code).sum(axis=axes) + bias
    high = np.maximum(w * fmt.min_code, w * fmt.max_code).sum(axis=axes) + bias
    # zero padding lets any product be absent, so the bias alone and partial sums count as well
    low, high = np.minimum(low, bias), np.maximum(high, bias)
    partial = np.abs(w).sum(axis=axes) * largest(fmt) + np.abs(bias)
    return float(low.min()), float(high.max()), float(partial.max())
