"""Every module alone passes Verilator's -Wall, stands in the index, and names what is in it as all do."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from tb.verible import misnamed, names, our_sources

from hwcodesign.errors import ToolError
from hwcodesign.storage.installed import shared_folder
from hwcodesign.tools.verilator import find_verilator

RTL = shared_folder("rtl_sim") / "rtl"
MODULES = sorted(path.stem for path in RTL.glob("*.sv") if path.stem != "hwc_pkg")


@pytest.mark.parametrize("module", MODULES)
def test_a_module_passes_every_warning(module: str) -> None:
    try:
        tool = find_verilator()
    except ToolError as error:
        pytest.skip(str(error))
    command = [str(tool.folder / "verilator"), "--lint-only", "-Wall", "--top-module", module, f"-I{RTL}"]
    files = [RTL / "verilator.vlt", RTL / "hwc_pkg.sv", RTL / f"{module}.sv"]
    done = subprocess.run(
        [*command, *map(str, files)], capture_output=True, text=True, check=False, env=tool.environment
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", MODULES)
def test_a_module_explains_itself(module: str) -> None:
    text = (RTL / f"{module}.sv").read_text()
    assert re.findall(r"^module (\w+)", text, re.MULTILINE) == [module]
    assert text.startswith("`default_nettype none\n\n//")
    assert text.endswith("`default_nettype wire\n")


def test_the_index_has_every_module() -> None:
    index = Path(RTL.parent / "README.md").read_text()
    assert [module for module in MODULES if f"`{module}`" not in index] == []


def test_instances_are_named_u_and_generate_blocks_gen() -> None:
    sources = our_sources(RTL.parent)
    assert {path.parent.name for path in sources} == {"rtl", "formal", "checks", "tb"}
    assert misnamed(sources) == set()


def test_other_names_are_found(tmp_path: Path) -> None:
    source = tmp_path / "named.sv"
    source.write_text("""
        module named;
          rom i_rom (.clk_i(1'b0));
          rom #(.Depth(2)) u_ram[1:0] (.*), other ();
          and an_and (x, y);
          if (1) begin : gen_all
            rom u_inner (.*);
          end else begin
            rom deep (.*);
          end
          for (genvar i = 0; i < 2; i++) begin : each
            logic net;
          end
        endmodule
    """)
    assert names([source]) == (
        {"i_rom", "u_ram", "other", "an_and", "u_inner", "deep"},
        {"gen_all", "", "each"},
    )
    assert misnamed([source]) == {"i_rom", "other", "an_and", "deep", "", "each"}
