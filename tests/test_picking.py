"""Units of all layers are chosen together: no combination takes less, whatever wishes are chosen for at once."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import hwcodesign as hw
from benchmarks.inner_step import Units, combinations
from hwcodesign import layers
from hwcodesign.backends.streamrtl.choosing import SHARE, Choosing
from hwcodesign.designs.boards import board_named
from hwcodesign.hardware.budget import Budget
from hwcodesign.hardware.offers import RESOURCES, Floats, vector
from hwcodesign.hardware.resources.figures import Resources

P = layers.Precision(4, 4, bias=12, logits=12)
SHAPE = (1, 6, 6)
#: Of parts of a board on which memory is scarce, multipliers are, or nothing is; and intervals in cycles.
CAPACITIES = (
    Resources(850, 2_000, 4, 1),
    Resources(850, 1_200, 30, 8),
    Resources(850, 1_200, 4, 8),
    Resources(53_200, 106_400, 220, 280),
)
INTERVALS = (60, 150, 400, 1_500)


@pytest.fixture(scope="module")
def choosing(tmp_path_factory: pytest.TempPathFactory) -> Choosing:
    """Two stages; the first pools what a convolution gives in the beats of its unit."""
    torch.manual_seed(5)
    convolution = layers.conv2d(1, 4, 3, padding=1, precision=P)
    first = nn.Sequential(convolution, layers.relu(precision=P), nn.MaxPool2d(2))
    second = nn.Sequential(layers.conv2d(4, 2, 3, precision=P), layers.relu(precision=P))
    heads = [layers.linear_head(count, 3, precision=P) for count in (4 * 3 * 3, 2)]
    made = hw.MultiExitNetwork([first, second], heads, hw.FixedPoint(4, 0, signed=False), SHAPE)
    made.train()
    with torch.no_grad():
        made(torch.rand(64, *SHAPE))
    policy = hw.fit_policy(made.eval(), None, criterion="margin", thresholds=[1.0])
    folder: Path = tmp_path_factory.mktemp("picking") / "design"
    accelerator = hw.compile(made, policy, out=folder).accelerator
    return Choosing(accelerator, {}, board_named("pynq-z2"), keeps_buffers=False)


def cycles(choosing: Choosing, interval: int) -> list[int]:
    return list(choosing.speed(interval, (1.0, 1.0)).cycles)


def fractions(taken: Floats, capacity: Resources) -> Floats:
    found: Floats = (taken * Budget.of(capacity, SHARE).fractions).sum(-1)
    return found


def test_no_combination_of_units_takes_less(choosing: Choosing) -> None:
    """All numbers of folds are tried, with every way to multiply, and every place of windows and weights.

    These parts of boards are so small that units which are not compared save 1.3 %, or that few combinations fit.
    """
    units, none, met, missed = Units(), np.zeros((1, len(RESOURCES))), 0, 0
    for capacity, interval in product(CAPACITIES, INTERVALS):
        wished = cycles(choosing, interval)
        counts = np.array(vector(capacity))
        room = np.where(counts > 0, SHARE * counts, np.inf)
        every = fractions(combinations(choosing.plan, units, np.array(wished), room), capacity)
        found = choosing.chooser.choose(choosing.plan, np.array([wished]), capacity, SHARE, none)
        if not len(every):
            assert not found.is_within[0]
            assert found.least[0] == np.inf
            continue
        if found.is_within[0]:
            met += 1
            taken = float(fractions(found.taken[0], capacity))
            assert float(found.least[0]) <= taken * (1 + 1e-9)
            assert taken == pytest.approx(every.min(), rel=0.015)
        else:
            missed += 1
    assert met >= 6
    assert missed <= 1


def test_many_wishes_at_once_get_what_each_gets_alone(choosing: Choosing) -> None:
    wished = np.array([cycles(choosing, interval) for interval in range(50, 3_000, 59)])
    rest = np.outer(np.arange(len(wished)) % 5, (100.0, 100.0, 0.0, 1.0, 0.0))
    capacity = CAPACITIES[0]
    together = choosing.chooser.choose(choosing.plan, wished, capacity, SHARE, rest)
    assert {True, False} == set(together.is_within.tolist())
    for n in range(len(wished)):
        alone = choosing.chooser.choose(choosing.plan, wished[n : n + 1], capacity, SHARE, rest[n : n + 1])
        assert alone[0] == together[n]
        assert alone.least[0] == pytest.approx(together.least[n], rel=1e-9)


def test_the_shortest_interval_of_a_board_is_found(choosing: Choosing) -> None:
    """Just below it, nothing is within the share."""
    none, busy = Resources(), (1.0, 1.0)
    small = Choosing(choosing._accelerator, {}, board_named("pynq-z2@1200"), keeps_buffers=False)
    found = small.shortest(busy, none, 10.0, 10_000.0)
    assert small.is_within(small.chosen(small.speed(found, busy), none), none)
    faster = [small.speed(found * factor, busy) for factor in (0.6, 0.8, 0.9, 0.95, 0.98)]
    assert not small.choices(faster, [none] * len(faster)).is_within.any()
