"""This module says what layers by distributed arithmetic are made of, once their graph of adders is known."""

from __future__ import annotations

from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.distributed_arithmetic import DistributedKernel
from hwcodesign.hardware.resources.arithmetic import requantise
from hwcodesign.hardware.resources.digits import SHIFT_REGISTER
from hwcodesign.hardware.resources.figures import Part


def distributed_array(made: DistributedKernel, source: FixedPoint, result: FixedPoint) -> tuple[Part, ...]:
    """Returns a distributed_array, the generated adders behind it, and the casts.

    Args:
        made: the generated adders.
        source: format of the operands.
        result: format of the results.
    """
    stages = made.latency - 2
    shell = Part("distributed_array", {"one": 1}, made.lanes * source.width + made.outputs * result.width + stages + 2)
    ff, lutram = made.outputs * made.sum_width, 0
    for bits, registers in made.held:
        if registers >= SHIFT_REGISTER:
            lutram += bits
        else:
            ff += bits * registers
    sums = Part("sums", {"adder bits": made.shared_bits}, ff, lutram=lutram)
    widest = FixedPoint(made.sum_width, made.sum_width - made.sum_fraction)
    return shell, sums, requantise(widest, result, made.outputs)
