"""C simulation: the generated C++ compiled with g++ into one shared library.

Kernels keep line buffers in statics, so each thread that simulates gets a copy of the library of its own.
"""

from __future__ import annotations

import _ctypes
import ctypes
import os
import platform
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.errors import FormatError, SimulationError
from hwcodesign.images import channels_last
from hwcodesign.interface.modes import ExitControl
from hwcodesign.interface.records import RECORD_DTYPE, Records
from hwcodesign.kernels import Segment
from hwcodesign.progress import task
from hwcodesign.simulation.pointers import pointer, pointers
from hwcodesign.storage.cache import kept, scratch_folder
from hwcodesign.storage.files import sha256_file, sha256_json
from hwcodesign.storage.sealed import SealedFiles
from hwcodesign.tools.compiler import compiler_version, find_compiler, run_compiler
from hwcodesign.tools.headers import precompiled

#: Without exceptions, because g++ analyses thousands of weights' constructors at length otherwise (40 s to 3 s).
#: -O2 was measured to take longer to compile, and to run no faster.
_FLAGS = ["-O1", "-fPIC", "-std=c++14", "-fno-exceptions", "-fno-gnu-unique", "-w"]
#: What every unit reads, and is precompiled: the arithmetic types, and headers of the system that kernels include.
_HEADERS = ("<algorithm>", "<cmath>", "<iostream>", "<map>", "<tuple>", "ap_fixed.h", "ap_int.h", "hls_stream.h")
_TYPES = "ap_types"
#: Header of the arithmetic types, below a segment's `_TYPES`, and the method in it that cuts a value to its width.
_ARITHMETIC = "etc/ap_private.h"
_CUTS = "  INLINE void clearUnusedBits(void) volatile\n", "  INLINE void clearUnusedBitsToZero(void)"
#: Folders of a design that the generated C++ is in.
_FOLDERS = ("vitis", "csim")
_LIBRARY, _OBJECT = "accelerator.so", "unit.o"
#: Widest code that the library's 32-bit interface carries.
_MAX_WIDTH = 31
#: Samples that a thread simulates between two reports of how far it is. The model keeps nothing of a sample that is
#: through, so that records are the same however samples are parted.
_REPORTED = 25


_Result = TypeVar("_Result")


@dataclass(frozen=True)
class _Unit:
    """One translation unit: its sources, folders that their includes come from, what they can include of them, and the
    folder of its arithmetic types.
    """

    name: str
    sources: tuple[str, ...]
    includes: tuple[str, ...]
    headers: tuple[str, ...]
    types: str

    def made_of(self, files: SealedFiles) -> str:
        """All that its object depends on."""
        used = files.below(*self.sources, *(f"{folder}/" for folder in self.headers))
        how = sha256_file(Path(__file__))  # its flags, too
        return " ".join([*self.sources, used.digest, *self.includes, platform.machine(), how])


def build_library(accelerator: Accelerator, files: SealedFiles, workers: int | None = None) -> Path:
    """Compiles the C++ of a design, unless it is compiled already.

    Args:
        files: those of the design's C++.
        workers: compilers at a time; all cores by default.

    Returns:
        The shared library.

    Raises:
        DesignError: a file is not as it was written.
        SimulationError: the design has no C++.
        ToolError: g++ is missing or fails.
        FormatError: a code wider than the library's interface.
    """
    for segment in accelerator.segments:
        for tensor in (*segment.inputs, *segment.results):
            if tensor.format.width > _MAX_WIDTH:
                raise FormatError(
                    f"{segment.name}: {tensor.format} is wider than the {_MAX_WIDTH} bits that csim carries"
                )
    units = _units(accelerator, files)
    files.check()
    compiler = find_compiler("csim")

    def make(folder: Path) -> None:
        with scratch_folder() as work, ThreadPoolExecutor(workers or os.cpu_count()) as pool:
            files.copy(work)
            for header in sorted(work.glob(f"vitis/*/firmware/{_TYPES}/{_ARITHMETIC}")):
                header.write_text(quick_arithmetic(header.read_text()))
            with task("compiling the generated C++", len(units), "units") as reported:
                headers = _first_headers(compiler, {unit.types for unit in units}, files, work)
                jobs = {
                    pool.submit(_compiled, compiler, unit, headers[unit.types], files, work): unit for unit in units
                }
                for job in as_completed(jobs):
                    job.result()
                    reported.advance(note=f"{jobs[job].name} is done")
            objects = [str(job.result()) for job in jobs]
            run_compiler([compiler, "-shared", "-Wl,-Bsymbolic", *objects, "-o", str(folder / _LIBRARY)], "csim")

    return kept(f"{accelerator.name}-csim", "\n".join(unit.made_of(files) for unit in units), make) / _LIBRARY


def quick_arithmetic(header: str) -> str:
    """Returns the text of ap_private.h in which the method that cuts a value to its width exists twice: once for
    volatile values, as before, and once, with the same body, for all others.

    With the first alone, g++ keeps every intermediate value in memory, and takes four times as long. A text in which
    the method is not found is returned as it is.
    """
    start, end = _CUTS
    before, found, rest = header.partition(start)
    if not found:
        return header
    body, following, after = rest.partition(end)
    method = start + body
    return before + method.replace(" volatile", "", 1) + method + following + after


def _units(accelerator: Accelerator, files: SealedFiles) -> list[_Unit]:
    """Returns a unit for each segment, and one for all else: g++ takes longer to read the headers than the blocks."""
    units = []
    for segment in accelerator.segments:
        firmware = f"vitis/{segment.name}/firmware"
        types = f"{firmware}/{_TYPES}"
        units.append(_Unit(segment.name, (f"{firmware}/{segment.name}.cpp",), (types,), (firmware,), types))
    firmware = f"vitis/{accelerator.segments[0].name}/firmware"
    own = tuple(f"vitis/{block}" for block in accelerator.blocks)
    sources = (*(f"{folder}/{PurePosixPath(folder).name}.cpp" for folder in own), "csim/accelerator.cpp")
    types = f"{firmware}/{_TYPES}"
    includes, headers = ("vitis/hls", firmware, types, *own), ("vitis/hls", f"{firmware}/nnet_utils", types, *own)
    units.append(_Unit("accelerator", sources, includes, headers, types))
    missing = [source for unit in units for source in unit.sources if source not in files.digests]
    if missing:
        raise SimulationError(f"{files.folder} has no {missing[0]}: the design has no C++; compile it again")
    return units


def _compiled(compiler: str, unit: _Unit, first: Path, files: SealedFiles, work: Path) -> Path:
    """The object of a unit; compiled from the copied files, unless the same text was compiled before."""

    def make(folder: Path) -> None:
        whole = work / f"{unit.name}.cpp"
        whole.write_text("".join(f'#include "{source}"\n' for source in unit.sources))
        includes = ["-include", str(first), *(f"-I{work / path}" for path in unit.includes)]
        run_compiler([compiler, *_FLAGS, *includes, "-c", str(whole), "-o", str(folder / _OBJECT)], "csim")

    return kept(f"{unit.name}-object", unit.made_of(files), make) / _OBJECT


def _first_headers(compiler: str, folders: Iterable[str], files: SealedFiles, work: Path) -> dict[str, Path]:
    """The precompiled headers of folders of arithmetic types: one, as long as hls4ml writes the same into all."""
    found: dict[str, Path] = {}
    made: dict[str, Path] = {}
    version = compiler_version(compiler)
    for types in folders:
        texts = [(name.removeprefix(types), digest) for name, digest in files.below(f"{types}/").digests.items()]
        made_of = " ".join([version, sha256_json(sorted(texts)), sha256_file(Path(__file__))])
        if made_of not in made:
            command = [compiler, *_FLAGS, f"-I{work / types}"]
            made[made_of] = precompiled("csim-headers", _HEADERS, command, made_of, "csim")
        found[types] = made[made_of]
    return found


class CSimulation:
    """A C simulation is a compiled simulation model.

    Args:
        accelerator: what was compiled.
        library: what `build_library` returned.
        workers: threads to simulate on; all cores by default.
    """

    def __init__(self, accelerator: Accelerator, library: Path, workers: int | None = None) -> None:
        self._accelerator = accelerator
        self._library = library
        self._workers = workers or os.cpu_count() or 1

    def records(self, codes: NDArray[Any], control: ExitControl) -> Records:
        """Computes the records of (N, C, H, W) input codes, in the order of the accelerator in a thread's part."""
        thresholds = np.asarray(control.codes, np.int32)

        def simulate(library: ctypes.CDLL, start: int, parts: Sequence[NDArray[np.int32]]) -> Records:
            (part,) = parts
            out = np.zeros(len(part) * self._accelerator.exits, dtype=RECORD_DTYPE)
            run = library.accelerator_run
            run.restype = ctypes.c_long
            count = run(
                pointer(part),
                ctypes.c_long(len(part)),
                ctypes.c_uint32(start),
                pointer(thresholds),
                ctypes.c_int(control.anytime),
                pointer(out),
            )
            if count < 0:
                raise SimulationError("the accelerator's model left data in a stream after a sample")
            return out[:count]

        inputs = channels_last(codes).astype(np.int32)
        parts = self._split([inputs], simulate, f"running {len(inputs)} images on csim")
        return np.concatenate([np.zeros(0, RECORD_DTYPE), *parts])

    def segment_codes(self, segment: Segment, codes: Sequence[NDArray[Any]]) -> tuple[NDArray[np.int64], ...]:
        """Returns the codes of the outputs of one segment alone, (N, *shape) each, from those of its inputs."""

        def simulate(library: ctypes.CDLL, _start: int, parts: Sequence[NDArray[np.int32]]) -> list[NDArray[np.int32]]:
            samples = len(parts[0])
            out = [np.zeros((samples, *tensor.shape), np.int32) for tensor in segment.results]
            run = getattr(library, f"{segment.name}_run")
            run.restype = ctypes.c_long
            if run(pointers(parts), ctypes.c_long(samples), pointers(out)) < 0:
                raise SimulationError(f"{segment.name} left data in a stream after a sample")
            return out

        inputs = [np.ascontiguousarray(tensor).astype(np.int32) for tensor in codes]
        parts = self._split(inputs, simulate, f"running {len(inputs[0])} images through {segment.name} on csim")
        none = [np.zeros((0, *tensor.shape), np.int32) for tensor in segment.results]
        return tuple(np.concatenate(tensors).astype(np.int64) for tensors in zip(none, *parts, strict=True))

    def _split(
        self,
        inputs: Sequence[NDArray[np.int32]],
        simulate: Callable[[ctypes.CDLL, int, Sequence[NDArray[np.int32]]], _Result],
        text: str,
    ) -> list[_Result]:
        """Gives each thread a part of the samples and a copy of the library; returns what they gave, in order."""
        parts = [part for part in np.array_split(np.arange(len(inputs[0])), self._workers) if len(part)]

        def work(part: NDArray[np.int64]) -> list[_Result]:
            found = []
            with _own_copy(self._library) as library:
                for start in range(part[0], part[-1] + 1, _REPORTED):
                    end = min(start + _REPORTED, part[-1] + 1)
                    found.append(simulate(library, start, [np.ascontiguousarray(each[start:end]) for each in inputs]))
                    reported.advance(int(end - start))
            return found

        with task(text, len(inputs[0]), "images") as reported, ThreadPoolExecutor(max(1, len(parts))) as pool:
            return [result for found in pool.map(work, parts) for result in found]


def compiled(accelerator: Accelerator, sources: SealedFiles, workers: int | None = None) -> CSimulation:
    """Compiles the C simulation of a design, unless it is kept already.

    Args:
        sources: of the design.
        workers: threads to compile and to simulate on; all cores by default.

    Raises:
        DesignError, SimulationError, ToolError, FormatError: see `build_library`.
    """
    files = sources.below(*(f"{folder}/" for folder in _FOLDERS))
    return CSimulation(accelerator, build_library(accelerator, files, workers), workers)


@contextmanager
def _own_copy(library: Path) -> Iterator[ctypes.CDLL]:
    """A copy of the library with statics of its own; dlopen would give one and the same for one path."""
    with scratch_folder() as scratch:
        loaded = ctypes.CDLL(str(shutil.copyfile(library, scratch / _LIBRARY)))
        try:
            yield loaded
        finally:
            _ctypes.dlclose(loaded._handle)  # ctypes itself never does, and each run would leave its copies mapped
