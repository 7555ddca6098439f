"""What convolutions and linear layers have in common: weights, a bias, and an accumulator that holds every sum."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import numpy as np

from hwcodesign.fixedpoint import Codes, FixedPoint
from hwcodesign.kernels.folding import Folding, fold, rom_words
from hwcodesign.kernels.kernel import Kernel, Stream, exact_sums_carrier, sum_bounds
from hwcodesign.kernels.timing import Pipeline
from hwcodesign.systemverilog import Bits, Name, Parameter, Rom


@dataclass(frozen=True, eq=False)
class WeightedKernel(Kernel):
    """Sums of products, plus a bias.

    Attributes:
        weights: integer codes, outputs last.
        bias: (outputs,) integer codes at the accumulator's fraction.
        weight_format: of the weights.
        accumulator: exact type of the sums.
        reuse_factor: how often hardware uses each multiplier a pixel or sample (hls4ml's ReuseFactor).
        strategy: how hardware multiplies (hls4ml's Strategy): "latency" in LUTs, "resource" in DSP blocks,
            "distributed_arithmetic" by an adder graph without multipliers, and without reuse.

    Raises:
        FormatError: the accumulator could round or overflow, or the sums exceed what float64 holds.
    """

    #: Axes of `weights` that one output sums over.
    summed_axes: ClassVar[tuple[int, ...]]

    weights: Codes
    bias: Codes
    weight_format: FixedPoint
    accumulator: FixedPoint
    reuse_factor: int
    strategy: str = field(default="latency", kw_only=True)

    def __post_init__(self) -> None:
        _ = self._carrier  # refuses sums that would not be exact

    @property
    def product_fraction(self) -> int:
        """Bits after the point of a product of weight and input."""
        return self.input_formats[0].fraction + self.weight_format.fraction

    @property
    def channels(self) -> int:
        """Of a depthwise layer, each of whose outputs reads one of them; else 1."""
        return 1

    def folding(self, stream: Stream) -> Folding:
        """How its multiply-accumulates are spread over cycles.

        Args:
            stream: of vectors: windows, or the beats of a sample.
        """
        outputs = self.weights.shape[-1]
        return fold(stream.lanes, stream.beats, outputs, self.reuse_factor, channels=self.channels)

    def mac_array(self, stream: Stream) -> tuple[list[tuple[str, Parameter]], tuple[Rom, ...]]:
        """Parameters and ROM images of its mac_array."""
        folding, outputs = self.folding(stream), self.weights.shape[-1]
        constant = self._constant(folding)
        width, (shift, accumulator, bias) = self._weight_width, self.narrowest_sums()
        words = rom_words(self.weights.reshape(-1, outputs), folding, width)
        parameters: list[tuple[str, Parameter]] = [
            ("Simd", folding.simd),
            ("Pe", folding.pe),
            ("In", self.input_formats[0]),
            ("WeightWidth", width),
            ("AccWidth", accumulator.width),
            ("ProductShift", shift),
            ("AccFraction", accumulator.fraction),
            ("Result", self.result),
            ("Multiplier", Name("Constant" if constant else "Dsp" if self.strategy == "resource" else "Lut")),
            ("Bias", Bits.pack(bias, accumulator.width)),
        ]
        if constant:
            return [*parameters, ("Weights", Bits(folding.pe * folding.simd * width, words[0]))], ()
        return parameters, (Rom("weights", "WeightsFile", folding.pe * folding.simd * width, words),)

    def mac_timing(self, stream: Stream) -> Pipeline:
        """Control of its mac_array."""
        folding = self.folding(stream)
        depth = folding.depth(self._weight_width, self._constant(folding))
        return Pipeline(folding.folds // stream.beats, stream.beats, depth)

    def _constant(self, folding: Folding) -> bool:
        """Whether weights are built into adders."""
        return folding.folds == 1 and self.strategy != "resource"

    @property
    def _weight_width(self) -> int:
        """Bits of the widest weight there is, in two's complement; at least 2."""
        low, high = int(self.weights.min()), int(self.weights.max())
        return max(2, (-low - 1).bit_length() + 1 if low < 0 else 1, high.bit_length() + 1 if high > 0 else 1)

    def narrowest_sums(self) -> tuple[int, FixedPoint, list[int]]:
        """Left shift of products, the narrowest accumulator for all sums, and the bias at its fraction."""
        bias = [int(code) for code in self.bias]
        shift = self.accumulator.fraction - self.product_fraction
        while shift > 0 and all(code % 2 == 0 for code in bias):  # nothing is as fine as hls4ml's accumulator
            shift, bias = shift - 1, [code // 2 for code in bias]
        weights = self.weights * 2.0**shift
        low, high, _ = sum_bounds(weights, np.array(bias, np.float64), self.input_formats[0], self.summed_axes)
        width = max(int(high).bit_length(), int(-low - 1).bit_length() if low < 0 else 0) + 1
        fraction = self.product_fraction + shift
        return shift, FixedPoint(width, width - fraction), bias

    @property
    def parameters(self) -> int:
        return self.weights.size + self.bias.size

    @property
    def _alignment(self) -> float:
        """Factor of weights such that their products are at the accumulator's fraction."""
        return float(2.0 ** (self.accumulator.fraction - self.product_fraction))

    @cached_property
    def _bias(self) -> Codes:
        return self.bias.astype(self._carrier)

    @cached_property
    def _carrier(self) -> type[np.float32] | type[np.float64]:
        return exact_sums_carrier(
            self.name,
            self.accumulator,
            self.result,
            self.product_fraction,
            self.weights,
            self.bias,
            self.input_formats[0],
            self.summed_axes,
        )
