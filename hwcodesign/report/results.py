"""This module holds the data from which the figures of a report are drawn."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.designs.costs import ExitCosts
from hwcodesign.fitting.search import OperatingPoint
from hwcodesign.interface.records import Records
from hwcodesign.policies import ExitStatistics
from hwcodesign.report.outcomes import Outcomes
from hwcodesign.simulation.timeline import Timeline

#: Names of files in the folder of a run: the timeline, and the same for Perfetto.
TIMELINE, TRACE = "timeline.json", "trace.json"


@dataclass(frozen=True)
class Results:
    """The results are the data for the figures.

    Attributes:
        statistics: statistics of the recipe's policy on the test split.
        records: records of the test split, in sample order.
        curves: each criterion's accuracy-cost curve, with its fitted point, cheapest first: thresholds from the fitting
            split, figures from the test split.
        chosen: the operating point, on the test split.
        costs: multiply-accumulates.
        outcomes: what happened to each sample.
        timeline: timeline of the first test images in RTL; None where the design has none.
    """

    statistics: ExitStatistics
    records: Records
    curves: dict[str, list[OperatingPoint]]
    chosen: OperatingPoint
    costs: ExitCosts
    outcomes: Outcomes
    timeline: Timeline | None
