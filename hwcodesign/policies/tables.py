"""This module holds the lookup tables of the integer decision, built once from the float formulas.

Let z_c be the integer logits of a sample, s the value of one logit step, T the temperature and u = s / T the nats per
step. With d_c = z_max - z_c >= 0 the softmax is p_c = e^(-u d_c) / sum_j e^(-u d_j), which never overflows. The tables
hold, at `fraction` bits F:

* exponential      E[i] = round(2^F e^(-u d)),          d = i << shift
* weighted         G[i] = round(2^F u d e^(-u d))
* logarithm        L[m] = round(2^F ln(1 + (m + 1/2) / M)),  M = 2^mantissa_bits
* reciprocal       R[m] = round(2^F / (1 + (m + 1/2) / M))

The index is i = min(d >> shift, length - 1). The table ends at the largest difference that the logits' format allows,
or where both functions round to zero; the last entry then stands for everything beyond. `shift` is zero unless the
logits are so fine that the table would exceed 2^index_bits entries.

The sum S = sum_c E[d_c] >= 2^F is split as S = 2^(F + e) (1 + m/M + ...), where e is its exponent above 2^F and m its
next mantissa bits, so that ln(S / 2^F) = e ln 2 + L[m] and 2^F / S = R[m] 2^-(F + e) up to the tables' rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import PolicyError
from hwcodesign.fixedpoint import MAX_WIDTH
from hwcodesign.storage.fields import Field

Integers = NDArray[np.int64]

FRACTION_BITS = 16
INDEX_BITS = 12
MANTISSA_BITS = 10
_MOST_FRACTION = 30


@dataclass(frozen=True)
class ExponentialTable:
    """An exponential table holds E and G of this module, for one exit.

    Attributes:
        fraction: F, the fraction bits of the entries.
        shift: number of low bits of a logit difference that the index leaves out.
        exponential: E, integers from 2^F down to 0.
        weighted: G, as long as E.
    """

    fraction: int
    shift: int
    exponential: tuple[int, ...]
    weighted: tuple[int, ...]

    @classmethod
    def build(
        cls, step: float, largest: int, *, fraction: int = FRACTION_BITS, index_bits: int = INDEX_BITS
    ) -> ExponentialTable:
        """Builds the table for logits with `step` nats per step after the temperature.

        Args:
            step: u.
            largest: the largest difference d that two logits can have.
            fraction: F.
            index_bits: maximum number of bits of an index.

        Raises:
            PolicyError: the step is not a positive finite number.
        """
        if not (math.isfinite(step) and step > 0):
            raise PolicyError(f"one logit step is worth {step!r} nats: it must be positive; check the temperature")
        # e^-x and x e^-x both round to zero from here on: x e^-x < 2^-(F+1)
        end = (fraction + 1) * math.log(2)
        end += math.log(end) + 1
        steps = min(math.ceil(end / step), largest)
        shift = max(0, steps.bit_length() - index_bits)
        if shift and 2**shift * step > 1:
            raise PolicyError(
                f"one index step would be worth {2**shift * step:.3g} nats: "
                "raise the temperature, or use fewer bits for the logits"
            )
        argument = np.arange((steps >> shift) + 1, dtype=np.float64) * (step * 2**shift)
        exponential = np.rint(2.0**fraction * np.exp(-argument))
        weighted = np.rint(2.0**fraction * argument * np.exp(-argument))
        if steps < largest:  # the last entry stands for everything beyond
            exponential[-1] = weighted[-1] = 0
        return cls(fraction, shift, tuple(map(int, exponential)), tuple(map(int, weighted)))

    @property
    def length(self) -> int:
        """Returns the number of entries."""
        return len(self.exponential)

    def index(self, differences: Integers) -> Integers:
        """Returns the table index of each difference d >= 0."""
        return np.minimum(differences >> self.shift, self.length - 1)

    def entries(self, logits: Integers) -> tuple[Integers, Integers]:
        """Returns E[d_c] and G[d_c] of each sample and class; logits and results are (N, C) integers."""
        index = self.index(logits.max(axis=1, keepdims=True) - logits)
        exponential, weighted = (np.asarray(entries, np.int64) for entries in (self.exponential, self.weighted))
        return exponential[index], weighted[index]

    def sums(self, logits: Integers) -> tuple[Integers, Integers]:
        """Computes S and sum_c G[d_c] of each sample; logits are (N, C) integers, results (N,)."""
        exponential, weighted = self.entries(logits)
        return exponential.sum(axis=1), weighted.sum(axis=1)

    def exponential_sums(self, logits: Integers) -> Integers:
        """Computes S of each sample, (N,), from (N, C) integer logits."""
        index = self.index(logits.max(axis=1, keepdims=True) - logits)
        return np.asarray(np.asarray(self.exponential, np.int64).take(index.astype(np.intp, copy=False)).sum(axis=1))

    def to_json(self) -> dict[str, Any]:
        """Returns plain data."""
        return {
            "fraction": self.fraction,
            "shift": self.shift,
            "exponential": list(self.exponential),
            "weighted": list(self.weighted),
        }

    def is_near(self, other: ExponentialTable) -> bool:
        """Returns whether both tables are of one function: another machine's e^x may round an entry differently, by
        one.
        """
        alike = (self.fraction, self.shift) == (other.fraction, other.shift)
        return alike and _near(self.exponential, other.exponential) and _near(self.weighted, other.weighted)

    @classmethod
    def from_json(cls, stored: Field) -> ExponentialTable:
        """Reads what `to_json` wrote; raises `FieldError`."""
        fields = stored.fields(("fraction", "shift", "exponential", "weighted"))
        fraction = fields["fraction"].integer(1, _MOST_FRACTION)
        exponential, weighted = (
            fields[name].integers(0, 1 << fraction, 1, 1 << INDEX_BITS) for name in ("exponential", "weighted")
        )
        return cls(fraction, fields["shift"].integer(0, MAX_WIDTH), exponential, weighted)


@dataclass(frozen=True)
class MantissaTable:
    """A mantissa table holds L, R and ln 2 of this module; it is the same for every exit."""

    fraction: int
    mantissa_bits: int
    logarithm: tuple[int, ...]
    reciprocal: tuple[int, ...]
    ln2: int

    @classmethod
    def build(cls, *, fraction: int = FRACTION_BITS, mantissa_bits: int = MANTISSA_BITS) -> MantissaTable:
        """Builds the table with 2^mantissa_bits entries of `fraction` fraction bits."""
        mantissa = 1 + (np.arange(2**mantissa_bits) + 0.5) / 2**mantissa_bits
        logarithm = np.rint(2.0**fraction * np.log(mantissa))
        reciprocal = np.rint(2.0**fraction / mantissa)
        return cls(
            fraction,
            mantissa_bits,
            tuple(map(int, logarithm)),
            tuple(map(int, reciprocal)),
            round(2.0**fraction * math.log(2)),
        )

    def split(self, sums: Integers) -> tuple[Integers, Integers]:
        """Returns the exponent e and the mantissa index m of each S >= 2^F; both are (N,)."""
        # frexp is exact below 2^53, and S is far below
        exponent = np.frexp(sums.astype(np.float64))[1].astype(np.int64) - 1 - self.fraction
        mantissa = ((sums >> exponent) - (1 << self.fraction)) >> (self.fraction - self.mantissa_bits)
        return exponent, mantissa

    def interpolated(self, sums: Integers) -> tuple[Integers, Integers, Integers]:
        """Returns the exponent e, the reciprocal 2^F (2^(F + e) / S) and the logarithm 2^F ln(S / 2^F) of each S, all
        (N,).

        With r the distance of S / 2^e from the middle of its cell, in units of 2^-F, the first terms of both series
        give R' = R[m] - (R[m] (R[m] r) >> 2F) and L' = e ln 2 + L[m] + (R[m] r >> F).
        """
        exponent, mantissa = self.split(sums)
        cell = 1 << (self.fraction - self.mantissa_bits)
        rest = ((sums >> exponent) & (cell - 1)) - cell // 2
        reciprocal = np.asarray(self.reciprocal, np.int64)[mantissa]
        slope = reciprocal * rest
        logarithm = exponent * self.ln2 + np.asarray(self.logarithm, np.int64)[mantissa] + (slope >> self.fraction)
        return exponent, reciprocal - (reciprocal * slope >> 2 * self.fraction), logarithm

    def to_json(self) -> dict[str, Any]:
        """Returns plain data."""
        return {
            "fraction": self.fraction,
            "mantissa_bits": self.mantissa_bits,
            "logarithm": list(self.logarithm),
            "reciprocal": list(self.reciprocal),
            "ln2": self.ln2,
        }

    def is_near(self, other: MantissaTable) -> bool:
        """Returns whether both tables are of one function, as `ExponentialTable.is_near` does."""
        alike = (self.fraction, self.mantissa_bits) == (other.fraction, other.mantissa_bits)
        alike = alike and _near(self.logarithm, other.logarithm) and _near(self.reciprocal, other.reciprocal)
        return alike and abs(self.ln2 - other.ln2) <= 1

    @classmethod
    def from_json(cls, stored: Field) -> MantissaTable:
        """Reads what `to_json` wrote; raises `FieldError`."""
        fields = stored.fields(("fraction", "mantissa_bits", "logarithm", "reciprocal", "ln2"))
        fraction = fields["fraction"].integer(1, _MOST_FRACTION)
        bits = fields["mantissa_bits"].integer(1, INDEX_BITS)
        logarithm, reciprocal = (
            fields[name].integers(0, 1 << fraction, 1 << bits, 1 << bits) for name in ("logarithm", "reciprocal")
        )
        return cls(fraction, bits, logarithm, reciprocal, fields["ln2"].integer(0, 1 << fraction))


def two_largest(logits: Integers) -> tuple[Integers, Integers]:
    """Returns the largest and the second largest logit of each sample, (N,) each; they are equal if two classes are
    largest.
    """
    top = np.partition(logits, -2, axis=1)[:, -2:]
    return top[:, 1], top[:, 0]


def _near(entries: tuple[int, ...], others: tuple[int, ...]) -> bool:
    return len(entries) == len(others) and all(abs(a - b) <= 1 for a, b in zip(entries, others, strict=True))
