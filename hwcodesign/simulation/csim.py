"""C simulation: the generated C++ compiled with g++ into one shared library.

Kernels keep line buffers in statics, so each thread that simulates gets a copy of the library of its own.
"""

from __future__ import annotations

import _ctypes
import ctypes
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.accelerator import Accelerator
from hwcodesign.errors import FormatError, SimulationError, ToolError
from hwcodesign.files import sha256, write_bytes
from hwcodesign.images import channels_last
from hwcodesign.kernels import Segment
from hwcodesign.progress import task
from hwcodesign.runtime.modes import ExitControl
from hwcodesign.runtime.records import RECORD_DTYPE, Records

#: Without exceptions, because g++ analyses thousands of weights' constructors at length otherwise (40 s to 3 s).
_FLAGS = ["-O2", "-fPIC", "-std=c++14", "-fno-exceptions", "-fno-gnu-unique", "-w"]
#: Where a design keeps compiled libraries, below its folder.
LIBRARIES = Path("csim", "build")
#: Widest code that the library's 32-bit interface carries.
_MAX_WIDTH = 31
#: Samples that a thread simulates between two reports of how far it is. The model keeps nothing of a sample that is
#: through, so that records are the same however samples are parted.
_REPORTED = 25


@dataclass(frozen=True)
class _Unit:
    """One translation unit and the folders its includes come from."""

    source: Path
    includes: tuple[Path, ...]


def build_library(accelerator: Accelerator, folder: Path, workers: int | None = None) -> Path:
    """Compile the sources of a design folder, unless they are compiled already.

    Args:
        folder: the design's, with csim/ and vitis/ in it.
        workers: compilers at a time; all cores by default.

    Returns:
        The shared library; its name holds a digest of the sources.

    Raises:
        ToolError: g++ is missing or fails.
        FormatError: a code wider than the library's interface.
    """
    for segment in accelerator.segments:
        for fmt in (segment.input_format, segment.output_format):
            if fmt.width > _MAX_WIDTH:
                raise FormatError(f"{segment.name}: {fmt} is wider than the {_MAX_WIDTH} bits that csim carries")
    units = _units(accelerator, folder)
    digests = [_digest(folder, unit) for unit in units]
    library = folder / LIBRARIES / f"accelerator-{sha256(''.join(digests).encode())[:16]}.so"
    if library.exists():
        return library
    compiler = find_compiler()
    objects = [
        folder / LIBRARIES / f"{unit.source.stem}-{digest[:16]}.o" for unit, digest in zip(units, digests, strict=True)
    ]
    with (
        task("compiling the generated C++", len(units), "units") as reported,
        ThreadPoolExecutor(workers or os.cpu_count()) as pool,
    ):
        jobs = {
            pool.submit(_compile, compiler, unit, target): unit for unit, target in zip(units, objects, strict=True)
        }
        for job in as_completed(jobs):
            job.result()
            reported.advance(note=f"{jobs[job].source.name} is done")
    with tempfile.TemporaryDirectory() as scratch:
        linked = Path(scratch) / "accelerator.so"
        _run([compiler, "-shared", "-Wl,-Bsymbolic", *map(str, objects), "-o", str(linked)])
        write_bytes(library, linked.read_bytes())
    return library


def find_compiler() -> str:
    """Path of g++.

    Raises:
        ToolError: it is not installed.
    """
    compiler = shutil.which("g++")
    if compiler is None:
        raise ToolError("on='csim' needs g++ (Debian and Ubuntu: apt install g++); on='software' does not")
    return compiler


def _units(accelerator: Accelerator, folder: Path) -> list[_Unit]:
    vitis = folder / "vitis"
    units = [
        _Unit(vitis / s.name / "firmware" / f"{s.name}.cpp", (vitis / s.name / "firmware" / "ap_types",))
        for s in accelerator.segments
    ]
    firmware = vitis / "stage0" / "firmware"
    blocks = accelerator.blocks
    common = (vitis / "hls", firmware, firmware / "ap_types")
    units += [_Unit(vitis / block / f"{block}.cpp", common) for block in blocks]
    units.append(_Unit(folder / "csim" / "accelerator.cpp", (*common, *(vitis / block for block in blocks))))
    missing = [unit.source for unit in units if not unit.source.exists()]
    if missing:
        raise SimulationError(f"{missing[0]} is not there: the design has no C++; compile it again")
    return units


def _digest(folder: Path, unit: _Unit) -> str:
    """Of a unit's source, of every header that it may include, of the flags and of the machine."""
    own = [unit.source.parent, *(path for path in unit.includes if path.name not in ("firmware", "ap_types"))]
    files = {unit.source, *(header for path in own for header in path.rglob("*.h"))}
    files.add(folder / "vitis" / "stage0" / "firmware" / "nnet_utils" / "nnet_types.h")
    text = "".join(f"{path.relative_to(folder)} {sha256(path.read_bytes())}\n" for path in sorted(files))
    return sha256((text + " ".join([*_FLAGS, platform.machine()])).encode())


def _compile(compiler: str, unit: _Unit, target: Path) -> None:
    """Compile a unit, unless the same text was compiled before."""
    if target.exists():
        return
    includes = [f"-I{path}" for path in unit.includes]
    with tempfile.TemporaryDirectory() as scratch:
        written = Path(scratch) / target.name
        _run([compiler, *_FLAGS, *includes, "-c", str(unit.source), "-o", str(written)])
        write_bytes(target, written.read_bytes())


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolError(f"{' '.join(command)} failed:\n{done.stderr[-4000:]}")


class CSimulation:
    """A compiled simulation model.

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
        """Records of (N, C, H, W) input codes, in the order of the accelerator within each thread's share."""
        thresholds = np.asarray(control.codes, np.int32)

        def simulate(library: ctypes.CDLL, start: int, part: NDArray[np.int32]) -> Records:
            out = np.zeros(len(part) * self._accelerator.exits, dtype=RECORD_DTYPE)
            run = library.accelerator_run
            run.restype = ctypes.c_long
            count = run(
                _pointer(part),
                ctypes.c_long(len(part)),
                ctypes.c_uint32(start),
                _pointer(thresholds),
                ctypes.c_int(control.anytime),
                _pointer(out),
            )
            if count < 0:
                raise SimulationError("the accelerator's model left data in a stream after a sample")
            return out[:count]

        inputs = channels_last(codes).astype(np.int32)
        parts = self._split(inputs, simulate, f"running {len(inputs)} images on csim")
        return np.concatenate([np.zeros(0, RECORD_DTYPE), *parts])

    def segment_codes(self, segment: Segment, codes: NDArray[Any]) -> NDArray[np.int64]:
        """Output codes of one segment alone, (N, *output_shape), from (N, *input_shape) codes."""

        def simulate(library: ctypes.CDLL, _start: int, part: NDArray[np.int32]) -> NDArray[np.int32]:
            out = np.zeros((len(part), *segment.output_shape), np.int32)
            run = getattr(library, f"{segment.name}_run")
            run.restype = ctypes.c_long
            if run(_pointer(part), ctypes.c_long(len(part)), _pointer(out)) < 0:
                raise SimulationError(f"{segment.name} left data in a stream after a sample")
            return out

        inputs = np.ascontiguousarray(codes).astype(np.int32)
        parts = self._split(inputs, simulate, f"running {len(inputs)} images through {segment.name} on csim")
        none = np.zeros((0, *segment.output_shape), np.int32)
        return np.asarray(np.concatenate([none, *parts]), np.int64)

    def _split(
        self,
        inputs: NDArray[np.int32],
        simulate: Callable[[ctypes.CDLL, int, NDArray[np.int32]], NDArray[Any]],
        text: str,
    ) -> list[NDArray[Any]]:
        """Share samples among threads, each with a copy of the library; what each part of them gave, in their order."""
        shares = [share for share in np.array_split(np.arange(len(inputs)), self._workers) if len(share)]

        def work(share: NDArray[np.int64]) -> list[NDArray[Any]]:
            found = []
            with _own_copy(self._library) as library:
                for start in range(share[0], share[-1] + 1, _REPORTED):
                    part = np.ascontiguousarray(inputs[start : min(start + _REPORTED, share[-1] + 1)])
                    found.append(simulate(library, start, part))
                    reported.advance(len(part))
            return found

        with task(text, len(inputs), "images") as reported, ThreadPoolExecutor(max(1, len(shares))) as pool:
            return [part for parts in pool.map(work, shares) for part in parts]


@contextmanager
def _own_copy(library: Path) -> Iterator[ctypes.CDLL]:
    """A copy of the library with statics of its own; dlopen would give one and the same for one path."""
    with tempfile.TemporaryDirectory() as scratch:
        loaded = ctypes.CDLL(str(shutil.copy(library, Path(scratch) / "accelerator.so")))
        try:
            yield loaded
        finally:
            _ctypes.dlclose(loaded._handle)  # ctypes itself never does, and each run would leave its copies mapped


def _pointer(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
