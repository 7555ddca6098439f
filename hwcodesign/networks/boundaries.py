"""This module says what a tensor between segments is, and refuses one whose scale hardware cannot have."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from brevitas.proxy.quant_proxy import QuantProxyFromInjector
from brevitas.quant_tensor import IntQuantTensor, QuantTensor
from torch import Tensor, nn

from hwcodesign.errors import NetworkError
from hwcodesign.fixedpoint import FixedPoint, Overflow, Rounding
from hwcodesign.networks.layers import tensors_of

#: Of Brevitas' rounding modes, those that hardware has.
ROUNDINGS = {"ROUND": Rounding.RND_CONV, "FLOOR": Rounding.TRN, "ROUND_TO_ZERO": Rounding.TRN_ZERO}


@dataclass(frozen=True)
class Boundary:
    """A boundary is a tensor between segments.

    Attributes:
        format: format of its values, with the modes of the quantiser that it comes from.
        shape: shape without the batch, channels first.
        handed_on: position of the input that it is, where the stage hands it on as it came.
    """

    format: FixedPoint
    shape: tuple[int, ...]
    handed_on: int | None = None


class Quantisers:
    """They are the quantisers of activations in a network, which tell how they round while data pass them.

    A quantised tensor says what its values are, and not how they were rounded. It has the very scale of the quantiser
    that it comes from, also behind a pooling or flattening.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._seen: dict[int, tuple[Tensor, QuantProxyFromInjector]] = {}

    def __enter__(self) -> Quantisers:
        self._hooks = [
            module.register_forward_hook(self._see)
            for module in self._network.modules()
            if isinstance(module, QuantProxyFromInjector) and module.is_quant_enabled
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _see(self, module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, IntQuantTensor) and isinstance(module, QuantProxyFromInjector):
            self._seen[id(output.scale)] = output.scale, module  # the tensor is kept, so that its id stays its own

    def modes(self, name: str, tensor: IntQuantTensor) -> tuple[Rounding, Overflow]:
        """Returns rounding and overflow mode of the quantiser that a tensor comes from.

        Raises:
            NetworkError: hardware has no such modes; the message has the tensor's name.
        """
        _, quantiser = self._seen.get(id(tensor.scale), (None, None))
        if quantiser is None:
            return Rounding.RND_CONV, Overflow.SAT
        rounding = str(quantiser.rounding_mode or "ROUND")
        if rounding not in ROUNDINGS:
            raise NetworkError(
                f"{name} ends in a quantiser that rounds by {rounding}, which hardware has not: give it "
                f"float_to_int_impl_type {' or '.join(ROUNDINGS)}"
            )
        if quantiser.is_narrow_range and not tensor.signed:
            raise NetworkError(
                f"{name} ends in an unsigned quantiser of narrow range, which hardware has not: leave narrow_range at "
                "False, or use a signed quantiser"
            )
        return ROUNDINGS[rounding], Overflow.SAT_SYM if quantiser.is_narrow_range else Overflow.SAT


def with_format(image: Tensor, fmt: FixedPoint) -> IntQuantTensor:
    """Returns an image as a quantised tensor, as which stages that are joined pass their tensors on."""
    scale, zero, bits = (image.new_tensor(value) for value in (fmt.scale, 0.0, fmt.width))
    return IntQuantTensor(image, scale, zero, bits, fmt.signed, False)


def with_formats(
    stage: nn.Module, quantised: Sequence[Any], written: tuple[Any, ...], given: Sequence[Tensor]
) -> tuple[Any, ...]:
    """Returns a stage's tensors with their formats where it joins tensors that it is given with its own.

    On plain values, as they are handed from stage to stage, their concatenation is a plain tensor. If all have one
    format, it has this format, too.

    Args:
        quantised: what the stage is given, with formats.
        written: what it returned for their plain values, `given`.
    """
    if all(isinstance(tensor, QuantTensor) or any(tensor is other for other in given) for tensor in written):
        return written
    try:
        again = tensors_of(stage(*quantised))
    except (RuntimeError, ValueError, TypeError, AttributeError):
        return written  # it is an error of the plain tensor
    places = {id(other): i for i, other in enumerate(quantised)}
    return tuple(given[places[id(tensor)]] if id(tensor) in places else tensor for tensor in again)


def stage_boundaries(
    name: str,
    written: Sequence[Any],
    given: Sequence[Tensor],
    before: Sequence[Boundary],
    quantisers: Quantisers,
) -> tuple[Boundary, ...]:
    """Returns the boundaries of a stage's tensors, those that it hands on among them.

    Args:
        written: that the stage returned.
        given, before: that it took, and what they are.
        quantisers: that saw the tensors made.
    """
    found: list[Boundary] = []
    for i, tensor in enumerate(written):
        if any(tensor is other for other in written[:i]):
            raise NetworkError(f"{name} gives the same tensor twice: give it once, its readers share it")
        source = next((j for j, other in enumerate(given) if tensor is other), None)
        if source is not None:
            found.append(replace(before[source], handed_on=source))
        else:
            found.append(boundary_of(name if len(written) == 1 else f"tensor {i} of {name}", tensor, quantisers))
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


def boundary_of(name: str, tensor: Any, quantisers: Quantisers) -> Boundary:
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
    fmt = FixedPoint(width, width + int(exponent), bool(tensor.signed), *quantisers.modes(name, tensor))
    return Boundary(fmt, tuple(tensor.value.shape[1:]))
