"""Parameters that are structs of hwc_pkg: their text, their fields, and what they refuse."""

from __future__ import annotations

import re

import pytest

from hwcodesign.errors import FormatError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.implementation import Implementation
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.units import unit_of
from hwcodesign.kernels import AveragePool2D
from hwcodesign.kernels.decision import Decision
from hwcodesign.storage.installed import shared_folder
from hwcodesign.systemverilog import Bits, Instance, Name, PackedStruct, literal, parameter_lines, with_constants
from rtl_sim.tb.drawn_policies import drawn_policy
from tests.test_streamrtl import U5, convolution


def test_structs_are_assignment_patterns_of_sized_literals() -> None:
    fields = (("simd", 9), ("fraction", -3), ("past", True), ("wide", Bits(64, 255)), ("how", Name("Dsp")))
    expected = "'{simd: 32'd9, fraction: -32'sd3, past: 1'b1, wide: 64'hff, how: hwc_pkg::Dsp}"
    assert literal(PackedStruct("some_t", fields)) == expected


def test_an_instance_names_its_structs_as_constants() -> None:
    struct = PackedStruct("mac_t", (("simd", 9), ("multiplier", Name("Lut"))))
    lines, named = with_constants(Instance("dense", (("Lanes", 4), ("Mac", struct), ("Bias", Bits(2, 1)))), "fc_1")
    assert lines == ["  localparam mac_t Mac_fc_1 = '{simd: 32'd9, multiplier: Lut};"]
    assert parameter_lines(named.parameters) == [".Lanes(4),", ".Mac(Mac_fc_1),", ".Bias(2'h1)"]


def test_a_struct_that_is_too_long_for_a_line_has_one_for_each_field() -> None:
    fields = tuple((f"field_{i}", i) for i in range(7))
    lines, _ = with_constants(Instance("dense", (("Long", PackedStruct("long_t", fields)),)), "fc")
    inside = [f"      {name}: 32'd{value}," for name, value in fields]
    assert lines == ["  localparam long_t Long_fc = '{", *inside[:-1], "      field_6: 32'd6", "  };"]


@pytest.mark.parametrize("value", [1 << 32, -(1 << 31) - 1])
def test_a_field_that_does_not_fit_is_refused(value: int) -> None:
    message = f"field stride_y of a window_t is {value}, which does not fit 32 bits: give Bits of its width"
    with pytest.raises(FormatError, match=message):
        PackedStruct("window_t", (("stride_y", value),))


def test_a_vector_that_is_too_narrow_is_refused() -> None:
    assert Bits(4, 15).value == 15
    with pytest.raises(FormatError, match="16 does not fit a vector of 4 bits: make it wider"):
        Bits(4, 16)


def test_structs_have_the_fields_of_hwc_pkg_in_its_order() -> None:
    """A bench sets a struct as bits, where names do not help."""
    shape = (6, 6, 2)
    pool = AveragePool2D(
        "p", ("input",), (U5,), (shape,), U5, (3, 3, 2), (2, 2), (2, 2), FixedPoint(8, 5, signed=False)
    )
    decision = Decision.of(drawn_policy("eenet", [FixedPoint(8, 4)] * 3, 3), 1, 2)
    instances = [
        unit_of(convolution("c", "input", shape, 3), Implementation(), (Stream.of(shape),)).instance,
        unit_of(pool, Implementation(), (Stream.of(shape),)).instance,
        decision.instance,
        decision.score_instance,
    ]
    found = {
        value.type: [field for field, _ in value.fields]
        for instance in instances
        for _, value in instance.parameters
        if isinstance(value, PackedStruct)
    }
    package = (shared_folder("rtl_sim") / "rtl" / "hwc_pkg.sv").read_text()
    structs = {
        name: re.findall(r"^ +\S.*?(\w+);", body, re.MULTILINE)
        for body, name in re.findall(r"struct packed \{\n(.*?)\} (\w+);", package, re.DOTALL)
    }
    assert len(found) == 7
    assert found == {name: structs[name] for name in found}
