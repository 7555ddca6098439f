"""This module translates activations that hls4ml's C++ looks up in a table of its own.

The table of `nnet_activation.h` is addressed by the value in steps of the table's range, rounded toward zero and
clipped. That is a cast, and its codes are the addresses of a table of ours. What it holds is computed as in C++: in
float, cast to the table's type, then to the result's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.fixedpoint import Codes, FixedPoint, Overflow, Rounding
from hwcodesign.frontend.lowering.arithmetic import added, rectified, scaled
from hwcodesign.frontend.lowering.reading import Reading
from hwcodesign.frontend.lowering.values import cast_values
from hwcodesign.kernels import Activation, CodeTable
from hwcodesign.kernels.code_table import MOST_BITS

#: Of a SELU, for x >= 0.
SELU_SCALE = 1.0507009873554804934193349852946


def _float(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns values as a float of C++ holds them."""
    return values.astype(np.float32).astype(np.float64)


def exponential(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns e^x as a float of C++."""
    return _float(np.exp(x))


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return _float(1.0 / _float(1.0 + exponential(-x)))


def _softplus(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return _float(np.log(exponential(x) + 1.0))


def _softsign(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return _float(x / (np.abs(x) + 1.0))


def _elu(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return _float(exponential(x) - 1.0)


def _selu(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return _float(SELU_SCALE * (1.6732632423543772848170429916717 * (exponential(x) - 1.0)))


#: Functions of a whole table: their range is from -half to half.
WHOLE: dict[str, tuple[Callable[[NDArray[np.float64]], NDArray[np.float64]], int]] = {
    "sigmoid": (_sigmoid, 8),
    "tanh": (lambda x: _float(np.tanh(x)), 4),
    "softplus": (_softplus, 8),
    "softsign": (_softsign, 8),
}
#: Functions that are a table from -8 to 0, and linear from there on.
NEGATIVE = {"elu": _elu, "selu": _selu}


def looked_up(layer: Any, reading: Reading, function: str) -> None:
    """Binds a layer to the kernels of a function in `WHOLE`."""
    compute, half = WHOLE[function]
    size, table = of_layer(layer, reading)
    source, result = reading.source(layer), reading.result(layer)
    codes = result.requantise(cast_values(table, compute(values(size, half))), table.fraction)
    reading.bind(layer, addressed(reading, str(layer.name), source, signed_address(size, half), codes, result))


def values(size: int, half: int) -> NDArray[np.float64]:
    """Returns the values for which a table from -half to half has entries."""
    return _float(2.0 * half * (np.arange(size) - size / 2.0) / size)


def signed_address(size: int, half: int) -> FixedPoint:
    """Returns the format whose codes are the addresses of such a table, less half of its size."""
    return FixedPoint(_bits(size), half.bit_length(), rounding=Rounding.TRN_ZERO, overflow=Overflow.SAT)


def linear_above(
    layer: Any, reading: Reading, function: str, slope: tuple[Codes, FixedPoint], factor: tuple[Codes, FixedPoint]
) -> None:
    """Binds a layer to the kernels of a function in `NEGATIVE`.

    Args:
        slope: code and format of what x >= 0 is multiplied by.
        factor: of what the table's value is multiplied by.
    """
    size, table = of_layer(layer, reading)
    source, result, name = reading.source(layer), reading.result(layer), str(layer.name)
    # from the least address on, at which the table ends, to the last one, which is zero
    x = _float(-8.0 * np.arange(size) / size)
    codes = cast_values(table, NEGATIVE[function](x)) * factor[0]
    below = FixedPoint(table.width + factor[1].width, table.integer + factor[1].integer)
    address = FixedPoint(_bits(size) + 1, 4, rounding=Rounding.TRN_ZERO, overflow=Overflow.SAT_SYM)
    steps = np.arange(-size, size)  # codes of the address
    found = np.where(steps < 0, codes[np.clip(-steps, 0, size - 1)], 0.0)
    lower = addressed(reading, f"{name}_lower", source, address, found, below)
    upper = scaled(reading, f"{name}_slope", rectified(reading, f"{name}_upper", source), *slope)
    reading.bind(layer, added(reading, name, upper, lower, result))


def addressed(reading: Reading, name: str, source: str, address: FixedPoint, codes: Codes, result: FixedPoint) -> str:
    """Adds a cast to a table's address, and the table; returns the table's name."""
    given, shape = reading.formats[source], reading.shapes[source]
    cast = reading.add(Activation(f"{name}_address", (source,), (given,), (shape,), address, shape, rectify=False))
    return entries(reading, name, cast, codes, result)


def entries(reading: Reading, name: str, source: str, codes: Codes, result: FixedPoint) -> str:
    """Adds a table whose addresses are the codes of its input."""
    given, shape = reading.formats[source], reading.shapes[source]
    return reading.add(CodeTable(name, (source,), (given,), (shape,), result, shape, np.asarray(codes, np.float64)))


def of_layer(layer: Any, reading: Reading) -> tuple[int, FixedPoint]:
    """Returns the size of the layer's table and the type of its entries."""
    size = int(layer.get_attr("table_size"))
    if size & (size - 1) or not 32 <= size < 1 << MOST_BITS:
        raise reading.unsupported(
            layer,
            f"has a table of {size} entries",
            f"set its TableSize to a power of two, of {1 << (MOST_BITS - 1)} at most",
        )
    return size, reading.format(layer, "table", layer.get_attr("table_t").precision)


def _bits(size: int) -> int:
    """Returns the bits of an address of so many entries, a power of two."""
    return size.bit_length() - 1
