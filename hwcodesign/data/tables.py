"""This module reads tables: a row is a sample, one column has its class, all others are its features.

CSV files need nothing more; Parquet needs pyarrow, which the extra 'tables' installs.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.choices import not_known
from hwcodesign.data.dataset import Dataset, Split
from hwcodesign.data.splitting import SEED, fitting_kept, shuffled
from hwcodesign.errors import DataError, MissingExtraError
from hwcodesign.fixedpoint import FixedPoint

#: Values of each column.
_Columns = Mapping[str, Sequence[Any]]


def tables(
    training: Path,
    test: Path,
    name: str,
    input_format: FixedPoint,
    *,
    label: str,
    fitting: int,
    seed: int = SEED,
) -> Dataset:
    """Returns the rows of two tables as vectors (F,) of codes.

    Args:
        training, test: files, *.csv with a line of names or *.parquet, with the same columns.
        name: name of the data set.
        input_format: format of the features, which are rounded half to even to it.
        label: name of the column with the class, a number or a word. Classes are numbered in the order of their values.
        fitting: number of training rows that are kept for fitting.
        seed: seed of the choice of rows for fitting, and of the order of all rows.

    Raises:
        DataError: a file is missing or damaged, columns differ, a value is no number or does not fit the format, or a
            class is only in `test`.
        MissingExtraError: Parquet cannot be read without pyarrow.
    """
    first, second = (_columns(path) for path in (training, test))
    features = [column for column in first if column != label]
    if label not in first:
        raise DataError(f"{training}: {not_known(f'column {label!r}', label, list(first))}")
    if set(first) != set(second):
        other = sorted(set(first) ^ set(second))[0]
        raise DataError(f"{test} and {training} have other columns: {other!r} is only in one of them")
    classes = sorted(set(first[label]), key=_in_order)
    whole = _split(training, first, features, label, classes, input_format)
    tested = _split(test, second, features, label, classes, input_format)
    return Dataset(name, input_format, *fitting_kept(whole, fitting, name, seed), shuffled(tested, seed))


def _columns(path: Path) -> _Columns:
    if not path.exists():
        raise DataError(f"{path} does not exist: put the table there")
    if path.suffix not in {".csv", ".parquet"}:
        raise DataError(f"{path} is neither a .csv nor a .parquet file")
    columns = _csv(path) if path.suffix == ".csv" else _parquet(path)
    if not columns or not len(next(iter(columns.values()))):
        raise DataError(f"{path} has no rows")
    return columns


def _csv(path: Path) -> _Columns:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.reader(stream, strict=True))
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}") from None
    names, *rows = [row for row in rows if row] or [[]]
    if len(set(names)) != len(names):
        raise DataError(f"{path}: two columns have the same name in its first line: {', '.join(names)}")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(names):
            raise DataError(f"{path}, row {number}: {len(row)} values for {len(names)} columns")
    return dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}


def _parquet(path: Path) -> _Columns:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError(
            f"{path}: Parquet needs pyarrow, which the extra 'tables' installs: pip install 'hwcodesign[tables]', or "
            "write the table as .csv"
        ) from None
    try:
        table = parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}") from None
    return {column: table.column(column).to_pylist() for column in table.column_names}


def _split(
    path: Path, columns: _Columns, features: Sequence[str], label: str, classes: Sequence[Any], fmt: FixedPoint
) -> Split:
    values = np.stack([_numbers(path, column, columns[column], fmt) for column in features], axis=1)
    number = {value: i for i, value in enumerate(classes)}
    for value in columns[label]:
        if value not in number:
            raise DataError(f"{path}: {not_known(f'class {value!r}', str(value), map(str, classes))}")
    return Split(values, np.array([number[value] for value in columns[label]], np.int64))


def _numbers(path: Path, column: str, given: Sequence[Any], fmt: FixedPoint) -> NDArray[np.int64]:
    """Returns the codes of a column."""
    codes = np.empty(len(given), np.int64)
    for row, value in enumerate(given):
        try:
            code = np.rint(float(value) / fmt.scale)
        except (TypeError, ValueError):
            raise DataError(f"{path}: {column!r} is {value!r} at sample {row}, and must be a number") from None
        if not fmt.min_code <= code <= fmt.max_code:
            raise DataError(
                f"{path}: {column!r} is {value} at sample {row}, and {fmt} holds {fmt.min_code * fmt.scale:g} to "
                f"{fmt.max_code * fmt.scale:g}: scale the column, or take a wider format"
            )
        codes[row] = code
    return codes


def _in_order(value: Any) -> tuple[bool, Any]:
    """Returns a key that sorts numbers by value, in front of words."""
    try:
        return False, float(value)
    except (TypeError, ValueError):
        return True, str(value)
