"""Casts between fixed-point formats in hardware: all modes, signed and unsigned, all codes of small formats.

Not by cocotb, which makes every name of the many instances public: that would take minutes to compile.
"""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tb.telling import require_telling

from hwcodesign.fixedpoint import FixedPoint, Overflow, Rounding
from hwcodesign.storage.installed import shared_folder
from hwcodesign.systemverilog import Bits
from hwcodesign.tools.verilator import find_verilator

#: Input width and fraction, result width and fraction.
Pair = tuple[int, int, int, int]

_PAIRS: list[Pair] = [
    (8, 4, 4, 1),  # drops some bits
    (6, 5, 5, 4),  # drops one bit: no sticky bits below the half
    (5, 7, 4, -2),  # drops more bits than there are
    (6, 0, 5, 2),  # adds bits, and some overflow
    (6, 3, 1, 1),  # one bit
]


def _casts(pair: Pair) -> list[list[int]]:
    """For each input code the unsigned images of all results, in the order in which the testbench prints them."""
    in_width, in_fraction, out_width, out_fraction = pair
    codes = np.arange(1 << in_width, dtype=np.float64)
    columns = []
    for in_signed in (False, True):
        values = np.where(codes >= (1 << in_width) // 2, codes - (1 << in_width), codes) if in_signed else codes
        for out_signed in (False, True):
            for rounding in Rounding:
                for overflow in reversed(Overflow):
                    fmt = FixedPoint(out_width, out_width - out_fraction, out_signed, rounding, overflow)
                    columns.append(fmt.requantise(values, in_fraction).astype(np.int64) % (1 << out_width))
    return np.stack(columns, axis=1).tolist()  # type: ignore[no-any-return]


def _run(pairs: list[Pair], folder: Path) -> None:
    verilator, sources = find_verilator(), shared_folder("rtl_sim")
    fields = Bits.pack([field for pair in pairs for field in pair], 8)
    command = [
        str(verilator.folder / "verilator"),
        "--binary",
        "-Wall",
        "-O3",
        "-CFLAGS",
        "-O1 -std=c++20",
        "--top",
        "requantise_all",
    ]
    command += [f"-GCount={len(pairs)}", f"-GCases={fields.width}'h{fields.value:x}", "--Mdir", str(folder)]
    files = ["rtl/verilator.vlt", "rtl/hwc_pkg.sv", "rtl/requantise.sv", "tb/requantise_all.sv"]
    built = subprocess.run(
        [*command, *(str(sources / file) for file in files)],
        env=verilator.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    printed = subprocess.run([str(folder / "Vrequantise_all")], capture_output=True, text=True, check=True).stdout
    found = {}
    for line in printed.splitlines():
        if line[:1].isdigit():
            pair, code, *groups = line.split()
            found[int(pair), int(code)] = [int(group[i : i + 4], 16) for group in groups for i in (0, 4, 8, 12)]
    for number, pair_ in enumerate(pairs):
        for code, wanted in enumerate(_casts(pair_)):
            assert found[number, code] == wanted, f"{pair_}, code {code}"


def test_expected_casts_tell_every_mode_from_every_other() -> None:
    """From signed to signed, where all 28 mean something else; and no pair of formats has one result alone."""
    tables = [_casts(pair) for pair in _PAIRS]
    for table in tables:
        require_telling([[sum(code << 4 * i for i, code in enumerate(codes))] for codes in table])
    modes = len(Rounding) * len(Overflow)
    signed = [codes[-modes:] for table in tables for codes in table]
    assert len(set(zip(*signed, strict=True))) == modes


def test_all_codes_by_all_modes(tmp_path: Path) -> None:
    _run(_PAIRS, tmp_path)


@pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")
@pytest.mark.parametrize("seed", range(8))
def test_random_formats(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)  # noqa: S311
    pairs = [(rng.randint(1, 10), rng.randint(-3, 12), rng.randint(1, 12), rng.randint(-3, 12)) for _ in range(8)]
    print(f"seed {seed}: {pairs}")
    _run(pairs, tmp_path)
