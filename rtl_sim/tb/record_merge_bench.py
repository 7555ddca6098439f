"""The merge: every record once, the deepest exit first, with the cycles until it was first offered."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import cocotb
from beats import seeded
from ports import Ports, Sink, Source
from records import Record
from telling import require_telling_beats

EXITS = int(os.environ["HWC_EXITS"])
RECORDS = 60


def records(rng: Any, exit_index: int) -> list[Record]:
    words = [[rng.getrandbits(32) for _ in range(3)] for _ in range(RECORDS)]
    return [
        Record(i, stamp, score - (1 << 31), rng.getrandbits(16), exit_index, bool(score & 1), stamp & 1)
        for i, stamp, score in words
    ]


@cocotb.test()
@cocotb.parametrize(idle=[0.0, 0.6, 0.95], stall=[0.0, 0.6])
async def merges_by_depth_and_measures_cycles(dut: Any, idle: float, stall: float) -> None:
    rng = seeded()
    start = rng.getrandbits(32)
    given = [records(rng, k) for k in range(EXITS)]
    sources = [Source([record.code for record in of_exit], idle) for of_exit in given]
    sink = Sink(stall)

    def tick(cycle: int) -> None:
        dut.now_i.value = (start + cycle) % (1 << 32)

    def deepest_first(_: int) -> None:
        valid = int(dut.in_valid_i.value)
        assert valid & int(dut.in_ready_o.value) in {0, (1 << valid.bit_length()) >> 1}

    ports = Ports(dut, {"in": sources}, {"out": [sink]}, rng, each_cycle=tick, watch=deepest_first)
    await ports.run(EXITS * RECORDS)
    order = sorted((cycle, k, i) for k, source in enumerate(sources) for i, cycle in enumerate(source.accepted))
    expected = []
    for _, k, i in order:
        cycles = (start + sources[k].offered[i] - given[k][i].cycles) % (1 << 32)
        expected.append(dataclasses.replace(given[k][i], cycles=cycles))
    require_telling_beats([wanted.code for wanted in expected])
    for beat, wanted in zip(sink.beats, expected, strict=True):
        assert beat == wanted.code, f"{Record.of(beat)} instead of {wanted}"
