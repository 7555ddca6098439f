"""This module reads data sets that lie in a .npz file, as NumPy, Keras and MedMNIST write them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.choices import not_known
from hwcodesign.data.dataset import Dataset, Split
from hwcodesign.data.splitting import SEED, fitting_kept
from hwcodesign.errors import DataError, FieldError, ImagesError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.images import encode_images
from hwcodesign.storage.arrays import StoredArray, open_arrays

#: Axes of a file's samples, and where each of (N, C, H, W), (N, C, L) or (N, F) is among them.
_AXES = {"NF": (0, 1), "NCL": (0, 1, 2), "NLC": (0, 2, 1), "NCHW": (0, 1, 2, 3), "NHWC": (0, 3, 1, 2)}


def npz(
    path: Path,
    name: str,
    input_format: FixedPoint,
    *,
    fitting: int | tuple[str, str],
    training: tuple[str, str] = ("x_train", "y_train"),
    test: tuple[str, str] = ("x_test", "y_test"),
    axes: str = "NHWC",
    seed: int = SEED,
) -> Dataset:
    """Returns the samples of a .npz file.

    Args:
        path: the file.
        name: name of the data set.
        input_format: format of the codes. Integers in the file are codes; floats are values, rounded half to even.
        fitting: number of training samples that are kept for fitting, or names of arrays for it.
        training, test: names of the arrays with samples and with labels, (N,) or (N, 1) integers.
        axes: order of the axes of samples: "NHWC", "NCHW", "NHW" (grey images), "NLC", "NCL", or "NF".
        seed: seed of the choice of samples for fitting.

    Raises:
        DataError: the file or an array is missing or damaged, a value does not fit the format, a label is no class, or
            the splits' samples differ in shape.
    """
    if axes not in {*_AXES, "NHW"}:
        raise DataError(not_known(f"axes={axes!r}", axes, sorted({*_AXES, "NHW"})))
    if not path.exists():
        raise DataError(f"{path} does not exist: put the file of {name} there")
    try:
        with open_arrays(path) as arrays:
            parts = [_split(path, arrays, names, axes, input_format) for names in (training, test)]
            kept = _split(path, arrays, fitting, axes, input_format) if isinstance(fitting, tuple) else None
    except FieldError as error:
        raise DataError(f"{path}: {error}") from None
    whole, tested = parts
    first, second = (whole, kept) if kept is not None else fitting_kept(whole, _count(fitting), name, seed)
    for split, names in ((second, fitting), (tested, test)):
        if split.images.shape[1:] != first.images.shape[1:]:
            raise DataError(
                f"{path}: samples {split.images.shape[1:]} of {names} differ from those of {training}, "
                f"{first.images.shape[1:]}"
            )
    return Dataset(name, input_format, first, second, tested)


def _count(fitting: int | tuple[str, str]) -> int:
    assert isinstance(fitting, int)
    return fitting


def _split(path: Path, arrays: Mapping[str, StoredArray], names: tuple[str, str], axes: str, fmt: FixedPoint) -> Split:
    samples, labels = (_read(path, arrays, name) for name in names)
    if samples.ndim != len(axes):
        raise DataError(f"{path}: {names[0]} has shape {samples.shape}, and axes={axes!r} has {len(axes)} axes")
    moved = samples[:, None] if axes == "NHW" else samples.transpose(_AXES[axes])
    try:
        codes = encode_images(np.ascontiguousarray(moved), fmt, moved.shape[1:])
        return Split(codes, _labels(labels))
    except (ImagesError, DataError) as error:
        raise DataError(f"{path}: {names[0]}, {names[1]}: {error}") from None


def _read(path: Path, arrays: Mapping[str, StoredArray], name: str) -> NDArray[Any]:
    if name not in arrays:
        raise DataError(f"{path}: {not_known(f'array {name!r}', name, sorted(arrays))}")
    return arrays[name].read()


def _labels(labels: NDArray[Any]) -> NDArray[np.int64]:
    flat = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    return flat.astype(np.int64) if flat.dtype.kind in "iu" else flat
