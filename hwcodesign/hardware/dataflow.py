"""This module follows data through a segment: which unit each kernel gets, and the streams between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hwcodesign.hardware.implementation import DEFAULT, Implementations
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.unit import Unit
from hwcodesign.hardware.units import unit_of
from hwcodesign.kernels import Segment


def units_of(segment: Segment, implementations: Implementations, given: Sequence[Stream]) -> Iterator[Unit[Any]]:
    """Yields the units of a segment's kernels, in data order.

    Args:
        segment: the segment.
        implementations: implementations of its kernels.
        given: streams of its inputs.
    """
    streams = dict(zip(segment.input_names, given, strict=True))
    for kernel in segment.kernels:
        offered = tuple(streams[source] for source in kernel.inputs)
        unit = unit_of(kernel, implementations.get(kernel.name, DEFAULT), offered)
        streams[kernel.name] = unit.writes
        yield unit


def streams_made(segment: Segment, implementations: Implementations, given: Sequence[Stream]) -> tuple[Stream, ...]:
    """Returns the streams in which a segment's outputs are made: as its units write them, or as its inputs came.

    Args:
        segment, implementations, given: as of `units_of`.
    """
    streams = dict(zip(segment.input_names, given, strict=True))
    streams |= {unit.kernel.name: unit.writes for unit in units_of(segment, implementations, given)}
    return tuple(streams[name] for name in segment.outputs)
