"""A pytest plugin that writes what became of each test, a line of JSON each, to the file $MUTANTS_OUTCOMES."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or report.outcome != "passed":
        with Path(os.environ["MUTANTS_OUTCOMES"]).open("a") as file:
            file.write(json.dumps([report.nodeid, report.outcome]) + "\n")


def read_outcomes(path: Path) -> dict[str, str]:
    """Test's id to "passed", "failed" or "skipped"; of several reports of a test the worst."""
    found: dict[str, str] = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        test, outcome = json.loads(line)
        found[test] = "failed" if "failed" in (found.get(test), outcome) else outcome
    return found
