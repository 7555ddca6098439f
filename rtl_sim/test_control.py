"""Soft reset, batches, threshold banks and counters."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hwcodesign.errors import SimulationError
from hwcodesign.simulation.cocotb_runner import Bench, run_bench


def _run(exits: int, reset_cycles: int, in_flight_width: int, folder: Path) -> None:
    parameters = {"Exits": exits, "ResetCycles": reset_cycles, "InFlightWidth": in_flight_width}
    case = {"HWC_CASE": json.dumps(parameters)}
    run_bench(Bench("accelerator_control", "control_bench", parameters, values=case), folder)


def test_control_of_three_exits(tmp_path: Path) -> None:
    _run(3, 5, 3, tmp_path)


@pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")
@pytest.mark.parametrize(("exits", "reset_cycles", "in_flight_width"), [(1, 1, 2), (1, 1, 3), (2, 8, 10), (64, 2, 4)])
def test_control_of_other_sizes(exits: int, reset_cycles: int, in_flight_width: int, tmp_path: Path) -> None:
    _run(exits, reset_cycles, in_flight_width, tmp_path)


def test_a_counter_of_one_bit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="InFlightWidth=1 is not 2 to 15"):
        _run(1, 1, 1, tmp_path)
