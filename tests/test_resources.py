"""Resources are estimated without synthesis: exactly where they are counted, within bounds where they are fitted."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import hwcodesign as hw
from benchmarks.unit_measurements import read_measurements
from benchmarks.unit_points import KINDS, drawn
from benchmarks.unit_resources import ALLOWED, FIRST_FRESH, POINTS, WORST
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.resources import AcceleratorEstimate, DoesNotFitWarning
from hwcodesign.designs.boards import BOARDS, board_named
from hwcodesign.errors import DoesNotFitError, SettingsError
from hwcodesign.hardware.implementation import DEFAULT
from hwcodesign.hardware.resources.coefficients import COEFFICIENTS
from hwcodesign.hardware.resources.figures import Part, Resources, total
from hwcodesign.hardware.resources.memories import Memory, ram, rom
from hwcodesign.hardware.resources.shell import conditional_buffer
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.timing import Automaton, Pipeline
from hwcodesign.hardware.unit import Unit
from hwcodesign.hardware.units import UNITS, unit_of
from hwcodesign.kernels import Activation
from hwcodesign.policies import ExitPolicy
from hwcodesign.storage.installed import shared_folder
from rtl_sim.tb.small_accelerators import plain

MEASURED = read_measurements(POINTS)
#: A pooling in which Yosys keeps a register that never changes, and gates each bit with it. It does the same with one
#: pixel in a beat of as many bits, and not in other poolings.
GATED = ("several pixels", 8)
#: What takes da4ml's time, or has its parts tested one by one.
SLOW = ("distributed", "accelerator")


def test_resources_add_up_and_are_shown_in_whole_numbers() -> None:
    one, other = Resources(1.4, 2.2, 3, 4, 5, 1), Resources(0.4, 0.2, 1, 1, 1, 1)
    assert (one + other).rounded() == Resources(2, 2, 4, 5, 6, 2)
    assert one.to_json() == {"lut": 1, "ff": 2, "dsp": 3, "bram18": 4, "uram": 5, "lutram": 1}


def test_a_parts_luts_are_counts_times_coefficients_and_what_is_counted() -> None:
    part = Part("adder", {"bits": 8, "one": 1}, ff=9, dsp=1, bram18=2, lutram=4, lut=3, number=2)
    assert total([part], {"adder: bits": 0.5, "adder: one": 2.0}) == Resources(26, 18, 2, 4, 0, 8)


def test_what_no_coefficient_is_fitted_to_takes_a_lut_each() -> None:
    assert total([Part("adder", {"bits": 8})], {}) == Resources(lut=8)


@pytest.mark.parametrize("unit", [unit for known in UNITS.values() for unit in known], ids=lambda unit: unit.__name__)
def test_every_unit_has_an_estimate_of_its_resources(unit: type[Unit[Any]]) -> None:
    assert unit.parts is not Unit.parts or unit.is_wires is not Unit.is_wires, f"{unit.__name__} has no parts"


def test_a_unit_without_parts_says_that_it_has_no_estimate() -> None:
    @dataclass(frozen=True, eq=False)
    class Bare(Unit[Activation]):
        @property
        def timing(self) -> tuple[Automaton, ...]:
            return (Pipeline(),)

    drawn_unit: Any = drawn("activation", 0).unit
    bare = Bare(drawn_unit.kernel, DEFAULT, drawn_unit.offered, "bare")
    with pytest.raises(NotImplementedError, match="Bare has no parts, and so no estimate of its resources"):
        _ = bare.estimate


@pytest.mark.parametrize(
    ("words", "width", "bram18", "luts"),
    [
        *[(16, 200, 0, 0), (256, 20, 0, 0), (256, 36, 1, 0), (256, 100, 3, 0), (400, 20, 0, 0), (400, 50, 2, 0)],
        *[(512, 18, 1, 0), (640, 9, 0, 0), (640, 20, 0, 0), (640, 40, 3, 0), (1024, 9, 1, 0), (1024, 20, 2, 0)],
        *[(1600, 12, 2, 0), (1600, 20, 3, 0), (2048, 9, 1, 0), (4096, 4, 1, 0), (4096, 12, 3, 0), (720, 80, 5, 0)],
    ],
)
def test_a_rom_becomes_what_yosys_makes_of_it(words: int, width: int, bram18: int, luts: int) -> None:
    memory = rom(words, width)
    assert (memory.bram18, memory.lutram) == (bram18, luts)


@pytest.mark.parametrize(
    ("words", "width", "bram18", "luts"),
    [
        *[(2, 3, 0, 0), (3, 3, 0, 4), (4, 1, 0, 0), (8, 1, 0, 4), (2, 5, 0, 4), (32, 25, 0, 20), (36, 25, 0, 36)],
        *[(64, 160, 0, 216), (80, 1, 0, 4), (80, 25, 0, 60), (80, 36, 1, 0), (100, 18, 0, 48), (100, 25, 1, 0)],
        *[(160, 8, 0, 36), (160, 15, 1, 0), (256, 40, 2, 0), (400, 5, 0, 56), (400, 8, 1, 0), (512, 100, 3, 0)],
        *[(600, 40, 3, 0), (800, 3, 0, 52), (1024, 3, 1, 0), (1600, 72, 8, 0), (2048, 1, 1, 0), (3000, 15, 3, 0)],
        *[(3000, 25, 5, 0), (3000, 40, 8, 0), (6000, 25, 9, 0)],
    ],
)
def test_a_memory_becomes_what_yosys_makes_of_it(words: int, width: int, bram18: int, luts: int) -> None:
    memory = ram(words, width)
    assert (memory.bram18, memory.lutram) == (bram18, luts)


@pytest.mark.parametrize(
    ("words", "width", "bram18", "uram"),
    [
        *[(4096, 36, 0, 1), (4096, 27, 6, 0), (2048, 72, 0, 1), (2048, 54, 6, 0), (3000, 64, 0, 1), (4095, 200, 0, 3)],
        *[(4097, 72, 0, 2), (4096, 144, 0, 2), (16384, 72, 0, 4), (1024, 160, 9, 0), (1024, 300, 17, 0)],
        *[(8192, 10, 5, 0), (8192, 18, 0, 1), (5000, 30, 0, 1), (6000, 18, 6, 0), (4320, 40, 12, 0), (600, 700, 39, 0)],
        *[(9000, 36, 0, 2), (9000, 80, 0, 4), (10000, 40, 0, 2), (12000, 20, 0, 1), (12289, 36, 0, 2)],
        *[(16384, 9, 0, 1), (17000, 28, 0, 3), (20000, 9, 0, 1), (40000, 12, 0, 3), (50000, 11, 0, 3)],
        *[(8192, 100, 0, 3), (8200, 5, 5, 0), (30000, 4, 8, 0), (65536, 33, 0, 8), (200000, 2, 25, 0)],
    ],
)
def test_a_large_memory_becomes_what_yosys_makes_of_it_where_there_is_ultraram(
    words: int, width: int, bram18: int, uram: int
) -> None:
    part = Part("ram", bram18=ram(words, width).bram18, large18=ram(words, width).large18)
    taken = replace(part, large_uram=ram(words, width).large_uram).resources({})
    with_ultraram = taken.on(board_named("kv260").capacity)
    assert (with_ultraram.bram18, with_ultraram.uram) == (bram18, uram)
    without = taken.on(board_named("pynq-z2").capacity)
    assert (without.bram18, without.uram) == (ram(words, width).bram18, 0)


def test_contents_at_the_start_keep_a_memory_out_of_ultraram() -> None:
    assert ram(4096, 72).large_uram == 1
    assert rom(4096, 72).large_uram == 0


def test_a_queue_stays_in_flip_flops_a_little_longer() -> None:
    assert ram(3, 4) == Memory(0, 4, 1)
    assert ram(3, 4, through=True).is_logic
    assert ram(3, 5, through=True) == Memory(0, 4, 1)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.startswith(SLOW)])
def test_units_are_estimated_as_yosys_counts_them(kind: str) -> None:
    found = [measured for measured in MEASURED if measured.kind == kind]
    assert found, f"benchmarks/unit_resources.jsonl has no {kind}: run python -m benchmarks.unit_resources"
    for measured in found:
        estimate, counted = total(drawn(kind, measured.seed).parts, COEFFICIENTS), measured.total
        assert (estimate.dsp, estimate.bram18) == (counted.dsp, counted.bram18), measured.seed
        if (kind, measured.seed) != GATED:
            assert abs(estimate.lut - counted.lut) <= max(WORST * counted.lut, ALLOWED), measured.seed
        assert abs(estimate.ff - counted.ff) <= max(WORST * counted.ff, ALLOWED), measured.seed


def test_half_of_the_units_are_estimated_to_a_tenth_and_of_flip_flops_to_a_hundredth() -> None:
    found = [measured for measured in MEASURED if not measured.kind.startswith(SLOW) and measured.seed < FIRST_FRESH]
    pairs = [(total(drawn(m.kind, m.seed).parts, COEFFICIENTS), m.total) for m in found]
    assert 2 * sum(abs(e.lut - m.lut) <= 0.1 * m.lut for e, m in pairs) > len(pairs)
    assert 2 * sum(abs(e.ff - m.ff) <= 0.01 * m.ff for e, m in pairs) > len(pairs)


def test_the_file_is_read_as_it_was_written() -> None:
    assert "".join(measured.line() for measured in MEASURED) == POINTS.read_text()


def test_figures_are_of_what_is_drawn() -> None:
    found = [measured for measured in MEASURED if not measured.kind.startswith(SLOW)]
    assert [m for m in found if drawn(m.kind, m.seed).digest[:16] != m.digest] == []


def test_figures_of_a_unit_are_those_of_its_modules(tmp_path: Path) -> None:
    path = tmp_path / "points.jsonl"
    path.write_text('{"kind":"x","seed":1,"digest":"ab","modules":{"rom":[2,7,5,1,3,4],"sums":[1,1,1,1,1,1]}}\n')
    (found,) = read_measurements(path)
    assert found.counts == {"rom": 2, "sums": 1}
    whole = found.total
    assert (whole.lut, whole.ff, whole.dsp, whole.bram18, whole.lutram) == (8, 6, 2, 4, 5)


def test_an_accelerator_takes_the_sum_of_its_parts() -> None:
    estimate = AcceleratorEstimate.of(Hardware.of(plain("little")))
    assert estimate.missing == ()
    assert estimate.total == sum((block.resources for block in estimate.blocks), Resources())
    blocks = [block.block for block in estimate.blocks]
    assert blocks[:3] == ["registers", "control", "unpack"]
    assert [name for name in blocks if name.endswith("0")] == [
        *("stage0", "stage0", "head0", "info0", "decision0", "fork0", "buffer0"),  # a layer, and the register behind it
    ]
    assert blocks[-2:] == ["merge", "pack"]
    conv = next(block for block in estimate.blocks if block.layer)
    assert conv.name == "stage0: conv (conv2d)"


def test_a_table_stands_beside_what_the_board_has() -> None:
    estimate = AcceleratorEstimate.of(Hardware.of(plain("little")))
    lines = estimate.text(board_named("zcu104")).splitlines()
    assert lines[0].startswith("Estimated, not synthesised (7 series, as Yosys counts)")
    assert lines[0].split()[-5:] == ["LUT", "FF", "DSP", "BRAM36", "URAM"]
    assert len(lines) == len(estimate.blocks) + 3
    assert lines[-1].split() == ["zcu104", "has", "230,400", "460,800", "1,728", "312", "96"]
    assert lines[-2].split()[:2] == ["whole", "accelerator"]
    data = estimate.to_json(board_named("zcu104"))
    assert (data["estimated"], data["fits"], data["total"]) == (True, True, estimate.total.to_json())
    assert data["board"] == {"lut": 230_400, "ff": 460_800, "dsp": 1_728, "bram18": 624, "uram": 96}


def test_what_does_not_fit_is_named_with_the_largest_layers() -> None:
    estimate = AcceleratorEstimate.of(Hardware.of(plain("little")))
    whole = estimate.total.rounded()
    board = board_named("pynq-z2")
    assert estimate.misfit(board) is None
    exact = replace(board, capacity=replace(whole, uram=0))
    assert estimate.lacking(exact) == {}
    short = replace(board, capacity=replace(whole, lut=whole.lut - 5, ff=100))
    warning = estimate.misfit(short)
    assert warning is not None
    assert warning.startswith("the design is estimated not to fit pynq-z2 (xc7z020clg400-1): ")
    assert f"LUT: {whole.lut:,} of {whole.lut - 5:,}, 5 too many; most by stage1: conv (conv2d) " in warning
    assert f"FF: {whole.ff:,} of 100, {whole.ff - 100:,} too many; most by " in warning
    assert warning.endswith(". Estimated, not synthesised")
    assert estimate.to_json(short)["fits"] is False


def test_half_a_block_ram_is_shown_as_such() -> None:
    estimate = AcceleratorEstimate.of(Hardware.of(plain("little")))
    part = Part("rom", bram18=3)
    more = replace(estimate, blocks=(replace(estimate.blocks[0], layer="fc", kind="dense", parts=(part,)),))
    warning = more.misfit(replace(board_named("zc706"), capacity=Resources(bram18=2)))
    assert warning is not None
    assert "BRAM36: 1.5 of 1, 0.5 too many; most by registers: fc (dense) 1.5" in warning


def _with_buffer(width: int, depth: int) -> AcceleratorEstimate:
    """An accelerator with a buffer of another depth."""
    estimate = AcceleratorEstimate.of(Hardware.of(plain("little")))
    parts = tuple(conditional_buffer(width, 36, depth))
    blocks = [replace(b, parts=parts) if b.block == "buffer0" else b for b in estimate.blocks]
    return replace(estimate, blocks=tuple(blocks))


def test_a_large_buffer_lies_in_ultraram_where_the_board_has_some() -> None:
    estimate = _with_buffer(72, 16_384)
    for board, blocks in (("kv260", ["0", "4"]), ("zcu104", ["0", "4"]), ("zc706", ["32", "0"])):
        lines = estimate.text(board_named(board)).splitlines()
        (row,) = [line for line in lines if line.split()[0] == "buffer0"]
        assert row.split()[-2:] == blocks
    parts = estimate.to_json(board_named("kv260"))["parts"]
    assert [(part["bram18"], part["uram"]) for part in parts if part["block"] == "buffer0"] == [(0, 4)]


def test_a_buffer_is_split_where_its_module_splits_it() -> None:
    source = (shared_folder("rtl_sim") / "rtl" / "conditional_buffer.sv").read_text()
    (words,) = map(int, re.findall(r"BankWords = (\d+),", source))
    modules = [[part.module for part in conditional_buffer(9, 4, depth)] for depth in (words, words + 1)]
    assert ["read_ahead_ram" in each for each in modules] == [False, True]


def test_ultraram_that_does_not_suffice_is_named_with_the_buffer_that_takes_it() -> None:
    estimate = _with_buffer(72, 65 * 4096)
    warning = estimate.misfit(board_named("kv260"))
    assert warning is not None
    assert "URAM: 65 of 64, 1 too many; most by buffer0 65. " in warning


def test_a_memory_that_is_too_deep_for_the_board_is_refused_by_name() -> None:
    estimate = _with_buffer(72, 65 * 4096)
    with pytest.raises(SettingsError, match=r"takes 65 URAM, and there are 64\. Lower buffer_samples, or choose a"):
        estimate.check_memories(board_named("kv260"))
    with pytest.raises(SettingsError, match=r"^buffer0: the memory of its read_ahead_ram is too deep for zc706: "):
        _with_buffer(72, 600 * 512).check_memories(board_named("zc706"))
    estimate.check_memories(board_named("zcu104"))
    _with_buffer(72, 512 * 512).check_memories(board_named("zc706"))


def test_a_buffer_that_is_too_deep_is_refused_before_anything_is_written(
    trained_network: hw.MultiExitNetwork, fitted_policy: ExitPolicy, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=r"^buffer0: .* too deep for pynq-z2: .* Lower buffer_samples"):
        hw.compile(trained_network, fitted_policy, out=tmp_path / "deep", reuse=16, buffer_samples=100_000)
    assert not (tmp_path / "deep").exists()


def test_a_criterion_of_ones_own_is_named_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    hardware = Hardware.of(plain("little"))
    decisions = tuple(replace(d, unit=replace(d.unit, module="score_mine")) for d in hardware.decisions)
    monkeypatch.setitem(vars(hardware), "decisions", decisions)
    estimate = AcceleratorEstimate.of(hardware)
    assert estimate.missing == ("score_mine",)
    assert estimate.text(board_named("zc706")).endswith("nothing is known of score_mine: it is not in the sum")


@pytest.mark.parametrize(
    ("board", "capacity"),
    [
        ("pynq-z1", Resources(53_200, 106_400, 220, 280, 0)),
        ("pynq-z2", Resources(53_200, 106_400, 220, 280, 0)),
        ("zc706", Resources(218_600, 437_200, 900, 1_090, 0)),
        ("zcu104", Resources(230_400, 460_800, 1_728, 624, 96)),
        ("kv260", Resources(117_120, 234_240, 1_248, 288, 64)),
    ],
)
def test_a_board_has_what_its_device_has(board: str, capacity: Resources) -> None:
    assert board_named(board).capacity == capacity


def test_compile_refuses_a_design_that_does_not_fit_unless_it_is_to_be_written_in_any_case(
    trained_network: hw.MultiExitNetwork, fitted_policy: ExitPolicy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(BOARDS["pynq-z2"], capacity=Resources(lut=1_000, ff=10**6, dsp=10**6, bram18=10**6))
    monkeypatch.setitem(BOARDS, "pynq-z2", small)
    said = (
        r"the design is estimated not to fit pynq-z2 \(xc7z020clg400-1\): LUT: [\d,]+ of 1,000, [\d,]+ too many; "
        r"most by \w+: \w+ \(\w+\) [\d,]+, .*"
    )
    way_out = r"\. Give these layers a higher reuse factor, .* fit='board' .* oversize=True \(--oversize\)$"
    with pytest.raises(DoesNotFitError, match=said + way_out):
        hw.compile(trained_network, fitted_policy, out=tmp_path / "small", reuse=16)
    assert list(tmp_path.iterdir()) == []
    with pytest.warns(DoesNotFitWarning, match=said):
        design = hw.compile(trained_network, fitted_policy, out=tmp_path / "small", reuse=16, oversize=True)
    assert design.folder.exists()


def test_a_layers_estimate_has_cycles_and_resources() -> None:
    made: Any = drawn("dense by DSPs", 1).unit
    unit = unit_of(made.kernel, made.implementation, (Stream(16, 8),))
    assert unit.estimate.resources.dsp == 16
    assert unit.estimate.interval == unit.folding.folds  # type: ignore[union-attr]
