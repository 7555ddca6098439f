"""Fixed-point formats hold to `ap_fixed<W, I, Q, O>`: against exact fractions, and against hls4ml's own ap_types."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwcodesign.errors import FormatError
from hwcodesign.fixedpoint import FixedPoint, Overflow, Rounding
from hwcodesign.simulation.csim import quick_arithmetic
from hwcodesign.storage.fields import Field

ROUNDINGS = [mode.value for mode in Rounding]
OVERFLOWS = [mode.value for mode in Overflow]
#: Bits that a code and its scaled value may have in each carrier, one spare for rounding.
CARRIERS = {"float32": 23, "float64": 52}


def test_the_modes_are_those_of_the_ap_types() -> None:
    assert ROUNDINGS == ["TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV"]
    assert OVERFLOWS == ["WRAP", "SAT", "SAT_ZERO", "SAT_SYM"]


def interesting_codes(rng: np.random.Generator, bits: int, fraction: int, target: FixedPoint) -> list[int]:
    """Codes of up to `bits` bits of magnitude: random ones, halves of the target's steps, and its range's ends."""
    most = 2**bits - 1
    codes = {0, 1, -1, most, -most, most - 1, 1 - most}
    codes |= {int(sign * (2**size - 1 - rng.integers(2**size))) for size in range(bits + 1) for sign in (1, -1)}
    shift = fraction - (target.width - target.integer)
    step, edge = 2 ** max(shift, 0), 2 ** max(target.width, 1)
    for multiple in (*rng.integers(-edge, edge, 12).tolist(), -edge, -edge // 2, edge // 2, edge, 2 * edge, 0, 1, -1):
        near = multiple * step + (step // 2)
        codes |= {near - 1, near, near + 1, multiple * step - 1, multiple * step, multiple * step + 1}
    return sorted(code for code in codes if abs(code) <= most)


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_a_cast_is_the_exact_fraction_rounded_then_overflowed(
    rounding: str, overflow: str, carrier: str, exact_cast: Callable[[Fraction, FixedPoint], int]
) -> None:
    bits = CARRIERS[carrier]
    seed = ROUNDINGS.index(rounding) * 100 + OVERFLOWS.index(overflow) * 10 + bits
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    for index in range(12):
        width = int(rng.integers(1, min(bits, 24), endpoint=True))
        # negative, within the width, and beyond it
        integer = int(rng.integers(*[(-6, 0), (0, width + 1), (width + 1, width + 8)][index % 3]))
        target = FixedPoint(width, integer, index % 2 == 0, Rounding(rounding), Overflow(overflow))
        fraction = target.fraction + int(rng.integers(-6, 16))
        # what is cast to a finer fraction grows before it overflows
        codes = interesting_codes(rng, bits - max(0, target.fraction - fraction), fraction, target)
        got = target.requantise(np.array(codes, dtype=carrier), fraction)
        wanted = [exact_cast(Fraction(code) / Fraction(2) ** fraction, target) for code in codes]
        assert got.dtype == np.dtype(carrier)
        wrong = [(c, int(g), w) for c, g, w in zip(codes, got.tolist(), wanted, strict=True) if g != w]
        assert not wrong, f"{target} from fraction {fraction}: (code, got, exact) {wrong[:5]}"


def test_halves_go_where_the_modes_say() -> None:
    halves = np.array([-5.0, -3.0, -1.0, 1.0, 3.0, 5.0])  # -2.5, -1.5, -0.5, 0.5, 1.5, 2.5
    wanted = {
        "TRN": [-3, -2, -1, 0, 1, 2],
        "TRN_ZERO": [-2, -1, 0, 0, 1, 2],
        "RND": [-2, -1, 0, 1, 2, 3],
        "RND_ZERO": [-2, -1, 0, 0, 1, 2],
        "RND_INF": [-3, -2, -1, 1, 2, 3],
        "RND_MIN_INF": [-3, -2, -1, 0, 1, 2],
        "RND_CONV": [-2, -2, 0, 0, 2, 2],
    }
    got = {
        mode: FixedPoint(8, 8, True, Rounding(mode)).requantise(halves, 1).astype(int).tolist() for mode in ROUNDINGS
    }
    assert got == wanted


def test_overflow_goes_where_the_modes_say() -> None:
    codes = np.array([-9.0, -8.0, -7.0, 7.0, 8.0])
    wanted = {
        "WRAP": [7, -8, -7, 7, -8],
        "SAT": [-8, -8, -7, 7, 7],
        "SAT_ZERO": [0, -8, -7, 7, 0],
        "SAT_SYM": [-7, -7, -7, 7, 7],
    }
    got = {
        mode: FixedPoint(4, 4, True, Rounding.TRN, Overflow(mode)).requantise(codes, 0).astype(int).tolist()
        for mode in OVERFLOWS
    }
    assert got == wanted


@pytest.mark.parametrize("seed", range(4))
def test_what_a_format_holds_is_what_survives_a_cast_to_it(
    seed: int, random_format: Callable[..., FixedPoint], exact_cast: Callable[[Fraction, FixedPoint], int]
) -> None:
    rng = np.random.default_rng(seed)
    held = 0
    for _ in range(200):
        fmt = random_format(rng, (1, 12), (-3, 14))
        fraction = fmt.fraction + int(rng.integers(-3, 2))
        low, high = sorted(rng.integers(-(2**8), 2**8, 2).tolist())
        values = [Fraction(code) / Fraction(2) ** fraction for code in range(low, high + 1)]
        # WRAP changes what does not fit; the grid must hold every value of the range, not only its ends
        plain = FixedPoint(fmt.width, fmt.integer, fmt.signed)
        survives = (
            all(Fraction(exact_cast(value, plain)) / Fraction(2) ** plain.fraction == value for value in values)
            and fmt.fraction >= fraction
        )
        assert fmt.holds(low, high, fraction) == survives, f"{fmt}, codes {low} to {high} at fraction {fraction}"
        held += survives
    assert 0 < held < 200


@pytest.mark.parametrize("seed", range(3))
def test_every_format_is_read_back_from_what_it_prints(seed: int, random_format: Callable[..., FixedPoint]) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(100):
        fmt = random_format(rng, (1, 53), (-20, 70))
        assert FixedPoint.parse(str(fmt)) == fmt
        assert FixedPoint.parse(fmt.hls4ml_type) == fmt
        assert FixedPoint.parse(fmt.ap_type) == fmt
        assert FixedPoint.from_json(Field(fmt.to_json(), "format")) == fmt


@pytest.mark.parametrize("seed", range(3))
def test_every_precision_that_hls4ml_prints_is_read(seed: int, random_format: Callable[..., FixedPoint]) -> None:
    types = pytest.importorskip("hls4ml.model.types", reason="hls4ml is not installed (extra 'design')")
    rng = np.random.default_rng(seed)
    for _ in range(60):
        fmt = random_format(rng, (1, 53), (-20, 70))
        rounding, overflow = types.RoundingMode[fmt.rounding.value], types.SaturationMode[fmt.overflow.value]
        precision = types.FixedPrecisionType(fmt.width, fmt.integer, fmt.signed, rounding, overflow)
        assert FixedPoint.parse(str(precision)) == fmt
        whole = types.IntegerPrecisionType(fmt.width, signed=fmt.signed)
        assert FixedPoint.parse(str(whole)) == FixedPoint(fmt.width, fmt.width, fmt.signed)


def test_spellings_of_hls4ml_and_of_people_are_read() -> None:
    assert FixedPoint.parse("ap_fixed<16,6>") == FixedPoint(16, 6)
    assert FixedPoint.parse("fixed<16, 6>") == FixedPoint(16, 6)
    assert FixedPoint.parse("ufixed<5,0,RND_CONV,SAT,0>") == FixedPoint(5, 0, False, Rounding.RND_CONV, Overflow.SAT)
    assert FixedPoint.parse("ap_ufixed<5,-2,AP_RND,AP_SAT_SYM,0>") == FixedPoint(
        5, -2, False, Rounding.RND, Overflow.SAT_SYM
    )
    assert FixedPoint.parse("fixed<5,0,RND>") == FixedPoint(5, 0, True, Rounding.RND, Overflow.WRAP)
    assert FixedPoint.parse("ap_uint<4>") == FixedPoint(4, 4, False)
    assert FixedPoint(5, 0, False, Rounding.RND_CONV, Overflow.SAT).ap_type == "ap_ufixed<5,0,AP_RND_CONV,AP_SAT,0>"


@pytest.mark.parametrize(
    "text",
    [
        "", "float", "fixed<8>", "fixed<8,x>", "int<x>", "int<>", "fixed<8,3,NEAREST>", "fixed<8,3,RND,CLIP>",
        "fixed<8,3", "xfixed<8,3>", "fixed<<8,3>>", "fixed<8,3,RND,SAT,2>", "fixed<8,3,RND,SAT,0,0>",
    ],
)  # fmt: skip
def test_text_that_is_no_format_is_refused_with_the_text(text: str) -> None:
    with pytest.raises(FormatError, match=re.escape(repr(text)) + " is not a fixed-point type"):
        FixedPoint.parse(text)


@pytest.mark.parametrize("width", [-1, 0, 54, 64])
def test_widths_beyond_float64_are_refused(width: int) -> None:
    with pytest.raises(FormatError, match=rf"width {width} is not in 1\.\.53.*use a narrower format"):
        FixedPoint(width, 1)


@pytest.mark.parametrize("width", [1, 53])
def test_the_least_and_the_widest_format_hold_their_own_codes(width: int) -> None:
    for signed in (True, False):
        fmt = FixedPoint(width, width, signed, Rounding.RND_CONV, Overflow.SAT)
        ends = np.array([fmt.min_code, fmt.max_code], np.float64)
        assert fmt.decode(ends).tolist() == [fmt.min_code, fmt.max_code]
        assert fmt.encode(ends).tolist() == [fmt.min_code, fmt.max_code]
        assert fmt.requantise(ends, 0).tolist() == [fmt.min_code, fmt.max_code]
        assert fmt.max_code - fmt.min_code == 2**width - 1


@pytest.mark.parametrize("seed", range(3))
def test_encoding_rounds_half_to_even_whatever_the_mode(
    seed: int, random_format: Callable[..., FixedPoint], exact_cast: Callable[[Fraction, FixedPoint], int]
) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(30):
        fmt = random_format(rng, (3, 20), (-4, 20))
        even = FixedPoint(fmt.width, fmt.integer, fmt.signed, Rounding.RND_CONV)
        quarters = rng.integers(4 * fmt.min_code, 4 * fmt.max_code, 40, endpoint=True)
        values = quarters * (fmt.scale / 4)
        wanted = [exact_cast(Fraction(int(q)) / Fraction(2) ** (fmt.fraction + 2), even) for q in quarters]
        assert fmt.encode(values).tolist() == wanted
        assert fmt.encode(fmt.decode(np.array(wanted))).tolist() == wanted


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (np.nan, "nan"),
        (np.inf, "inf"),
        (-np.inf, "-inf"),
        (8.0, "8.0"),
        (-8.5, "-8.5"),
        (7.75, "7.75"),
        (1e300, r"1e\+300"),
    ],
)
def test_encoding_refuses_what_does_not_fit_and_names_value_and_index(value: float, printed: str) -> None:
    fmt = FixedPoint(5, 4)  # -8 to 7.5 in halves; 7.75 is half way to 8
    values = np.zeros((3, 4))
    values[1, 2] = values[2, 3] = value
    message = (
        rf"value {printed} at index \(1, 2\) does not fit fixed<5,4,TRN,WRAP>, which holds -8 to 7.5: scale or clip"
    )
    with pytest.raises(FormatError, match=message):
        fmt.encode(values)
    assert fmt.encode(np.array([-8.25, 7.5, 7.7])).tolist() == [-16, 15, 15]


def test_an_empty_array_encodes_to_an_empty_array() -> None:
    assert FixedPoint(5, 4).encode(np.zeros((0, 3))).shape == (0, 3)


# --- against the ap_types that hls4ml compiles ---

_PROGRAM = """\
#include "ap_fixed.h"
#include <cstdio>
template <class source_T, class target_T> void cast(int pair, const long long *codes, int count) {
    for (int i = 0; i < count; i++) {
        source_T source;
        source.range() = codes[i];
        target_T target = source;
        long long code = 0;
        for (int bit = 0; bit < target.length(); bit++)
            code |= (long long)(bool)target[bit] << bit;
        printf("%d %lld %lld\\n", pair, codes[i], code);
    }
}
int main() {
"""


def _pairs(random_format: Callable[..., FixedPoint]) -> list[tuple[FixedPoint, FixedPoint]]:
    """All 28 pairs of modes, and more where bits are added, dropped, or both."""
    rng = np.random.default_rng(7)
    modes = [(rounding, overflow) for rounding in ROUNDINGS for overflow in OVERFLOWS]
    pairs = []
    for index in range(44):
        source = random_format(rng, (2, 34), (-4, 20))
        rounding, overflow = modes[index % len(modes)]
        # ap_types asserts where more bits are dropped than the source has
        fraction = source.fraction + int(rng.integers(-min(14, source.width), 5))
        width = int(rng.integers(1, 30))
        target = FixedPoint(width, width - fraction, bool(rng.integers(2)), Rounding(rounding), Overflow(overflow))
        pairs.append((source, target))
    return pairs


def test_the_c_simulation_makes_hls4mls_ap_types_quick() -> None:
    hls4ml = pytest.importorskip("hls4ml", reason="hls4ml is not installed (extra 'design')")
    header = (Path(hls4ml.__file__).parent / "templates" / "vivado" / "ap_types" / "etc" / "ap_private.h").read_text()
    cuts = "INLINE void clearUnusedBits(void)"
    added = [line for line in quick_arithmetic(header).splitlines() if line.strip() == cuts]
    assert len(added) == 1
    assert quick_arithmetic("another text") == "another text"


@pytest.mark.parametrize("quick", [False, True], ids=["as they are", "as the C simulation compiles them"])
def test_casts_are_those_of_hls4mls_ap_types(
    tmp_path: Path, random_format: Callable[..., FixedPoint], quick: bool
) -> None:
    hls4ml = pytest.importorskip("hls4ml", reason="hls4ml is not installed (extra 'design')")
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    pairs = _pairs(random_format)
    rng = np.random.default_rng(8)
    tables: list[list[int]] = []
    text = _PROGRAM
    for index, (source, target) in enumerate(pairs):
        bits = source.width - int(source.signed)
        codes = [c for c in interesting_codes(rng, bits, source.fraction, target) if source.signed or c >= 0]
        tables.append([*codes, source.min_code])
        values = ", ".join(f"{code}LL" for code in tables[-1])
        text += f"  {{ static const long long codes[] = {{{values}}};\n"
        text += f"    cast<{source.ap_type}, {target.ap_type} >({index}, codes, {len(tables[-1])}); }}\n"
    (tmp_path / "casts.cpp").write_text(text + "}\n")
    include = Path(hls4ml.__file__).parent / "templates" / "vivado" / "ap_types"
    flags = ["-std=c++14", "-w", "-fno-exceptions"]
    if quick:
        include = Path(shutil.copytree(include, tmp_path / "ap_types"))
        header = include / "etc" / "ap_private.h"
        header.write_text(quick_arithmetic(header.read_text()))
        flags.append("-O2")
    command = ["g++", *flags, f"-I{include}", "casts.cpp", "-o", "casts"]
    subprocess.run(command, cwd=tmp_path, check=True)
    printed = subprocess.run([tmp_path / "casts"], capture_output=True, text=True, check=True).stdout

    theirs: dict[int, list[int]] = {}
    for line in printed.splitlines():
        index, _, code = map(int, line.split())
        theirs.setdefault(index, []).append(code)
    wrong: list[Any] = []
    for index, ((source, target), codes) in enumerate(zip(pairs, tables, strict=True)):
        got = target.requantise(np.array(codes, np.float64), source.fraction).astype(np.int64) % 2**target.width
        wrong += [
            (str(source), str(target), *row)
            for row in zip(codes, got.tolist(), theirs[index], strict=True)
            if row[1] != row[2]
        ]
    assert sum(map(len, tables)) > 2000
    assert not wrong, f"{len(wrong)} casts differ; (source, target, code, ours, theirs): {wrong[:8]}"
