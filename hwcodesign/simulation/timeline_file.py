"""This module stores a timeline as JSON, and writes it as a trace that Perfetto and Chrome open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from hwcodesign.errors import FieldError
from hwcodesign.simulation.timeline import Drop, Span, Stall, Timeline, lanes_of, parts_of
from hwcodesign.storage.fields import Field, read_json
from hwcodesign.storage.files import write_text

VERSION = 1
_FIELDS = ("timeline_version", "cycles", "exits", "depths", "spans", "drops", "stalls", "levels", "counters")
_MOST_EVENTS, _MOST_CYCLES, _MOST_EXITS = 2**20, 2**31, 256
#: Process ids in the trace: samples in parts, stalls of streams, levels of buffers, what registers count.
_SAMPLES, _STALLS, _LEVELS, _COUNTERS = 1, 2, 3, 4

Event = dict[str, Any]


def write_timeline(timeline: Timeline, path: Path) -> None:
    """Writes a timeline for `read_timeline`."""
    _write(path, _to_json(timeline))


def read_timeline(path: Path) -> Timeline:
    """Reads what `write_timeline` wrote.

    Raises:
        FieldError: the file is missing, damaged, or of another version.
    """
    return _from_json(Field(read_json(path), ""))


def write_trace(timeline: Timeline, name: str, clock_mhz: float, path: Path) -> None:
    """Writes a trace of events (Chrome's JSON format), in which a microsecond stands for a clock cycle.

    Args:
        timeline: the timeline.
        name: name of the accelerator.
        clock_mhz: assumed clock; it is noted in the trace and changes no time in it.
    """
    note = {"accelerator": name, "time": "one microsecond is one clock cycle", "clock_mhz": clock_mhz}
    _write(path, {"displayTimeUnit": "ns", "otherData": note, "traceEvents": list(trace_events(timeline))})


def trace_events(timeline: Timeline) -> Iterator[Event]:
    """Yields the events of the trace: spans, drops, stalls, levels, counters, and before them names of processes and
    threads.

    Spans of a part that overlap lie in several threads.
    """
    for pid, text in ((_SAMPLES, "samples"), (_STALLS, "stalls"), (_LEVELS, "buffers"), (_COUNTERS, "registers")):
        yield _named("process_name", pid, 0, text)
    first = 0  # thread of the part's first lane
    for part in timeline.parts:
        spans = sorted((span for span in timeline.spans if span.part == part), key=lambda span: span.begin)
        lanes = lanes_of(spans)
        for lane in range(max(lanes, default=0) + 1):
            yield _named("thread_name", _SAMPLES, first + lane, part if lane == 0 else f"{part} ({lane + 1})")
        for span, lane in zip(spans, lanes, strict=True):
            found = _complete(_SAMPLES, first + lane, f"sample {span.sample}", span.begin, span.end)
            yield found | {"args": {"sample": span.sample, "exit": timeline.exits[span.sample]}}
        if part.startswith("buffer"):
            for drop in timeline.drops:
                if f"buffer{drop.buffer}" == part:
                    yield _drop(drop, first)
        first += max(lanes, default=0) + 1
    for thread, (stream, stalls) in enumerate(groupby(timeline.stalls, key=lambda stall: stall.stream)):
        yield _named("thread_name", _STALLS, thread, stream)
        yield from (_complete(_STALLS, thread, "stall", stall.begin, stall.end) for stall in stalls)
    for k, steps in enumerate(timeline.levels):
        for cycle, level in steps:
            yield _counter(_LEVELS, k, cycle, f"beats in buffer{k}", {"beats": level})
    for k, (name, counts) in enumerate(timeline.counts().items()):
        for cycle, count in ((0, 0), *counts):
            yield _counter(_COUNTERS, k, cycle, name, {"count": count})


def _named(kind: str, pid: int, thread: int, text: str) -> Event:
    return {"ph": "M", "pid": pid, "tid": thread, "name": kind, "args": {"name": text}}


def _complete(pid: int, thread: int, name: str, begin: int, end: int) -> Event:
    return {"ph": "X", "pid": pid, "tid": thread, "ts": begin, "dur": end - begin, "name": name}


def _counter(pid: int, thread: int, cycle: int, name: str, values: dict[str, int]) -> Event:
    return {"ph": "C", "pid": pid, "tid": thread, "ts": cycle, "name": name, "args": values}


def _drop(drop: Drop, thread: int) -> Event:
    text = f"sample {drop.sample} dropped"
    return {"ph": "i", "s": "t", "pid": _SAMPLES, "tid": thread, "ts": drop.cycle, "name": text}


def _write(path: Path, data: Any) -> None:
    write_text(path, json.dumps(data, separators=(",", ":"), allow_nan=False) + "\n")


def _to_json(timeline: Timeline) -> dict[str, Any]:
    parts = {part: index for index, part in enumerate(timeline.parts)}
    return {
        "timeline_version": VERSION,
        "cycles": timeline.cycles,
        "exits": list(timeline.exits),
        "depths": list(timeline.depths),
        "spans": [[span.sample, parts[span.part], span.begin, span.end] for span in timeline.spans],
        "drops": [[drop.sample, drop.buffer, drop.cycle] for drop in timeline.drops],
        "stalls": {
            stream: [[stall.begin, stall.end] for stall in stalls]
            for stream, stalls in groupby(timeline.stalls, key=lambda stall: stall.stream)
        },
        "levels": [[list(step) for step in steps] for steps in timeline.levels],
        "counters": timeline.counters,
    }


def _from_json(stored: Field) -> Timeline:
    fields = stored.fields(_FIELDS)
    fields["timeline_version"].integer(VERSION, VERSION)
    depths = fields["depths"].integers(1, _MOST_CYCLES, 0, _MOST_EXITS)
    exits = fields["exits"].integers(0, len(depths), 0, _MOST_EVENTS)
    parts, samples = parts_of(len(depths) + 1), len(exits) - 1
    return Timeline(
        cycles=fields["cycles"].integer(0, _MOST_CYCLES),
        exits=exits,
        depths=depths,
        spans=tuple(
            Span(_within(field, sample, samples), parts[_within(field, part, len(parts) - 1)], begin, end)
            for field, (sample, part, begin, end) in _rows(fields["spans"], 4)
        ),
        drops=tuple(
            Drop(_within(field, sample, samples), _within(field, buffer, len(depths) - 1), cycle)
            for field, (sample, buffer, cycle) in _rows(fields["drops"], 3)
        ),
        stalls=tuple(
            Stall(stream, begin, end)
            for stream, rows in fields["stalls"].mapping(_MOST_EVENTS).items()
            for _, (begin, end) in _rows(rows, 2)
        ),
        levels=tuple(
            tuple((cycle, level) for _, (cycle, level) in _rows(steps, 2))
            for steps in fields["levels"].items(len(depths), len(depths))
        ),
        counters={name: item.integer(0, 2**32) for name, item in fields["counters"].mapping(2**12).items()},
    )


def _rows(stored: Field, length: int) -> Iterator[tuple[Field, tuple[int, ...]]]:
    for item in stored.items(0, _MOST_EVENTS):
        yield item, item.integers(0, _MOST_CYCLES, length, length)


def _within(stored: Field, value: int, last: int) -> int:
    if value > last:
        raise FieldError(f"{stored.place} has {value}, and must have at most {last} there")
    return value
