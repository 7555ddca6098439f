"""Runs cocotb benches of which every test has to pass."""

from __future__ import annotations

import xml.etree.ElementTree as ET  # of cocotb's own making
from pathlib import Path

from hwcodesign.simulation.cocotb_runner import Bench, run_bench


def require_all_passed(bench: Bench, folder: Path) -> None:
    """Runs a bench in an empty folder; at least one cocotb test ran, all passed, and none was skipped.

    Raises:
        SimulationError: a test failed, or none ran.
        AssertionError: one was skipped.
    """
    passed = run_bench(bench, folder)  # raises where one fails or none ran
    skipped = [
        case.get("name")
        for case in ET.parse(folder / "results.xml").getroot().iter("testcase")  # noqa: S314
        if case.find("skipped") is not None
    ]
    assert passed >= 1
    assert skipped == []
