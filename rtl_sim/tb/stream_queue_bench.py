"""stream_register and stream_fifo: order, level, capacity and the cycle of every transfer."""

from __future__ import annotations

import os
from typing import Any

import cocotb
from beats import Pace, play, seeded
from ports import Ports, Sink, Source
from telling import require_telling_beats

from hwcodesign.hardware.timing import Queue

WIDTH, DEPTH = int(os.environ["HWC_WIDTH"]), int(os.environ["HWC_DEPTH"])
BEATS = 200


@cocotb.test()
@cocotb.parametrize(idle=[0.0, 0.5], stall=[0.0, 0.5, 0.9])
async def passes_every_beat_when_its_model_says(dut: Any, idle: float, stall: float) -> None:
    rng = seeded()
    beats = [rng.getrandbits(WIDTH) for _ in range(BEATS)]
    require_telling_beats(beats)
    trace = await play(dut, {"in": beats}, BEATS, Pace(idle, stall), rng, [Queue(DEPTH)])
    assert trace.outputs == beats
    if DEPTH > 1 and idle == stall == 0:
        assert trace.left == list(range(1, BEATS + 1))


@cocotb.test()
async def counts_what_it_holds(dut: Any) -> None:
    rng = seeded()
    source, sink = Source([rng.getrandbits(WIDTH) for _ in range(BEATS)], 0.4), Sink(0.5)

    def level(_: int) -> None:
        if hasattr(dut, "level_o"):
            assert int(dut.level_o.value) == len(source.accepted) - len(sink.beats)

    await Ports(dut, {"in": [source]}, {"out": [sink]}, rng, watch=level).run(BEATS)
    assert sink.beats == source.beats
