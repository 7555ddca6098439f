"""This module says elementwise kernels as steps: functions of one element, which the engine runs on a tile of sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.fixedpoint import FixedPoint, Overflow, Rounding
from hwcodesign.kernels.activation import Activation
from hwcodesign.kernels.affine import Affine
from hwcodesign.kernels.code_table import CodeTable
from hwcodesign.kernels.kernel import Kernel
from hwcodesign.kernels.thresholds import Thresholds

_NONE: NDArray[np.int64] = np.zeros(0, np.int64)


class StepKind(IntEnum):
    """The step kinds are those of the engine, with their numbers there."""

    CAST = 0
    RECTIFY = 1
    AFFINE = 2
    TABLE = 3
    THRESHOLDS = 4


class OverflowKind(IntEnum):
    """The overflow kinds say what happens to values beyond a step's limits, with their numbers in the engine."""

    WRAP = 0
    SATURATE = 1
    ZERO = 2


@dataclass(frozen=True, eq=False)
class Step:
    """A step is a function of one integer.

    Attributes:
        kind: which function.
        low, high: least and greatest result.
        reached: largest magnitude of what it computes on the way.
        is_monotone: whether it never reverses the order of two values.
        shift, add, if_negative, if_odd, overflow: of a cast. It adds `add`, `if_negative` to negative values and
            `if_odd & (value >> shift)`, and shifts to the right, or to the left if `shift` is negative.
        first, second: constants of channels, or the entries of a table.
        levels: (C, K) thresholds.
        limits: of a cast's format, or of a table's codes.
    """

    kind: StepKind
    low: int
    high: int
    reached: int
    is_monotone: bool
    shift: int = 0
    add: int = 0
    if_negative: int = 0
    if_odd: int = 0
    overflow: OverflowKind = OverflowKind.SATURATE
    limits: tuple[int, int] = (0, 0)
    first: NDArray[np.int64] = field(default_factory=lambda: _NONE)
    second: NDArray[np.int64] = field(default_factory=lambda: _NONE)
    levels: NDArray[np.int64] = field(default_factory=lambda: _NONE)


@dataclass(frozen=True, eq=False)
class Chain:
    """A chain is steps in a row, and the range of what enters and leaves them.

    Attributes:
        low, high: least and greatest value after the last step.
        fraction: bits after the binary point there.
        reached: largest magnitude so far.
        steps: functions so far.
    """

    low: int
    high: int
    fraction: int
    reached: int
    steps: tuple[Step, ...] = ()

    @classmethod
    def starting(cls, low: int, high: int, fraction: int) -> Chain:
        """Returns the chain without steps, for values from `low` to `high`."""
        return cls(low, high, fraction, max(abs(low), abs(high)))

    @property
    def is_wide(self) -> bool:
        """Returns whether it needs more than 32 bits."""
        return self.reached >= 2**31

    @property
    def is_monotone(self) -> bool:
        """Returns whether it never reverses the order of two values."""
        return all(step.is_monotone for step in self.steps)

    def then(self, step: Step, fraction: int) -> Chain:
        """Returns the chain with one more step, whose results have `fraction` bits after the binary point."""
        return Chain(step.low, step.high, fraction, max(self.reached, step.reached), (*self.steps, step))

    def of_channels(self, first: int, count: int) -> Chain:
        """Returns the chain for some channels alone, whose first is `first`."""
        part = slice(first, first + count)
        steps = (
            replace(step, first=step.first[part], second=step.second[part], levels=step.levels[part])
            if len(step.second)
            else step
            for step in self.steps
        )
        return replace(self, steps=tuple(steps))

    def cast(self, result: FixedPoint) -> Chain:
        """Returns the chain with a cast behind it, unless that changes nothing."""
        shift = self.fraction - result.fraction
        limits = _limits(result)
        if not shift and limits[0] <= self.low and self.high <= limits[1]:
            return self
        add, if_negative, if_odd = _rounding(result.rounding, shift)
        ends = (self.low, self.high)
        if shift < 0:
            shifted = [end << -shift for end in ends]
        else:
            shifted = [end >> shift for end in ends]
            shifted = [shifted[0], shifted[1] + 1]  # rounded up at most
        overflow = _OVERFLOWS[result.overflow]
        inside = limits[0] <= shifted[0] and shifted[1] <= limits[1]
        low, high = limits
        if overflow == OverflowKind.SATURATE or inside:
            overflow = OverflowKind.SATURATE
            low, high = (min(max(end, limits[0]), limits[1]) for end in shifted)
        reached = max(*map(abs, ends), *map(abs, shifted), low, -low, high, -high) + abs(add) + abs(if_odd) + 1
        step = Step(
            StepKind.CAST,
            low,
            high,
            reached,
            is_monotone=overflow == OverflowKind.SATURATE,
            shift=shift,
            add=add,
            if_negative=if_negative,
            if_odd=if_odd,
            overflow=overflow,
            limits=limits,
        )
        return self.then(step, result.fraction)


_OVERFLOWS = {
    Overflow.WRAP: OverflowKind.WRAP,
    Overflow.SAT: OverflowKind.SATURATE,
    Overflow.SAT_SYM: OverflowKind.SATURATE,
    Overflow.SAT_ZERO: OverflowKind.ZERO,
}


def _limits(result: FixedPoint) -> tuple[int, int]:
    """Returns the least and the greatest code that a cast gives."""
    if result.overflow == Overflow.SAT_SYM and result.signed:
        return -result.max_code, result.max_code
    return result.min_code, result.max_code


def _rounding(mode: Rounding, shift: int) -> tuple[int, int, int]:
    """Returns what is added before a shift to the right: always, to negative values, and to those that are odd then.

    A half is 2^(shift - 1). Halves that are to be rounded down miss it by one.
    """
    if shift <= 0:
        return 0, 0, 0
    half = 1 << (shift - 1)
    return {
        Rounding.TRN: (0, 0, 0),
        Rounding.TRN_ZERO: (0, (1 << shift) - 1, 0),
        Rounding.RND: (half, 0, 0),
        Rounding.RND_MIN_INF: (half - 1, 0, 0),
        Rounding.RND_INF: (half, -1, 0),
        Rounding.RND_ZERO: (half - 1, 1, 0),
        Rounding.RND_CONV: (half - 1, 0, 1),
    }[mode]


#: Appends a kernel to a chain.
_Appends = Callable[[Chain, Any], Chain]


def _activation(chain: Chain, kernel: Activation) -> Chain:
    if not kernel.is_cast and chain.low < 0:
        low, high = max(chain.low, 0), max(chain.high, 0)
        chain = chain.then(Step(StepKind.RECTIFY, low, high, 0, is_monotone=True), chain.fraction)
    return chain.cast(kernel.result)


def _code_table(chain: Chain, kernel: CodeTable) -> Chain:
    entries, source = _codes(kernel.entries), kernel.input_formats[0]
    step = Step(
        StepKind.TABLE,
        int(entries.min()),
        int(entries.max()),
        max(int(np.abs(entries).max()), -source.min_code, source.max_code),
        is_monotone=False,
        limits=(source.min_code, source.max_code),
        first=entries,
    )
    return chain.then(step, kernel.result.fraction)


def _affine(chain: Chain, kernel: Affine) -> Chain:
    factors = _codes(kernel.scale * 2.0 ** (kernel.sum_fraction - kernel.product_fraction))
    terms = _codes(kernel.aligned_bias)
    low, high = kernel.bounds
    reached = int((np.abs(factors) * max(abs(chain.low), abs(chain.high)) + np.abs(terms)).max())
    step = Step(StepKind.AFFINE, low, high, reached, is_monotone=False, first=factors, second=terms)
    return chain.then(step, kernel.sum_fraction).cast(kernel.result)


def _thresholds(chain: Chain, kernel: Thresholds) -> Chain:
    first, sign, levels = _codes(kernel.first), _codes(kernel.sign), _codes(kernel.thresholds)
    count = levels.shape[1]
    step = Step(
        StepKind.THRESHOLDS,
        kernel.result.min_code,
        kernel.result.max_code,
        max(int(np.abs(first).max()) + count, kernel.result.max_code),
        is_monotone=bool((sign > 0).all()),
        first=first,
        second=sign,
        levels=levels,
    )
    return chain.then(step, kernel.result.fraction)


def _codes(values: NDArray[Any]) -> NDArray[np.int64]:
    return np.ascontiguousarray(values).astype(np.int64)


#: How kernels of one element are appended, by their kind.
_FUNCTIONS: dict[str, _Appends] = {
    "activation": _activation,
    "affine": _affine,
    "code_table": _code_table,
    "thresholds": _thresholds,
}


def is_function(kernel: Kernel) -> bool:
    """Tells whether a kernel computes each element from one element, so that a chain can take it."""
    return kernel.kind in _FUNCTIONS


def chain_of(kernels: Sequence[Kernel], chain: Chain) -> Chain:
    """Returns the chain with all of some kernels behind it, each of which `is_function`."""
    for kernel in kernels:
        chain = _FUNCTIONS[kernel.kind](chain, kernel)
    return chain
