"""This module is hls4ml's writer of Vitis HLS projects; it writes weights as one text instead of number by number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from hls4ml.writer.vitis_writer import VitisWriter


class SegmentWriter(VitisWriter):  # type: ignore[misc]  # hls4ml has no type information
    """A segment writer writes the project that hls4ml's own writer does; a zero has no sign."""

    def print_array_to_cpp(self, var: Any, *arguments: Any, **more: Any) -> None:
        """Writes the header of an array of weights."""
        super().print_array_to_cpp(_Weights(var), *arguments, **more)


class _Weights:
    """It is a weight variable of hls4ml's whose numbers come as one text.

    Weights have a few hundred values, which are formatted once each: ten million of them take a second, not a minute.
    """

    def __init__(self, variable: Any) -> None:
        self._variable = variable

    def __getattr__(self, name: str) -> Any:
        return getattr(self._variable, name)

    def __iter__(self) -> Iterator[str]:
        data = np.ascontiguousarray(self._variable.data) + 0.0  # a zero of either sign is 0
        values, places = np.unique(data, return_inverse=True)
        texts = np.array([self._variable.precision_fmt.format(value) for value in values], object)
        yield ", ".join(texts[places.ravel()])
