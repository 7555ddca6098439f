"""This module gives poolings the types that hls4ml does not find: an average's keep what the quantiser behind it needs.

A quotient S / n is cut off at the accumulator's last bit, and rounded only by the quantiser. Let f be the finer one of
the input's and the quantiser's fractions. A quotient that is no multiple of 2^-(f + 1), where a quantiser changes its
mind, is at least 2^-(f + 1) / n away from the next one. With 1 + ceil(log2 n) bits more than f it stays on its side
when it is cut off, so that any rounding mode gives what it gives for the exact average. If n is a power of two, the
quotient itself is exact with log2 n bits more than the input.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.networks.export import ExportedSegment
from hwcodesign.networks.graphs.notes import QUANTISERS, attributes_of
from hwcodesign.networks.graphs.windows import BORDER_POOL, WHOLE_AVERAGE, border_counts

#: Operators behind which a value is what it was, or another pixel's value.
_PASSED = ("Relu", "MaxPool", "Flatten", "Reshape", "Transpose", "Identity", "Pad")


class PoolTypes(NamedTuple):
    """The types of a pooling.

    Attributes:
        accumulator: format of sums, and of the quotient's fraction; of a maximum, that of its input.
        result: format that holds every result.
    """

    accumulator: FixedPoint
    result: FixedPoint


#: Of poolings whose input is not known yet.
_UNKNOWN = PoolTypes(FixedPoint(16, 6), FixedPoint(16, 6))


def types_of(source: FixedPoint, counts: Collection[int], wanted: int | None) -> PoolTypes | None:
    """Returns the types of an average.

    Args:
        source: format of the values.
        counts: numbers of values that are averaged.
        wanted: fraction of the quantiser that reads the average; None if none does.

    Returns:
        None if there is no quantiser and no exact quotient.
    """
    extra = (max(counts) - 1).bit_length()
    if all(count & (count - 1) == 0 for count in counts):
        fraction = source.fraction + extra
    elif wanted is not None:
        fraction = max(source.fraction, wanted) + 1 + extra
    else:
        return None
    integer = source.integer
    return PoolTypes(
        FixedPoint(integer + extra + fraction, integer + extra, source.signed),
        FixedPoint(integer + fraction, integer, source.signed),
    )


def first_types(segment: ExportedSegment) -> dict[str, PoolTypes]:
    """Returns types with which hls4ml converts a segment, for the poolings whose types it does not find itself.

    They are right behind quantisers and inputs, so that one conversion is enough there.
    """
    found = {}
    for node in _poolings(segment):
        source, counts = _written_as(segment, node.input[0]), _counts(segment.graph, node)
        known = types_of(source, counts, _finest(segment.graph, node.output[0])) if source and counts else None
        found[node.name] = known or _UNKNOWN
    return found


def _written_as(segment: ExportedSegment, tensor: str) -> FixedPoint | None:
    """Returns the format of a tensor, without its rounding, that a quantiser wrote, or that is an input; else None."""
    graph = segment.graph
    for given, i in zip(graph.graph.input, segment.read, strict=True):
        if given.name == tensor:
            return segment.inputs[i].format
    node = graph.find_producer(tensor)
    if node is not None and node.op_type in ("Pad", "MaxPool", "Transpose"):
        return _written_as(segment, node.input[0])
    if node is None or node.op_type != "Quant" or len(node.input) < 4:
        return None
    scale, _, bits = (graph.get_initializer(name) for name in node.input[1:4])
    if scale is None or bits is None or scale.size != 1 or bits.size != 1:
        return None
    width, exponent = math.ceil(bits.item()), math.frexp(scale.item())[1] - 1
    return FixedPoint(width, width + exponent, bool(attributes_of(node).get("signed", 1)))


def pool_types(segment: ExportedSegment, converted: Any) -> dict[str, PoolTypes]:
    """Returns the types that each of these poolings needs.

    Args:
        segment: exported segment.
        converted: hls4ml's graph of it, in which the types in front of a pooling are right as soon as those of the
            poolings in front of that are.

    Raises:
        UnsupportedLayerError: an average is no fixed-point number, and nothing behind it quantises it.
    """
    found = {}
    for node in _poolings(segment):
        source = FixedPoint.parse(str(converted.graph[node.name].get_input_variable().type.precision))
        counts = _counts(segment.graph, node)
        types = (
            types_of(source, counts, _finest(segment.graph, node.output[0])) if counts else PoolTypes(source, source)
        )
        if types is None:
            raise UnsupportedLayerError(
                f"average {segment.modules.get(node.name, node.name)!r} of {max(counts)} values is no "
                "fixed-point number, and what reads it is no quantiser: put one behind it, for example "
                "hwcodesign.layers.identity or .relu"
            )
        found[node.name] = types
    return found


def configure(config: Mapping[str, Any], types: Mapping[str, PoolTypes]) -> None:
    """Writes types of poolings into hls4ml's configuration."""
    for name, (accumulator, result) in types.items():
        config["LayerName"][name]["Precision"].update(accum=accumulator.hls4ml_type, result=result.hls4ml_type)


def _poolings(segment: ExportedSegment) -> list[Any]:
    return [node for node in segment.graph.graph.node if node.op_type in ("AveragePool", WHOLE_AVERAGE, BORDER_POOL)]


def _counts(graph: ModelWrapper, node: Any) -> set[int]:
    """Returns the numbers of values that a pooling averages; none if it is a maximum."""
    given = attributes_of(node)
    if node.op_type != BORDER_POOL:
        return {math.prod(given["kernel_shape"])}
    if not given["average"]:
        return set()
    return border_counts(graph.get_tensor_shape(node.input[0])[1:3], given)


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
    scale = graph.get_initializer(reader.input[1]) if reader.op_type in QUANTISERS else None
    return None if scale is None else math.ceil(-math.log2(float(np.min(scale))))
