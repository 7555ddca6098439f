"""This module draws all pictures of a run, and the page around them."""

from __future__ import annotations

from pathlib import Path

from hwcodesign.data import Split
from hwcodesign.report.figures import cost_curve_figure, deadline_figure, exit_rate_figure, extreme_images_figure, save
from hwcodesign.report.page import write_page
from hwcodesign.report.results import Results
from hwcodesign.report.schema import Report
from hwcodesign.report.summary import COST_CURVE, DEADLINE, EXIT_RATE, EXTREME_IMAGES

#: Images in each row of the easiest and hardest.
_EXTREMES = 8


def draw(report: Report, results: Results, test: Split, folder: Path) -> None:
    """Writes cost_curve.png, exit_rate.png, extreme_images.png, deadline.png (with RTL only) and report.html into
    `folder`.
    """
    exits, chosen = report["exits"], (report["policy"]["criterion"], results.chosen)
    singles = [
        (f"exit {k}", cost / report["macs"]["full"], accuracy)
        for k, (cost, accuracy) in enumerate(zip(results.costs.single, report["accuracy"]["each_exit"], strict=True))
    ]
    last = report["accuracy"]["last_exit"]
    split = f"{len(test)} test images"
    save(cost_curve_figure(results.curves, chosen, singles, last, split), folder / COST_CURVE)
    taken, classes = results.records["exit"], report["classes"]
    save(exit_rate_figure(taken, test.labels, classes, exits), folder / EXIT_RATE)
    extremes = extreme_images_figure(test.images, results.records, test.labels, _EXTREMES, exits)
    save(extremes, folder / EXTREME_IMAGES)
    if report["hardware"] is not None:
        deadlines = [(d["cycles"], d["accuracy"], d["final"]) for d in report["hardware"]["deadlines"]]
        save(deadline_figure(deadlines), folder / DEADLINE)
    else:
        (folder / DEADLINE).unlink(missing_ok=True)  # of a former run, which had RTL
    write_page(report, folder)
