"""This module checks with `==` that the kernels of a network compute what the network computes.

The reference is the network's own modules in float64. It uses neither the export nor hls4ml, so an error of these is
found. Software, C++ and RTL all follow the same reading, and would agree with each other on a wrong one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from brevitas.quant_tensor import QuantTensor
from numpy.typing import NDArray
from torch import nn

from hwcodesign.errors import MismatchError
from hwcodesign.fixedpoint import Codes
from hwcodesign.images import channels_first, channels_last, telling_codes
from hwcodesign.kernels import Segment
from hwcodesign.kernels.difference import where_it_differs
from hwcodesign.kernels.kernel import Shape, carrier, largest
from hwcodesign.networks.layers import tensors_of, value_of
from hwcodesign.networks.network import MultiExitNetwork

#: Inputs of each kind that a segment is checked on.
_EACH = 3


def check_reading(network: MultiExitNetwork, segments: Sequence[Segment]) -> None:
    """Compares every segment with its stage or head, on random, extreme and sparse codes.

    Args:
        network: network that was read.
        segments: segments in the order stage0, head0, stage1, …

    Raises:
        MismatchError: a segment computes something else; the message names the last layer up to which both agree.
    """
    reference = network.reference()
    given: Sequence[Shape] = (reference.input_shape,)
    for k, boundaries in enumerate(reference.boundaries()[0]):
        _check(segments[2 * k], reference.stages[k], given)
        given = [boundary.shape for boundary in boundaries]
        _check(segments[2 * k + 1], reference.heads[k], [given[i] for i in reference.reads_of(k, len(given))])


def _check(segment: Segment, module: nn.Module, shapes: Sequence[Shape]) -> None:
    """Compares a segment with its stage or head, whose inputs have shapes of the network."""
    codes = [telling_codes(tensor.format, tensor.shape, seed, _EACH) for seed, tensor in enumerate(segment.inputs, 1)]
    given = [
        torch.from_numpy(channels_first(tensor.format.decode(drawn), shape))
        for tensor, drawn, shape in zip(segment.inputs, codes, shapes, strict=True)
    ]
    with torch.no_grad():
        expected = [_values(tensor) for tensor in tensors_of(module(*given))]
    carried: list[Codes] = [
        drawn.astype(carrier(largest(tensor.format), segment.name))
        for tensor, drawn in zip(segment.inputs, codes, strict=True)
    ]
    for i, (result, computed) in enumerate(zip(segment.results, segment.run(*carried), strict=True)):
        got, wanted = result.format.decode(computed), expected[i]
        if np.array_equal(got, wanted):
            continue
        wrong = f"{(got != wanted).sum()} of {got.size} values" if got.shape == wanted.shape else "the shape"
        where = where_it_differs(segment, [drawn.astype(np.float64) for drawn in codes], _seen(module, given))
        raise MismatchError(
            f"{segment.output_name(i)}: the hardware would not compute what the network computes; {wrong} of its "
            f"output differ. {where}. "
            "Write the layer in another way, for example with a layer of hwcodesign.layers, "
            "and please report it: this is a fault of hwcodesign or of hls4ml"
        )


def _seen(module: nn.Module, given: Sequence[torch.Tensor]) -> list[NDArray[np.float64]]:
    """Returns what every part of a stage or head gives."""
    seen: list[NDArray[np.float64]] = []

    def see(_module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, torch.Tensor | QuantTensor):  # quantisers inside layers give tuples
            seen.append(_values(output))

    hooks = [part.register_forward_hook(see) for part in module.modules()]
    try:
        with torch.no_grad():
            module(*given)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def _values(output: object) -> NDArray[np.float64]:
    """Returns the values of a module's output, channels last."""
    array = np.asarray(value_of(output).detach().numpy(), np.float64)
    return channels_last(array) if array.ndim > 1 else array
