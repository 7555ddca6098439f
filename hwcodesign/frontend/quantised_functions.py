"""This module finds the integer constants of a function of one code before a quantiser: thresholds, or a table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.fixedpoint import Codes, FixedPoint
from hwcodesign.frontend.lowering.values import cast_values
from hwcodesign.kernels import CodeTable, Kernel, Thresholds
from hwcodesign.kernels.code_table import MOST_BITS

#: Codes times channels that are evaluated at once, and in all to see whether a function is monotone.
_AT_ONCE, _ALL = 1 << 22, 1 << 24
#: What an infinite value counts as, which a quantiser clips.
_INFINITY = 2.0**200


class RealFunction(Protocol):
    """A real function computes channel by channel; `networks.graphs.code_functions.CodeFunction` is one."""

    @property
    def operators(self) -> tuple[str, ...]:
        """Returns its operators in order, for errors."""

    @property
    def is_uniform(self) -> bool:
        """Returns whether all channels have one function."""

    @property
    def is_monotone(self) -> bool:
        """Returns whether it is known that each channel rises or falls everywhere."""

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Computes the results, (K, C), of values (K, C)."""


@dataclass(frozen=True)
class _Plain:
    """It is a rectifier, or nothing."""

    rectify: bool
    operators: tuple[str, ...] = ("Relu",)
    is_uniform: bool = True
    is_monotone: bool = True

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.maximum(values, 0) if self.rectify else values


@dataclass(frozen=True, eq=False)
class QuantisedFunction:
    """It is a function of one code and the quantiser behind it.

    Attributes:
        function: the real function.
        result: format of the quantiser.
        bipolar: whether the quantiser gives 1 or -1 of the format, by the sign.
        channels: number of channels.
    """

    function: RealFunction
    result: FixedPoint
    bipolar: bool
    channels: int

    def __call__(self, codes: NDArray[np.float64], source: FixedPoint) -> NDArray[np.float64]:
        """Computes codes of the result, (K, C), of codes of a source, (K, C).

        Raises:
            UnsupportedLayerError: the function is not defined for one of them.
        """
        values = np.clip(self.function(codes * source.scale), -_INFINITY, _INFINITY)
        if np.isnan(values).any():
            raise UnsupportedLayerError(
                f"{_shown(self)} of {codes[np.isnan(values)][0] * source.scale:g} is no number: put a quantiser in "
                "front of it that gives only what it is defined for, such as hwcodesign.layers.relu"
            )
        return np.where(values >= 0, 1.0, -1.0) if self.bipolar else cast_values(self.result, values)


@dataclass(frozen=True, eq=False)
class ThresholdConstants:
    """These are the constants of a `Thresholds` kernel."""

    first: Codes
    sign: Codes
    thresholds: Codes

    def of_channels(self, channels: int) -> ThresholdConstants:
        """Returns the same for a number of channels, where all have one function."""
        repeats = channels // len(self.first)
        first, sign = (np.tile(constant, repeats) for constant in (self.first, self.sign))
        return ThresholdConstants(first, sign, np.tile(self.thresholds, (repeats, 1)))

    def equals(self, other: ThresholdConstants) -> bool:
        """Returns whether these are the same constants."""
        pairs = zip((self.first, self.sign, self.thresholds), (other.first, other.sign, other.thresholds), strict=True)
        return all(np.array_equal(one, two) for one, two in pairs)

    def kernel(self, **fields: Any) -> Kernel:
        """Returns the kernel with these constants and its other fields."""
        return Thresholds(**fields, first=self.first, sign=self.sign, thresholds=self.thresholds)


@dataclass(frozen=True, eq=False)
class TableConstants:
    """These are the constants of a `CodeTable` kernel."""

    entries: Codes

    def kernel(self, **fields: Any) -> Kernel:
        """Returns the kernel with these constants and its other fields."""
        return CodeTable(**fields, entries=self.entries)


def constants_of(name: str, function: QuantisedFunction, source: FixedPoint) -> ThresholdConstants | TableConstants:
    """Returns the thresholds of a function of codes of a format, or its table if it is not monotone.

    Args:
        name: what it is called in errors.
        function: the function.
        source: format of its input.

    Raises:
        UnsupportedLayerError: it is not monotone, and its input has too many codes for a table, or its channels differ.
    """
    channels = 1 if function.function.is_uniform else function.channels
    few, known = source.width <= MOST_BITS, function.function.is_monotone
    if few or (not known and channels << source.width <= _ALL):
        codes = np.arange(source.min_code, source.max_code + 1, dtype=np.float64)
        results = function(np.repeat(codes[:, None], channels, axis=1), source)
        steps = np.diff(results, axis=0)
        if ((steps >= 0).all(axis=0) | (steps <= 0).all(axis=0)).all():
            return _counted(codes, results).of_channels(function.channels)
        if few and (results == results[:, :1]).all():
            return TableConstants(results[:, 0])
        if few:
            raise UnsupportedLayerError(
                f"{name}: its channels have different functions that rise and fall ({_shown(function)}): put a "
                "quantiser between what differs in channels and the function"
            )
    elif known:
        return _searched(replace(function, channels=channels), source).of_channels(function.channels)
    raise UnsupportedLayerError(
        f"{name}: {_shown(function)} of {source.width} bits rises and falls, and a table is made for {MOST_BITS} bits "
        "at most: quantise before it"
    )


def rectifies(
    found: ThresholdConstants | TableConstants, function: QuantisedFunction, source: FixedPoint
) -> bool | None:
    """Tells whether a function of codes of a format is a rectifier and the cast alone, or the cast alone.

    A rectifier that clips at 6 is one before a quantiser that clips earlier.

    Args:
        found: the function's constants.
        function, source: as for `constants_of`.

    Returns:
        True with the rectifier, False without it; None if it is neither.
    """
    if function.bipolar or not isinstance(found, ThresholdConstants):
        return None
    for rectify in (False, True):
        plain = constants_of("", replace(function, function=_Plain(rectify)), source)
        if isinstance(plain, ThresholdConstants) and found.equals(plain):
            return rectify
    return None


def _shown(function: QuantisedFunction) -> str:
    return " and ".join(function.function.operators)


def _counted(codes: NDArray[np.float64], results: NDArray[np.float64]) -> ThresholdConstants:
    """Returns thresholds where all results are known, (codes, channels)."""
    changes = np.abs(np.diff(results, axis=0)).astype(np.int64)
    most = max(1, int(changes.sum(axis=0).max(initial=0)))
    never = codes[-1] + 1
    thresholds = np.full((results.shape[1], most), never)
    for c, column in enumerate(changes.T):
        levels = np.repeat(codes[1:], column)
        thresholds[c, : len(levels)] = levels
    return ThresholdConstants(results[0], _signs(results[0], results[-1]), thresholds)


def _signs(first: NDArray[np.float64], last: NDArray[np.float64]) -> Codes:
    return np.where(last >= first, 1.0, -1.0)


def _searched(function: QuantisedFunction, source: FixedPoint) -> ThresholdConstants:
    """Returns thresholds of a monotone function, each found by bisection."""
    low, high = float(source.min_code), float(source.max_code)
    ends = function(np.array([[low] * function.channels, [high] * function.channels]), source)
    first, last = ends
    sign = _signs(first, last)
    most = max(1, int(np.abs(last - first).max()))
    never = high + 1
    thresholds = np.full((function.channels, most), never)
    block = max(1, _AT_ONCE // function.channels)
    for start in range(0, most, block):
        wanted = first[None] + sign[None] * np.arange(start + 1, min(most, start + block) + 1)[:, None]
        reached = (wanted - last[None]) * sign[None] <= 0
        below, at = np.full(wanted.shape, low), np.full(wanted.shape, high)
        for _ in range(source.width + 1):
            middle = np.floor((below + at) / 2)
            there = (function(middle, source) - wanted) * sign[None] >= 0
            at, below = np.where(there, middle, at), np.where(there, below, middle)
        thresholds[:, start : start + len(wanted)] = np.where(reached, at, never).T
    return ThresholdConstants(first, sign, thresholds)
