"""This module translates a softmax at a model's end: left out where hls4ml is told so, or hls4ml's "legacy" softmax.

That one needs no division: 1 / sum_j exp(x_j - x_i) is a table of a sum of a table's entries. It looks up the square of
the classes' number, so it is for few classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hwcodesign.fixedpoint import Codes, FixedPoint, Overflow, Rounding
from hwcodesign.frontend.lowering import tables
from hwcodesign.frontend.lowering.reading import Reading, lowers
from hwcodesign.frontend.lowering.values import cast_values
from hwcodesign.kernels import Dense

#: Classes for which differences of all pairs are looked up at once.
_MOST_CLASSES = 12
_SIGNS = FixedPoint(2, 2)


@lowers("Softmax")
def _softmax(layer: Any, reading: Reading) -> None:
    ends = [name for name in (layer.name, *layer.outputs) if name in layer.model.outputs]
    if layer.get_attr("skip") and ends:
        reading.bind(layer, reading.source(layer))
        return
    (classes, *others) = reversed(reading.shapes[reading.source(layer)])
    legacy = str(layer.get_attr("implementation")).lower() == "legacy"
    if reading.cpp or not legacy or others or classes > _MOST_CLASSES or int(layer.get_attr("axis", -1)) != -1:
        raise reading.unsupported(
            layer,
            "has no exact kernel",
            "end the model at its logits, whose order it keeps, or have it left out: "
            f"config['LayerName'] = {{'{layer.name}': {{'Skip': True}}}}; of {_MOST_CLASSES} classes at most there is "
            f"{{'Implementation': 'legacy'}}, too",
        )
    _legacy(layer, reading, classes)


def _legacy(layer: Any, reading: Reading, classes: int) -> None:
    size, table = tables.of_layer(layer, reading)
    if table.overflow not in (Overflow.SAT, Overflow.WRAP):
        raise reading.unsupported(layer, f"adds in {table}", "give its table a type that saturates (SAT) or wraps")
    source, name = reading.source(layer), str(layer.name)
    own, other = np.divmod(np.arange(classes**2), classes)
    identity = np.eye(classes)
    differences = identity[:, other] - identity[:, own]
    address = tables.signed_address(size, 8)
    given = reading.formats[source]
    exact = FixedPoint(given.width + 1, given.integer + 1)
    pairs = _sums(reading, f"{name}_pairs", source, differences, exact, address)
    powers = cast_values(table, tables.exponential(tables.values(size, 8)))
    exponentials = tables.entries(reading, f"{name}_exponentials", pairs, powers, table)
    wide = FixedPoint(table.width + (classes**2).bit_length(), table.integer + (classes**2).bit_length())
    sums = _sums(reading, f"{name}_sums", exponentials, identity[own], wide, table)
    bits = size.bit_length() - 1
    place = FixedPoint(bits, 6, signed=False, rounding=Rounding.TRN_ZERO, overflow=Overflow.SAT)  # 64 is the last sum
    steps = 64.0 * np.arange(size) / size
    inverse = cast_values(table, np.divide(1.0, steps, out=np.zeros(size), where=steps > 0))
    result = reading.result(layer)
    found = result.requantise(inverse, table.fraction)
    reading.bind(layer, tables.addressed(reading, name, sums, place, found, result))


def _sums(reading: Reading, name: str, source: str, weights: Codes, accumulator: FixedPoint, result: FixedPoint) -> str:
    """Adds a linear layer whose weights are -1, 0 and 1."""
    shapes, outputs = (reading.shapes[source],), weights.shape[1]
    return reading.add(
        Dense(
            name, (source,), (reading.formats[source],), shapes, result, (outputs,), weights, np.zeros(outputs), _SIGNS,
            accumulator,
        )
    )  # fmt: skip
