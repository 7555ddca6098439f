"""A segment in the shape of a Vitis IP, behind its adapter: the segment's results, under any stalls, none kept back."""

from __future__ import annotations

import json
import os
from typing import Any

import cocotb
from beats import Pace, play, seeded
from telling import require_telling_beats

#: Beats in and out, of whole samples.
SENT, EXPECTED = (json.loads(os.environ[name]) for name in ("HWC_SENT", "HWC_EXPECTED"))


@cocotb.test()
@cocotb.parametrize(idle=[0.0, 0.6], stall=[0.0, 0.7])
async def beats_are_the_segments(dut: Any, idle: float, stall: float) -> None:
    require_telling_beats(EXPECTED)
    trace = await play(dut, {"in": SENT}, len(EXPECTED), Pace(idle, stall), seeded())
    assert trace.outputs == EXPECTED


@cocotb.test()
async def the_ip_is_started_and_never_idle(dut: Any) -> None:
    await play(dut, {"in": SENT}, len(EXPECTED), Pace(), seeded())
    assert int(dut.u_ip.ap_start.value) == 1
    assert int(dut.u_ip.ap_idle.value) == 0
