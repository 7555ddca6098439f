"""Readers of standard formats: small files that are written here come back as codes, and each fault is named."""

from __future__ import annotations

import builtins
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwcodesign.data.cifar import cifar10, cifar100, read_batch
from hwcodesign.data.numpy_files import npz
from hwcodesign.data.random_inputs import random_inputs
from hwcodesign.data.tables import tables
from hwcodesign.data.time_series import japanese_vowels, read_ts
from hwcodesign.errors import DataError, MissingExtraError
from hwcodesign.fixedpoint import FixedPoint

PIXELS = FixedPoint(8, 0, signed=False)
#: -8 to 7.75 in quarters.
QUARTERS = FixedPoint(6, 4, signed=True)
Bytes = np.ndarray[Any, np.dtype[np.uint8]]


# --- CIFAR's binary version ---


def records(count: int, classes: int, labels: int = 1) -> Bytes:
    """Records whose image i has i, i + 1, i + 2 in its first red, green and blue pixel."""
    found = np.zeros((count, labels + 3072), np.uint8)
    found[:, labels - 1] = np.arange(count) % classes
    found[:, [labels, labels + 1024, labels + 2048]] = (np.arange(count)[:, None] + np.arange(3)) % 256
    return found


def put_cifar10(root: Path, monkeypatch: pytest.MonkeyPatch, count: int = 1200) -> Path:
    folder = root / "cifar-10-batches-bin"
    folder.mkdir()
    for name in (*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"):
        records(count if "data" in name else 20, 10).tofile(folder / name)
    monkeypatch.setenv("HWCODESIGN_DATA", str(root))
    return folder


def test_a_batch_is_labels_and_colours_of_images(tmp_path: Path) -> None:
    records(12, 10).tofile(tmp_path / "batch.bin")
    split = read_batch(tmp_path / "batch.bin", classes=10)
    assert split.images.shape == (12, 3, 32, 32)
    assert split.labels.tolist() == [*range(10), 0, 1]
    assert split.images[:, :, 0, 0].tolist() == [[i, i + 1, i + 2] for i in range(12)]
    assert split.images.sum() == sum(3 * i + 3 for i in range(12))


def test_cifar_10_keeps_5000_of_its_training_images_for_fitting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_cifar10(tmp_path, monkeypatch)
    data = cifar10()
    assert (data.name, data.input_format) == ("CIFAR-10", PIXELS)
    assert [len(split) for split in (data.training, data.fitting, data.test)] == [1000, 5000, 20]
    assert np.bincount(data.fitting.labels).tolist() == [500] * 10
    assert data.test.labels.tolist() == [*range(10)] * 2


def test_cifar_100_has_the_fine_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cifar-100-binary"
    folder.mkdir()
    for name, count in (("train.bin", 5100), ("test.bin", 200)):
        records(count, 100, labels=2).tofile(folder / name)
    monkeypatch.setenv("HWCODESIGN_DATA", str(tmp_path))
    data = cifar100()
    assert (data.name, len(data.training)) == ("CIFAR-100", 100)
    assert data.test.labels.tolist() == [*range(100)] * 2
    assert data.test.images[7, :, 0, 0].tolist() == [7, 8, 9]


def test_a_missing_batch_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = put_cifar10(tmp_path, monkeypatch) / "data_batch_3.bin"
    missing.unlink()
    with pytest.raises(DataError, match=f"{missing} does not exist: put the binary version's original files there"):
        cifar10()


@pytest.mark.parametrize("size", [0, 3072, 3074, 2 * 3073 - 1])
def test_a_truncated_batch_is_refused(tmp_path: Path, size: int) -> None:
    np.zeros(size, np.uint8).tofile(tmp_path / "batch.bin")
    with pytest.raises(DataError, match=rf"batch.bin has {size} bytes, not records of 3073 each: download it again"):
        read_batch(tmp_path / "batch.bin", classes=10)


def test_a_label_that_is_no_class_is_named(tmp_path: Path) -> None:
    wrong = records(5, 10)
    wrong[3, 0] = 10
    wrong.tofile(tmp_path / "batch.bin")
    with pytest.raises(DataError, match=r"batch.bin has label 10 at image 3, and classes are 0 to 9"):
        read_batch(tmp_path / "batch.bin", classes=10)


# --- .npz ---


def arrays(**changed: Any) -> dict[str, Any]:
    images = np.arange(10 * 2 * 3 * 4, dtype=np.uint8).reshape(10, 2, 3, 4)
    whole = {"x_train": images, "y_train": np.arange(10) % 2, "x_test": images[:4], "y_test": np.arange(4) % 2}
    return {key: value for key, value in (whole | changed).items() if value is not None}


def npz_of(folder: Path, **changed: Any) -> Path:
    np.savez(folder / "file.npz", **arrays(**changed))
    return folder / "file.npz"


def test_arrays_with_channels_last_are_read_with_channels_first(tmp_path: Path) -> None:
    data = npz(npz_of(tmp_path), "arrays", PIXELS, fitting=4)
    assert data.test.images.tolist() == arrays()["x_test"].transpose(0, 3, 1, 2).tolist()
    assert data.test.images.dtype == np.uint8
    assert data.test.labels.tolist() == [0, 1, 0, 1]
    assert np.bincount(data.fitting.labels).tolist() == [2, 2]
    assert len(data.training) == 6


@pytest.mark.parametrize(
    ("axes", "shape", "expected"),
    [
        ("NCHW", (4, 2, 3, 5), (2, 3, 5)),
        ("NHWC", (4, 3, 5, 2), (2, 3, 5)),
        ("NHW", (4, 3, 5), (1, 3, 5)),
        ("NLC", (4, 5, 2), (2, 5)),
        ("NCL", (4, 2, 5), (2, 5)),
        ("NF", (4, 7), (7,)),
    ],
)
def test_axes_may_be_in_any_usual_order(
    tmp_path: Path, axes: str, shape: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    samples = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    path = npz_of(tmp_path, x_train=samples, y_train=np.arange(4) % 2, x_test=samples, y_test=np.arange(4) % 2)
    data = npz(path, "arrays", PIXELS, fitting=2, axes=axes)
    assert data.test.images.shape[1:] == data.training.images.shape[1:] == expected
    assert sorted(data.test.images.ravel().tolist()) == list(range(samples.size))


def test_floats_are_values_and_labels_may_have_an_axis_of_one(tmp_path: Path) -> None:
    values = np.array([[-8, 0.1], [7.75, 0.375], [0, 0.13], [1, 2]])
    labels = np.array([[0], [1], [0], [1]], np.uint8)
    path = npz_of(tmp_path, x_train=values, y_train=labels, x_test=values, y_test=labels)
    data = npz(path, "arrays", QUARTERS, fitting=2, axes="NF")
    assert data.test.images.tolist() == [[-32, 0], [31, 2], [0, 1], [4, 8]]
    assert data.test.labels.tolist() == [0, 1, 0, 1]


def test_a_file_may_have_a_split_for_fitting(tmp_path: Path) -> None:
    path = npz_of(tmp_path, x_val=arrays()["x_train"][4:6], y_val=np.array([1, 1]))
    data = npz(path, "arrays", PIXELS, fitting=("x_val", "y_val"))
    assert [len(split) for split in (data.training, data.fitting, data.test)] == [10, 2, 4]
    assert data.fitting.labels.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"y_test": None}, "array 'y_test' is not known: did you mean 'x_test'"),
        ({"y_train": np.arange(9)}, "x_train, y_train: 10 images but 9 labels"),
        ({"y_train": np.arange(10) - 1}, "x_train, y_train: label -1 is negative"),
        ({"y_train": np.arange(10) * 0.5}, r"x_train, y_train: labels \(10,\) of float64"),
        ({"x_train": np.zeros((10, 3, 4), np.uint8)}, r"x_train has shape \(10, 3, 4\), and axes='NHWC' has 4 axes"),
        ({"x_test": np.full((4, 2, 3, 4), 256)}, r"x_test, y_test: code 256 at index \(0, 0, 0, 0\) does not fit"),
        ({"x_test": np.full((4, 2, 3, 4), 1.5)}, r"x_test, y_test: value 1.5 at index \(0, 0, 0, 0\) does not fit"),
        ({"x_test": np.zeros((4, 2, 3, 3), np.uint8)}, r"samples \(3, 2, 3\) of .*x_test.* differ .*\(4, 2, 3\)"),
        ({"y_test": np.array(list("abcd"))}, "array 'y_test' is of type"),
    ],
)
def test_wrong_arrays_are_named(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=f"file.npz: .*{message}"):
        npz(npz_of(tmp_path, **changed), "arrays", PIXELS, fitting=4)


def test_a_missing_or_damaged_npz_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"other.npz does not exist: put the file of arrays there"):
        npz(tmp_path / "other.npz", "arrays", PIXELS, fitting=4)
    path = npz_of(tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(
        DataError, match=r"file.npz: it is not a file of arrays: its end is not that of a file that NumPy wrote"
    ):
        npz(path, "arrays", PIXELS, fitting=4)
    with pytest.raises(DataError, match="axes='HWC' is not known: did you mean 'NHWC'"):
        npz(path, "arrays", PIXELS, fitting=4, axes="HWC")


# --- tables ---

ROWS = ["mass,kind,spin", "1.5,top,-2", "0.13,W,7.75", "-8,top,0", "2,W,1", "3,top,1"]


def csv_of(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join(rows) + "\n")
    return path


def parquet_of(path: Path, rows: list[str]) -> Path:
    from pyarrow import csv, parquet

    parquet.write_table(csv.read_csv(csv_of(path.with_suffix(".source"), rows)), path)
    return path


Put = Callable[[Path, list[str]], Path]


@pytest.fixture(params=[csv_of, parquet_of])
def put(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """Writes two tables, as CSV or as Parquet."""
    ending = ".csv" if request.param is csv_of else ".parquet"

    def both(rows: list[str] = ROWS, test: list[str] = ROWS[:3]) -> tuple[Path, Path]:
        return request.param(tmp_path / f"train{ending}", rows), request.param(tmp_path / f"test{ending}", test)

    return both


def test_rows_are_vectors_of_codes_and_words_are_classes(put: Callable[..., tuple[Path, Path]]) -> None:
    data = tables(*put(), "jets", QUARTERS, label="kind", fitting=2)
    assert sorted(zip(data.test.images.tolist(), data.test.labels.tolist(), strict=True)) == [
        ([1, 31], 0),
        ([6, -8], 1),
    ]
    everything = [*data.training.images.tolist(), *data.fitting.images.tolist()]
    assert sorted(everything) == [[-32, 0], [1, 31], [6, -8], [8, 4], [12, 4]]
    assert np.bincount(data.fitting.labels).tolist() == [1, 1]


def test_classes_that_are_numbers_are_in_their_order(put: Callable[..., tuple[Path, Path]]) -> None:
    rows = ["a,label", *(f"{i % 8},{label}" for i, label in enumerate([10, 9, 2, 10, 9, 2]))]
    data = tables(*put(rows, rows), "numbers", QUARTERS, label="label", fitting=3)
    found = dict(zip((data.test.images[:, 0] // 4).tolist(), data.test.labels.tolist(), strict=True))
    assert found == {0: 2, 1: 1, 2: 0, 3: 2, 4: 1, 5: 0}


@pytest.mark.parametrize(
    ("rows", "test", "message"),
    [
        (ROWS, [ROWS[0], "1,Z,2"], "test.*: class 'Z' is not known. Known: W, top"),
        ([*ROWS, "heavy,top,1"], ROWS[:3], "train.*: 'mass' is 'heavy' at sample 5, and must be a number"),
        ([*ROWS, "1,top,8"], ROWS[:3], r"train.*: 'spin' is 8.* at sample 5, and fixed<6,4.* holds -8 to 7.75: scale"),
        ([*ROWS, "nan,top,1"], ROWS[:3], "train.*: 'mass' is (nan|None) at sample 5"),
        (["mass,sort", "1,top"], ROWS[:3], "train.*: column 'kind' is not known. Known: mass, sort"),
        (ROWS, ["mass,kind", "1,W"], "test.* have other columns: 'spin' is only in one of them"),
        (ROWS, ROWS[:1], "test.* has no rows"),
    ],
)
def test_wrong_tables_are_named(
    put: Callable[..., tuple[Path, Path]], rows: list[str], test: list[str], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        tables(*put(rows, test), "jets", QUARTERS, label="kind", fitting=2)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*ROWS, "1,top"], "train.csv, row 7: 2 values for 3 columns"),
        (["mass,kind,mass", "1,a,1"], "train.csv: two columns have the same name in its first line: mass, kind, mass"),
        ([*ROWS, '1,"top,2'], "train.csv cannot be read as CSV: unexpected end of data"),
    ],
)
def test_wrong_csv_is_named(tmp_path: Path, rows: list[str], message: str) -> None:
    path = csv_of(tmp_path / "train.csv", rows)
    with pytest.raises(DataError, match=message):
        tables(path, path, "jets", QUARTERS, label="kind", fitting=2)


def test_files_that_are_missing_damaged_or_of_another_kind_are_refused(tmp_path: Path) -> None:
    for file, content, message in (
        ("no.csv", None, "no.csv does not exist: put the table there"),
        ("a.xlsx", b"", "a.xlsx is neither a .csv nor a .parquet file"),
        ("a.parquet", b"PAR1", "a.parquet cannot be read as Parquet"),
        ("a.csv", b"\xff\xfe", "a.csv cannot be read as CSV"),
    ):
        if content is not None:
            (tmp_path / file).write_bytes(content)
        with pytest.raises(DataError, match=message):
            tables(tmp_path / file, tmp_path / file, "jets", QUARTERS, label="kind", fitting=2)


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parquet_of(tmp_path / "a.parquet", ROWS)
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'hwcodesign\[tables\]', or write the table as .csv"):
        tables(path, path, "jets", QUARTERS, label="kind", fitting=2)


# --- sequences ---

TS = """#A comment
@problemName vowels
@classLabel true a b
@data

1,2,-0.5:0,0.1,0.25:b
-8:7.75:a
"""


def test_sequences_are_filled_up_with_zeros() -> None:
    split = read_ts(TS, "vowels.ts", QUARTERS, length=4)
    assert split.images.tolist() == [[[4, 8, -2, 0], [0, 0, 1, 0]], [[-32, 0, 0, 0], [31, 0, 0, 0]]]
    assert split.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (":b", ":c", "line 6: 2 channels of class 'c', and there must be 2 of one of a, b"),
        ("-8:7.75:a", "-8:a", "line 7: 1 channels of class 'a', and there must be 2"),
        ("-8:7.75:a", "-8,1:7:a", "line 7: channels have 2, 1 values: each must have the same number, at most 4"),
        ("-8:7.75:a", "1,1,1,1,1:1,1,1,1,1:a", "line 7: channels have 5, 5 values: .* at most 4"),
        ("-8:", "?:", "line 7: could not convert string to float"),
        ("-8:", "8:", "line 7: value 8.0 at index .* does not fit"),
        ("@classLabel true a b", "@classLabel false", "has no line '@classLabel true"),
        (TS[TS.index("1,2") :], "", "has no sequences"),
    ],
)
def test_wrong_sequences_are_named(before: str, after: str, message: str) -> None:
    assert before in TS
    with pytest.raises(DataError, match=f"vowels.ts.*{message}"):
        read_ts(TS.replace(before, after), "vowels.ts", QUARTERS, length=4)


def vowels(count: int) -> str:
    rows = "".join(f"{':'.join([f'{i / 64},1'] * 12)}:{i % 9 + 1}\n" for i in range(count))
    return "@classLabel true 1 2 3 4 5 6 7 8 9\n@data\n" + rows


@pytest.mark.parametrize("packed", [True, False])
def test_japanese_vowels_are_read_from_their_files_or_a_wheel(
    packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "japanese-vowels"
    folder.mkdir()
    files = {f"JapaneseVowels_{part}.ts": vowels(count) for part, count in (("TRAIN", 90), ("TEST", 27))}
    if packed:
        with zipfile.ZipFile(folder / "aeon-1.0.0-py3-none-any.whl", "w") as wheel:
            for name, text in files.items():
                wheel.writestr(f"aeon/datasets/data/JapaneseVowels/{name}", text)
    else:
        for name, text in files.items():
            (folder / name).write_text(text)
    monkeypatch.setenv("HWCODESIGN_DATA", str(tmp_path))
    data = japanese_vowels()
    assert [split.images.shape for split in (data.training, data.fitting, data.test)] == [
        (20, 12, 32), (70, 12, 32), (27, 12, 32)
    ]  # fmt: skip
    assert sorted(data.test.images[:, 3, 0].tolist()) == list(range(27))
    assert (data.test.images[:, 0, 0] % 9).tolist() == data.test.labels.tolist()


def test_missing_vowels_say_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "japanese-vowels"
    folder.mkdir()
    monkeypatch.setenv("HWCODESIGN_DATA", str(tmp_path))
    advice = re.escape(f"pip download aeon --no-deps --dest {folder}")
    with pytest.raises(DataError, match=f"JapaneseVowels_TRAIN.ts does not exist: .*{advice}"):
        japanese_vowels()
    (folder / "aeon-1.0.0-py3-none-any.whl").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"aeon-1.0.0-py3-none-any.whl cannot be read .*: download it again"):
        japanese_vowels()


# --- random inputs ---


def test_random_inputs_say_so_and_fill_their_format() -> None:
    data = random_inputs("jets", QUARTERS, (16,), 5)
    assert data.name == "jets (random inputs)"
    for split in (data.training, data.fitting, data.test):
        assert split.images.shape[1:] == (16,)
        assert (split.images.min(), split.images.max()) == (-32, 31)
        assert set(split.labels.tolist()) == set(range(5))
    assert data.test.digest() == random_inputs("jets", QUARTERS, (16,), 5).test.digest()
    assert data.test.digest() != random_inputs("jets", QUARTERS, (16,), 5, seed=2).test.digest()
