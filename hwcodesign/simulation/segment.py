"""This module simulates a segment's RTL cycle by cycle, from codes to codes."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import FieldError, SimulationError
from hwcodesign.hardware.stream import Stream, whole_pixels
from hwcodesign.kernels import TensorType, tensors_from_json
from hwcodesign.kernels.tensor import suffix
from hwcodesign.simulation.model import FAILED, Verilation, said, verilate
from hwcodesign.simulation.pointers import pointer, pointers
from hwcodesign.simulation.project import Project, damaged, read_manifest, read_project
from hwcodesign.simulation.wave_format import WaveFormat, wave_format

#: Cycles without any transfer after which a segment is said to hang.
_PATIENCE = 2**25
_ALWAYS = 65536


@dataclass(frozen=True)
class SegmentRun:
    """This is the result of a simulation.

    Attributes:
        outputs: codes of each output, (N, *shape).
        ends: for each output (N,) cycles of the samples' last beats; cycle 0 is the first in which input was offered.
        cycles: simulated cycles after reset.
    """

    outputs: tuple[NDArray[np.int64], ...]
    ends: tuple[NDArray[np.int64], ...]
    cycles: int


@dataclass(frozen=True)
class VerilatedSegment:
    """This is a segment's module that can be simulated.

    Attributes:
        project: project as it was written, with the segment's module as its top.
        inputs, outputs: the tensors that its streams carry.
        given, taken: these streams; by default, a beat is a pixel with all its channels, or a vector.
    """

    project: Project
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    given: tuple[Stream, ...] = ()
    taken: tuple[Stream, ...] = ()

    def run(
        self,
        *codes: NDArray[Any],
        valid_rate: float = 1.0,
        ready_rate: float = 1.0,
        seed: int = 1,
        waves: Path | None = None,
        checked: bool = False,
    ) -> SegmentRun:
        """Simulates samples, one after the other without gaps.

        Args:
            codes: (N, *shape) integers of each input.
            valid_rate, ready_rate: chances that an input is offered, and an output taken, in a cycle.
            seed: seed of the stalls.
            waves: file for a waveform, .fst or .vcd; a cycle is 1 ns of its time.
            checked: check the assertions of its modules in every cycle, and hold every stream to its contract.

        Raises:
            SimulationError: the segment hangs, has output left over, or fails a check.
            ToolError: Verilator or g++ is missing.
        """
        trace = None
        if waves is not None:
            trace = wave_format(waves)
            waves.parent.mkdir(parents=True, exist_ok=True)
        library = ctypes.CDLL(str(self.library(trace=trace, checked=checked)))
        given = [np.ascontiguousarray(tensor, np.int64) for tensor in codes]
        samples = len(given[0])
        if [tensor.shape for tensor in given] != [(samples, *tensor.shape) for tensor in self.inputs]:
            shapes = " and ".join(str(tensor.shape) for tensor in given)
            wanted = " and ".join(str(("N", *tensor.shape)) for tensor in self.inputs)
            raise SimulationError(f"{self.project.top} takes {wanted}, not {shapes}")
        out = [np.zeros((samples, *tensor.shape), np.int64) for tensor in self.outputs]
        ends = [np.zeros(samples, np.uint64) for _ in self.outputs]
        rates = np.array([round(valid_rate * _ALWAYS), round(ready_rate * _ALWAYS)], np.uint32)
        function = library.hwc_segment_run
        function.restype = ctypes.c_long
        cycles = function(
            pointers(given),
            ctypes.c_long(samples),
            pointers(out),
            pointer(rates),
            ctypes.c_uint64(seed),
            pointers(ends),
            ctypes.c_long(_PATIENCE),
            str(waves).encode() if waves is not None else None,
        )
        if cycles == FAILED:
            raise SimulationError(f"{self.project.top} fails a check:\n{said(library)}")
        if cycles < 0:
            what = "hangs" if cycles == -1 else "has output left over"
            done = f"{min(int((cycle > 0).sum()) for cycle in ends)} of {samples} samples"
            raise SimulationError(f"{self.project.top} {what} after {done}\n{said(library)}".rstrip())
        return SegmentRun(tuple(out), tuple(cycle.astype(np.int64) for cycle in ends), int(cycles))

    def library(self, *, trace: WaveFormat | None = None, checked: bool = False) -> Path:
        """Returns the compiled library, made at the first use."""
        given, taken = self.given or whole_pixels(self.inputs), self.taken or whole_pixels(self.outputs)
        ports = [(f"in{suffix(i)}", stream) for i, stream in enumerate(given)]
        ports += [(f"out{suffix(i)}", stream) for i, stream in enumerate(taken)]
        lines = (*_ports("input", self.inputs, given), *_ports("output", self.outputs, taken))
        model = "".join(f"{line}\n" for line in lines)
        project = self.project
        beats = {project.top: {name: stream.beats for name, stream in ports}} if checked else {}
        drives = ("segment.cpp",)
        return verilate(Verilation(project, project.modules, drives, model, project.top, trace, "", checked, beats))


def read_segment(folder: Path) -> VerilatedSegment:
    """Reads a segment's project from disk, ready to be simulated.

    Raises:
        DesignError: there is no project, it belongs to an accelerator, or one of its files was altered.
    """
    project, fields = read_project(folder), read_manifest(folder)
    try:
        if not {"inputs", "outputs"} <= fields.keys():
            raise FieldError("it is not a segment's, which has inputs and outputs")
        given, results = (tensors_from_json(fields[name]) for name in ("inputs", "outputs"))
    except FieldError as error:
        raise damaged(folder, error) from None
    return VerilatedSegment(project, given, results)


def _ports(direction: str, tensors: Sequence[TensorType], streams: Sequence[Stream]) -> list[str]:
    """C++ that tells the drive loop about the streams of one direction."""
    given = direction == "input"
    types = ", ".join(
        f"{{{stream.lanes}, {tensor.format.width}, {stream.beats}, {str(tensor.format.signed).lower()}}}"
        for tensor, stream in zip(tensors, streams, strict=True)
    )
    name, valid, ready = ("in", "i", "o") if given else ("out", "o", "i")
    ports = (f"{name}{suffix(i)}" for i in range(len(tensors)))
    calls = (
        f"    f({i}, m.{port}_valid_{valid}, m.{port}_ready_{ready}, m.{port}_data_{valid});"
        for i, port in enumerate(ports)
    )
    return [
        f"static const unsigned n_{direction}s = {len(tensors)};",
        f"static const StreamType {direction}s[] = {{{types}}};",
        f"template <class F> inline void for_each_{direction}(Model &m, F f) {{",
        *calls,
        "}",
    ]
