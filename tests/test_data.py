"""Data sets: fixed disjoint splits, the originals' known counts, and errors that say what to fetch."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hwcodesign.data import Dataset, Split
from hwcodesign.data.idx import fashion_mnist, mnist, read_idx
from hwcodesign.data.location import data_folder
from hwcodesign.errors import DataError
from hwcodesign.fixedpoint import FixedPoint

MNIST_TRAIN = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
MNIST_TEST = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def digests(data: Dataset) -> list[str]:
    return [split.digest()[:16] for split in (data.training, data.fitting, data.test)]


def test_the_digits_are_split_in_three_disjoint_parts_that_are_all_of_them(digits_data: Dataset) -> None:
    from sklearn.datasets import load_digits

    parts = (digits_data.training, digits_data.fitting, digits_data.test)
    assert [len(part) for part in parts] == [1000, 397, 400]
    rows = [
        (image.tobytes(), int(label)) for part in parts for image, label in zip(part.images, part.labels, strict=True)
    ]
    bunch = load_digits()
    originals = [
        (image.astype(np.uint8).tobytes(), int(label)) for image, label in zip(bunch.images, bunch.target, strict=True)
    ]
    assert sorted(rows) == sorted(originals)
    assert len(rows) == 1797
    assert len(set(rows)) == 1797  # no image twice, so that no two parts share one


def test_the_digits_are_codes_of_their_format(digits_data: Dataset) -> None:
    assert digits_data.input_format == FixedPoint(5, 1, signed=False)
    for part in (digits_data.training, digits_data.fitting, digits_data.test):
        assert part.images.shape[1:] == (1, 8, 8)
        assert part.images.dtype == np.uint8
        assert (part.images.min(), part.images.max()) == (0, 16)
        assert set(part.labels.tolist()) == set(range(10))


def test_the_split_of_the_digits_is_the_same_for_everyone(digits_data: Dataset) -> None:
    assert digests(digits_data) == ["d6ea0a44b7cff31a", "d6fcd422cf0ce3e1", "f5ccad1f9e5caf80"]


def test_a_split_refuses_labels_that_are_not_one_an_image() -> None:
    with pytest.raises(DataError, match="3 images but 2 labels"):
        Split(np.zeros((3, 1, 2, 2), np.uint8), np.zeros(2, np.int64))


def test_a_digest_tells_images_and_labels_apart() -> None:
    images, labels = np.zeros((2, 1, 2, 2), np.uint8), np.array([0, 1])
    other_image, other_label = images.copy(), np.array([0, 2])
    other_image[1, 0, 1, 1] = 1
    found = {Split(x, y).digest() for x in (images, other_image) for y in (labels, other_label)}
    assert len(found) == 4
    assert Split(images[:, :, ::-1], labels).digest() == Split(images, labels).digest()  # any memory order


@pytest.mark.parametrize(
    ("name", "load", "train", "test", "mean"),
    [
        ("mnist", mnist, MNIST_TRAIN, MNIST_TEST, 0.1307),
        ("fashion-mnist", fashion_mnist, [6000] * 10, [1000] * 10, 0.2860),
    ],
)
def test_the_originals_have_their_published_counts(
    name: str, load: Callable[[], Dataset], train: list[int], test: list[int], mean: float
) -> None:
    root = os.environ.get("HWCODESIGN_DATA")
    if not root or not (Path(root) / name).is_dir():
        pytest.skip(f"no original files of {name}: set HWCODESIGN_DATA to the folder above {name}/")
    data = load()
    assert data.name == name
    assert data.input_format == FixedPoint(8, 0, signed=False)
    assert [part.images.shape for part in (data.training, data.fitting, data.test)] == [
        (55000, 1, 28, 28), (5000, 1, 28, 28), (10000, 1, 28, 28)
    ]  # fmt: skip
    both = np.bincount(data.training.labels) + np.bincount(data.fitting.labels)
    assert both.tolist() == train
    assert np.bincount(data.test.labels).tolist() == test
    pixels = int(data.training.images.sum(dtype=np.int64)) + int(data.fitting.images.sum(dtype=np.int64))
    assert round(pixels / (60000 * 784 * 255), 4) == mean
    for part in (data.training, data.fitting, data.test):
        assert (part.images.dtype, part.images.min(), part.images.max()) == (np.uint8, 0, 255)


# --- the IDX format ---


def idx(array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def put(root: Path, name: str = "mnist", count: int = 6000, *, packed: bool = True) -> Path:
    """A small data set in the originals' format, different images each."""
    folder = root / name
    folder.mkdir(parents=True)
    for prefix, samples in (("train", count), ("t10k", 20)):
        images = np.zeros((samples, 4, 3), np.uint8)
        images.reshape(samples, -1)[:, :2] = np.stack([np.arange(samples) % 256, np.arange(samples) // 256], axis=1)
        labels = (np.arange(samples) % 10).astype(np.uint8)
        for stem, array in ((f"{prefix}-images-idx3-ubyte", images), (f"{prefix}-labels-idx1-ubyte", labels)):
            data = idx(array)
            (folder / (f"{stem}.gz" if packed else stem)).write_bytes(gzip.compress(data, 1) if packed else data)
    return folder


@pytest.mark.parametrize("packed", [True, False], ids=["gzipped", "plain"])
@pytest.mark.parametrize(("name", "load"), [("mnist", mnist), ("fashion-mnist", fashion_mnist)])
def test_a_set_is_read_and_its_last_5000_training_images_kept_for_fitting(
    name: str, load: Callable[[], Dataset], packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, name, packed=packed)
    monkeypatch.setenv("HWCODESIGN_DATA", str(tmp_path))
    data = load()
    numbers = [
        (part.images[:, 0, 0, 0].astype(int) + 256 * part.images[:, 0, 0, 1].astype(int)).tolist()
        for part in (data.training, data.fitting, data.test)
    ]
    assert numbers == [list(range(1000)), list(range(1000, 6000)), list(range(20))]
    assert data.fitting.labels.tolist() == [n % 10 for n in numbers[1]]
    assert data.training.images.shape[1:] == (1, 4, 3)


def test_without_the_variable_the_error_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HWCODESIGN_DATA", raising=False)
    message = r"mnist is not part of hwcodesign: put its original files into a folder mnist/ and set HWCODESIGN_DATA to"
    with pytest.raises(DataError, match=message):
        mnist()
    monkeypatch.setenv("HWCODESIGN_DATA", "")
    with pytest.raises(DataError, match=r"fashion-mnist is not part of hwcodesign: .* set HWCODESIGN_DATA"):
        fashion_mnist()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWCODESIGN_DATA", str(tmp_path))
    message = f"there is no data set at {tmp_path}/mnist, where HWCODESIGN_DATA={tmp_path} says it is"
    with pytest.raises(DataError, match=re.escape(message)):
        data_folder("mnist")
    (tmp_path / "mnist").write_text("a file")
    with pytest.raises(DataError, match=re.escape(message)):
        mnist()


@pytest.mark.parametrize(
    "lost", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
)
def test_a_file_that_is_not_there_is_named(lost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = put(tmp_path)
    monkeypatch.setenv("HWCODESIGN_DATA", str(tmp_path))
    (folder / f"{lost}.gz").unlink()
    with pytest.raises(
        DataError, match=re.escape(f"{folder}/{lost}.gz does not exist: put the data set's original files there")
    ):
        mnist()


IMAGES = np.random.default_rng(0).integers(0, 256, (50, 6, 5), np.uint8)
PACKED = gzip.compress(idx(IMAGES), mtime=0)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


@pytest.mark.parametrize(
    "data",
    [PACKED[:-1], PACKED[:-8], PACKED[: len(PACKED) // 2], PACKED[:5], b"not gzip at all", flipped(PACKED, -6),
     flipped(PACKED, 11), flipped(PACKED, len(PACKED) // 2), PACKED + b"more"],
    ids=["short", "no trailer", "half", "head", "no gzip", "checksum", "deflate head", "deflate body", "more"],
)  # fmt: skip
def test_a_gzip_file_that_is_damaged_is_refused_and_named(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(data)
    with pytest.raises(DataError, match=rf"{re.escape(str(path))} cannot be read \(.+\): download it again"):
        read_idx(path, 3)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(PACKED)
    (tmp_path / "x").write_bytes(idx(IMAGES))
    for path in (tmp_path / "x.gz", tmp_path / "x"):
        assert read_idx(path, 3).dtype == np.uint8
        assert read_idx(path, 3).tolist() == IMAGES.tolist()


GOOD = idx(IMAGES)


@pytest.mark.parametrize(
    "data",
    [b"", GOOD[:3], GOOD[:15], b"\x01" + GOOD[1:], GOOD[:2] + b"\x09" + GOOD[3:],
     GOOD[:3] + b"\x01" + GOOD[4:], b"P5 28 28" * 9],
    ids=["empty", "cut magic", "cut sizes", "first byte", "signed bytes", "other rank", "another format"],
)  # fmt: skip
def test_a_file_with_another_magic_number_is_refused_and_named(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(data)
    with pytest.raises(DataError, match=r"images is not an IDX file of rank 3 with unsigned bytes: download it again"):
        read_idx(tmp_path / "images", 3)


@pytest.mark.parametrize("change", [-1, 1, -30])
def test_a_file_with_more_or_fewer_values_than_its_head_says_is_refused(change: int, tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(GOOD[:change] if change < 0 else GOOD + b"\0" * change)
    message = rf"images has {1500 + change} values where its header says \[50, 6, 5\]: download it again"
    with pytest.raises(DataError, match=message):
        read_idx(tmp_path / "images", 3)


def test_sizes_beyond_any_memory_are_refused_without_overflow(tmp_path: Path) -> None:
    huge = (2**32 - 1).to_bytes(4, "big")
    (tmp_path / "images").write_bytes(bytes([0, 0, 8, 3]) + huge * 3)
    with pytest.raises(DataError, match="images has 0 values where its header says"):
        read_idx(tmp_path / "images", 3)
    zero_by_overflow = (2**31).to_bytes(4, "big") + (2**31).to_bytes(4, "big") + (4).to_bytes(4, "big")
    (tmp_path / "images").write_bytes(bytes([0, 0, 8, 3]) + zero_by_overflow)
    with pytest.raises(DataError, match="images has 0 values where its header says"):
        read_idx(tmp_path / "images", 3)


def test_more_labels_than_images_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = put(tmp_path)
    monkeypatch.setenv("HWCODESIGN_DATA", str(tmp_path))
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.zeros(21, np.uint8))))
    with pytest.raises(DataError, match="20 images but 21 labels"):
        mnist()


def test_a_set_too_small_to_split_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, count=5000)
    monkeypatch.setenv("HWCODESIGN_DATA", str(tmp_path))
    with pytest.raises(DataError, match="mnist has 5000 training images, of which 5000 are kept for fitting"):
        mnist()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0.5, 1.0]), r"labels \(2,\) of float64: give one integer for each image"),
        (np.array([[0], [1]]), r"labels \(2, 1\) of int64: give one integer for each image"),
        (np.array([True, False]), r"labels \(2,\) of bool: give one integer for each image"),
        (np.array([0, -1]), "label -1 is negative: classes are numbered from 0"),
    ],
)
def test_labels_that_are_no_classes_are_refused(labels: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Split(np.zeros((2, 1, 2, 2), np.uint8), labels)
