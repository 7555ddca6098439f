"""Augmentation: each image at a place of its own, by the seed; and a network that learns from such images resumes."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

import torch
from torch import Tensor, nn
from torch.nn import functional

import hwcodesign as hw
from hwcodesign.data import Dataset, Split
from hwcodesign.errors import SettingsError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.training import TrainingSettings, train
from hwcodesign.training.augmentation import cropped, shifted
from tests.test_training import SHORT, Build, KillAt, Killed, state_bytes

AUGMENTED = dataclasses.replace(SHORT, shift=0, crop=1, flip=True)


def numbered(count: int) -> Tensor:
    """The same image of 2 channels and 4x5 pixels `count` times; each of its values is there once, and none is 0."""
    return torch.arange(1.0, 41.0).reshape(1, 2, 4, 5).repeat(count, 1, 1, 1)


def places(image: Tensor, margin: int) -> list[tuple[int, int, bool]]:
    """Where a crop of the numbered image may come from, and whether it is mirrored."""
    whole = functional.pad(numbered(1)[0], (margin,) * 4)
    crops = {
        (top, left): whole[:, top : top + 4, left : left + 5]
        for top, left in itertools.product(range(2 * margin + 1), repeat=2)
    }
    return [(*place, False) for place, part in crops.items() if torch.equal(image, part)] + [
        (*place, True) for place, part in crops.items() if torch.equal(image, part.flip(2))
    ]


def test_each_image_is_cropped_at_a_place_of_its_own_and_half_of_them_are_mirrored() -> None:
    torch.manual_seed(1)
    found = [places(image, 2) for image in cropped(numbered(800), 2, flip=True)]
    assert {len(where) for where in found} == {1}
    assert {where for [where] in found} == set(itertools.product(range(5), range(5), (False, True)))
    assert 350 < sum(mirrored for [(_, _, mirrored)] in found) < 450


def test_crops_alone_mirror_nothing_and_mirroring_alone_moves_nothing() -> None:
    torch.manual_seed(1)
    crops = {where for image in cropped(numbered(200), 1, flip=False) for where in places(image, 1)}
    assert crops == set(itertools.product(range(3), range(3), (False,)))
    mirrored = {where for image in cropped(numbered(20), 0, flip=True) for where in places(image, 0)}
    assert mirrored == {(0, 0, False), (0, 0, True)}


def test_without_augmentation_images_are_as_they_came() -> None:
    images = numbered(3)
    assert cropped(images, 0, flip=False) is images
    assert shifted(images, 0) is images


def test_a_shift_moves_all_images_of_a_batch_alike() -> None:
    torch.manual_seed(1)
    for _ in range(20):
        assert len({tuple(places(image, 2)) for image in shifted(numbered(5), 2)}) == 1


def test_the_seed_decides_and_a_killed_run_resumes_to_the_bit(
    small_network: Build, digits_data: Dataset, tmp_path: Path
) -> None:
    unbroken, killed, resumed, other = (small_network(seed) for seed in (1, 1, 77, 1))
    train(unbroken, digits_data, AUGMENTED)
    with pytest.raises(Killed):
        train(killed, digits_data, AUGMENTED, checkpoint=tmp_path, observer=KillAt(1, 2))
    train(resumed, digits_data, AUGMENTED, checkpoint=tmp_path)
    assert state_bytes(resumed) == state_bytes(unbroken)
    train(other, digits_data, dataclasses.replace(AUGMENTED, flip=False))
    assert state_bytes(other) != state_bytes(unbroken)


def test_what_is_no_image_cannot_be_moved() -> None:
    vectors = Split(np.zeros((20, 6), np.uint8), np.arange(20) % 2)
    data = Dataset("vectors", FixedPoint(8, 0, signed=False), vectors, vectors, vectors)
    network = hw.FloatNetwork(
        [nn.Linear(6, 4), nn.Linear(4, 4)], [nn.Linear(4, 2), nn.Linear(4, 2)], data.input_format, (6,)
    )
    for moved in ({"shift": 1}, {"crop": 1}, {"flip": True}):
        with pytest.raises(SettingsError, match=r"shift, crop and flip move images .* vectors has samples \(6,\)"):
            train(network, data, TrainingSettings(batch_size=10, **moved))  # type: ignore[arg-type]
