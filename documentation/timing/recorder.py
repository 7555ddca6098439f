"""This cocotb bench drives a module's inputs from lists, one value a cycle, and records its ports in every cycle."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import Timer


@cocotb.test()
async def records_every_cycle(dut: Any) -> None:
    inputs: dict[str, list[int]] = json.loads(os.environ["HWC_INPUTS"])
    shown: list[str] = json.loads(os.environ["HWC_SHOWN"])
    found: dict[str, list[int]] = {name: [] for name in shown}
    for name in inputs:
        getattr(dut, name).value = 0
    for reset in (0, 0, 1):  # the last cycle leaves the module at rest
        dut.clk_i.value, dut.rst_ni.value = 0, reset
        await Timer(5, "ns")
        dut.clk_i.value = 1
        await Timer(5, "ns")
    for cycle in range(len(next(iter(inputs.values())))):
        dut.clk_i.value = 0
        for name, values in inputs.items():
            getattr(dut, name).value = values[cycle]
        await Timer(5, "ns")
        for name in shown:
            found[name].append(int(getattr(dut, name).value))
        dut.clk_i.value = 1
        await Timer(5, "ns")
    Path(os.environ["HWC_FOUND"]).write_text(json.dumps(found))
