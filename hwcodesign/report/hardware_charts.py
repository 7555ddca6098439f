"""This module draws what hardware takes: cycles of each level, resources of each block, and counted operations."""

from __future__ import annotations

from hwcodesign.report.chart import ACCENT, SERIES, Chart, Column, Row, banded, quantity
from hwcodesign.report.schema import HardwareReport, OperationsReport, Report, ResourcesReport
from hwcodesign.report.summary import simulated_text

#: What a resource is called, and in the report; block RAMs are shown as RAMB36.
RESOURCES = (("LUT", "lut"), ("FF", "ff"), ("DSP", "dsp"), ("BRAM36", "bram18"), ("URAM", "uram"))
_WHOLE = "all blocks"


def hardware_charts(report: Report) -> dict[str, list[Chart]]:
    """Returns the charts of hardware by sections of the page; a section that has no figures has none."""
    hardware, resources, rates = report["hardware"], report["resources"], report["exit_rate"]
    return {
        "cycles": [level_chart(report, hardware), prediction_chart(hardware)] if hardware is not None else [],
        "resources": [resources_chart(resources)] if resources is not None else [],
        "operations": [operations_chart(report["operations"], rates)],
    }


def level_chart(report: Report, hardware: HardwareReport) -> Chart:
    """Returns the cycles per image that each level needs, beside those that were simulated."""
    rows: list[Row] = []
    for k, interval in enumerate(hardware["stages"]):
        reach = 1 - sum(report["exit_rate"][:k])
        rows.append({"level": f"level {k}", "interval": interval, "reach": reach, "needs": reach * interval})
    simulated = hardware["cycles_per_image"]
    bars = {
        "mark": {"type": "bar", "color": SERIES[0], "height": {"band": 0.65}},
        "encoding": {
            "y": {"field": "level", "type": "nominal", "title": None, "sort": None},
            "x": quantity("needs", "cycles per image"),
            "tooltip": [
                {"field": "level"},
                {"field": "interval", "format": ","},
                {"field": "reach", "format": ".1%"},
                {"field": "needs", "format": ",.1f"},
            ],
        },
    }
    rule = {
        "data": {"values": [{"simulated": simulated}]},
        "mark": {"type": "rule", "color": ACCENT, "strokeWidth": 2, "strokeDash": [6, 4]},
        "encoding": {"x": quantity("simulated", "cycles per image")},
    }
    slowest = max(rows, key=lambda row: row["needs"])
    text = (
        "A level is a stage with its head and decision. It needs its interval for each image that reaches it. The "
        f"longest bar is the least that unlimited buffers allow: {hardware['bound']:,.1f} cycles per image. The dashed "
        f"line is the simulation of the {simulated_text(report)} in their order: {simulated:,.1f} cycles, "
        f"{hardware['bound'] / simulated:.1%} of the highest throughput."
    )
    return Chart(
        "levels",
        "Cycles of each level",
        text,
        f"Bars of {len(rows)} levels; {slowest['level']} sets the pace with {slowest['needs']:,.1f} cycles per image.",
        banded(len(rows), 30, data={"values": rows}, layer=[bars, rule]),
        (
            Column("level", "level"),
            Column("interval", "interval", "count"),
            Column("reach", "images that reach it", "share"),
            Column("needs", "cycles per image", "number"),
        ),
        tuple(rows),
    )


def prediction_chart(hardware: HardwareReport) -> Chart:
    """Returns predicted and simulated cycles of each exit."""
    rows: list[Row] = []
    for k, exit_ in enumerate(hardware["exits"]):
        rows += [
            {"what": f"exit {k}, latency", "simulated": exit_["latency"], "predicted": exit_["latency_predicted"]},
            {"what": f"exit {k}, interval", "simulated": exit_["interval"], "predicted": exit_["interval_predicted"]},
        ]
    y = {"field": "what", "type": "nominal", "title": None, "sort": None}
    layers = [
        {
            "mark": {"type": "bar", "color": SERIES[0], "height": {"band": 0.6}},
            "encoding": {"y": y, "x": quantity("simulated", "cycles: bar simulated, mark predicted")},
        },
        {
            "mark": {"type": "tick", "color": ACCENT, "thickness": 4, "height": 20},
            "encoding": {"y": y, "x": quantity("predicted", "cycles: bar simulated, mark predicted")},
        },
    ]
    equal = all(row["simulated"] == row["predicted"] for row in rows)
    return Chart(
        "predictions",
        "Predicted and simulated cycles",
        "All images leave at one exit. " + ("Every prediction is exact." if equal else "Some predictions differ."),
        "Bars of simulated cycles with marks at the predicted ones"
        + ("; they are equal." if equal else "; not all are equal."),
        banded(len(rows), 26, data={"values": rows}, layer=layers),
        (
            Column("what", ""),
            Column("simulated", "simulated", "number"),
            Column("predicted", "predicted", "number"),
        ),
        tuple(rows),
    )


def resources_chart(resources: ResourcesReport) -> Chart:
    """Returns what each block takes of the board."""
    capacity = resources["capacity"]
    kinds = [(name, key) for name, key in RESOURCES if capacity[key]]
    rows: list[Row] = [{"block": name, **_shown(taken)} for name, taken in resources["blocks"]]
    drawn = [(_WHOLE, resources["estimated"]), *resources["blocks"]]
    bars = [
        {"block": name, "resource": kind, "taken": taken[key], "share": taken[key] / capacity[key]}
        for name, taken in drawn
        for kind, key in kinds
        if taken[key]
    ]
    encoding = {
        "y": {"field": "block", "type": "nominal", "title": None, "sort": None},
        "yOffset": {"field": "resource", "type": "nominal", "sort": [name for name, _ in kinds]},
        "x": quantity("share", f"of what {resources['board']} has", percents=True),
        "color": {
            "field": "resource",
            "type": "nominal",
            "scale": {"domain": [name for name, _ in kinds], "range": list(SERIES[: len(kinds)])},
        },
        "tooltip": [{"field": "block"}, {"field": "resource"}, {"field": "share", "format": ".2%"}],
    }
    total = resources["estimated"]
    shares = ", ".join(f"{total[key] / capacity[key]:.1%} of {name}" for name, key in kinds)
    rows += [{"block": _WHOLE, **_shown(total)}, {"block": f"{resources['board']} has", **_shown(capacity)}]
    text = f"Estimated, not synthesised. All blocks take {shares} of {resources['board']}."
    if resources["missing"]:
        text += f" Nothing is known of {', '.join(resources['missing'])}."
    return Chart(
        "resources",
        "Resources of each block",
        text,
        f"Grouped bars of {len(resources['blocks'])} blocks. All blocks: {shares}.",
        banded(len(drawn) * len(kinds), 8, data={"values": bars}, mark={"type": "bar"}, encoding=encoding),
        (Column("block", "block"), *(Column(name, name, "number") for name, _ in kinds)),
        tuple(rows),
        tuple((name, SERIES[k]) for k, (name, _) in enumerate(kinds)),
    )


def _shown(taken: dict[str, int]) -> dict[str, float]:
    """Returns resources by the names of the columns."""
    return {name: taken[key] / 2 if key == "bram18" else taken[key] for name, key in RESOURCES}


def operations_chart(operations: list[OperationsReport], exit_rate: list[float]) -> Chart:
    """Returns counted operations per image: at each exit, and on average."""
    exits = len(exit_rate)
    rows: list[Row] = []
    for k in range(exits):
        used = [part for part in operations if part["exit"] <= k]
        rows.append(
            {
                "what": f"leaves at exit {k}",
                "macs": sum(part["macs"] for part in used),
                "bit_products": sum(part["bit_products"] for part in used),
                "moved_bits": sum(part["moved_bits"] for part in used),
            }
        )
    keys = ("macs", "bit_products", "moved_bits")
    mean = {key: sum(rate * row[key] for rate, row in zip(exit_rate, rows, strict=True)) for key in keys}
    rows.append({"what": "average", **mean})
    full = {key: rows[exits - 1][key] for key in keys}
    names = dict(zip(keys, ("multiply-accumulates", "of these, weight bits x input bits", "bits moved"), strict=True))
    bars = [
        {"what": row["what"], "operation": names[key], "share": row[key] / max(1, full[key]), "count": row[key]}
        for row in rows
        for key in keys
    ]
    encoding = {
        "y": {"field": "what", "type": "nominal", "title": None, "sort": None},
        "yOffset": {"field": "operation", "type": "nominal", "sort": list(names.values())},
        "x": quantity("share", "of an image that leaves at the last exit", percents=True),
        "color": {
            "field": "operation",
            "type": "nominal",
            "scale": {"domain": list(names.values()), "range": [SERIES[0], SERIES[1], SERIES[2]]},
        },
        "tooltip": [{"field": "what"}, {"field": "operation"}, {"field": "count", "format": ",.0f"}],
    }
    saved = 1 - mean["macs"] / max(1, full["macs"])
    text = (
        "These are counts of operations, from which energy follows only with figures of a device; no energy was "
        "measured. Bits moved are those that leave stages, heads and buffers, and those that are written to buffers."
    )
    return Chart(
        "operations",
        "Counted operations per image",
        text,
        f"Grouped bars. An average image needs {saved:.1%} fewer multiply-accumulates than one that leaves last.",
        banded(len(rows) * len(keys), 14, data={"values": bars}, mark={"type": "bar"}, encoding=encoding),
        (Column("what", "an image that"), *(Column(key, names[key], "count") for key in keys)),
        tuple(rows),
        tuple(zip(names.values(), SERIES, strict=False)),
    )
