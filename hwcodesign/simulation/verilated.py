"""A segment's RTL, run cycle by cycle: codes in, codes out."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import SimulationError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.kernels.kernel import Shape, Stream
from hwcodesign.simulation.verilation import Verilation, verilate

#: Cycles without any transfer after which a segment is said to hang.
_PATIENCE = 2_000_000
_ALWAYS = 65536


@dataclass(frozen=True)
class SegmentRun:
    """What a simulation gave.

    Attributes:
        codes: (N, *output_shape).
        ends: (N,) cycle of each sample's last output beat; cycle 0 is the first in which input was offered.
        cycles: simulated after reset.
    """

    codes: NDArray[np.int64]
    ends: NDArray[np.int64]
    cycles: int


@dataclass(frozen=True)
class VerilatedSegment:
    """A segment's module and how to run it.

    Attributes:
        top: name of its module.
        sources: all SystemVerilog files, packages first.
        roms: folder of the ROM images.
        input_format, input_shape, output_format, output_shape: of its streams, channels last.
        folder: keeps the compiled library.
    """

    top: str
    sources: tuple[Path, ...]
    roms: Path
    input_format: FixedPoint
    input_shape: Shape
    output_format: FixedPoint
    output_shape: Shape
    folder: Path

    def run(
        self,
        codes: NDArray[Any],
        *,
        valid_rate: float = 1.0,
        ready_rate: float = 1.0,
        seed: int = 1,
        waves: Path | None = None,
    ) -> SegmentRun:
        """Simulate samples, one after the other without gaps.

        Args:
            codes: (N, *input_shape) integers of the input format.
            valid_rate, ready_rate: chances that input is offered, and output taken, in a cycle.
            seed: of the stalls.
            waves: file for a VCD trace.

        Raises:
            SimulationError: the segment hangs, or has output left over.
            ToolError: Verilator or g++ is missing.
        """
        if waves is not None:
            waves.parent.mkdir(parents=True, exist_ok=True)
        library = ctypes.CDLL(str(self.library(trace=waves is not None)))
        flat = np.ascontiguousarray(codes, np.int64)
        out = np.zeros((len(flat), *self.output_shape), np.int64)
        ends = np.zeros(len(flat), np.uint64)
        rates = np.array([round(valid_rate * _ALWAYS), round(ready_rate * _ALWAYS)], np.uint32)
        function = library.hwc_segment_run
        function.restype = ctypes.c_long
        cycles = function(
            _pointer(flat),
            ctypes.c_long(len(flat)),
            _pointer(out),
            _pointer(rates),
            ctypes.c_uint64(seed),
            _pointer(ends),
            ctypes.c_long(_PATIENCE),
            str(waves).encode() if waves is not None else None,
        )
        if cycles < 0:
            what = "hangs" if cycles == -1 else "has output left over"
            raise SimulationError(f"{self.top} {what} after {int((ends > 0).sum())} of {len(flat)} samples")
        return SegmentRun(out, ends.astype(np.int64), int(cycles))

    def library(self, *, trace: bool = False) -> Path:
        """The compiled library, made at the first use."""
        source, result = Stream.of(self.input_shape), Stream.of(self.output_shape)
        model = (
            f"static const unsigned in_lanes = {source.lanes}, in_width = {self.input_format.width};\n"
            f"static const long in_beats = {source.beats}, out_beats = {result.beats};\n"
            f"static const unsigned out_lanes = {result.lanes}, out_width = {self.output_format.width};\n"
            f"static const bool out_signed = {str(self.output_format.signed).lower()};\n"
        )
        images = tuple(sorted(self.roms.glob("*.hex")))
        parameters = {"RomFolder": f'"{self.roms.resolve()}/"'}
        what = Verilation(self.top, self.sources, ("segment.cpp",), model, parameters, images, trace=trace)
        return verilate(what, self.folder)


def _pointer(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
