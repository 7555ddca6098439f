"""This module gives averages the types in which hls4ml's quotient has all that the quantiser behind them needs.

A quotient S / n is cut off at the accumulator's last bit, and rounded only by the quantiser. Let f be the finer one of
the input's and the quantiser's fractions. A quotient that is no multiple of 2^-(f + 1), where a quantiser changes its
mind, is at least 2^-(f + 1) / n away from the next one. With 1 + ceil(log2 n) bits more than f it stays on its side
when it is cut off, so that any rounding mode gives what it gives for the exact average. If n is a power of two, the
quotient itself is exact with log2 n bits more than the input.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.networks.export import ExportedSegment

#: Operators behind which a value is what it was, or another pixel's value.
_PASSED = ("Relu", "MaxPool", "Flatten", "Reshape", "Transpose", "Identity", "Pad")
_QUANTISERS = ("Quant", "IntQuant", "BipolarQuant")


class AverageTypes(NamedTuple):
    """The types of an average.

    Attributes:
        accumulator: format of the sums, and of the quotient's fraction.
        result: format that holds every quotient.
    """

    accumulator: FixedPoint
    result: FixedPoint


def types_of(source: FixedPoint, count: int, wanted: int | None) -> AverageTypes | None:
    """Returns the types of an average.

    Args:
        source: format of the values.
        count: number of values.
        wanted: fraction of the quantiser that reads the average; None if none does.

    Returns:
        None if there is no quantiser and no exact quotient.
    """
    extra = (count - 1).bit_length()
    if count & (count - 1) == 0:
        fraction = source.fraction + extra
    elif wanted is not None:
        fraction = max(source.fraction, wanted) + 1 + extra
    else:
        return None
    integer = source.integer
    return AverageTypes(
        FixedPoint(integer + extra + fraction, integer + extra, source.signed),
        FixedPoint(integer + fraction, integer, source.signed),
    )


def averages_of(segment: ExportedSegment) -> list[str]:
    """Returns the names of a segment's averages."""
    return [node.name for node in segment.graph.graph.node if node.op_type == "AveragePool"]


def average_types(segment: ExportedSegment, converted: Any) -> dict[str, AverageTypes]:
    """Returns the types that each average needs.

    Args:
        segment: exported segment.
        converted: hls4ml's graph of it, in which the types in front of an average are right as soon as those of the
            averages in front of that are.

    Raises:
        UnsupportedLayerError: the average is no fixed-point number, and nothing behind it quantises it.
    """
    found = {}
    for name in averages_of(segment):
        layer = converted.graph[name]
        count = int(layer.get_attr("pool_height", 1)) * int(layer.get_attr("pool_width"))
        source = FixedPoint.parse(str(layer.get_input_variable().type.precision))
        node = next(node for node in segment.graph.graph.node if node.name == name)
        types = types_of(source, count, _finest(segment.graph, node.output[0]))
        if types is None:
            raise UnsupportedLayerError(
                f"{segment.name}: average {segment.modules.get(name, name)!r} of {count} values is no fixed-point "
                "number, and what reads it is no quantiser: put one behind it, for example "
                "hwcodesign.layers.identity or .relu"
            )
        found[name] = types
    return found


def configure(config: Mapping[str, Any], types: Mapping[str, AverageTypes]) -> None:
    """Writes types of averages into hls4ml's configuration."""
    for name, (accumulator, result) in types.items():
        config["LayerName"][name]["Precision"].update(accum=accumulator.hls4ml_type, result=result.hls4ml_type)


def _finest(graph: ModelWrapper, tensor: str) -> int | None:
    """Returns the finest fraction of the quantisers that read a tensor; None if something else does."""
    readers = graph.find_consumers(tensor) or []
    if not readers or any(output.name == tensor for output in graph.graph.output):
        return None
    fractions = [_fraction(graph, reader) for reader in readers]
    known = [fraction for fraction in fractions if fraction is not None]
    return max(known) if len(known) == len(fractions) else None


def _fraction(graph: ModelWrapper, reader: Any) -> int | None:
    if reader.op_type in _PASSED:
        return _finest(graph, reader.output[0])
    scale = graph.get_initializer(reader.input[1]) if reader.op_type in _QUANTISERS else None
    return None if scale is None else math.ceil(-math.log2(float(np.min(scale))))
