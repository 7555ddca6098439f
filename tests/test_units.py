"""Units build kernels: there is one for every kernel, and implementations choose among several."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hwcodesign.errors import DesignError, SettingsError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.frontend.conversion import asked_for
from hwcodesign.frontend.settings import CompileSettings, LayerSettings
from hwcodesign.hardware.implementation import (
    AUTO,
    BLOCK,
    DISTRIBUTED,
    LATENCY,
    MEMORY,
    RESOURCE,
    STRATEGIES,
    Implementation,
)
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.unit import Unit
from hwcodesign.hardware.units import UNITS, strategies_of, unit_of
from hwcodesign.hardware.units.affine import ScalesByAdders, ScalesByMultipliers
from hwcodesign.hardware.units.average_pool2d import AverageOfWindows
from hwcodesign.hardware.units.conv2d import ConvolutionByAdders, ConvolutionByMultipliers
from hwcodesign.hardware.units.dense import LinearByAdders, LinearByMultipliers
from hwcodesign.hardware.units.distributed import DistributedConvolution, DistributedLinear
from hwcodesign.hardware.units.folded_pool2d import FoldedAverage, FoldedMaximum
from hwcodesign.hardware.units.max_pool2d import MaximumOfWindows
from hwcodesign.kernels import KERNELS, Affine, AveragePool2D, Conv2D, Dense, Kernel, MaxPool2D, Segment
from hwcodesign.systemverilog import Bits, Name, PackedStruct

_U5, _W4, _SUMS = FixedPoint(5, 2, signed=False), FixedPoint(4, 1), FixedPoint(30, 20)
_IMAGE = (4, 4, 2)


def _conv() -> Conv2D:
    weights = np.arange(-7.0, 8.0)[np.arange(36) % 15].reshape(3, 3, 2, 2)
    fields = ("conv", ("input",), (_U5,), (_IMAGE,), _U5, (2, 2, 2), weights, np.zeros(2), _W4, _SUMS)
    return Conv2D(*fields, stride=(1, 1), padding=(0, 0, 0, 0))


def _dense() -> Dense:
    weights = np.arange(-7.0, 8.0)[np.arange(12) % 15].reshape(4, 3)
    return Dense("fc", ("input",), (_U5,), ((4,),), _U5, (3,), weights, np.zeros(3), _W4, _SUMS)


def _affine() -> Affine:
    return Affine("bn", ("input",), (_U5,), (_IMAGE,), _U5, _IMAGE, np.array([3.0, -2.0]), np.zeros(2), _W4, _W4)


def test_every_kernel_has_a_unit_for_the_default_implementation() -> None:
    assert sorted(UNITS) == sorted(KERNELS)
    assert {kind for kind in KERNELS if LATENCY not in strategies_of(kind)} == set()


@pytest.mark.parametrize(
    ("kernel", "implementation", "chosen"),
    [
        (_conv(), Implementation(1, LATENCY), ConvolutionByAdders),
        (_conv(), Implementation(3, LATENCY), ConvolutionByMultipliers),
        (_conv(), Implementation(1, RESOURCE), ConvolutionByMultipliers),
        (_conv(), Implementation(3, DISTRIBUTED), DistributedConvolution),
        (_dense(), Implementation(1, LATENCY), LinearByAdders),
        (_dense(), Implementation(4, LATENCY), LinearByMultipliers),
        (_dense(), Implementation(1, RESOURCE), LinearByMultipliers),
        (_dense(), Implementation(1, DISTRIBUTED), DistributedLinear),
        (_affine(), Implementation(1), ScalesByAdders),
        (_affine(), Implementation(2), ScalesByMultipliers),
    ],
)
def test_reuse_factor_and_strategy_choose_the_unit(
    kernel: Kernel, implementation: Implementation, chosen: type[Unit[Kernel]]
) -> None:
    unit = unit_of(kernel, implementation, (Stream.of(kernel.input_shapes[0]),))
    assert type(unit) is chosen


@pytest.mark.parametrize(("strategy", "multiplier"), [(LATENCY, "Lut"), (RESOURCE, "Dsp")])
def test_strategy_says_by_what_is_multiplied(strategy: str, multiplier: str) -> None:
    unit = unit_of(_dense(), Implementation(2, strategy), (Stream(1, 4),))
    mac = dict(unit.instance.parameters)["Mac"]
    assert isinstance(mac, PackedStruct)
    assert dict(mac.fields)["multiplier"] == Name(multiplier)


def test_folds_are_those_of_the_reuse_factor_wherever_it_divides_the_products() -> None:
    for reuse in (1, 2, 3, 4, 6, 12):
        unit = unit_of(_dense(), Implementation(reuse), (Stream(1, 4),))
        assert unit.folding is not None
        assert (unit.folding.folds, unit.folding.products) == (reuse, 12 // reuse)


def test_a_strategy_without_a_unit_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(DesignError, match=r"bn: .* kind affine with strategy 'resource': give it 'latency'$"):
        unit_of(_affine(), Implementation(1, RESOURCE), (Stream.of(_IMAGE),))
    with pytest.raises(DesignError, match=r"'magic': give it 'latency' or 'resource' or 'distributed_arithmetic'$"):
        unit_of(_conv(), Implementation(1, "magic"), (Stream.of(_IMAGE),))
    assert strategies_of("conv2d") == STRATEGIES


def test_a_layer_that_is_named_with_a_strategy_it_cannot_have_is_refused_and_others_keep_theirs() -> None:
    segment: Any = SimpleNamespace(modules={"bn": "stages.0.1", "conv": "stages.0.0"})  # of which names alone are read
    kernels = Segment.chain("stage0", _U5, _IMAGE, (_conv(), _affine()))
    found = {"conv": Implementation(1), "bn": Implementation(1)}
    everywhere = CompileSettings(reuse=3, strategy=RESOURCE)
    assert asked_for(segment, everywhere, kernels, found) == {
        "conv": Implementation(3, RESOURCE),
        "bn": Implementation(3, LATENCY),
    }
    named = CompileSettings(layers={"stages.0.1": LayerSettings(2, RESOURCE)})
    with pytest.raises(
        SettingsError, match=r"stages\.0\.1: there is no hardware for its affine with strategy 'resource': give latency"
    ):
        asked_for(segment, named, kernels, found)


def _maximum(source: FixedPoint, padding: int, *, ignored: bool) -> MaxPool2D:
    side = (4 + 2 * padding - 2) // 2 + 1
    common = ("pool", ("input",), (source,), ((4, 4, 2),), source, (side, side, 2), (2, 2), (2, 2))
    return MaxPool2D(*common, padding=(padding,) * 4, ignores_padding=ignored)


def _average(uncounted: int) -> AveragePool2D:
    common = ("pool", ("input",), (_U5,), ((4, 4, 2),), _U5, (3, 3, 2), (2, 2), (2, 2), FixedPoint(16, 8))
    return AveragePool2D(*common, padding=(1,) * 4, uncounted=(uncounted,) * 4)


_SIGNED = FixedPoint(5, 3)


@pytest.mark.parametrize(
    ("kernel", "chosen"),
    [
        (_maximum(_U5, 0, ignored=False), FoldedMaximum),
        (_maximum(_U5, 1, ignored=True), FoldedMaximum),
        (_maximum(_SIGNED, 0, ignored=True), FoldedMaximum),
        (_maximum(_SIGNED, 1, ignored=False), FoldedMaximum),
        (_maximum(_SIGNED, 1, ignored=True), MaximumOfWindows),  # zeros of the padding could be largest
        (_average(0), FoldedAverage),
        (_average(1), AverageOfWindows),  # windows at the border have another number to divide by
    ],
)
def test_windows_of_a_pooling_are_read_from_memory_where_all_of_them_are_alike(
    kernel: Kernel, chosen: type[Unit[Kernel]]
) -> None:
    streams = (Stream.of(kernel.input_shapes[0], 1),)
    assert type(unit_of(kernel, Implementation(windows=MEMORY), streams)) is chosen
    assert type(unit_of(kernel, Implementation(), streams)) in (MaximumOfWindows, AverageOfWindows)


def test_weights_lie_in_block_ram_where_that_is_asked_for_unless_they_are_one_word() -> None:
    for reuse, in_blocks in ((1, 0), (12, 1)):
        unit = unit_of(_dense(), Implementation(reuse, RESOURCE, weights=BLOCK), (Stream(1, 4),))
        mac = dict(unit.instance.parameters)["Mac"]
        assert isinstance(mac, PackedStruct)
        assert dict(mac.fields)["block_weights"] == Bits(1, in_blocks)
    few, forced = (unit_of(_dense(), Implementation(12, weights=w), (Stream(1, 4),)).resources for w in (AUTO, BLOCK))
    assert (few.bram18, forced.bram18) == (0, 1)
