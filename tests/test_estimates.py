"""Estimates of units are what their automata take, found without stepping them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.estimate import Estimate, estimated
from hwcodesign.hardware.implementation import LATENCY, RESOURCE, Implementation
from hwcodesign.hardware.movement_timing import Copies, Frames
from hwcodesign.hardware.pace import settle
from hwcodesign.hardware.stepping import Network, run
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.timing import Automaton, Node, Pipeline, Queue, WindowWords
from hwcodesign.hardware.unit import Unit
from hwcodesign.hardware.units import unit_of
from hwcodesign.hardware.window import Window
from hwcodesign.kernels import Conv2D, Dense, Kernel, MaxPool2D, Transpose

_U5, _W4, _SUMS = FixedPoint(5, 2, signed=False), FixedPoint(4, 1), FixedPoint(40, 30)
#: A chain, and the beats of a sample at its input and its output.
Drawn = tuple[tuple[Automaton, ...], int, int]


def stepped(timing: Sequence[Automaton], beats_in: int, beats_out: int) -> Estimate:
    """What a chain takes by its automata."""
    nodes = [Node(automaton, (i - 1,)) for i, automaton in enumerate(timing)]
    interval = settle(Network(nodes), beats_in, beats_out).interval
    return Estimate(interval, run(nodes, 1, beats_in, beats_out)[0])


def pipeline(rng: random.Random) -> Drawn:
    beats, vectors = rng.randint(1, 4), rng.randint(1, 6)
    given = rng.randint(1, beats)
    timing = Pipeline(rng.randint(1, 5), beats, rng.randint(1, 9), given=given)
    return (timing,), beats * vectors, given * vectors


def frames(rng: random.Random) -> Drawn:
    beats, steps, beats_out = rng.randint(1, 9), rng.randint(1, 4), rng.randint(1, 6)
    return (Frames(beats, steps * beats_out, steps),), beats, beats_out


def copies(rng: random.Random) -> Drawn:
    height, width, rows, columns = (rng.randint(1, 4) for _ in range(4))
    automaton = Copies((height, width), (rows, columns), (height * rows, width * columns), rng.random() < 0.5)
    return (automaton,), height * width, height * rows * width * columns


def windows(rng: random.Random) -> Drawn:
    """Any strides and padding: passes above or below the image, rows that nothing reads, and images below a kernel."""
    while True:
        shape, kernel, stride = ((rng.randint(1, most), rng.randint(1, most)) for most in (9, 4, 4))
        top, bottom = rng.randint(0, kernel[0]), rng.randint(0, kernel[0])
        left, right = rng.randint(0, kernel[1] - 1), rng.randint(0, 2)
        rows = (shape[0] + top + bottom - kernel[0]) // stride[0] + 1
        columns = (shape[1] + left + right - kernel[1]) // stride[1] + 1
        if rows > 0 and columns > 0:
            cut = Window((*shape, 1), (rows, columns, 1), kernel, stride, (top, left))
            cut = replace(cut, pixels=rng.choice(cut.possible_pixels))
            behind = Pipeline(rng.choice([1, 1, 2, 3, 9, 20]), 1, rng.randint(1, 8))
            return (cut.timing, behind), cut.reads.beats, cut.writes.beats


def window_words(rng: random.Random) -> Drawn:
    """Any stride and padding: passes above or below the image, rows that nothing reads, images below a kernel."""
    while True:
        height, kernel, stride = rng.randint(1, 9), rng.randint(1, 4), rng.randint(1, 4)
        top, bottom = rng.randint(0, kernel), rng.randint(0, kernel)
        passes = (height + top + bottom - kernel) // stride + 1
        if passes > 0:
            row, taken, beats = rng.randint(1, 30), rng.randint(1, 6), rng.randint(1, 6)
            words = WindowWords(height, row, kernel, stride, top, passes, taken * beats)
            return (words, Pipeline(1, beats, rng.randint(1, 8))), height * row, passes * taken


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("draw", [pipeline, frames, copies, windows, window_words])
def test_an_estimate_is_what_the_automata_take(draw: Callable[[random.Random], Drawn], seed: int) -> None:
    for part in range(5):
        timing, beats_in, beats_out = draw(random.Random(f"{seed} {part}"))  # noqa: S311
        assert estimated(timing, beats_in) == stepped(timing, beats_in, beats_out), timing


@pytest.mark.parametrize("strategy", [LATENCY, RESOURCE])
@pytest.mark.parametrize("seed", range(10))
def test_units_of_any_shape_and_folding_take_what_they_estimate(seed: int, strategy: str) -> None:
    rng = random.Random(seed)  # noqa: S311
    shape, filters = (rng.randint(3, 7), rng.randint(3, 7), rng.randint(1, 3)), rng.randint(1, 6)
    numbers = np.random.default_rng(seed)
    taps = numbers.integers(-7, 8, (3, 3, shape[2], filters)).astype(float)
    convolution = Conv2D(
        "conv", ("input",), (_U5,), (shape,), _U5, (*shape[:2], filters), taps, np.zeros(filters), _W4, _SUMS, (1, 1),
        (1, 1, 1, 1),
    )  # fmt: skip
    inputs = int(np.prod(shape))
    weights = numbers.integers(-7, 8, (inputs, filters)).astype(float)
    linear = Dense("fc", ("input",), (_U5,), ((inputs,),), _U5, (filters,), weights, np.zeros(filters), _W4, _SUMS)
    for _ in range(4):
        most = inputs * filters
        chosen = Implementation(rng.choice([1, rng.randint(1, most)]), strategy)
        assert_exact(unit_of(convolution, chosen, (Stream.of(shape),)))
        assert_exact(unit_of(linear, chosen, (Stream.of(shape),)))


def assert_exact(unit: Unit[Kernel]) -> None:
    taken = stepped(unit.timing, unit.reads[0].beats, unit.writes.beats)
    assert (unit.estimate.interval, unit.estimate.latency) == (taken.interval, taken.latency), unit


def test_units_without_multipliers_take_what_they_estimate() -> None:
    shape = (4, 6, 2)
    pool = MaxPool2D("pool", ("input",), (_U5,), (shape,), _U5, (2, 3, 2), (2, 2), (2, 2))
    turn = Transpose("turn", ("input",), (_U5,), (shape,), _U5, (2, 4, 6), (2, 0, 1))
    for kernel in (pool, turn):
        assert_exact(unit_of(kernel, Implementation(), (Stream.of(shape),)))
    wires = Transpose("wires", ("input",), (_U5,), (shape,), _U5, shape, (0, 1, 2))
    assert unit_of(wires, Implementation(), (Stream.of(shape),)).estimate == Estimate(24, 23)


def test_a_chain_of_another_form_has_no_estimate() -> None:
    with pytest.raises(NotImplementedError, match="no estimate of Pipeline behind Queue"):
        estimated((Queue(), Pipeline()), 4)
