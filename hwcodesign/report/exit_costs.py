"""This module draws what each exit costs, in operations and resources, and what it saves."""

from __future__ import annotations

import re

from hwcodesign.report.chart import BAD, GOOD, Chart, Column, Row, banded, quantity
from hwcodesign.report.hardware_charts import RESOURCES
from hwcodesign.report.schema import Report

#: Blocks that an exit adds to the network; what is behind their names is the number of the exit.
_BLOCKS = ("head", "info", "fork", "decision", "decided", "buffer")
_COSTS, _SAVES = "its head costs", "it saves behind it"


def exit_costs_chart(report: Report) -> Chart:
    """Returns a chart of the early exits: multiply-accumulates of their heads, and those that are not needed behind
    them, both for an average image.
    """
    rows = exit_costs(report)
    full, resources = report["macs"]["full"], report["resources"]
    bars = [
        {"exit": row["exit"], "what": what, "macs": row[key], "share": row[key] / full}
        for row in rows
        for what, key in ((_COSTS, "costs"), (_SAVES, "saves"))
    ]
    encoding = {
        "y": {"field": "exit", "type": "nominal", "title": None, "sort": None},
        "yOffset": {"field": "what", "type": "nominal", "sort": [_COSTS, _SAVES]},
        "x": quantity("share", "of the MACs of the network without exits", percents=True),
        "color": {"field": "what", "type": "nominal", "scale": {"domain": [_COSTS, _SAVES], "range": [BAD, GOOD]}},
        "tooltip": [{"field": "exit"}, {"field": "what"}, {"field": "macs", "format": ",.0f"}],
    }
    net = sum(row["saves"] - row["costs"] for row in rows) / full
    columns = [
        Column("exit", "exit"),
        Column("leave", "images that leave", "share"),
        Column("costs", "MACs that its head costs", "count"),
        Column("saves", "MACs that it saves", "count"),
    ]
    text = (
        "Multiply-accumulates of an average image. All images that reach an exit go through its head; those that leave "
        f"there need nothing of what is behind. Together the exits save {net:.1%} of the network without exits."
    )
    if report["hardware"] is not None:
        columns.append(Column("sooner", "cycles sooner than at the last exit", "count"))
    if resources is not None:
        kinds = [(name, key) for name, key in RESOURCES if resources["capacity"][key]]
        columns += [Column(key, f"{name} of the exit", "number") for name, key in kinds]
        text += " The table also has the resources of each exit: its head, its decision and its conditional buffer."
    best = max(rows, key=lambda row: row["saves"] - row["costs"])
    return Chart(
        "exit_costs",
        "What each exit costs and saves",
        text,
        f"Grouped bars. {best['exit'].capitalize()} saves most: {best['saves'] / full:.1%} of the full cost, for "
        f"{best['costs'] / full:.1%} of it.",
        banded(2 * len(rows), 18, data={"values": bars}, mark={"type": "bar"}, encoding=encoding),
        tuple(columns),
        tuple(rows),
        ((_COSTS, BAD), (_SAVES, GOOD)),
    )


def exit_costs(report: Report) -> list[Row]:
    """Returns, for each early exit, what it costs and saves: `costs` and `saves` in multiply-accumulates of an average
    image, `sooner` in cycles, and resources by name (block RAMs as RAMB36).
    """
    rates, hardware, resources = report["exit_rate"], report["hardware"], report["resources"]
    macs = [sum(kernel["macs"] for kernel in segment["kernels"]) for segment in report["network"]]
    stages, heads = macs[0::2], macs[1::2]
    rows: list[Row] = []
    for k in range(report["exits"] - 1):
        row = {
            "exit": f"exit {k}",
            "leave": rates[k],
            "costs": (1 - sum(rates[:k])) * heads[k],
            "saves": rates[k] * (sum(stages[k + 1 :]) + heads[-1]),
        }
        if hardware is not None:
            row["sooner"] = hardware["exits"][-1]["latency"] - hardware["exits"][k]["latency"]
        if resources is not None:
            own = [taken for name, taken in resources["blocks"] if _is_of(name, k)]
            for _, key in RESOURCES:
                row[key] = sum(taken[key] for taken in own) / (2 if key == "bram18" else 1)
        rows.append(row)
    return rows


def _is_of(block: str, k: int) -> bool:
    """Returns whether a block, such as "buffer1" or "buffer1_0", belongs to an exit."""
    found = re.fullmatch(r"([a-z]+)(\d+)(?:\D.*)?", block)
    return found is not None and found[1] in _BLOCKS and int(found[2]) == k
