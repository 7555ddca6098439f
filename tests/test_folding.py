"""Reuse factors become foldings, and ROM images hold each weight where the fold order reads it."""

from __future__ import annotations

import numpy as np
import pytest

from hwcodesign.errors import FormatError
from hwcodesign.hardware.folding import Folding, fold, rom_words
from hwcodesign.hardware.multipliers import CONSTANT, DSP, LUT


def _replay(words: tuple[int, ...], folding: Folding, width: int, vectors: np.ndarray, outputs: int) -> np.ndarray:
    """What mac_array sums up: vectors (N, inputs) in the fold order, weights from the words."""
    sums = np.zeros((len(vectors), outputs), np.int64)
    position = 0
    for start in range(0, vectors.shape[1], folding.simd):
        for group in range(0, outputs, folding.pe):
            for pe in range(folding.pe):
                for simd in range(folding.simd):
                    field = words[position] >> ((pe * folding.simd + simd) * width) & ((1 << width) - 1)
                    weight = field - (1 << width) if field >> (width - 1) else field
                    sums[:, group + pe] += vectors[:, start + simd] * weight
            position += 1
    assert position == len(words) == folding.folds
    return sums


@pytest.mark.parametrize("seed", range(30))
def test_replaying_the_words_gives_the_matrix_product(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lanes, beats, outputs = rng.integers(1, 13), rng.integers(1, 5), rng.integers(1, 13)
    width = int(rng.integers(1, 9))
    folding = fold(int(lanes), int(beats), int(outputs), int(rng.integers(1, 200)))
    weights = rng.integers(-(1 << (width - 1)), 1 << (width - 1), (lanes * beats, outputs))
    vectors = rng.integers(-100, 100, (3, lanes * beats))
    replayed = _replay(rom_words(weights, folding, width), folding, width, vectors, int(outputs))
    assert np.array_equal(replayed, vectors @ weights)


@pytest.mark.parametrize("seed", range(30))
def test_no_folding_is_nearer_to_the_reuse_factor(seed: int) -> None:
    rng = np.random.default_rng(seed)
    taps, channels, beats, multiplier = (int(n) for n in rng.integers(1, 10, 4))
    outputs, reuse = channels * multiplier, int(rng.integers(1, 3 * taps * beats * channels * multiplier + 1))
    folding = fold(taps * channels, beats, outputs, reuse, groups=channels)
    assert taps % folding.simd == 0
    assert outputs % folding.pe == 0
    assert folding.folds == beats * (taps // folding.simd) * (outputs // folding.pe)
    possible = [
        (beats * (taps // simd) * (outputs // pe), pe)
        for simd in range(1, taps + 1)
        for pe in range(1, outputs + 1)
        if taps % simd == 0 and outputs % pe == 0
    ]
    distance = abs(folding.folds - reuse)
    for folds, pe in possible:
        assert abs(folds - reuse) >= distance
        if abs(folds - reuse) == distance:
            assert folds >= folding.folds
            assert folds > folding.folds or pe <= folding.pe


def test_inputs_are_folded_before_outputs() -> None:
    assert fold(45, 1, 10, 5) == Folding(9, 10, 5)
    assert fold(10, 64, 10, 640) == Folding(1, 10, 640)
    assert fold(10, 64, 10, 1) == Folding(10, 10, 64)  # each beat takes a cycle
    assert fold(4, 1, 6, 12) == Folding(1, 2, 12)
    assert fold(9 * 8, 1, 16, 9, groups=8) == Folding(1, 16, 9)
    assert fold(4, 1, 1, 3) == Folding(2, 1, 2)  # 2 and 4 are as near


def test_depth_grows_with_the_adder_tree() -> None:
    assert [Folding(simd, 1, 1).depth(4, LUT) for simd in (1, 2, 3, 4, 5)] == [5, 6, 7, 7, 8]
    assert [Folding(simd, 1, 1).depth(4, DSP) for simd in (1, 2, 3, 4, 5)] == [5, 6, 7, 7, 8]
    assert [Folding(simd, 1, 1).depth(4, CONSTANT) for simd in (1, 2, 3)] == [4, 5, 6]
    assert Folding(1, 1, 1).depth(2, CONSTANT) == 3


def test_words_are_twos_complement_fields() -> None:
    weights = np.array([[1, -1], [-8, 7]])
    assert rom_words(weights, Folding(2, 1, 2), 4) == (0x81, 0x7F)
    assert rom_words(weights, Folding(1, 2, 2), 4) == (0xF1, 0x78)
    assert rom_words(weights, Folding(2, 2, 1), 4) == (0x7F81,)


def test_a_weight_too_wide_is_refused() -> None:
    with pytest.raises(FormatError, match="weight code 8 does not fit 4 bits"):
        rom_words(np.array([[8.0]]), Folding(1, 1, 1), 4)
