"""This module spreads a layer's multiply-accumulates over cycles, and orders the weights as hardware reads them.

mac_array multiplies `simd` inputs into `pe` outputs per cycle. One such cycle is a fold. A vector takes
beats * (lanes / simd) * (outputs / pe) folds, in the order: for beat, for inputs, for outputs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import FormatError
from hwcodesign.hardware.multipliers import sum_depth


@dataclass(frozen=True)
class Folding:
    """A folding says what is multiplied in one cycle.

    Attributes:
        simd: number of inputs of an output; divides the lanes of a beat, of a group where there are several.
        pe: number of outputs; divides all outputs.
        folds: cycles per vector.
    """

    simd: int
    pe: int
    folds: int

    @property
    def products(self) -> int:
        """Returns the number of products per cycle."""
        return self.simd * self.pe

    def depth(self, weight_width: int, multiplier: str) -> int:
        """Returns the cycles from a vector's last fold to its result.

        Args:
            weight_width: bits of a weight, sign included.
            multiplier: how products are made.
        """
        return 2 + sum_depth(multiplier, self.simd, weight_width)


def fold(lanes: int, beats: int, outputs: int, reuse: int, *, groups: int = 1) -> Folding:
    """Returns the folding whose number of folds is nearest to the reuse factor.

    Of two equally near foldings, it takes the one with fewer folds; of those with equally many, the one that folds the
    outputs least. A vector has at least as many folds as beats.

    Args:
        lanes: elements of an input beat.
        beats: input beats of a vector.
        outputs: elements of a result.
        reuse: wished number of folds, at least 1.
        groups: number of groups of a convolution, each of which has as many of the lanes.
    """
    taps = lanes // groups
    foldings = (
        Folding(simd, pe, beats * (taps // simd) * (outputs // pe))
        for pe in divisors(outputs)
        for simd in divisors(taps)
    )
    return min(foldings, key=lambda folding: (abs(folding.folds - reuse), folding.folds, -folding.pe))


def fold_words(taps: int, inputs: int, outputs: int, reuse: int, *, groups: int = 1) -> Folding:
    """Returns the folding, of windows that are read word by word, whose number of folds is nearest to the reuse factor.

    Of two equally near foldings, it takes the one with fewer folds; of those with equally many, the one with the widest
    words. A window has at least as many folds as taps and groups.

    Args:
        taps: pixels of a window.
        inputs, outputs: channels of a group, in and out.
        reuse: wished number of folds, at least 1.
        groups: number of groups.
    """
    foldings = (
        Folding(simd, pe, groups * taps * (inputs // simd) * (outputs // pe))
        for pe in divisors(outputs)
        for simd in divisors(inputs)
    )
    return min(foldings, key=lambda folding: (abs(folding.folds - reuse), folding.folds, -folding.simd))


def rom_words(weights: NDArray[Any], folding: Folding, width: int) -> tuple[int, ...]:
    """Returns one unsigned word per fold, whose bits are those of `rom_bits`; arguments and errors are its, too."""
    packed = np.packbits(rom_bits(weights, folding, width), axis=1, bitorder="little")
    return tuple(int.from_bytes(word.tobytes(), "little") for word in packed)


def rom_bits(weights: NDArray[Any], folding: Folding, width: int) -> NDArray[np.uint8]:
    """Returns the bits of one word per fold, (folds, bits), each 0 or 1: weight (pe, simd) from bit
    (pe * folding.simd + simd) * width on, in two's complement.

    Args:
        weights: (inputs, outputs) integer codes; inputs in stream order; with groups those of one group.
        folding: folding of the layer.
        width: bits of a weight, sign included.

    Raises:
        FormatError: a weight does not fit the width.
    """
    codes = np.asarray(weights).astype(np.int64)
    bound = 1 << (width - 1)
    outside = codes[(codes < -bound) | (codes >= bound)]
    if outside.size:
        raise FormatError(f"weight code {outside[0]} does not fit {width} bits: use a wider weight format")
    inputs, outputs = codes.shape
    ordered = codes.reshape(inputs // folding.simd, folding.simd, outputs // folding.pe, folding.pe)
    fields = ordered.transpose(0, 2, 3, 1).reshape(folding.folds, -1, 1)
    return ((fields >> np.arange(width)) & 1).astype(np.uint8).reshape(folding.folds, -1)


def divisors(number: int) -> list[int]:
    """Returns all divisors of a number, in order."""
    low = [divisor for divisor in range(1, math.isqrt(number) + 1) if number % divisor == 0]
    return sorted({*low, *(number // divisor for divisor in low)})
