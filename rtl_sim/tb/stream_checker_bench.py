"""A stream that keeps its contract, or breaks it in the way that HWC_BROKEN names."""

from __future__ import annotations

import os

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge

#: What is offered and taken a cycle: valid, ready, data.
_KEPT = [(0, 0, 1), (1, 0, 5), (1, 0, 5), (1, 1, 5), (1, 1, 6), (0, 1, 0), (1, 1, 7)]
_BROKEN = {
    "": _KEPT,
    "withdrawn": [*_KEPT, (1, 0, 3), (0, 0, 3)],
    "changed": [*_KEPT, (1, 0, 3), (1, 1, 2), (1, 1, 2), (1, 1, 2)],
    "unfinished": [*_KEPT, (1, 1, 3)],
}


@cocotb.test()  # type: ignore[misc]
async def what_is_offered_and_taken(dut: object) -> None:
    cocotb.start_soon(Clock(dut.clk_i, 2).start())  # type: ignore[attr-defined]
    for reset in (0, 0, 1):
        await FallingEdge(dut.clk_i)  # type: ignore[attr-defined]
        dut.rst_ni.value, dut.valid_i.value, dut.ready_i.value = reset, 0, 0  # type: ignore[attr-defined]
    for valid, ready, data in _BROKEN[os.environ["HWC_BROKEN"]]:
        await FallingEdge(dut.clk_i)  # type: ignore[attr-defined]
        dut.valid_i.value, dut.ready_i.value, dut.data_i.value = valid, ready, data  # type: ignore[attr-defined]
    await FallingEdge(dut.clk_i)  # type: ignore[attr-defined]
