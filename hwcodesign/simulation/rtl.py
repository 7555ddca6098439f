"""The whole accelerator's RTL, every cycle: images in, records out, with what each cycle cost."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.errors import DesignError, SettingsError, SimulationError
from hwcodesign.images import pack_words
from hwcodesign.interface import register_map as registers
from hwcodesign.interface.modes import ExitControl
from hwcodesign.interface.records import BATCH, FLAG_FINAL, RECORD_DTYPE, Records
from hwcodesign.kernels.tensor import suffix
from hwcodesign.policies import subnet_codes
from hwcodesign.progress import task
from hwcodesign.simulation.activity import LEVEL_MACRO, Activity, ActivityRoom
from hwcodesign.simulation.model import FAILED, Verilation, is_verilated, said, verilate
from hwcodesign.simulation.pointers import pointer, pointers
from hwcodesign.simulation.probes import counters, probes, wrapper_name
from hwcodesign.simulation.project import SIMULATION, Project
from hwcodesign.simulation.wave_format import WaveFormat, wave_format
from hwcodesign.simulation.wave_signals import view_source

#: Where a design keeps its SystemVerilog, below its folder.
FOLDER = Path("rtl")
_ALWAYS = 65536
_PATIENCE = 2**25
_DUMP = 16384


@dataclass(frozen=True)
class Stalls:
    """The stalls say how the world treats the accelerator's streams.

    Attributes:
        valid_rate, ready_rate: chances that a word is offered, and a record word taken, in a cycle.
        seed: of these choices.
    """

    valid_rate: float = 1.0
    ready_rate: float = 1.0
    seed: int = 1


@dataclass(frozen=True)
class RtlRun:
    """An RTL run is what a simulation gave.

    Attributes:
        records: in the order in which they left.
        left: (records,) cycle in which each left; of its own batch.
        accepted: (N,) cycle in which each sample's first word was accepted; of its own batch.
        outputs: codes of every segment for the samples that reached it, in their order, where they were asked for.
        counters: the registers, summed over batches (HIGH_WATER: the highest).
        cycles: simulated, summed over batches.
        activity: what every cycle showed, where it was asked for.
    """

    records: Records
    left: NDArray[np.int64]
    accepted: NDArray[np.int64]
    outputs: Mapping[str, NDArray[np.int64]]
    counters: Mapping[str, int]
    cycles: int
    activity: Activity | None = None


class _Settings(ctypes.Structure):
    """settings_t of rtl_sim/drive/accelerator.cpp."""

    _fields_ = (
        ("valid_rate", ctypes.c_uint32),
        ("ready_rate", ctypes.c_uint32),
        ("seed", ctypes.c_uint64),
        ("anytime", ctypes.c_uint32),
        ("records_per_packet", ctypes.c_uint32),
        ("patience", ctypes.c_int64),
    )


@dataclass(frozen=True)
class RtlSimulation:
    """An RTL simulation is the Verilated accelerator of a design.

    Attributes:
        accelerator: that the design holds.
        project: its SystemVerilog.
        checked: whether the assertions of its modules are checked in every cycle, and every stream between them is held
            to its contract; for finding faults in modules: compiling and running take longer.
    """

    accelerator: Accelerator
    project: Project
    checked: bool = False

    def library(self, *, trace: WaveFormat | None = None) -> Path:
        """Returns the compiled model; at the first use it is made, or found to be kept and whole.

        Raises:
            ToolError: Verilator or g++ is missing.
            DesignError: a file is not as it was written.
        """
        if trace is not None:
            return verilate(self._made_of(trace))
        return self._without_waves

    @cached_property
    def _without_waves(self) -> Path:
        return verilate(self._made_of())

    @property
    def is_compiled(self) -> bool:
        """Returns whether a run needs no compiling, which takes a minute."""
        return is_verilated(self._made_of())

    def _made_of(self, trace: WaveFormat | None = None) -> Verilation:
        project, wrapper = self.project, wrapper_name(self.accelerator)
        return Verilation(
            project,
            (*project.modules, f"{SIMULATION}/{wrapper}.sv"),
            ("accelerator.cpp", "board.cpp"),
            project.files.text(f"{SIMULATION}/model.h"),
            wrapper,
            trace=trace,
            shown="" if trace is None else view_source(self.accelerator),
            checked=self.checked,
            beats=self._beats if self.checked else {},
        )

    @property
    def _beats(self) -> dict[str, dict[str, int]]:
        """Of a sample in each segment's streams, which are parts of no sample but whole ones."""
        accelerator = self.accelerator
        return {
            f"{accelerator.name}_{segment.name}": {
                f"{direction}{suffix(i)}": stream.beats
                for direction, streams in (("in", accelerator.given(number)), ("out", accelerator.taken(number)))
                for i, stream in enumerate(streams)
            }
            for number, segment in enumerate(accelerator.segments)
        }

    def run(
        self,
        codes: NDArray[Any],
        control: ExitControl,
        *,
        stalls: Stalls | None = None,
        outputs: bool = False,
        batch: int = BATCH,
        records_per_packet: int = 0,
        waves: Path | None = None,
        activity: bool = False,
    ) -> RtlRun:
        """Simulates samples.

        Args:
            codes: (N, C, H, W) input codes.
            control: thresholds and mode.
            stalls: on the streams; none by default.
            outputs: record every segment's codes.
            batch: samples between two resets; batches run on all cores. A constant by default, not a matter of cores,
                so that cycles are the same on every machine.
            records_per_packet: records between two TLAST; 0: at a batch's end alone.
            waves: file for the waveform of the first batch, .fst or .vcd; a cycle is 1 ns of its time, counted as in
                `left` and `accepted`.
            activity: record what every cycle shows; all samples are then one batch.

        Raises:
            SettingsError: a rate outside 0 to 1, a batch of no samples, packets longer than a register holds, or a wave
                file of another format.
            ToolError: Verilator or g++ is missing, or what writes FST.
            DesignError: an activity is asked for of a design that was compiled without levels for it.
            SimulationError: the accelerator hangs (with the state of its streams), loses or duplicates a record, or
                fails a check.
        """
        stalls = stalls or Stalls()
        _check_settings(stalls, batch, records_per_packet)
        trace = None
        if waves is not None:
            trace = wave_format(waves)
            waves.parent.mkdir(parents=True, exist_ok=True)
        words = pack_words(codes, self.accelerator.input_format)
        if activity:
            self._check_levels()
            batch = max(1, len(words))
        library = ctypes.CDLL(str(self.library(trace=trace)))
        starts = range(0, len(words), batch)

        def simulate(start: int) -> RtlRun:
            written = waves if start == 0 else None
            part = words[start : start + batch]
            run = self._batch(library, part, control, stalls, outputs, records_per_packet, written, activity)
            reported.advance(len(part))
            return run

        text = f"running {len(words)} images on rtl"
        with task(text, len(words), "images") as reported, ThreadPoolExecutor(os.cpu_count()) as pool:
            runs = list(pool.map(simulate, starts))
        for start, run in zip(starts, runs, strict=True):
            run.records["sample_id"] += np.uint32(start)
        joined = _joined(self.accelerator, runs, outputs)
        return replace(joined, activity=runs[0].activity) if activity and runs else joined

    def _check_levels(self) -> None:
        if LEVEL_MACRO not in self.project.files.text(f"{SIMULATION}/model.h"):
            raise DesignError("the design was compiled without levels of its buffers: compile it again")

    def outputs(self, codes: NDArray[Any]) -> dict[str, NDArray[np.int64]]:
        """Returns the codes that every segment writes for all samples, all of which go to the last exit."""
        control = ExitControl(subnet_codes(self.accelerator.exits, self.accelerator.exits - 1), anytime=False)
        return dict(self.run(codes, control, outputs=True).outputs)

    def _batch(
        self,
        library: ctypes.CDLL,
        words: NDArray[np.uint64],
        control: ExitControl,
        stalls: Stalls,
        outputs: bool,
        records_per_packet: int,
        waves: Path | None,
        activity: bool,
    ) -> RtlRun:
        room = ActivityRoom(self.accelerator) if activity else None
        samples, exits = len(words), self.accelerator.exits
        settings = _Settings(
            round(stalls.valid_rate * _ALWAYS),
            round(stalls.ready_rate * _ALWAYS),
            stalls.seed,
            int(control.anytime),
            records_per_packet,
            _PATIENCE,
        )
        records = np.zeros(samples * (exits if control.anytime else 1), RECORD_DTYPE)
        left, accepted = np.zeros(len(records), np.uint64), np.zeros(samples, np.uint64)
        addresses = counters(exits)
        latched, cycles = np.zeros(len(addresses), np.uint32), ctypes.c_uint64()
        dump = ctypes.create_string_buffer(_DUMP)
        arrays = [
            np.zeros((samples, *probe.tensor.shape), np.int32) if outputs else np.zeros(0, np.int32)
            for probe in probes(self.accelerator)
        ]
        # arrays that C++ reads must have a name while it does
        words, thresholds = np.ascontiguousarray(words), np.array(control.codes, np.int32)
        sizes = np.array([array.size for array in arrays], np.int64)
        function = library.hwc_accelerator_run
        function.restype = ctypes.c_long
        count = function(
            pointer(words),
            ctypes.c_long(samples),
            ctypes.byref(settings),
            pointer(thresholds),
            pointer(records),
            ctypes.c_long(len(records)),
            pointer(left),
            pointer(accepted),
            pointers(arrays) if outputs else None,
            pointer(sizes),
            pointer(latched),
            ctypes.byref(cycles),
            room.reference if room else None,
            dump,
            ctypes.c_long(_DUMP),
            str(waves).encode() if waves is not None else None,
        )
        if count == -1:
            raise SimulationError(f"{self.accelerator.name} hangs:\n{dump.value.decode()}{said(library)}")
        if count == FAILED:
            raise SimulationError(f"{self.accelerator.name} fails a check:\n{said(library)}")
        if count < 0:
            raise SimulationError(f"{self.accelerator.name} gave more records than {samples} samples have")
        records = records[:count]
        _check_records(self.accelerator.name, records, samples)
        values = {
            probe.name: array[: _reached(records, probe.exit)].astype(np.int64)
            for probe, array in zip(probes(self.accelerator), arrays, strict=True)
            if outputs
        }
        names = {name: int(value) for (name, _), value in zip(addresses, latched, strict=True)}
        shown = room.activity() if room else None
        return RtlRun(
            records, left[:count].astype(np.int64), accepted.astype(np.int64), values, names, int(cycles.value), shown
        )


def _check_settings(stalls: Stalls, batch: int, records_per_packet: int) -> None:
    for name, rate in (("valid_rate", stalls.valid_rate), ("ready_rate", stalls.ready_rate)):
        if not 0 <= rate <= 1:
            raise SettingsError(f"{name}={rate} is no chance between 0 and 1")
    longest = registers.RECORDS_PER_PACKET.field("count").mask
    if batch < 1 or not 0 <= records_per_packet <= longest:
        raise SettingsError(
            f"batch={batch} and records_per_packet={records_per_packet} must be at least 1, and 0 to {longest}"
        )


def _check_records(name: str, records: Records, samples: int) -> None:
    """Every sample left exactly once."""
    final = records["sample_id"][(records["flags"] & FLAG_FINAL) != 0]
    if not np.array_equal(np.sort(final), np.arange(samples)):
        lost = np.setdiff1d(np.arange(samples), final)
        raise SimulationError(f"{name}: {len(final)} final records of {samples} samples; lost: {lost[:10].tolist()}")


def _reached(records: Records, k: int) -> int:
    """Samples that came to stage k."""
    return int(np.count_nonzero((records["exit"] >= k) & ((records["flags"] & FLAG_FINAL) != 0)))


def _joined(accelerator: Accelerator, runs: Sequence[RtlRun], outputs: bool) -> RtlRun:
    none = np.zeros(0, np.int64)
    names = [name for name, _ in counters(accelerator.exits)]
    totals = {
        name: (max if name.startswith(("HIGH_WATER", "STATUS")) else sum)([run.counters[name] for run in runs] or [0])
        for name in names
    }
    values = {
        probe.name: np.concatenate(
            [np.zeros((0, *probe.tensor.shape), np.int64), *(run.outputs[probe.name] for run in runs)]
        )
        for probe in probes(accelerator)
        if outputs
    }
    return RtlRun(
        np.concatenate([np.zeros(0, RECORD_DTYPE), *(run.records for run in runs)]),
        np.concatenate([none, *(run.left for run in runs)]),
        np.concatenate([none, *(run.accepted for run in runs)]),
        values,
        totals,
        sum(run.cycles for run in runs),
    )
