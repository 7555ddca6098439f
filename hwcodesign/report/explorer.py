"""This module gives the page what its sliders compute with: scores of all samples, and what hardware takes."""

from __future__ import annotations

import math
from typing import Any

from hwcodesign.policies import CRITERIA, NEVER
from hwcodesign.report.outcomes import Outcomes, SampleScores
from hwcodesign.report.schema import Report

#: Scores of a split that a page has at most; of larger splits it has the first samples.
MOST_SCORES = 100_000


def explorer_data(report: Report, outcomes: Outcomes) -> dict[str, Any]:
    """Returns plain data for explore.js.

    Keys:
        costs: cost of leaving at each exit, as fractions of the full cost.
        splits: for each split, scores of each early exit, and for each exit a text with "1" where it is right.
        codes: threshold codes in use.
        steps, values: codes that each slider offers, and what they are in the criterion's unit.
        shared: whether all exits have one threshold.
        hardware: intervals and decisions of stages, depth of buffers, latencies and clock; None without RTL.
    """
    hardware, macs = report["hardware"], report["macs"]
    criterion = CRITERIA.get(report["policy"]["criterion"])
    return {
        "costs": [cost / macs["full"] for cost in macs["at_exit"]],
        "splits": {"fitting": _split(outcomes.fitting), "test": _split(outcomes.test)},
        "codes": list(outcomes.codes),
        "steps": [row[: row.index(NEVER) + 1] for row in outcomes.steps.tolist()],
        "values": [
            [_written(value) for value in values[: codes.index(NEVER) + 1]]
            for codes, values in zip(outcomes.steps.tolist(), outcomes.values.tolist(), strict=True)
        ],
        "shared": criterion is not None and criterion.shared_threshold,
        "hardware": None
        if hardware is None
        else {
            "stages": [
                {"interval": interval, "decision": decision}
                for interval, decision in zip(hardware["stages"], hardware["decisions"], strict=True)
            ],
            "depth": hardware["buffer_samples"],
            "latency": [exit_["latency"] for exit_ in hardware["exits"]],
            "clock_mhz": hardware["clock_mhz"],
        },
    }


def _written(value: float) -> str:
    return "never leaves" if math.isnan(value) else f"{value:.5g}"


def _split(split: SampleScores) -> dict[str, Any]:
    early = max(1, len(split.scores) - 1)
    count = min(len(split.truth), MOST_SCORES // early)
    return {
        "samples": count,
        "whole": count == len(split.truth),
        "scores": split.scores[:-1, :count].tolist(),
        "correct": ["".join("01"[int(right)] for right in row[:count]) for row in split.correct.tolist()],
    }
