"""Weights with a scale for each output are multiplied without the zeros at their end."""

from __future__ import annotations

import numpy as np
import pytest

from hwcodesign.hardware.weights import narrowed, weight_width


def test_outputs_are_shifted_by_what_the_widest_one_asks_for() -> None:
    weights = np.array([[3, 12, -8, 0, 2], [-7, -28, 4, 0, 6]])
    narrow = narrowed(weights)
    assert narrow.shifts == (0, 2, 0, 0, 0)
    assert narrow.weights.tolist() == [[3, 3, -8, 0, 2], [-7, -7, 4, 0, 6]]
    assert weight_width(narrow.weights) == 4


@pytest.mark.parametrize("seed", range(20))
def test_shifted_back_they_are_the_weights_and_none_is_wider_than_must_be(seed: int) -> None:
    rng = np.random.default_rng(seed)
    inputs, outputs = rng.integers(1, 9), rng.integers(1, 9)
    weights = rng.integers(-60, 61, (inputs, outputs)) << rng.integers(0, 6, outputs)
    narrow = narrowed(weights)
    assert np.array_equal(narrow.weights << np.array(narrow.shifts), weights)
    alone = [column[column != 0] for column in weights.T]
    odd = [column // np.gcd.reduce(column & -column) if len(column) else np.zeros(1, int) for column in alone]
    assert weight_width(narrow.weights) == max(weight_width(column) for column in odd)


def test_weights_of_one_scale_stay() -> None:
    weights = np.array([[3, 1], [-4, 7]])
    narrow = narrowed(weights)
    assert narrow.shifts == (0, 0)
    assert np.array_equal(narrow.weights, weights)
