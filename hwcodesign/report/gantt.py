"""This module draws a timeline: samples in the parts of the accelerator, waits, drops, and levels of buffers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from hwcodesign.report.chart import BAD, FAINT, SERIES, Chart, Column, Row, Spec, banded, spec
from hwcodesign.report.sample_charts import exit_legend, exit_scale
from hwcodesign.simulation.timeline import Stall, Timeline, lanes_of

#: Waits that are closer than this part of the whole time are drawn as one, and levels are drawn at so many times.
_FINENESS = 1500
#: Streams that are drawn wait at least this part of the time.
_WAITING = 0.02


def gantt_charts(timeline: Timeline) -> list[Chart]:
    """Returns the Gantt chart of a timeline, and the levels of its buffers below it; both follow the same zoom."""
    found = [_gantt(timeline)]
    return [*found, _levels(timeline)] if timeline.depths else found


def _time(title: str | None) -> Spec:
    """The axis of time, whose ends are set by the page."""
    domain = [{"expr": "from"}, {"expr": "to"}]
    return {
        "type": "quantitative",
        "title": title,
        "scale": {"domain": domain, "nice": False, "zero": False, "clamp": False},
        "axis": {"format": ",d", "tickCount": 6},
    }


def _zoom(timeline: Timeline) -> list[Spec]:
    return [{"name": "from", "value": 0}, {"name": "to", "value": timeline.cycles}]


def _gantt(timeline: Timeline) -> Chart:
    rows: list[Row] = []
    order: list[str] = []
    for part in timeline.parts:
        spans = sorted((span for span in timeline.spans if span.part == part), key=lambda span: span.begin)
        lanes = lanes_of(spans)
        order += [_row(part, lane) for lane in range(max(lanes, default=0) + 1)]
        dropped = {drop.sample for drop in timeline.drops if f"buffer{drop.buffer}" == part}
        rows += [
            {
                "row": _row(part, lane),
                "part": part,
                "sample": span.sample,
                "begin": span.begin,
                "end": span.end,
                "exit": f"exit {timeline.exits[span.sample]}",
                "dropped": span.sample in dropped,
            }
            for span, lane in zip(spans, lanes, strict=True)
        ]
    waits = list(_waits(timeline))
    order += list(dict.fromkeys(row["row"] for row in waits))
    y: Spec = {"field": "row", "type": "nominal", "sort": order, "title": None, "axis": {"labelFontSize": 11}}
    x, end = _time("clock cycle") | {"field": "begin"}, {"field": "end"}
    lit = {"condition": {"test": "sample < 0 || datum.sample === sample", "value": 0.95}, "value": 0.12}
    colour = {"field": "exit", "type": "nominal", "scale": exit_scale(len(timeline.depths) + 1)}
    tooltip = [
        {"field": "part"},
        {"field": "sample"},
        {"field": "exit", "title": "left at"},
        {"field": "begin", "title": "from cycle", "format": ","},
        {"field": "end", "title": "to cycle", "format": ","},
    ]
    layers: list[Spec] = [
        {
            "data": {"values": rows},
            "mark": {"type": "bar", "clip": True, "height": {"band": 0.85}, "cornerRadius": 1, "cursor": "pointer"},
            "encoding": {
                "y": y,
                "x": x,
                "x2": end,
                "color": colour,
                "opacity": lit,
                "tooltip": tooltip,
            },
        },
        {
            # bars narrower than a pixel would not be seen
            "data": {"values": [row for row in rows if row["end"] - row["begin"] < timeline.cycles / _FINENESS]},
            "mark": {"type": "tick", "clip": True, "thickness": 1, "height": {"band": 0.85}},
            "encoding": {"y": y, "x": x, "color": colour, "opacity": lit, "tooltip": tooltip},
        },
        {
            "data": {"values": [row for row in rows if row["dropped"]]},
            "mark": {
                "type": "point",
                "shape": "cross",
                "angle": 45,
                "size": 45,
                "filled": True,
                "color": BAD,
                "clip": True,
            },
            "encoding": {"y": y, "x": x | {"field": "end"}, "opacity": lit},
        },
        {
            "data": {"values": waits},
            "mark": {"type": "bar", "clip": True, "color": FAINT, "height": {"band": 0.5}},
            "encoding": {"y": y, "x": x, "x2": end},
        },
    ]
    params = [*_zoom(timeline), {"name": "sample", "value": -1}]
    samples, drops = len(timeline.exits), len(timeline.drops)
    text = (
        f"The first {samples} test images in the simulated RTL, one after the other, coloured by the exit at which "
        f"they leave. Crosses are the {drops} drops from conditional buffers. Grey bars are times in which a stream "
        "waits; those close together are drawn as one. A part that holds several samples at once has several rows."
    )
    return Chart(
        "gantt",
        "Timeline of samples",
        text,
        f"Gantt chart of {samples} samples over {timeline.cycles:,} cycles, {drops} of them dropped from a buffer.",
        banded(len(order), 13, params=params, layer=layers),
        (
            Column("sample", "sample"),
            Column("part", "part"),
            Column("begin", "from cycle", "count"),
            Column("end", "to cycle", "count"),
            Column("exit", "left at"),
        ),
        tuple(sorted(rows, key=lambda row: (row["sample"], row["begin"]))),
        exit_legend(len(timeline.depths) + 1),
    )


def _row(part: str, lane: int) -> str:
    return f"{part} ({lane + 1})" if lane else part


def _waits(timeline: Timeline) -> Iterator[Row]:
    for stream, stalls in groupby(timeline.stalls, key=lambda stall: stall.stream):
        all_of_it = list(stalls)
        if sum(stall.end - stall.begin for stall in all_of_it) < _WAITING * timeline.cycles:
            continue
        for begin, end in _merged(all_of_it, timeline.cycles // _FINENESS):
            yield {"row": f"{stream} waits", "begin": begin, "end": end}


def _merged(stalls: Iterable[Stall], gap: int) -> list[tuple[int, int]]:
    """Joins waits between which there are at most `gap` cycles."""
    found: list[tuple[int, int]] = []
    for stall in stalls:
        if found and stall.begin - found[-1][1] <= gap:
            found[-1] = (found[-1][0], stall.end)
        else:
            found.append((stall.begin, stall.end))
    return found


def _levels(timeline: Timeline) -> Chart:
    rows: list[Row] = []
    for k, steps in enumerate(timeline.levels):
        rows += [{"buffer": f"buffer{k}", "cycle": cycle, "beats": level} for cycle, level in _thinned(steps, timeline)]
        rows.append({"buffer": f"buffer{k}", "cycle": timeline.cycles, "beats": steps[-1][1] if steps else 0})
    most = [
        {"buffer": f"buffer{k}", "most": timeline.counters[f"HIGH_WATER[{k}]"], "depth": depth}
        for k, depth in enumerate(timeline.depths)
    ]
    names = [f"buffer{k}" for k in range(len(timeline.depths))]
    colour = {
        "field": "buffer",
        "type": "nominal",
        "scale": {"domain": names, "range": [SERIES[k % len(SERIES)] for k in range(len(names))]},
    }
    beats = {"field": "beats", "type": "quantitative", "title": "beats", "axis": {"tickCount": 4}}
    layers = [
        {
            "data": {"values": rows},
            "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 1.3, "clip": True},
            "encoding": {"x": _time("clock cycle") | {"field": "cycle"}, "y": beats, "color": colour},
        },
        {
            "data": {"values": most},
            "mark": {"type": "rule", "strokeDash": [5, 4]},
            "encoding": {"y": beats | {"field": "depth"}, "color": colour},
        },
    ]
    held = ", ".join(f"{row['most']} of {row['depth']} in {row['buffer']}" for row in most)
    return Chart(
        "buffers",
        "Levels of the buffers",
        f"Beats in each conditional buffer; dashed lines are depths. Most: {held}.",
        f"Step chart of beats over time. Most: {held}.",
        spec(170, params=_zoom(timeline), layer=layers),
        (Column("buffer", "buffer"), Column("most", "most beats", "count"), Column("depth", "depth", "count")),
        tuple(most),
        tuple((name, SERIES[k % len(SERIES)]) for k, name in enumerate(names)),
    )


def _thinned(steps: Iterable[tuple[int, int]], timeline: Timeline) -> Iterator[tuple[int, int]]:
    """Yields steps, of those close together the first and the highest."""
    width = max(1, timeline.cycles // _FINENESS)
    for _, group in groupby(steps, key=lambda step: step[0] // width):
        close = list(group)
        yield from sorted({close[0], max(close, key=lambda step: step[1]), close[-1]})
