"""What an accelerator's RTL gives while its input and its output stall."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import hwcodesign as hw
from hwcodesign.interface.modes import exit_control
from hwcodesign.simulation.rtl import RtlSimulation, Stalls
from hwcodesign.verification.comparison import compare_records, require_equal

PATTERNS = (Stalls(), Stalls(0.5, 0.6, seed=2), Stalls(1.0, 0.1, seed=3), Stalls(0.2, 1.0, seed=4))


def assert_equal_however_streams_stall(design: hw.Design, simulation: RtlSimulation, images: NDArray[Any]) -> None:
    """Hold every record and every tensor of every segment to software, by each pattern of stalls."""
    expected = design.run(images)
    outputs, exits = design.segment_outputs(images), expected["exit"]
    for stalls in PATTERNS:
        run = simulation.run(images, exit_control(design.policy), stalls=stalls, outputs=True)
        records = np.sort(run.records, order="sample_id")
        require_equal([compare_records("rtl", records, expected, "software", "records")])
        assert run.outputs.keys() == outputs.keys()
        for output, codes in run.outputs.items():
            stage = int(output.removeprefix("stage").removeprefix("head").partition(":")[0])
            assert np.array_equal(codes, outputs[output][exits >= stage]), output
