"""This module holds a model's copy with small integer weights, and its outputs, for the checks of both front ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Finest fraction that a copy's values may have: all beyond is rounded, and compares unequal.
_MOST_FRACTION = 12
#: Inputs that a copy is run on.
SAMPLES = 4


class NoReferenceError(Exception):
    """Nothing runs the copy, for the reason in its message: the reading cannot be checked."""


@dataclass(frozen=True)
class CopySettings:
    """The copy settings say how a copy is made.

    Attributes:
        taps: maximum number of weights of an output that are not zero.
        unit: inputs and added constants are multiples of it, so that averages are whole numbers.
    """

    taps: int
    unit: int


@dataclass(frozen=True)
class CopiedModel:
    """This is a copy and what it computes.

    Attributes:
        entries: of hls4ml's configuration, which hold it.
        inputs: (N, *shape) values of each input, in the layout in which the kernels read them.
        outputs: (N, *shape) values of each output, in the order and the layout in which the kernels give them.
        seen: values of layers, in the layouts that kernels may have.
        bits, fraction: integer bits of the largest value, without sign, and bits after the point of the finest.
        ignored: what hls4ml is known to ignore, for the text of the error.
    """

    entries: dict[str, Any]
    inputs: tuple[NDArray[np.float64], ...]
    outputs: tuple[NDArray[np.float64], ...]
    seen: list[NDArray[np.float64]]
    bits: int
    fraction: int
    ignored: list[str]


def integer_bits(arrays: Sequence[NDArray[Any]]) -> int:
    """Returns the bits before the binary point of the largest value, without sign."""
    most = max((float(np.abs(array).max()) for array in arrays if array.size), default=0.0)
    return int(np.ceil(np.log2(most + 1))) if np.isfinite(most) else 1024


def fraction_bits(arrays: Sequence[NDArray[Any]]) -> int:
    """Returns the bits after the binary point of the finest value."""
    for bits in range(_MOST_FRACTION):
        if all(np.array_equal(np.rint(scaled := np.ldexp(array, bits)), scaled) for array in arrays):
            return bits
    return _MOST_FRACTION


def few_weights(rng: np.random.Generator, outputs: int, inputs: int, taps: int) -> NDArray[np.float64]:
    """Returns (outputs, inputs) small integers, `taps` in a row not zero; every input is used if that many suffice."""
    values = rng.choice([-2.0, -1.0, 1.0, 2.0] if taps > 1 else [-1.0, 1.0], (outputs, inputs))
    if taps >= inputs:
        return values
    order = rng.permutation(inputs)
    columns = order[(np.arange(outputs)[:, None] * taps + np.arange(taps)) % inputs]
    kept = np.zeros((outputs, inputs))
    np.put_along_axis(kept, columns, 1.0, axis=1)
    return values * kept
