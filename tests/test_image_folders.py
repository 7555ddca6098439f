"""Images by class: folders and zips give the same codes, splits are fixed, and each fault names its file."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hwcodesign.data import Dataset, Split
from hwcodesign.data.cifar import cifar10_jpeg
from hwcodesign.data.image_folders import image_folders
from hwcodesign.data.splitting import fitting_kept, shuffled
from hwcodesign.errors import DataError
from hwcodesign.fixedpoint import FixedPoint
from tests.marks import CAMPAIGN


def png(value: int, size: tuple[int, int] = (4, 3), mode: str = "RGB") -> bytes:
    """An image of one colour, (value, value + 1, value + 2)."""
    stream = io.BytesIO()
    Image.new(mode, size, value if mode == "L" else (value, value + 1, value + 2)).save(stream, "PNG")
    return stream.getvalue()


def members() -> dict[str, bytes]:
    """Six cats and three dogs for training, one of each for the test; no image twice."""
    cats = {f"train/cat/{i}.png": png(10 + i) for i in range(6)}
    dogs = {f"train/dog/{i}.PNG": png(100 + i) for i in range(3)}
    return cats | dogs | {"test/cat/0.png": png(50), "test/dog/0.png": png(150), "train/cat/notes.txt": b"no image"}


def folder_of(path: Path, files: dict[str, bytes]) -> Path:
    for member, data in files.items():
        (path / member).parent.mkdir(parents=True, exist_ok=True)
        (path / member).write_bytes(data)
    return path


def zip_of(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in files.items():
            archive.writestr(member, data)
    return path


Made = Callable[[dict[str, bytes]], Path]


@pytest.fixture(params=["folder", "zip"])
def put(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    """Puts files into a folder, or into a zip."""
    if request.param == "folder":
        return lambda files: folder_of(tmp_path / "pets", files)
    return lambda files: zip_of(tmp_path / "pets.zip", files)


def colours(split: Split) -> list[tuple[int, int]]:
    return [(int(image[0, 0, 0]), int(label)) for image, label in zip(split.images, split.labels, strict=True)]


def test_images_are_codes_and_classes_are_numbered_by_name(put: Made) -> None:
    data = image_folders(put(members()), "pets", fitting=3)
    assert (data.name, data.input_format) == ("pets", FixedPoint(8, 0, signed=False))
    assert data.training.images.shape == (6, 3, 3, 4)  # three rows of four pixels
    assert data.training.images.dtype == np.uint8
    for split in (data.training, data.fitting, data.test):
        for image in split.images:
            red = int(image[0, 0, 0])
            assert image.tolist() == [[[red + channel] * 4] * 3 for channel in range(3)]
    everything = sorted(colours(data.training) + colours(data.fitting))
    assert everything == [(10 + i, 0) for i in range(6)] + [(100 + i, 1) for i in range(3)]
    assert sorted(colours(data.test)) == [(50, 0), (150, 1)]


def test_a_folder_and_a_zip_of_it_are_the_same_data_set(tmp_path: Path) -> None:
    found = [
        image_folders(path, "pets", fitting=3)
        for path in (folder_of(tmp_path / "pets", members()), zip_of(tmp_path / "pets.zip", members()))
    ]
    assert digests(found[0]) == digests(found[1])


def digests(data: Dataset) -> list[str]:
    return [split.digest() for split in (data.training, data.fitting, data.test)]


def test_the_fitting_split_has_the_same_share_of_each_class(put: Made) -> None:
    data = image_folders(put(members()), "pets", fitting=3)
    assert np.bincount(data.fitting.labels).tolist() == [2, 1]
    assert np.bincount(data.training.labels).tolist() == [4, 2]


def test_the_seed_chooses_the_split(put: Made) -> None:
    path = put(members())
    assert digests(image_folders(path, "pets", fitting=3)) == digests(image_folders(path, "pets", fitting=3))
    assert digests(image_folders(path, "pets", fitting=3)) != digests(image_folders(path, "pets", fitting=3, seed=7))


def test_samples_are_in_a_random_order_so_that_the_first_are_of_all_classes() -> None:
    labels = np.repeat(np.arange(4), 50)
    split = Split(labels.reshape(-1, 1).astype(np.uint8), labels)
    mixed = shuffled(split)
    assert set(mixed.take(20).labels.tolist()) == {0, 1, 2, 3}
    assert mixed.images[:, 0].tolist() == mixed.labels.tolist()
    for part in fitting_kept(split, 100, "sorted"):
        assert np.bincount(part.labels).tolist() == [25] * 4
        assert set(part.take(20).labels.tolist()) == {0, 1, 2, 3}


def test_grey_images_have_one_channel(put: Made) -> None:
    files = {
        f"{part}/{name}/0.png": png(shade, mode="L") for part, name, shade in [("train", "a", 7), ("test", "a", 9)]
    }
    data = image_folders(put(files | {"train/b/0.png": png(8, mode="L")}), "greys", fitting=1, channels=1)
    assert data.test.images.tolist() == [[[[9] * 4] * 3]]


def test_other_names_of_the_two_folders_can_be_given(put: Made) -> None:
    files = {
        f"pets-1.0/{member.replace('train', 'seen').replace('test', 'unseen')}": data
        for member, data in members().items()
    }
    data = image_folders(put(files), "pets", fitting=3, training="pets-1.0/seen", test="pets-1.0/unseen")
    assert len(data.training) == 6


def test_what_was_decoded_is_read_from_the_cache(put: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(members())
    first = image_folders(path, "pets", fitting=3)

    def decoded_again(*_: Any) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(Image, "open", decoded_again)
    assert digests(image_folders(path, "pets", fitting=3)) == digests(first)
    with pytest.raises(AssertionError, match="decoded again"):
        image_folders(path, "pets", fitting=3, channels=1)


def test_a_changed_image_is_decoded_again(put: Made) -> None:
    path = put(members())
    image_folders(path, "pets", fitting=3)
    put(members() | {"test/dog/0.png": png(151)})
    assert sorted(colours(image_folders(path, "pets", fitting=3).test)) == [(50, 0), (151, 1)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train/dog/1.PNG": png(1)[:45]}, "train/dog/1.PNG cannot be decoded"),
        ({"test/cat/0.png": b"GIF"}, "test/cat/0.png cannot be decoded"),
        ({"train/dog/1.PNG": png(1, (4, 4))}, "train/dog/1.PNG has 4x4 pixels, and train/cat/0.png 3x4: scale"),
        ({"test/cow/0.png": png(1)}, "class 'cow' of test/ is not known.*Known: cat, dog of train/"),
    ],
)
def test_a_wrong_image_is_named(put: Made, change: dict[str, bytes], message: str) -> None:
    path = put(members() | change)
    with pytest.raises(DataError, match=f"{re.escape(str(path))}: .*{message}"):
        image_folders(path, "pets", fitting=3)


def test_a_wrong_image_is_still_wrong_the_next_time(put: Made) -> None:
    path = put(members() | {"test/cat/0.png": b"GIF"})
    for _ in range(2):
        with pytest.raises(DataError, match="cannot be decoded"):
            image_folders(path, "pets", fitting=3)


def test_what_is_missing_names_the_place_where_it_is_expected(tmp_path: Path) -> None:
    path = tmp_path / "pets"
    with pytest.raises(DataError, match=rf"{path} does not exist: put the images of pets there, in train/<class>/"):
        image_folders(path, "pets", fitting=3)


def test_a_missing_folder_says_what_lies_there_instead(put: Made) -> None:
    path = put({"pets/" + member: data for member, data in members().items()})
    with pytest.raises(DataError, match=r"has no images in train/<class>/; at its top: pets"):
        image_folders(path, "pets", fitting=3)


def test_a_truncated_zip_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "pets.zip", members())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"pets.zip is neither a folder nor a whole zip file .*: download it again"):
        image_folders(path, "pets", fitting=3)


def test_a_zip_with_a_damaged_image_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "pets.zip", members() | {"train/cat/0.png": png(99)})  # which no other test has decoded
    data = bytearray(path.read_bytes())
    data[data.index(b"PNG") + 20] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"train/cat/0.png cannot be decoded \(Bad CRC"):
        image_folders(path, "pets", fitting=3)


@pytest.mark.parametrize("fitting", [0, 9, 10])
def test_as_many_images_for_fitting_as_there_are_leave_none_for_training(put: Made, fitting: int) -> None:
    with pytest.raises(DataError, match=f"pets has 9 training samples, of which {fitting} cannot be kept for fitting"):
        image_folders(put(members()), "pets", fitting=fitting)


def test_other_numbers_of_channels_are_refused(put: Made) -> None:
    with pytest.raises(DataError, match="channels=4: give 3 for images in colour, or 1 for grey ones"):
        image_folders(put(members()), "pets", fitting=3, channels=4)


@CAMPAIGN
def test_cifar_10_as_jpeg_says_so_in_its_name() -> None:
    root = os.environ.get("HWCODESIGN_DATA")
    if not root or not (Path(root) / "cifar-10-jpeg").is_dir():
        pytest.skip("no cifar-10-jpeg: set HWCODESIGN_DATA to the folder above cifar-10-jpeg/")
    data = cifar10_jpeg()
    assert data.name == "CIFAR-10 (JPEG)"
    for split, each in ((data.training, 4500), (data.fitting, 500), (data.test, 1000)):
        assert split.images.shape == (10 * each, 3, 32, 32)
        assert np.bincount(split.labels).tolist() == [each] * 10
