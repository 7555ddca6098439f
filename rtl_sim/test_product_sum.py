"""Sums of products, in LUTs, and in DSP blocks, two to a block: exact for all codes of 4 bits, and for random ones of
other widths.

One packed product is proved for all codes of 4 bits; a sum of four is compared for all codes of each of its products,
while those of the others are extremes. Not by cocotb, which would take minutes for so many vectors.
"""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from hwcodesign.storage.installed import shared_folder
from hwcodesign.systemverilog import Bits
from hwcodesign.tools.verilator import find_verilator
from hwcodesign.verification.formal import Proof, prove

_CAMPAIGN = pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many proofs")

#: Outputs, products, sets of operands, bits of operands, whether they have a sign, bits of weights, whether products
#: are in DSP blocks.
Size = tuple[int, int, int, int, bool, int, bool]

#: Of the exhaustive comparison: one product a sum, those of one chain of blocks, and a chain and a part of one.
_FOUR_BITS: list[Size] = [
    *((2, simd, 1, 4, signed, 4, True) for simd in (1, 2, 4, 5) for signed in (False, True)),
    *((2, 2, 1, 4, signed, 4, False) for signed in (False, True)),
]
_BLOCKS = [
    (2, 3, 1, 8, False, 8),  # 25 bits in all: no product is added to another in a block
    (2, 3, 1, 8, True, 8),
    (3, 7, 1, 8, True, 7),  # two bits to spare; an odd number of outputs
    (4, 4, 1, 7, False, 8),  # one bit to spare
    (3, 5, 1, 9, False, 8),  # not packed
    (1, 6, 1, 4, True, 4),
    (3, 9, 3, 8, True, 8),  # outputs that share no operands
    (5, 2, 1, 1, False, 1),
    (3, 11, 1, 2, True, 3),
]
_OTHERS: list[Size] = [(*size, blocks) for size in _BLOCKS for blocks in (True, False)]


def _draw(seed: int) -> Size:
    rng = random.Random(seed)  # noqa: S311
    pe = rng.randint(1, 6)
    simd, sets = rng.randint(1, 12), rng.choice([1, 1, pe])
    return pe, simd, sets, rng.randint(1, 17), rng.random() < 0.5, rng.randint(1, 12), rng.random() < 0.5


def _compare(sizes: list[Size], vectors: int, folder: Path) -> list[list[int]]:
    """Number, vectors and negative sums of each size."""
    verilator, sources = find_verilator(), shared_folder("rtl_sim")
    fields = Bits.pack([int(field) for size in sizes for field in size], 8)
    command = [str(verilator.folder / "verilator"), "--binary", "-Wall", "-O3", "-CFLAGS", "-O1 -std=c++20"]
    command += ["--top", "product_sum_all", f"-GCount={len(sizes)}", f"-GSizes={fields.width}'h{fields.value:x}"]
    command += [f"-GRandom={vectors}", "--Mdir", str(folder)]
    modules = ("hwc_pkg", "packed_offsets", "dsp_sum", "product_sum")
    files = ["rtl/verilator.vlt", *(f"rtl/{module}.sv" for module in modules), "tb/product_sum_all.sv"]
    built = subprocess.run(
        [*command, *(str(sources / file) for file in files)],
        env=verilator.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    ran = subprocess.run([str(folder / "Vproduct_sum_all")], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
    return sorted([int(number) for number in line.split()] for line in ran.stdout.splitlines() if line[:1].isdigit())


def _require(found: list[list[int]], sizes: list[Size], least: int) -> None:
    assert [number for number, _, _ in found] == list(range(len(sizes)))
    for (_, vectors, negative), size in zip(found, sizes, strict=True):
        sums = size[0] * vectors
        assert vectors >= least
        assert 0.1 * sums < negative < 0.9 * sums, size


def test_all_four_bit_products_are_exact_wherever_they_are_in_a_sum(tmp_path: Path) -> None:
    _require(_compare(_FOUR_BITS, 0, tmp_path), _FOUR_BITS, 1 << 15)


@_CAMPAIGN
def test_sums_of_other_widths_are_exact(tmp_path: Path) -> None:
    _require(_compare(_OTHERS, 4000, tmp_path), _OTHERS, 4000)


@pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")
@pytest.mark.parametrize("first", range(0, 60, 12))
def test_sums_of_drawn_widths_are_exact(first: int, tmp_path: Path) -> None:
    sizes = [_draw(seed) for seed in range(first, first + 12)]
    _compare(sizes, 20_000, tmp_path)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    ("simd", "bits"),
    [(1, 4), *(pytest.param(simd, bits, marks=_CAMPAIGN) for simd, bits in ((2, 3), (2, 4), (4, 2)))],
)
def test_sums_of_packed_products_are_proved(simd: int, bits: int, signed: bool) -> None:
    sizes = {"Simd": simd, "InWidth": bits, "WeightWidth": bits, "Signed": int(signed)}
    latency = 3 + (simd - 1).bit_length()
    prove(Proof("dsp_sum_properties", ("packed_offsets", "dsp_sum"), sizes, latency + 1))
