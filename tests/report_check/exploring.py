"""The page of a search: rectangles, sliders and buttons select the designs that Python selects."""

from __future__ import annotations

from tests.report_check.browser import Browser

_ROWS = "return read('chart-data').charts.throughput_accuracy.data.values.filter((row) => row.front)"
_SHOWN = (
    "return [...document.querySelectorAll('#designs tbody tr')].filter((r) => !r.hidden).map((r) => +r.dataset.number)"
)
_DRAG = """
const [name, from, to] = arguments;
const svg = document.querySelector(`#chart-${name} svg`), plot = svg.querySelector(".root .background");
plot.scrollIntoView({ block: "center" });
const box = plot.getBoundingClientRect();
return [from, to].map(([x, y]) => [box.left + x * box.width, box.top + y * box.height]);
"""
_INVERT = """
const [name, from, to] = arguments, view = views[name];
const ends = (scale, a, b) => [view.scale(scale).invert(a), view.scale(scale).invert(b)];
const [width, height] = [view.signal("width"), view.signal("height")];
return [ends("x", from[0] * width, to[0] * width), ends("y", from[1] * height, to[1] * height)];
"""
_RECTANGLE = "return views[arguments[0]].signal('brush_x').length > 0"
#: Corners of a rectangle, as fractions of the plot.
_FROM, _TO = (0.3, 0.02), (0.97, 0.7)


def exploration_findings(browser: Browser) -> list[str]:
    """Brushes, moves sliders and picks a design on the page that is open; returns what is wrong."""
    rows = browser.run(_ROWS)
    every = {row["number"] for row in rows}
    found = [] if set(browser.run(_SHOWN)) == every else ["not every design is listed at first"]
    for name, across, up in (
        ("throughput_accuracy", "images_per_second", "accuracy"),
        ("share_latency", "share", "mean_us"),
    ):
        browser.drag(*browser.run(_DRAG, name, _FROM, _TO))
        (left, right), (top, bottom) = browser.run(_INVERT, name, _FROM, _TO)
        within = {row["number"] for row in rows if left <= row[across] <= right and bottom <= row[up] <= top}
        if set(browser.run(_SHOWN)) != within:
            found.append(f"a rectangle in {name} lists {sorted(browser.run(_SHOWN))} instead of {sorted(within)}")
        other = "share_latency" if name == "throughput_accuracy" else "throughput_accuracy"
        if set(browser.run("return views[arguments[0]].signal('selected')", other)) != within:
            found.append(f"a rectangle in {name} does not light designs in {other}")
        browser.run("document.getElementById('everything').click()")
        if set(browser.run(_SHOWN)) != every or browser.run(_RECTANGLE, name):
            found.append("the button does not bring all designs back")
    return found + _sliders(browser, rows) + _picking(browser, rows)


def _sliders(browser: Browser, rows: list[dict[str, float]]) -> list[str]:
    found = []
    for bound in browser.run("return read('design-data').bounds"):
        step = len(bound["steps"]) // 2
        value = bound["steps"][step]
        browser.run(
            "const slider = document.getElementById(arguments[0]);"
            "slider.value = arguments[1]; slider.dispatchEvent(new Event('input'))",
            f"bound-{bound['key']}",
            step,
        )
        key, least = bound["key"], bound["least"]
        within = {row["number"] for row in rows if (row[key] >= value if least else row[key] <= value)}
        if set(browser.run(_SHOWN)) != within:
            found.append(f"{key} {value} lists {sorted(browser.run(_SHOWN))} instead of {sorted(within)}")
        browser.run("document.getElementById('everything').click()")
    return found


def _picking(browser: Browser, rows: list[dict[str, float]]) -> list[str]:
    found = []
    for row in rows[:3]:
        number = int(row["number"])
        browser.run(f"document.querySelector('#designs tr[data-number=\"{number}\"] .pick').click()")
        command = browser.run("return document.getElementById('command').textContent")
        if not command.endswith(f" --build {number}"):
            found.append(f"design {number} has the command {command}")
        if browser.run("return views.budget.signal('picked')") != number:
            found.append(f"the budget does not follow design {number}")
    return found
