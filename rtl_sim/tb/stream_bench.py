"""stream_register and stream_fifo: order, level, capacity and the cycle of every transfer; stream_fork: every output."""

from __future__ import annotations

import os
from typing import Any

import cocotb
from beats import Pace, play, seeded
from ports import Ports, Sink, Source

from hwcodesign.kernels.timing import Queue

WIDTH = int(os.environ["HWC_WIDTH"])
DEPTH = int(os.environ.get("HWC_DEPTH", "0"))
OUTPUTS = int(os.environ.get("HWC_OUTPUTS", "0"))
BEATS = 200


@cocotb.test(skip=OUTPUTS > 0)
@cocotb.parametrize(idle=[0.0, 0.5], stall=[0.0, 0.5, 0.9])
async def passes_every_beat_when_its_model_says(dut: Any, idle: float, stall: float) -> None:
    rng = seeded()
    beats = [rng.getrandbits(WIDTH) for _ in range(BEATS)]
    trace = await play(dut, {"in": beats}, BEATS, Pace(idle, stall), rng, Queue(DEPTH))
    assert trace.outputs == beats
    if DEPTH > 1 and idle == stall == 0:
        assert trace.left == list(range(1, BEATS + 1))


@cocotb.test(skip=OUTPUTS > 0)
async def counts_what_it_holds(dut: Any) -> None:
    rng = seeded()
    source, sink = Source([rng.getrandbits(WIDTH) for _ in range(BEATS)], 0.4), Sink(0.5)

    def level(_: int) -> None:
        if hasattr(dut, "level_o"):
            assert int(dut.level_o.value) == len(source.accepted) - len(sink.beats)

    await Ports(dut, {"in": [source]}, {"out": [sink]}, rng, watch=level).run(BEATS)
    assert sink.beats == source.beats


@cocotb.test(skip=OUTPUTS == 0)
@cocotb.parametrize(idle=[0.0, 0.5], stall=[0.0, 0.5, 0.9])
async def every_output_has_every_beat_once(dut: Any, idle: float, stall: float) -> None:
    rng = seeded()
    source = Source([rng.getrandbits(WIDTH) for _ in range(BEATS)], idle)
    sinks = [Sink(stall * rng.random()) for _ in range(OUTPUTS)]
    await Ports(dut, {"in": [source]}, {"out": sinks}, rng, shared=frozenset({"out"})).run(BEATS * OUTPUTS)
    for i, sink in enumerate(sinks):
        assert sink.beats == source.beats, f"output {i} differs"
    last = [max(cycles) for cycles in zip(*(sink.taken for sink in sinks), strict=True)]
    assert source.accepted == last, "the input moves on when the last output has had its beat"


@cocotb.test(skip=OUTPUTS == 0)
async def an_output_does_not_wait_for_another(dut: Any) -> None:
    source = Source([1])
    sinks = [Sink(float(i == 0)) for i in range(OUTPUTS)]
    ports = Ports(dut, {"in": [source]}, {"out": sinks}, seeded(), shared=frozenset({"out"}))
    await ports.reset()
    for _ in range(10):
        await ports.cycle()
    assert [len(sink.beats) for sink in sinks] == [0] + [1] * (OUTPUTS - 1)
    assert not source.accepted
