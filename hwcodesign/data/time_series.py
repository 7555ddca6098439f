"""This module reads sequences in the .ts format of the UCR and UEA archives, and JapaneseVowels from aeon's wheel.

A line is a sample: its channels' values, then its class, separated by colons:

    1.86,1.89,1.93:-0.20,-0.19,-0.23:1

A. Bagnall et al., "The UEA Multivariate Time Series Classification Archive", 2018.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwcodesign.data.dataset import Dataset, Split
from hwcodesign.data.location import data_folder
from hwcodesign.data.splitting import SEED, fitting_kept, shuffled
from hwcodesign.errors import DataError
from hwcodesign.fixedpoint import FixedPoint

#: Of JapaneseVowels, whose values are within -1.9 and 2.3, in 1/64.
VOWELS_FORMAT = FixedPoint(9, 3, signed=True)
#: Steps of JapaneseVowels; its longest sequence has 29.
VOWELS_LENGTH = 32
_FITTING = 70


def japanese_vowels() -> Dataset:
    """Returns JapaneseVowels: 12 coefficients of speech at up to 29 times, by nine speakers.

    There are 200 training, 70 fitting and 370 test sequences, filled up with zeros to `VOWELS_LENGTH` steps. They are
    read from JapaneseVowels_TRAIN.ts and JapaneseVowels_TEST.ts, or from a wheel of aeon, which is not installed.

    M. Kudo, J. Toyama and M. Shimbo, "Multidimensional Curve Classification Using Passing-Through Regions", 1999.

    Raises:
        DataError: neither is in japanese-vowels/, or a file is damaged.
    """
    folder = data_folder("japanese-vowels")
    texts = [_vowels(folder, f"JapaneseVowels_{part}.ts") for part in ("TRAIN", "TEST")]
    training, test = (read_ts(text, where, VOWELS_FORMAT, VOWELS_LENGTH) for text, where in texts)
    name = "JapaneseVowels"
    return Dataset(name, VOWELS_FORMAT, *fitting_kept(training, _FITTING, name, SEED), shuffled(test, SEED))


def _vowels(folder: Path, file: str) -> tuple[str, str]:
    """Returns a file's text, and where it is."""
    wheels = sorted(folder.glob("aeon-*.whl"))
    path = folder / file
    try:
        if path.exists() or not wheels:
            return path.read_text("utf-8"), str(path)
        with zipfile.ZipFile(wheels[-1]) as wheel:
            return wheel.read(f"aeon/datasets/data/JapaneseVowels/{file}").decode("utf-8"), f"{wheels[-1]}, {file}"
    except FileNotFoundError:
        raise DataError(
            f"{path} does not exist: put JapaneseVowels' files there, or a wheel that has them (pip download aeon "
            f"--no-deps --dest {folder})"
        ) from None
    except (KeyError, OSError, UnicodeDecodeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{wheels[-1] if wheels else path} cannot be read ({error}): download it again") from None


def read_ts(text: str, where: str, fmt: FixedPoint, length: int) -> Split:
    """Reads sequences as codes (N, C, length), filled up with zeros.

    Args:
        text: a file's text; its header must name the classes.
        where: where it comes from, for errors.
        fmt: format of the codes; values are rounded half to even to it.
        length: steps of the result; no sequence may be longer.

    Raises:
        DataError: the text is not of this format, or a value, class or length does not fit.
    """
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    classes: list[str] = []
    for _, line in lines:
        words = line.split()
        if words[0].lower() == "@classlabel" and words[1:2] == ["true"]:
            classes = words[2:]
    if not classes:
        raise DataError(f"{where} has no line '@classLabel true …' that names the classes")
    samples = [(number, line.split(":")) for number, line in lines if not line.startswith(("#", "@"))]
    if not samples:
        raise DataError(f"{where} has no sequences")
    channels = len(samples[0][1]) - 1
    codes = np.zeros((len(samples), channels, length), np.int64)
    for sample, (number, parts) in zip(codes, samples, strict=True):
        place = f"{where}, line {number}"
        if len(parts) - 1 != channels or parts[-1] not in classes:
            raise DataError(
                f"{place}: {len(parts) - 1} channels of class {parts[-1]!r}, and there must be {channels} of one of "
                f"{', '.join(classes)}"
            )
        rows = [_codes(values, place, fmt) for values in parts[:-1]]
        if len({len(row) for row in rows}) != 1 or len(rows[0]) > length:
            raise DataError(
                f"{place}: channels have {', '.join(str(len(row)) for row in rows)} values: each must have the same "
                f"number, at most {length}"
            )
        sample[:, : len(rows[0])] = rows
    return Split(codes, _labels(samples, classes))


def _labels(samples: Sequence[tuple[int, list[str]]], classes: list[str]) -> NDArray[np.int64]:
    return np.array([classes.index(parts[-1]) for _, parts in samples], np.int64)


def _codes(values: str, place: str, fmt: FixedPoint) -> NDArray[np.float64]:
    try:
        return fmt.encode(np.array([float(value) for value in values.split(",")]))
    except ValueError as error:  # of a number, or of the format
        raise DataError(f"{place}: {error}") from None
