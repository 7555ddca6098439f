"""This module simulates a segment's RTL cycle by cycle, from codes to codes."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import FieldError, SimulationError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.stream import Stream
from hwcodesign.kernels import shape_from_json
from hwcodesign.kernels.kernel import Shape
from hwcodesign.simulation.model import FAILED, Verilation, said, verilate
from hwcodesign.simulation.project import Project, damaged, read_manifest, read_project

#: Cycles without any transfer after which a segment is said to hang.
_PATIENCE = 2**25
_ALWAYS = 65536


@dataclass(frozen=True)
class SegmentRun:
    """This is the result of a simulation.

    Attributes:
        codes: (N, *output_shape) codes.
        ends: (N,) cycle of each sample's last output beat; cycle 0 is the first in which input was offered.
        cycles: simulated cycles after reset.
    """

    codes: NDArray[np.int64]
    ends: NDArray[np.int64]
    cycles: int


@dataclass(frozen=True)
class VerilatedSegment:
    """This is a segment's module that can be simulated.

    Attributes:
        project: project as it was written.
        input_format, input_shape, output_format, output_shape: formats and shapes of its streams, channels last.
    """

    project: Project
    input_format: FixedPoint
    input_shape: Shape
    output_format: FixedPoint
    output_shape: Shape

    def run(
        self,
        codes: NDArray[Any],
        *,
        valid_rate: float = 1.0,
        ready_rate: float = 1.0,
        seed: int = 1,
        waves: Path | None = None,
        checked: bool = False,
    ) -> SegmentRun:
        """Simulates samples, one after the other without gaps.

        Args:
            codes: (N, *input_shape) integers of the input format.
            valid_rate, ready_rate: chances that input is offered, and output taken, in a cycle.
            seed: seed of the stalls.
            waves: file for a VCD trace.
            checked: check the assertions of its modules in every cycle, and hold every stream to its contract.

        Raises:
            SimulationError: the segment hangs, has output left over, or fails a check.
            ToolError: Verilator or g++ is missing.
        """
        if waves is not None:
            waves.parent.mkdir(parents=True, exist_ok=True)
        library = ctypes.CDLL(str(self.library(trace=waves is not None, checked=checked)))
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
        if cycles == FAILED:
            raise SimulationError(f"{self.project.top} fails a check:\n{said(library)}")
        if cycles < 0:
            what = "hangs" if cycles == -1 else "has output left over"
            done = f"{int((ends > 0).sum())} of {len(flat)} samples"
            raise SimulationError(f"{self.project.top} {what} after {done}\n{said(library)}".rstrip())
        return SegmentRun(out, ends.astype(np.int64), int(cycles))

    def library(self, *, trace: bool = False, checked: bool = False) -> Path:
        """Returns the compiled library, made at the first use."""
        source, result = Stream.of(self.input_shape), Stream.of(self.output_shape)
        model = (
            f"static const unsigned in_lanes = {source.lanes}, in_width = {self.input_format.width};\n"
            f"static const long in_beats = {source.beats}, out_beats = {result.beats};\n"
            f"static const unsigned out_lanes = {result.lanes}, out_width = {self.output_format.width};\n"
            f"static const bool out_signed = {str(self.output_format.signed).lower()};\n"
        )
        project = self.project
        beats = {project.top: {"in": source.beats, "out": result.beats}} if checked else {}
        drives = ("segment.cpp",)
        return verilate(Verilation(project, project.modules, drives, model, project.top, trace, checked, beats))


def read_segment(folder: Path) -> VerilatedSegment:
    """Reads a segment's project from disk, ready to be simulated.

    Raises:
        DesignError: there is no project, it belongs to an accelerator, or one of its files was altered.
    """
    project, fields = read_project(folder), read_manifest(folder)
    try:
        if not {"input", "output"} <= fields.keys():
            raise FieldError("it is not a segment's, which has an input and an output")
        streams = [fields[name].fields(("format", "shape")) for name in ("input", "output")]
        given, result = ((FixedPoint.from_json(s["format"]), shape_from_json(s["shape"])) for s in streams)
    except FieldError as error:
        raise damaged(folder, error) from None
    return VerilatedSegment(project, *given, *result)


def _pointer(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
