"""The first samples of the demo's timeline as a picture: the chart of the report, at one scale."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import vl_convert

from hwcodesign.report import page
from hwcodesign.report.chart import CONFIG, TEXT
from hwcodesign.report.gantt import gantt_charts
from hwcodesign.simulation.timeline import Timeline

_WIDTH, _FROM, _TO = 620, 1200, 2600
_STYLE = Path(page.__file__).parent / "page_files" / "style.css"


def _colours() -> str:
    """The report's colours of light and dark pages, which the chart names."""
    found = re.findall(r"(@media \(prefers-color-scheme: dark\) \{\s*)?:root \{([^}]*)\}", _STYLE.read_text())
    light = next(text for dark, text in found if not dark)
    dark = next(text for dark, text in found if dark)
    return f"svg {{{light}}} @media (prefers-color-scheme: dark) {{ svg {{{dark}}} }}"


def gantt(timeline: Timeline) -> str:
    """The picture."""
    spec = copy.deepcopy(gantt_charts(timeline)[0].spec) | {
        "config": CONFIG | {"legend": {"labelColor": TEXT, "title": None}}
    }
    spec["layer"] = spec["layer"][:2]  # samples and drops
    for layer in spec["layer"]:
        layer["data"]["values"] = [row for row in layer["data"]["values"] if row["end"] > _FROM and row["begin"] < _TO]
        layer["encoding"]["y"]["axis"] = {"minExtent": 80}
        layer["encoding"]["y"]["sort"] = [row for row in layer["encoding"]["y"]["sort"] if not row.endswith("waits")]
    for parameter in spec["params"]:
        parameter["value"] = {"from": _FROM, "to": _TO}.get(parameter["name"], parameter["value"])
    spec["width"] = _WIDTH
    text: str = vl_convert.vegalite_to_svg(json.dumps(spec))
    return re.sub(r"(<svg[^>]*>)", rf"\1<style>{_colours()}</style>", text, count=1) + "\n"
