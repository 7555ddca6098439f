"""Layers with random formats and weights: the NumPy kernel, and the parameters of the hardware that computes it."""

from __future__ import annotations

import dataclasses
import json
import random
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from telling import why_not_telling

from hwcodesign.fixedpoint import Codes, FixedPoint, Overflow, Rounding
from hwcodesign.hardware.folding import Folding, fold, rom_words
from hwcodesign.hardware.implementation import LATENCY, MEMORY, RESOURCE, Implementation
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.timing import Pipeline
from hwcodesign.hardware.unit import Unit
from hwcodesign.hardware.units import unit_of
from hwcodesign.hardware.units.folded_conv2d import FoldedConvolution
from hwcodesign.hardware.window import Window
from hwcodesign.kernels import Conv2D, Dense
from hwcodesign.kernels.kernel import sum_bounds
from hwcodesign.systemverilog import Bits, Name, PackedStruct, Parameter, Rom


@dataclass(frozen=True)
class Case:
    """A layer; formats, weights and biases follow from the seed.

    Attributes:
        seed: of all that is random.
        shape: of the input: rows, columns, channels. A dense layer reads it a pixel a beat.
        outputs: elements of an output pixel.
        reuse: reuse factor that is wished for.
        multiplier: Lut, Dsp or Constant.
        kernel, stride, padding: of a convolution (rows, columns; rows, columns; top, bottom, left, right); no kernel
            means dense.
        groups: each output reads the channels of one group.
        pixels: pixels of an input beat of a convolution.
    """

    seed: int
    shape: tuple[int, int, int]
    outputs: int
    reuse: int = 1
    multiplier: str = "Lut"
    kernel: tuple[int, int] | None = None
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    groups: int = 1
    pixels: int = 1

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Case:
        data = json.loads(text)
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in data.items()})

    @property
    def lanes(self) -> int:
        """Elements of a beat of mac_array."""
        taps = self.kernel[0] * self.kernel[1] if self.kernel else 1
        return taps * self.shape[2]

    @property
    def beats(self) -> int:
        """Beats of a vector of mac_array."""
        return 1 if self.kernel else self.shape[0] * self.shape[1]

    @property
    def output_shape(self) -> tuple[int, ...]:
        if self.kernel is None:
            return (self.outputs,)
        top, bottom, left, right = self.padding
        rows = (self.shape[0] + top + bottom - self.kernel[0]) // self.stride[0] + 1
        columns = (self.shape[1] + left + right - self.kernel[1]) // self.stride[1] + 1
        return (rows, columns, self.outputs)

    @property
    def window(self) -> Window:
        """What a window_buffer cuts for it."""
        assert self.kernel is not None
        rows, columns, outputs = self.output_shape
        return Window(self.shape, (rows, columns, outputs), self.kernel, self.stride, self.padding[::2], self.pixels)

    @property
    def folding(self) -> Folding:
        return fold(self.lanes, self.beats, self.outputs, self.reuse, groups=self.groups)


def random_format(rng: random.Random, narrow: int, wide: int, signed: bool | None = None) -> FixedPoint:
    """Any width in narrow..wide, binary point anywhere near, any modes."""
    width = rng.randint(narrow, wide)
    return FixedPoint(
        width,
        rng.randint(-2, width + 2),
        rng.random() < 0.5 if signed is None else signed,
        rng.choice(list(Rounding)),
        rng.choice(list(Overflow)),
    )


class Layer:
    """The kernel of a case, and its hardware; drawn anew until the results of its inputs tell."""

    def __init__(self, case: Case, samples: int) -> None:
        self.case, self.samples = case, samples
        rng, numbers = random.Random(case.seed), np.random.default_rng(case.seed)  # noqa: S311
        for _ in range(100):
            self._draw(rng, numbers)
            if why_not_telling(self.expected, self.wrong()) is None:
                return
        raise AssertionError(f"no layer of {case} gives results that tell")

    def _draw(self, rng: random.Random, numbers: np.random.Generator) -> None:
        case = self.case
        self.input, self.weight = random_format(rng, 2, 8), random_format(rng, 2, 8, signed=True)
        depth = case.shape[2] // case.groups
        shape = (*case.kernel, depth) if case.kernel else (case.beats * case.lanes,)
        self.weights: Codes = numbers.integers(
            self.weight.min_code, self.weight.max_code, (*shape, case.outputs), endpoint=True
        ).astype(np.float64)
        self.shift = rng.randint(0, 2)
        product_fraction = self.input.fraction + self.weight.fraction
        self.bias: Codes = numbers.integers(-200, 200, case.outputs, endpoint=True).astype(np.float64)
        axes = tuple(range(len(shape)))
        low, high, _ = sum_bounds(self.weights * 2.0**self.shift, self.bias, self.input, axes)
        self.accumulator_width = max(int(high), int(-low - 1)).bit_length() + 1
        self.fraction = product_fraction + self.shift
        self.accumulator = FixedPoint(self.accumulator_width, self.accumulator_width - self.fraction)
        # drops about as many bits as make the range of sums overlap with that of the results
        width = rng.randint(1, 10)
        fraction = self.fraction - rng.randint(-2, max(self.accumulator_width - width + 1, 0))
        modes = random_format(rng, 1, 1)
        self.result = FixedPoint(width, width - fraction, modes.signed, modes.rounding, modes.overflow)

    @property
    def expected(self) -> list[list[int]]:
        """Results of its inputs: codes of each output beat, which is a pixel or several."""
        return self._results(self.kernel)

    def wrong(self) -> list[list[list[int]]]:
        """Results without the biases, and with weights in another order."""
        wide = FixedPoint(self.accumulator.width + 8, self.accumulator.integer + 8)
        layer = dataclasses.replace(self.kernel, accumulator=wide)
        wrong = [self._results(dataclasses.replace(layer, bias=0 * self.bias))]
        if self.weights.size > 1:
            shifted = np.roll(self.weights, 1).reshape(self.weights.shape)
            wrong.append(self._results(dataclasses.replace(layer, weights=shifted)))
        return wrong

    def _results(self, kernel: Conv2D | Dense) -> list[list[int]]:
        lanes = self.case.outputs * (self.case.window.together if self.case.kernel else 1)
        return kernel.compute(self.inputs()).reshape(-1, lanes).astype(int).tolist()  # type: ignore[no-any-return]

    @property
    def kernel(self) -> Conv2D | Dense:
        case = self.case
        fields: dict[str, Any] = {
            "name": "layer",
            "inputs": ("input",),
            "input_formats": (self.input,),
            "input_shapes": (case.shape,),
            "result": self.result,
            "output_shape": case.output_shape,
            "weights": self.weights,
            "bias": self.bias,
            "weight_format": self.weight,
            "accumulator": self.accumulator,
        }
        if case.kernel is None:
            return Dense(**fields)
        return Conv2D(**fields, stride=case.stride, padding=case.padding)

    @property
    def folded_unit(self) -> Unit[Conv2D]:
        """The unit of its convolution that reads windows from memory."""
        strategy = RESOURCE if self.case.multiplier == "Dsp" else LATENCY
        unit = unit_of(self.kernel, Implementation(self.case.reuse, strategy, MEMORY), (Stream(1, 1),))
        assert isinstance(unit, FoldedConvolution)
        return unit

    @property
    def pipeline(self) -> Pipeline:
        """Control of mac_array."""
        case, folding = self.case, self.case.folding
        depth = folding.depth(self.weight.width, case.multiplier)
        return Pipeline(folding.folds // case.beats, case.beats, depth)

    def parameters(self) -> tuple[dict[str, Parameter], tuple[Rom, ...]]:
        """What mac_array, dense and conv2d have in common."""
        case, folding = self.case, self.case.folding
        width = folding.simd * folding.pe * self.weight.width
        words = rom_words(self.weights.reshape(-1, case.outputs), folding, self.weight.width)
        mac = PackedStruct(
            "mac_t",
            (
                ("simd", folding.simd),
                ("pe", folding.pe),
                ("weight_width", self.weight.width),
                ("acc_width", self.accumulator_width),
                ("acc_fraction", self.fraction),
                ("product_shift", self.shift),
                ("multiplier", Name(case.multiplier)),
                ("block_weights", Bits(1, 0)),
            ),
        )
        parameters: dict[str, Parameter] = {
            "Outputs": case.outputs,
            "Mac": mac,
            "In": self.input,
            "Result": self.result,
            "Bias": Bits.pack(self.bias.astype(int).tolist(), self.accumulator_width),
        }
        if case.multiplier == "Constant":
            return {**parameters, "Weights": Bits(width, words[0])}, ()
        return {**parameters, "WeightsFile": "weights.hex"}, (Rom("weights", "WeightsFile", width, words),)

    def inputs(self) -> Codes:
        """Random codes (N, rows, columns, channels); the first two samples are all lowest and all highest."""
        numbers = np.random.default_rng(self.case.seed + 1)
        codes = numbers.integers(
            self.input.min_code, self.input.max_code, (self.samples, *self.case.shape), endpoint=True
        ).astype(np.float64)
        codes[0], codes[1:2] = self.input.min_code, self.input.max_code
        return codes
