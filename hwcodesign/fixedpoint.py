"""This module defines fixed-point formats with the semantics of `ap_fixed<W, I, Q, O>`, and exact arithmetic on their
codes.

A *code* is the raw integer of a fixed-point number: value = code * 2**-fraction. Codes travel in
NumPy float arrays, because every operation here (scaling by a power of two, floor, rint, clip) is
exact in them while the codes stay below the carrier's mantissa, and because BLAS multiplies floats.
Rounding and overflow modes are those of Vitis HLS, UG1399, "Arbitrary Precision Fixed-Point Data
Types".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hwcodesign.choices import not_known
from hwcodesign.errors import FormatError
from hwcodesign.storage.fields import Field

Codes = NDArray[np.floating[Any]]

#: Widest format: a code must stay exact in float64.
MAX_WIDTH = 53
#: Most integer bits of a stored format, and least: products of codes at such scales are far from what float64 ends at.
MAX_INTEGER = 128


def signed_width(low: int, high: int) -> int:
    """Returns the bits of the narrowest two's complement that holds all integers from `low` to `high`."""
    return max((-min(low, -1) - 1).bit_length(), max(high, 0).bit_length()) + 1


class Rounding(str, Enum):
    """The rounding mode says what happens to bits below the last bit of the format."""

    TRN = "TRN"  #: toward minus infinity
    TRN_ZERO = "TRN_ZERO"  #: toward zero
    RND = "RND"  #: to nearest, halves toward plus infinity
    RND_ZERO = "RND_ZERO"  #: to nearest, halves toward zero
    RND_INF = "RND_INF"  #: to nearest, halves away from zero
    RND_MIN_INF = "RND_MIN_INF"  #: to nearest, halves toward minus infinity
    RND_CONV = "RND_CONV"  #: to nearest, halves to even


class Overflow(str, Enum):
    """The overflow mode says what happens to values outside the range of the format."""

    WRAP = "WRAP"  #: keep the low bits
    SAT = "SAT"  #: clip to the range
    SAT_ZERO = "SAT_ZERO"  #: become zero
    SAT_SYM = "SAT_SYM"  #: clip to the range without its most negative code

    @property
    def is_monotone(self) -> bool:
        """Returns whether a cast in this mode never reverses the order of two values."""
        return self in {Overflow.SAT, Overflow.SAT_SYM}


@dataclass(frozen=True)
class FixedPoint:
    """This is a fixed-point format.

    Args:
        width: number of bits, including the sign.
        integer: bits before the binary point, including the sign; may be negative or exceed `width`.
        signed: two's complement if true.
        rounding: rounding mode, applied when a finer value is cast to this format.
        overflow: overflow mode, applied after rounding.

    Raises:
        FormatError: the width is not in 1..53 (a code must be exact in float64).
    """

    width: int
    integer: int
    signed: bool = True
    rounding: Rounding = Rounding.TRN
    overflow: Overflow = Overflow.WRAP

    def __post_init__(self) -> None:
        if not 1 <= self.width <= MAX_WIDTH:
            raise FormatError(
                f"fixed-point width {self.width} is not in 1..{MAX_WIDTH}: "
                "a code must be exact in float64; use a narrower format"
            )
        for name, modes in (("rounding", Rounding), ("overflow", Overflow)):
            try:
                object.__setattr__(self, name, modes(getattr(self, name)))
            except ValueError:
                given, known = getattr(self, name), [mode.value for mode in modes]
                raise FormatError(not_known(f"{name} mode {given!r}", str(given), known)) from None

    @property
    def fraction(self) -> int:
        """Returns the number of bits after the binary point."""
        return self.width - self.integer

    @property
    def scale(self) -> float:
        """Returns the value of one code step, a power of two."""
        return float(2.0**-self.fraction)

    @property
    def min_code(self) -> int:
        """Returns the smallest code."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def max_code(self) -> int:
        """Returns the largest code."""
        return (1 << (self.width - int(self.signed))) - 1

    @property
    def ap_type(self) -> str:
        """Returns the C++ type, for example `ap_ufixed<5,0,AP_RND_CONV,AP_SAT,0>`."""
        name = "ap_fixed" if self.signed else "ap_ufixed"
        return f"{name}<{self.width},{self.integer},AP_{self.rounding.value},AP_{self.overflow.value},0>"

    @property
    def hls4ml_type(self) -> str:
        """Returns the type as in hls4ml's configuration, for example `ufixed<5,0,RND_CONV,SAT>`."""
        name = "fixed" if self.signed else "ufixed"
        return f"{name}<{self.width},{self.integer},{self.rounding.value},{self.overflow.value}>"

    def __str__(self) -> str:
        return self.hls4ml_type

    @classmethod
    def parse(cls, text: str) -> FixedPoint:
        """Reads `[u]fixed<W,I[,Q[,O[,0]]]>` or `[u]int<W>`, as hls4ml prints its precisions.

        Raises:
            FormatError: the text is none of these.
        """
        match = re.fullmatch(r"(?:ap_)?(u?)(fixed|int)<([^<>]*)>", text.replace(" ", ""))
        if match is None:
            raise FormatError(f"{text!r} is not a fixed-point type: write fixed<W,I> or ufixed<W,I,RND_CONV,SAT>")
        fields = match[3].split(",")
        signed = match[1] == ""
        if fields[4:] not in ([], ["0"]):
            raise FormatError(f"{text!r} is not a fixed-point type: saturation bits other than 0 are not known")
        modes = [field.removeprefix("AP_") for field in fields[2:4]]
        try:
            if match[2] == "int":
                return cls(int(fields[0]), int(fields[0]), signed)
            return cls(int(fields[0]), int(fields[1]), signed, *modes)  # type: ignore[arg-type]  # names of modes
        except (ValueError, IndexError) as error:
            raise FormatError(f"{text!r} is not a fixed-point type: {error}") from None

    def holds(self, low: float, high: float, fraction: int) -> bool:
        """Tells whether every value from `low` to `high`, given as codes at `fraction`, is exact in this format."""
        step = 2.0 ** (self.fraction - fraction)
        return self.fraction >= fraction and low * step >= self.min_code and high * step <= self.max_code

    def encode(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Converts real values to codes, rounded half to even; values out of range are an error.

        Args:
            values: array of any shape.

        Returns:
            Codes in an array of the same shape.

        Raises:
            FormatError: a value is NaN, infinite or outside the format; the message names the first one.
        """
        values = np.asarray(values, dtype=np.float64)
        codes = np.rint(values * 2.0**self.fraction)
        bad = ~((codes >= self.min_code) & (codes <= self.max_code))
        if bad.any():
            where = tuple(int(i) for i in np.argwhere(bad)[0])
            raise FormatError(
                f"value {float(values[where])!r} at index {where} does not fit {self}, "
                f"which holds {self.min_code * self.scale:g} to {self.max_code * self.scale:g}: "
                "scale or clip the input first"
            )
        return cast(NDArray[np.float64], codes)

    def decode(self, codes: NDArray[Any]) -> NDArray[np.float64]:
        """Converts codes to real values, exactly.

        Args:
            codes: array of any shape.

        Returns:
            Values in an array of the same shape.
        """
        return np.asarray(codes, dtype=np.float64) * self.scale

    def requantise(self, codes: Codes, fraction: int) -> Codes:
        """Casts codes with another number of fraction bits to this format, by its rounding and overflow modes.

        Args:
            codes: float array of integers, any shape; exact in its dtype with one bit to spare.
            fraction: bits after the binary point of `codes`.

        Returns:
            Codes of this format in the same dtype.
        """
        return self._overflow(self._round(codes, fraction - self.fraction))

    def _round(self, codes: Codes, shift: int) -> Codes:
        scaled = codes * codes.dtype.type(2.0**-shift)
        if shift <= 0:
            return scaled
        half = codes.dtype.type(0.5)
        match self.rounding:
            case Rounding.TRN:
                return cast(Codes, np.floor(scaled))
            case Rounding.TRN_ZERO:
                return cast(Codes, np.trunc(scaled))
            case Rounding.RND:
                return cast(Codes, np.floor(scaled + half))
            case Rounding.RND_MIN_INF:
                return cast(Codes, np.ceil(scaled - half))
            case Rounding.RND_INF:
                return cast(Codes, np.copysign(np.floor(np.abs(scaled) + half), scaled))
            case Rounding.RND_ZERO:
                return cast(Codes, np.copysign(np.ceil(np.abs(scaled) - half), scaled))
            case Rounding.RND_CONV:
                return cast(Codes, np.rint(scaled, out=scaled))  # ours: the product above is a new array

    def _overflow(self, codes: Codes) -> Codes:
        # in the codes' own dtype: some versions of NumPy would promote to that of a Python integer
        low, high = codes.dtype.type(self.min_code), codes.dtype.type(self.max_code)
        match self.overflow:
            case Overflow.SAT:
                return np.clip(codes, low, high, out=codes)  # ours: rounding made it
            case Overflow.SAT_SYM:
                return cast(Codes, np.clip(codes, -high if self.signed else low, high))
            case Overflow.SAT_ZERO:
                return cast(Codes, np.where((codes < low) | (codes > high), codes.dtype.type(0), codes))
            case Overflow.WRAP:
                modulus = codes.dtype.type(1 << self.width)
                return cast(Codes, codes - modulus * np.floor((codes - low) / modulus))

    def to_json(self) -> dict[str, Any]:
        """Returns plain data."""
        return {
            "width": self.width,
            "integer": self.integer,
            "signed": self.signed,
            "rounding": self.rounding.value,
            "overflow": self.overflow.value,
        }

    @classmethod
    def from_json(cls, stored: Field) -> FixedPoint:
        """Reads what `to_json` wrote.

        Args:
            stored: what `to_json` wrote.

        Raises:
            FieldError: a field is missing, has another type or is out of range.
        """
        fields = stored.fields(("width", "integer", "signed", "rounding", "overflow"))
        return cls(
            fields["width"].integer(1, MAX_WIDTH),
            fields["integer"].integer(-MAX_INTEGER, MAX_INTEGER),
            fields["signed"].flag(),
            Rounding(fields["rounding"].one_of([mode.value for mode in Rounding])),
            Overflow(fields["overflow"].one_of([mode.value for mode in Overflow])),
        )
