"""The fork: every output has every beat once, and none waits for another."""

from __future__ import annotations

import os
from typing import Any

import cocotb
from beats import seeded
from ports import Ports, Sink, Source
from telling import require_telling_beats

WIDTH, OUTPUTS = int(os.environ["HWC_WIDTH"]), int(os.environ["HWC_OUTPUTS"])
BEATS = 200


@cocotb.test()
@cocotb.parametrize(idle=[0.0, 0.5], stall=[0.0, 0.5, 0.9])
async def every_output_has_every_beat_once(dut: Any, idle: float, stall: float) -> None:
    rng = seeded()
    source = Source([rng.getrandbits(WIDTH) for _ in range(BEATS)], idle)
    require_telling_beats(source.beats)
    sinks = [Sink(stall * rng.random()) for _ in range(OUTPUTS)]
    await Ports(dut, {"in": [source]}, {"out": sinks}, rng, shared=frozenset({"out"})).run(BEATS * OUTPUTS)
    for i, sink in enumerate(sinks):
        assert sink.beats == source.beats, f"output {i} differs"
    last = [max(cycles) for cycles in zip(*(sink.taken for sink in sinks), strict=True)]
    assert source.accepted == last, "the input moves on when the last output has had its beat"


@cocotb.test()
async def an_output_does_not_wait_for_another(dut: Any) -> None:
    source = Source([1])
    sinks = [Sink(float(i == 0)) for i in range(OUTPUTS)]
    ports = Ports(dut, {"in": [source]}, {"out": sinks}, seeded(), shared=frozenset({"out"}))
    await ports.reset()
    for _ in range(10):
        await ports.cycle()
    assert [len(sink.beats) for sink in sinks] == [0] + [1] * (OUTPUTS - 1)
    assert not source.accepted
