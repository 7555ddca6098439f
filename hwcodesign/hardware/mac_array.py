"""This module holds a layer's multiply-accumulates in mac_array: parameters, ROM images and control logic."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwcodesign.fixedpoint import Codes, FixedPoint
from hwcodesign.hardware.folding import Folding, rom_bits, rom_words
from hwcodesign.hardware.multipliers import CONSTANT, DSP, LUT, worth_blocks
from hwcodesign.hardware.timing import Pipeline
from hwcodesign.hardware.weights import SHIFT_BITS, Narrowed, narrowed, weight_width
from hwcodesign.kernels.sums import Sums
from hwcodesign.systemverilog import Bits, Name, PackedStruct, Parameter, Rom

#: Words of the ROM of weights up to which mac_array reads it late.
_SHALLOW_FOLDS = 64


@dataclass(frozen=True, eq=False)
class MacArray:
    """A MAC array is one instance of mac_array.

    Attributes:
        weights: (inputs, outputs) integer codes; inputs in stream order; for a depthwise layer its taps alone. Outputs
            of several turns stand side by side.
        sums: how the products are added.
        source, result: formats of what is multiplied, and of the results.
        beats: beats per vector.
        folding: folding of its multiplications, those of one turn; one fold if `wanted` is `CONSTANT`.
        wanted: how products are to be made.
        turns: vectors that follow one another with weights of their own.
        channels: number of groups of channels; with several of them, outputs share no operands.
        in_blocks: whether weights lie in block RAM, however few they are.
    """

    weights: Codes
    sums: Sums
    source: FixedPoint
    result: FixedPoint
    beats: int
    folding: Folding
    wanted: str
    turns: int = 1
    channels: int = 1
    in_blocks: bool = False

    @property
    def sets(self) -> int:
        """Returns the number of sets of operands: 1 if all outputs of a fold read the same."""
        return self.folding.pe if self.channels > 1 else 1

    @cached_property
    def multiplier(self) -> str:
        """Returns how products are made: in LUTs, where they are not worth the DSP blocks that are wanted."""
        if self.wanted != DSP:
            return self.wanted
        folding = self.folding
        worth = worth_blocks(self.source, self.weight_bits, folding.pe, folding.simd, self.sets)
        return DSP if worth else LUT

    @cached_property
    def parameters(self) -> list[tuple[str, Parameter]]:
        """Returns the parameters, without those that say how the vector comes."""
        accumulator = self.sums.accumulator
        parameters: list[tuple[str, Parameter]] = [
            ("Mac", self._config),
            ("In", self.source),
            ("Result", self.result),
            ("Bias", Bits.pack(self.sums.bias, accumulator.width)),
        ]
        if any(self.shifts):
            parameters.append(("Shift", Bits.pack(self.shifts, SHIFT_BITS)))
        if self.multiplier == CONSTANT:
            return [*parameters, ("Weights", Bits(self.word_bits, self.words[0]))]
        return parameters

    @property
    def is_shallow(self) -> bool:
        """Returns whether the address of its weights waits for operands; behind a deep ROM, weights themselves do."""
        return self.folding.folds * self.turns <= _SHALLOW_FOLDS and not self.in_blocks

    @property
    def _config(self) -> PackedStruct:
        """The mac_t."""
        accumulator = self.sums.accumulator
        return PackedStruct(
            "mac_t",
            (
                ("simd", self.folding.simd),
                ("pe", self.folding.pe),
                ("weight_width", self.weight_bits),
                ("acc_width", accumulator.width),
                ("acc_fraction", accumulator.fraction),
                ("product_shift", self.sums.shift),
                ("multiplier", Name(self.multiplier)),
                ("block_weights", Bits(1, int(self.in_blocks))),
            ),
        )

    @property
    def roms(self) -> tuple[Rom, ...]:
        """Returns the ROM images of weights and biases."""
        if self.multiplier == CONSTANT:
            return ()
        return (Rom("weights", "WeightsFile", self.word_bits, self.words),)

    @property
    def timing(self) -> Pipeline:
        """Returns its control logic."""
        return Pipeline(self.folding.folds // self.beats, self.beats, self.depth)

    @property
    def depth(self) -> int:
        """Returns the cycles from a vector's last fold to its result."""
        return self.folding.depth(self.weight_bits, self.multiplier)

    @cached_property
    def _narrowed(self) -> Narrowed:
        """Weights as they are multiplied; those that are built into adders cost nothing for zeros at their end."""
        if self.wanted == CONSTANT:
            return Narrowed(self.weights, (0,) * self.weights.shape[1])
        return narrowed(self.weights)

    @property
    def shifts(self) -> tuple[int, ...]:
        """Returns for each output of each turn the bits by which its sums of products are shifted left."""
        return self._narrowed.shifts

    @cached_property
    def weight_bits(self) -> int:
        """Returns the bits of a weight as it is multiplied, sign included."""
        return weight_width(self._narrowed.weights)

    @property
    def word_bits(self) -> int:
        """Returns the bits of the weights of one fold."""
        return self.folding.pe * self.folding.simd * self.weight_bits

    @cached_property
    def words(self) -> tuple[int, ...]:
        """Returns the words of the weights, one per fold of each turn."""
        return tuple(word for weights in self._turns for word in rom_words(weights, self.folding, self.weight_bits))

    @cached_property
    def bits(self) -> NDArray[np.uint8]:
        """Returns the bits of these words, (words, bits), each 0 or 1."""
        return np.concatenate([rom_bits(weights, self.folding, self.weight_bits) for weights in self._turns])

    @property
    def _turns(self) -> list[Codes]:
        """The weights of each turn."""
        return np.split(self._narrowed.weights, self.turns, axis=1)
