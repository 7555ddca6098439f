"""A compiled design on its buses: images in as a DMA sends them, and every record the software backend's.

It takes HWC_DESIGN, the design's folder; HWC_IMAGES, a file of images as NumPy keeps them; and HWC_FIGURES, a file to
which it writes the cycles it simulated and the seconds that these took.
"""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource

from hwcodesign.design import load
from hwcodesign.images import encode_images, pack_words
from hwcodesign.interface import register_map as registers
from hwcodesign.interface.modes import exit_control
from hwcodesign.interface.records import RECORD_DTYPE, final_records
from hwcodesign.runtime import software

DESIGN = load(os.environ["HWC_DESIGN"])
ACCELERATOR = DESIGN.accelerator
IMAGES = np.load(os.environ["HWC_IMAGES"])
_PERIOD = 2
logging.getLogger("cocotb").setLevel(logging.WARNING)


async def _ready(dut: Any) -> AxiLiteMaster:
    """Out of reset, with the policy's thresholds."""
    dut.aresetn.value = 0
    Clock(dut.aclk, _PERIOD, unit="ns").start()
    bus = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.aclk, dut.aresetn, reset_active_level=False)
    await ClockCycles(dut.aclk, 5)
    dut.aresetn.value = 1
    resetting = registers.STATUS.field("resetting")
    while resetting.extract(await bus.read_dword(registers.STATUS.offset)):
        pass
    for k, code in enumerate(exit_control(DESIGN.policy).codes):
        await bus.write_dword(registers.THRESHOLD.address(k), code & 0xFFFFFFFF)
    await bus.write_dword(registers.CONTROL.offset, registers.CONTROL.field("commit").mask)
    pending = registers.STATUS.field("commit_pending")
    while pending.extract(await bus.read_dword(registers.STATUS.offset)):
        pass
    return bus


@cocotb.test()  # type: ignore[misc]
async def every_record_is_the_softwares(dut: Any) -> None:
    source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), dut.aclk, dut.aresetn, reset_active_level=False)
    sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), dut.aclk, dut.aresetn, reset_active_level=False)
    await _ready(dut)
    codes = encode_images(IMAGES, ACCELERATOR.input_format, ACCELERATOR.input_shape)
    words = pack_words(codes, ACCELERATOR.input_format)
    begin, start = get_sim_time("ns"), time.perf_counter()
    await source.send(AxiStreamFrame(words.tobytes()))
    frame = await sink.recv()
    seconds, cycles = time.perf_counter() - start, round((get_sim_time("ns") - begin) / _PERIOD)
    Path(os.environ["HWC_FIGURES"]).write_text(json.dumps({"cycles": cycles, "seconds": seconds}))
    records = final_records(np.frombuffer(bytes(frame.tdata), RECORD_DTYPE))
    parts = software.stream_records(ACCELERATOR, codes, exit_control(DESIGN.policy))
    expected = final_records(np.concatenate(list(parts)))
    for name in RECORD_DTYPE.names or ():
        if name != "cycles":
            assert records[name].tolist() == expected[name].tolist(), name
