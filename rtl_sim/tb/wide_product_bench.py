"""Products of random and extreme integers against Python's, with an enable that comes and goes."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import cocotb
from beats import seeded
from cocotb.triggers import Timer
from telling import require_telling_beats

LATENCY = 3


def operand(rng: random.Random, width: int) -> int:
    """Any, or one whose limbs are all ones or zeros but for the ends."""
    low, high = -(1 << width - 1), (1 << width - 1) - 1
    return rng.choice([low, high, -1, 0, 1, low + 1, rng.randint(low, high), rng.randint(low, high)])


@cocotb.test()
async def products(dut: Any) -> None:
    rng = seeded()
    widths = len(dut.a_i), len(dut.b_i)
    pending: deque[int] = deque()
    expected: list[int] = []
    for _ in range(5000):
        a, b = (operand(rng, width) for width in widths)
        enabled = rng.random() < 0.8
        dut.a_i.value, dut.b_i.value, dut.en_i.value = a, b, enabled
        dut.clk_i.value = 0
        await Timer(1, "ns")
        dut.clk_i.value = 1
        await Timer(1, "ns")
        if enabled:
            pending.append(a * b)
            expected.append(a * b)
        if len(pending) > LATENCY:
            pending.popleft()
        if len(pending) == LATENCY:
            assert dut.product_o.value.to_signed() == pending[0], f"{pending[0]} is due"
    require_telling_beats(expected)
