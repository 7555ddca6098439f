"""This module follows data through a segment: which unit each kernel gets, and the streams between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hwcodesign.hardware.folding import divisors
from hwcodesign.hardware.implementation import DEFAULT, Implementations
from hwcodesign.hardware.stream import Stream, whole_pixels
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


def images_taken(segment: Segment, implementations: Implementations) -> tuple[Stream, ...]:
    """Returns the streams in which a segment's inputs should come, where nothing before it says so: whole pixels, or
    several in a beat if a layer asks for several.

    They come as makes the fewest units read other beats than those that come; of such, as the fewest pixels.

    Args:
        segment: the segment; that of the images has one input.
        implementations: implementations of its kernels.
    """
    whole = whole_pixels(segment.inputs)
    if len(whole) > 1 or all(implementation.pixels == 1 for implementation in implementations.values()):
        return whole
    shape = segment.inputs[0].shape
    given = [(Stream.of(shape, pixels * shape[-1]),) for pixels in divisors(shape[-2] if len(shape) > 1 else 1)]

    def resized(streams: tuple[Stream, ...]) -> int:
        return sum(unit.reads != unit.offered for unit in units_of(segment, implementations, streams))

    return min(given, key=resized)


def streams_made(segment: Segment, implementations: Implementations, given: Sequence[Stream]) -> tuple[Stream, ...]:
    """Returns the streams in which a segment's outputs are made: as its units write them, or as its inputs came.

    Args:
        segment, implementations, given: as of `units_of`.
    """
    streams = dict(zip(segment.input_names, given, strict=True))
    streams |= {unit.kernel.name: unit.writes for unit in units_of(segment, implementations, given)}
    return tuple(streams[name] for name in segment.outputs)
