"""This module writes a view of a simulation's waveforms: a GTKWave save file that opens on the exit decisions.

The file is plain text: `@` lines hold the display flags of the lines that follow, in hexadecimal (GTKWave's
`TR_…` constants), `-` lines are comments and names of groups, all others are signals with their bit range.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.errors import SimulationError
from hwcodesign.simulation.probes import wrapper_name
from hwcodesign.storage.files import write_text

_GROUP_BEGINS, _GROUP_ENDS = "@800200", "@1000200"
_BITS, _HEXADECIMAL, _UNSIGNED, _SIGNED = "@28", "@22", "@24", "@420"


@dataclass(frozen=True)
class _Trace:
    """This is a line of the view.

    Attributes:
        path: of the signal, below the accelerator's top.
        flags: how it is shown.
    """

    path: str
    flags: str = _BITS


def write_view(accelerator: Accelerator, vcd: Path) -> Path:
    """Writes a save file beside a trace that `RtlSimulation.run(waves=…)` wrote.

    Args:
        vcd: trace; only its header is read.

    Returns:
        The save file: the trace's name with the suffix .gtkw. It names the trace, so `gtkwave FILE.gtkw` opens both.

    Raises:
        SimulationError: the trace is missing, or belongs to another accelerator.
    """
    signals = traced_signals(vcd)
    top = f"TOP.{wrapper_name(accelerator)}.u_dut"
    view = vcd.with_suffix(".gtkw")
    lines = [
        f'[dumpfile] "{vcd.resolve()}"',
        f'[savefile] "{view.resolve()}"',
        "[timestart] 0",
        "[size] 1600 1000",
        f"[treeopen] {top}.",
        "[signals_width] 320",
    ]
    for name, traces in _groups(accelerator):
        lines += [_GROUP_BEGINS, f"-{name}"]
        lines += [line for trace in traces for line in _lines(trace, top, signals, vcd)]
        lines += [_GROUP_ENDS, f"-{name}"]
    write_text(view, "\n".join(lines) + "\n")
    return view


def traced_signals(vcd: Path) -> dict[str, str]:
    """Returns the signals of a trace's header: full path to bit range, "[7:0]" or nothing.

    Raises:
        SimulationError: the file is missing or is not a trace.
    """
    scopes: list[str] = []
    found: dict[str, str] = {}
    try:
        with vcd.open(encoding="ascii", errors="replace") as lines:
            for line in lines:
                match line.split():
                    case ["$scope", _, name, "$end"]:
                        scopes.append(name)
                    case ["$upscope", "$end"] if scopes:
                        scopes.pop()
                    case ["$var", _, _, _, name, *bits, "$end"]:
                        found[".".join([*scopes, name])] = "".join(bits)
                    case ["$enddefinitions", *_]:
                        return found
    except OSError as error:
        raise SimulationError(f"{vcd} cannot be read ({error.strerror}): simulate with waves= first") from None
    raise SimulationError(f"{vcd} is not a complete VCD trace: simulate with waves= again")


def _lines(trace: _Trace, top: str, signals: Mapping[str, str], vcd: Path) -> list[str]:
    path = f"{top}.{trace.path}"
    if path not in signals:
        raise SimulationError(f"{vcd} has no signal {path}: it is the trace of another accelerator")
    return [trace.flags, path + signals[path]]


def _groups(accelerator: Accelerator) -> Iterator[tuple[str, Sequence[_Trace]]]:
    """Yields names and signals, in data order."""
    yield "Clock", [_Trace("aclk"), _Trace("core_rst_n"), _Trace("now", _UNSIGNED)]
    yield (
        "Input",
        [
            *(_Trace(f"s_axis_t{signal}") for signal in ("valid", "ready", "last")),
            _Trace("s_axis_tdata", _HEXADECIMAL),
            _Trace("sample_started"),
            _Trace("active_bank"),
            _Trace("accepted", _UNSIGNED),
            *_stream("stage0_in"),
        ],
    )
    for k in range(accelerator.exits):
        yield f"Exit {k}", list(_exit(k, last=k == accelerator.exits - 1))
    yield "Merge", [*_stream("records"), _Trace("records_data", _HEXADECIMAL)]
    yield (
        "Output",
        [
            *(_Trace(f"m_axis_t{signal}") for signal in ("valid", "ready", "last")),
            _Trace("m_axis_tdata", _HEXADECIMAL),
        ],
    )


def _exit(k: int, *, last: bool) -> Iterator[_Trace]:
    """From a stage's output to what its decision sets off; the two banks' thresholds are one number, bank 1 first."""
    yield from _stream(f"stage{k}_out")
    yield from _stream(f"logits{k}")
    yield _Trace(f"logits{k}_data", _HEXADECIMAL)
    yield _Trace(f"u_decision{k}.scored")
    yield _Trace(f"u_decision{k}.score", _SIGNED)
    yield _Trace(f"u_decision{k}.label", _UNSIGNED)
    yield _Trace(f"u_decision{k}.threshold_i", _HEXADECIMAL)
    yield from _stream(f"record{k}")
    yield _Trace(f"record{k}_data", _HEXADECIMAL)
    if not last:
        yield from _stream(f"release{k}")
        yield _Trace(f"u_decision{k}.release_keep_o")
        yield _Trace(f"level{k}", _UNSIGNED)
        yield from _stream(f"stage{k + 1}_in")


def _stream(name: str) -> tuple[_Trace, _Trace]:
    return _Trace(f"{name}_valid"), _Trace(f"{name}_ready")
