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
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.kernels import Segment
from hwcodesign.kernels.difference import where_it_differs
from hwcodesign.kernels.kernel import carrier, largest
from hwcodesign.networks.layers import value_of
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
    modules = [module for pair in zip(reference.stages, reference.heads, strict=True) for module in pair]
    for segment, module in zip(segments, modules, strict=True):
        _check(segment, module)


def _check(segment: Segment, module: nn.Module) -> None:
    codes = _drawn(segment.input_format, segment.input_shape)
    seen: list[NDArray[np.float64]] = []

    def see(_module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, torch.Tensor | QuantTensor):  # quantisers inside layers give tuples
            seen.append(_values(output))

    hooks = [part.register_forward_hook(see) for part in module.modules()]
    try:
        with torch.no_grad():
            values = segment.input_format.decode(codes)
            # in PyTorch's own order in memory, too: x.view refuses any other
            given = np.ascontiguousarray(np.moveaxis(values, -1, 1)) if values.ndim == 4 else values
            expected = _values(module(torch.from_numpy(given)))
    finally:
        for hook in hooks:
            hook.remove()
    got = segment.output_format.decode(segment.run(codes.astype(carrier(largest(segment.input_format), segment.name))))
    if np.array_equal(got, expected):
        return
    wrong = f"{(got != expected).sum()} of {got.size} values" if got.shape == expected.shape else "the shape"
    raise MismatchError(
        f"{segment.name}: the hardware would not compute what the network computes; {wrong} of its output differ. "
        f"{where_it_differs(segment, codes.astype(np.float64), seen)}. "
        "Write the layer in another way, for example with a layer of hwcodesign.layers, "
        "and please report it: this is a fault of hwcodesign or of hls4ml"
    )


def _drawn(fmt: FixedPoint, shape: Sequence[int]) -> NDArray[np.int64]:
    """Returns codes that reveal wrong layouts and roundings: random ones, extreme ones, and single ones among zeros."""
    rng = np.random.default_rng(1)
    low, high = fmt.min_code, fmt.max_code
    random = rng.integers(low, high, (_EACH, *shape), endpoint=True)
    extreme = np.where(rng.integers(0, 2, (_EACH, *shape)), high, low)
    extreme[0], extreme[1] = low, high
    sparse = np.zeros((_EACH, int(np.prod(shape))), np.int64)
    sparse[np.arange(_EACH), rng.integers(0, sparse.shape[1], _EACH)] = rng.integers(low, high, _EACH, endpoint=True)
    return np.concatenate([random, extreme, sparse.reshape(_EACH, *shape)])


def _values(output: object) -> NDArray[np.float64]:
    """Returns the values of a module's output, channels last."""
    array = np.asarray(value_of(output).detach().numpy(), np.float64)
    return np.moveaxis(array, 1, -1) if array.ndim == 4 else array
