"""All input codes, cast by all modes between several formats at once, against `FixedPoint.requantise`."""

from __future__ import annotations

import json
import os
from typing import Any

import cocotb
import numpy as np
from beats import unpack
from cocotb.triggers import Timer

from hwcodesign.fixedpoint import FixedPoint, Overflow, Rounding

#: Input width and fraction, result width and fraction.
CASES: list[list[int]] = json.loads(os.environ["HWC_CASES"])


def casts(case: list[int], code: int) -> list[int]:
    """Unsigned images of all results of one pair, in the order of the wrapper's output."""
    in_width, in_fraction, out_width, out_fraction = case
    results = []
    for in_signed in (False, True):
        value = unpack(code, in_width, 1, in_signed)[0]
        for out_signed in (False, True):
            for rounding in Rounding:
                for overflow in Overflow:
                    fmt = FixedPoint(out_width, out_width - out_fraction, out_signed, rounding, overflow)
                    result = fmt.requantise(np.array([float(value)]), in_fraction)
                    results.append(int(result[0]) & ((1 << out_width) - 1))
    return results


@cocotb.test()
async def every_code_is_cast_as_in_python(dut: Any) -> None:
    tables = [[casts(case, code) for code in range(1 << case[0])] for case in CASES]
    per_case = len(tables[0][0])
    groups = [dut.codes_o[i] for i in range(per_case // 4 * len(CASES))]
    for code in range(1 << max(case[0] for case in CASES)):
        dut.code_i.value = code
        await Timer(1, "ns")
        codes = [code for group in groups for code in unpack(int(group.value), 16, 4, signed=False)]
        for i, (case, table) in enumerate(zip(CASES, tables, strict=True)):
            expected = table[code % (1 << case[0])]
            assert codes[i * per_case : (i + 1) * per_case] == expected, f"{case}, code {code}"
