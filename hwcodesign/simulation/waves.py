"""This module writes views of a waveform, which open on the first exit decision: for GTKWave and for Surfer."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from vcd import gtkw

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.errors import SimulationError
from hwcodesign.simulation.rtl import RtlRun
from hwcodesign.simulation.wave_signals import STATES, Group, Shown, bits_path, path, view_groups, view_scope
from hwcodesign.storage.files import write_text

#: Time of the file that a cycle takes, in its unit, the picosecond.
_CYCLE = 1000
#: Cycles that a view shows at first, and how many of them lie before the decision.
_CYCLES, _BEFORE = 40, 26
#: GTKWave's zoom: minus the logarithm of the time that 200 pixels take. So many cycles then fill a window of 1,600
#: pixels, beside the names.
_ZOOM = -12.8
_FORMATS = {Shown.BIT: "bin", Shown.UNSIGNED: "dec", Shown.SIGNED: "signed", Shown.HEXADECIMAL: "hex"}


@dataclass(frozen=True)
class Views:
    """The views of a wave file.

    Attributes:
        gtkwave: save file of GTKWave; `gtkwave FILE.gtkw` opens it with the waves.
        surfer: command file of Surfer; `surfer --command-file FILE.sucl` opens it with the waves.
        cycle: cycle of the first exit decision, at which both open.
    """

    gtkwave: Path
    surfer: Path
    cycle: int


def first_decision(run: RtlRun) -> int:
    """Returns the cycle in which an exit first decides: a sample's record, or the word that it stays, is offered.

    Raises:
        SimulationError: the run has no activity, or no sample came to an exit.
    """
    if run.activity is None:
        raise SimulationError("a run without activity has no decision to look at: simulate with activity=True")
    offered = [
        np.flatnonzero(v) for name, v in run.activity.valid.items() if re.fullmatch(r"(record|release)\d+", name)
    ]
    cycles = [int(found[0]) for found in offered if len(found)]
    if not cycles:
        raise SimulationError("no exit decides in this run: simulate one sample or more")
    return min(cycles)


def write_views(accelerator: Accelerator, waves: Path, run: RtlRun) -> Views:
    """Writes views beside a wave file.

    Args:
        waves: file that `RtlSimulation.run(waves=…)` wrote; it is not read.
        run: what that call returned, with `activity=True`.

    Raises:
        SimulationError: the file is missing, or the run shows no decision.
    """
    if not waves.is_file():
        raise SimulationError(f"there is no {waves}: simulate with waves= first")
    cycle = first_decision(run)
    views = Views(waves.with_suffix(".gtkw"), waves.with_suffix(".sucl"), cycle)
    names = {shown: waves.with_name(f"{waves.stem}.{shown.value}.txt") for shown in STATES}
    for shown, file in names.items():
        write_text(file, "".join(f"{value:02b} {name}\n" for value, name in enumerate(STATES[shown])))
    write_text(views.gtkwave, _gtkwave(accelerator, waves, views, names))
    write_text(views.surfer, _surfer(accelerator, waves, cycle))
    return views


def _gtkwave(accelerator: Accelerator, waves: Path, views: Views, names: dict[Shown, Path]) -> str:
    text = io.StringIO()
    save = gtkw.GTKWSave(text)
    save.dumpfile(str(waves.resolve()))
    save.savefile(str(views.gtkwave.resolve()))
    save.timestart(max(0, views.cycle - _BEFORE) * _CYCLE)
    save.size(1600, 1000)
    save.zoom_markers(_ZOOM, views.cycle * _CYCLE)
    save.signals_width(260)
    save.treeopen(f"{'.'.join(view_scope(accelerator))}.")
    for group in view_groups(accelerator):
        with save.group(group.name):
            _write_traces(save, accelerator, group, names)
    return text.getvalue()


def _write_traces(save: gtkw.GTKWSave, accelerator: Accelerator, group: Group, names: dict[Shown, Path]) -> None:
    for signal in group.signals:
        bits = f"[{signal.bits - 1}:0]" if signal.bits > 1 else ""
        if signal.shown in names:
            # GTKWave 3.3 shows the names that an FST file has of an enumeration at wrong values: it gets plain bits
            filter_file = str(names[signal.shown].resolve())
            name = bits_path(accelerator, group, signal) + bits
            save.trace(name, alias=signal.name, datafmt="bin", translate_filter_file=filter_file)
        else:
            save.trace(path(accelerator, group, signal) + bits, alias=signal.name, datafmt=_FORMATS[signal.shown])


def _surfer(accelerator: Accelerator, waves: Path, cycle: int) -> str:
    scope, begin = ".".join(view_scope(accelerator)), max(0, cycle - _BEFORE)
    lines = [f"load_file {waves.resolve()}"]
    lines += [f"scope_add_as_group {scope}.{group.name}" for group in view_groups(accelerator)]
    lines += [f"zoom_to {begin}ns {begin + _CYCLES}ns", f"cursor_set {cycle}ns"]
    return "\n".join(lines) + "\n"
