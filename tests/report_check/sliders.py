"""The sliders of a page, moved by the keyboard: their figures are those that Python computes from the same run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from selenium.webdriver.common.keys import Keys

from hwcodesign.exploration.queues import StageCycles, cycles_per_sample
from hwcodesign.fitting.search import evaluate
from hwcodesign.policies import ExitStatistics
from hwcodesign.report.outcomes import OUTCOMES, Outcomes, SampleScores, read_outcomes
from hwcodesign.report.reading import read_report
from hwcodesign.report.schema import REPORT, Report
from hwcodesign.report.summary import percent
from tests.report_check.browser import Browser

#: Presses of a key on each slider, one choice of thresholds after each.
_KEYS = (Keys.ARROW_RIGHT * 7, Keys.ARROW_LEFT * 23, Keys.END, Keys.HOME, Keys.PAGE_UP)
_CODES = """
const data = read("score-data");
return [...document.querySelectorAll(".sliders input")].map((slider, k) => data.steps[k][Number(slider.value)]);
"""


def slider_findings(browser: Browser, folder: Path) -> list[str]:
    """Moves each slider of the report that is open, and returns what differs from Python's figures."""
    report = read_report(folder / REPORT)
    outcomes = read_outcomes(folder / OUTCOMES, report["exits"])
    found = _differences(browser, report, outcomes)
    if list(browser.run(_CODES)) != list(outcomes.codes):
        found.append("the sliders do not begin at the thresholds in use")
    shown = _text(browser, "test-accuracy")
    if shown != percent(report["accuracy"]["early_exit"]):
        found.append(f"at the thresholds in use the page has {shown}, the report {report['accuracy']['early_exit']}")
    seen = {tuple(browser.run(_CODES))}
    for k in range(report["exits"] - 1):
        for keys in _KEYS:
            browser.run(f"document.querySelectorAll('.sliders input')[{k}].focus()")
            browser.press(keys)
            seen.add(tuple(browser.run(_CODES)))
            found += _differences(browser, report, outcomes)
    if len(seen) < 3:
        found.append(f"the sliders had only {len(seen)} positions")
    browser.run("document.getElementById('fitted').click()")
    if list(browser.run(_CODES)) != list(outcomes.codes):
        found.append("the button does not go back to the thresholds in use")
    return found


def _differences(browser: Browser, report: Report, outcomes: Outcomes) -> list[str]:
    """Compares what the page shows with `evaluate`, `cycles_per_sample` and the report's latencies."""
    codes = list(browser.run(_CODES))
    exact = browser.run("const data = read('score-data'); return figures(data, arguments[0])", codes)
    costs = np.array(report["macs"]["at_exit"]) / report["macs"]["full"]
    found = []
    for name, split in (("fitting", outcomes.fitting), ("test", outcomes.test)):
        kept = exact[name]["taken"]
        point = evaluate(_statistics(split, costs, len(kept)), codes)
        expected = {"accuracy": point.accuracy, **{f"rate-{k}": rate for k, rate in enumerate(point.exit_rate)}}
        if [exact[name]["accuracy"], exact[name]["rates"]] != [point.accuracy, list(point.exit_rate)]:
            found.append(f"{codes}: {name} has {exact[name]['accuracy']}, {exact[name]['rates']} instead of {expected}")
        for key, value in expected.items():
            shown, text = _text(browser, f"{name}-{key}"), percent(value, 2 if key == "accuracy" else 1)
            if shown != text:
                found.append(f"{codes}: {name}-{key} shows {shown} instead of {text}")
        if not _is_rounded(shown := _text(browser, f"{name}-cost"), 100 * point.cost):
            found.append(f"{codes}: {name}-cost shows {shown} instead of {100 * point.cost}")
    hardware = report["hardware"]
    if hardware is not None:
        stages = [StageCycles(*both) for both in zip(hardware["stages"], hardware["decisions"], strict=True)]
        cycles = cycles_per_sample(stages, exact["test"]["taken"], hardware["buffer_samples"])
        latency = float(np.dot(exact["test"]["rates"], [exit_["latency"] for exit_ in hardware["exits"]]))
        for key, value in {
            "cycles": cycles,
            "throughput": hardware["clock_mhz"] * 1e6 / cycles,
            "latency": latency,
        }.items():
            shown = _text(browser, f"live-{key}")
            if not _is_rounded(shown, value):
                found.append(f"{codes}: live-{key} shows {shown} instead of {value}")
    return found


def _statistics(split: SampleScores, costs: np.ndarray, count: int) -> ExitStatistics:
    """Those of the first samples: a page has no more of a large split."""
    return ExitStatistics(split.scores[:, :count], split.labels[:, :count], split.truth[:count], costs)


def _text(browser: Browser, name: str) -> str:
    return str(browser.run("return document.getElementById(arguments[0]).textContent", name))


def _is_rounded(text: str, value: float) -> bool:
    """Whether a text is a number rounded to its own digits."""
    number = re.sub(r"[,%]", "", text)
    digits = len(number.partition(".")[2])
    return abs(float(number) - value) <= 0.5 * 10**-digits * (1 + 1e-9) + 1e-9 * abs(value)
