"""This module holds what the C++ of all our own layers has in common: constants, a config struct, and a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from hls4ml.backends import get_backend
from hls4ml.backends.fpga.fpga_types import APTypeConverter, HLSTypeConverter, StaticWeightVariableConverter
from hls4ml.model.types import IntegerPrecisionType
from numpy.typing import NDArray

from hwcodesign.fixedpoint import signed_width

_AS_ARRAY = StaticWeightVariableConverter(HLSTypeConverter(precision_converter=APTypeConverter()))
_T = TypeVar("_T", bound=type[Any])


def template(written: _T) -> _T:
    """Decorates a template, so that hls4ml's Vitis backend uses it."""
    get_backend("Vitis").register_template(written)
    return written


def add_constants(node: Any, name: str, values: NDArray[Any]) -> str:
    """Adds integers to what hls4ml writes as the layer's weights; returns the name of their type."""
    whole = values.astype(np.int64)
    precision = IntegerPrecisionType(width=signed_width(int(whole.min()), int(whole.max())), signed=True)
    node.add_weights_variable(name, var_name=f"{name}{{index}}", precision=precision, data=whole)
    node.set_attr(name, _AS_ARRAY.convert(node.get_weights(name)))  # hls4ml has done this for all others by now
    return str(node.get_weights(name).type.name)


def config_struct(node: Any, kernel: str, sizes: Sequence[tuple[str, int]], **types: str) -> str:
    """Returns a config struct.

    Args:
        sizes: its numbers.
        types: what each of its types is.
    """
    lines = [f"struct config{node.index} : hwc::{kernel}_config {{"]
    for name, value in sizes:
        lines.append(f"    static const {'int' if value < 0 else 'unsigned'} {name} = {value};")
    lines += [f"    typedef {text} {name}_t;" for name, text in types.items()]
    return "\n".join([*lines, "};\n"])


def call(node: Any, kernel: str, constants: Sequence[str], given: Mapping[str, Any]) -> str:
    """Returns the call of a kernel of hls/kernels.

    Args:
        constants: names of constants that it takes behind its streams.
        given: what hls4ml knows of the call: names and types of the streams, and of the config struct.
    """
    arguments = ", ".join([given["input"], given["output"], *(node.get_weights(name).name for name in constants)])
    return f"hwc::{kernel}<{given['input_t']}, {given['output_t']}, {given['config']}>({arguments});"
