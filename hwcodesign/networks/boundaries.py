"""This module says what a tensor between segments is, and refuses one whose scale hardware cannot have."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from brevitas.quant_tensor import IntQuantTensor
from torch import Tensor, nn

from hwcodesign.errors import NetworkError
from hwcodesign.fixedpoint import FixedPoint, Overflow, Rounding


@dataclass(frozen=True)
class Boundary:
    """A boundary is a tensor between segments.

    Attributes:
        format: format of its values.
        shape: shape without the batch, channels first.
        handed_on: position of the input that it is, where the stage hands it on as it came.
    """

    format: FixedPoint
    shape: tuple[int, ...]
    handed_on: int | None = None


def stage_boundaries(
    name: str, written: Sequence[Any], given: Sequence[Tensor], before: Sequence[Boundary]
) -> tuple[Boundary, ...]:
    """Returns the boundaries of a stage's tensors, those that it hands on among them.

    Args:
        written: that the stage returned.
        given, before: that it took, and what they are.
    """
    found: list[Boundary] = []
    for i, tensor in enumerate(written):
        if any(tensor is other for other in written[:i]):
            raise NetworkError(f"{name} gives the same tensor twice: give it once, its readers share it")
        source = next((j for j, other in enumerate(given) if tensor is other), None)
        if source is not None:
            found.append(replace(before[source], handed_on=source))
        else:
            found.append(boundary_of(name if len(written) == 1 else f"tensor {i} of {name}", tensor))
    if all(boundary.handed_on is not None for boundary in found):
        raise NetworkError(f"{name} computes nothing: it hands on all of its tensors as they came")
    return tuple(found)


def scale_check(name: str) -> Callable[[nn.Module, Any, Any], None]:
    """Returns a forward hook that refuses a quantiser whose scale is not a power of two, or whose zero point is not
    zero.
    """

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
        if not isinstance(output, IntQuantTensor):
            return
        for scale in output.scale.detach().reshape(-1).tolist():
            if not 0 < scale < math.inf:
                raise NetworkError(
                    f"{name} has scale {scale}: training diverged, or the quantiser was never calibrated; train the "
                    "network, or run images through it in training mode"
                )
            if math.log2(scale) != round(math.log2(scale)):
                raise NetworkError(
                    f"{name} has scale {scale:.6g}, which is not a power of two: use a fixed-point quantiser, "
                    "for example Int8WeightPerTensorFixedPoint or Uint8ActPerTensorFixedPoint"
                )
        if output.zero_point.detach().any():
            raise NetworkError(f"{name} has a zero point that is not zero: fixed point has none")

    return hook


def boundary_of(name: str, tensor: Any) -> Boundary:
    """Returns the boundary of a tensor; raises NetworkError if it ends in no fixed-point quantiser of one scale."""
    if not isinstance(tensor, IntQuantTensor):
        raise NetworkError(
            f"{name} ends in a plain tensor: end it in a Brevitas quantiser with return_quant_tensor=True, "
            "for example hwcodesign.layers.relu or .logits"
        )
    scale, bits = (np.asarray(t.detach()) for t in (tensor.scale, tensor.bit_width))
    if scale.size != 1:
        raise NetworkError(f"{name} has {scale.size} scales, one a channel: a boundary needs one scale for its tensor")
    scale_check(name)(nn.Identity(), None, tensor)
    exponent = math.log2(float(scale.reshape(())))
    width = int(bits)
    if width == 1 and tensor.signed:
        width = 2  # a bipolar quantiser, which gives 1 and -1
    fmt = FixedPoint(width, width + int(exponent), bool(tensor.signed), Rounding.RND_CONV, Overflow.SAT)
    return Boundary(fmt, tuple(tensor.value.shape[1:]))
