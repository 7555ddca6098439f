"""The examples of CONTRIBUTING.md, executed in their order: what they add works like what was there."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import hwcodesign as hw
from hwcodesign.backends.streamrtl.project_files import write_segment
from hwcodesign.designs.boards import BOARDS, board_named
from hwcodesign.errors import FieldError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.units import UNITS
from hwcodesign.interface.block_design import BlockDesign
from hwcodesign.kernels import KERNELS, Segment, kernel_from_json, kernel_to_json
from hwcodesign.simulation.segment import read_segment
from hwcodesign.storage.fields import Field
from hwcodesign.training.strategies.strategy import STRATEGIES

PAGE = Path(__file__).resolve().parent.parent / "CONTRIBUTING.md"


@pytest.fixture(scope="module")
def examples() -> Iterator[dict[str, Any]]:
    """The names that the page's examples define; registries are as before afterwards."""
    registries: tuple[dict[str, Any], ...] = (BOARDS, STRATEGIES, KERNELS, UNITS)
    before = [dict(registry) for registry in registries]
    module = ModuleType("contributing")
    sys.modules[module.__name__] = module  # where dataclasses look for the names of their annotations
    names = vars(module)
    for example in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(example, str(PAGE), "exec"), names)  # noqa: S102  # our own page
    yield names
    del sys.modules[module.__name__]
    for registry, kept in zip(registries, before, strict=True):
        registry.clear()
        registry.update(kept)


@pytest.fixture(scope="module")
def trained(examples: dict[str, Any]) -> hw.MultiExitNetwork:
    recipe = examples["RECIPE"]
    network: hw.MultiExitNetwork = recipe.build()
    hw.train(network, recipe.data(), *recipe.training)
    return network


def test_a_kernel_computes_and_its_unit_builds_it(examples: dict[str, Any], tmp_path: Path) -> None:
    given, result = FixedPoint(6, 2), FixedPoint(5, 3, True, "RND_CONV", "SAT")  # type: ignore[arg-type]
    double = examples["Double"]("twice", ("input",), (given,), ((3, 3, 2),), result, (3, 3, 2))
    segment = Segment.chain("doubled", given, (3, 3, 2), (double,))
    codes = np.arange(given.min_code, given.min_code + 4 * 18).reshape(4, 3, 3, 2) % 64 + given.min_code
    codes = codes.clip(given.min_code, given.max_code)
    expected = segment.run(codes.astype(np.float64))[0]
    assert np.array_equal(expected, result.requantise(2.0 * codes, given.fraction))
    write_segment(segment, tmp_path, "own")
    assert np.array_equal(read_segment(tmp_path).run(codes, checked=True).outputs[0], expected)


def test_a_kernel_is_stored_and_its_shapes_are_checked(examples: dict[str, Any]) -> None:
    fmt = FixedPoint(6, 2)
    double = examples["Double"]("twice", ("input",), (fmt,), ((3, 3, 2),), fmt, (3, 3, 2))
    stored = kernel_to_json(double, "", {})
    again = kernel_from_json(Field(stored, "kernels[0]"), {})
    assert (type(again), kernel_to_json(again, "", {})) == (examples["Double"], stored)
    stored["output_shape"] = [3, 3, 4]
    with pytest.raises(FieldError, match=r"a shape is \(3, 3, 4\), and must be \(3, 3, 2\)"):
        kernel_from_json(Field(stored, "kernels[0]"), {})


def test_a_board_is_known_and_has_a_block_design(examples: dict[str, Any]) -> None:
    assert board_named("my-board") is examples["mine"]
    addresses = BlockDesign("own", board_named("my-board"), "0" * 64).addresses
    assert addresses == BlockDesign("own", board_named("pynq-z2"), "0" * 64).addresses  # of the same processing system


def test_a_recipe_learns_by_its_own_strategy_on_its_own_data(
    examples: dict[str, Any], trained: hw.MultiExitNetwork
) -> None:
    assert STRATEGIES["smoothed"] is examples["Smoothed"]
    data = examples["RECIPE"].data()
    logits = trained.logits(data.test.images)
    accuracy = [float((np.argmax(z, axis=1) == data.test.labels).mean()) for z in logits]
    assert min(accuracy) > 0.8
