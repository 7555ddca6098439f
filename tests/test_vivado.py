"""The Vivado project: what it holds, what its scripts make of it on a stub of Vivado, and errors planted in it."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.project_files import write_accelerator
from hwcodesign.deployment.tcl_text import Value, word
from hwcodesign.deployment.vivado import build_bitstream, typeless, write_vivado
from hwcodesign.design import Design
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.boards import BOARDS
from hwcodesign.designs.stored import write_sources
from hwcodesign.errors import DesignError, SettingsError, ToolError
from hwcodesign.interface.block_design import DMA_LENGTH_BITS, DMA_REALIGNS, DMA_WIDTH
from hwcodesign.interface.modes import exit_control
from hwcodesign.interface.register_map import REGISTERS
from hwcodesign.runtime import software
from hwcodesign.simulation.project import read_project
from hwcodesign.simulation.rtl import RtlSimulation
from hwcodesign.tools.verilator import find_verilator
from rtl_sim.tb.small_accelerators import images, plain
from rtl_sim.tb.vitis_stand_in import stand_in_source
from tests.sealing import seal_project
from tests.stress import require_same
from tests.vivado_planted import PLANTED, Planted

STUB = Path(__file__).parent / "vivado_stub"
needs_tcl = pytest.mark.skipif(shutil.which("tclsh") is None, reason="tclsh is not installed")
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")


@pytest.fixture(scope="module")
def accelerator() -> Accelerator:
    """With every kind of ROM image: weights and tables of a criterion."""
    return plain("tiny", exits=2, criterion="entropy")


@pytest.fixture(scope="module")
def hardware(accelerator: Accelerator) -> Hardware:
    return Hardware.of(accelerator)


@pytest.fixture(scope="module")
def design_for(hardware: Hardware, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Design]:
    folder = tmp_path_factory.mktemp("design")
    write_accelerator(hardware, folder / "rtl")
    manifest = {"cycles": {}, "sources_sha256": write_sources(folder)}
    return lambda board: Design(hardware.accelerator, folder, {"board": BOARDS[board].to_json(), **manifest})


@pytest.fixture(scope="module")
def project_for(design_for: Callable[[str], Design], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The written project of a board; not to be changed."""
    folder = tmp_path_factory.mktemp("projects")

    def project(board: str) -> Path:
        if not (folder / board).exists():
            write_vivado(design_for(board), folder / board)
        return folder / board

    return project


def run_stub(
    project: Path, *faults: str, arguments: tuple[str, ...] = (), script: str = "build.tcl"
) -> tuple[str, dict[str, Any]]:
    """What a script of the project prints, and the design that it made, empty where it failed."""
    result = project / "result.json"
    result.unlink(missing_ok=True)
    command = ["tclsh", str(STUB / "run.tcl"), str(result), str(project / script), *faults, "--", *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=60)
    output = done.stdout + done.stderr
    assert (done.returncode == 0) == result.exists(), output
    return output, json.loads(result.read_text()) if result.exists() else {}


def built(project: Path, tmp_path: Path, *faults: str, arguments: tuple[str, ...] = ()) -> tuple[str, dict[str, Any]]:
    """`run_stub` on a copy."""
    copy = shutil.copytree(project, tmp_path / "project")
    return run_stub(copy, *faults, arguments=arguments)


@needs_tcl
@pytest.mark.parametrize("board", BOARDS)
def test_the_scripts_make_what_the_block_design_describes(
    board: str, design_for: Callable[[str], Design], project_for: Callable[[str], Path], tmp_path: Path
) -> None:
    output, made = built(project_for(board), tmp_path)
    described = design_for(board).block_design
    assert "WARNING" not in output
    assert {name: cell["vlnv"] for name, cell in made["cells"].items()} == described.cells
    assert [
        (entry["segment"], int(entry["base"], 16), int(entry["size"], 16))
        for entry in made["addresses"]
        if entry["space"] == f"{described.processor}/Data"
    ] == [(f"{place.cell}/{place.segment}", place.base, place.size) for place in described.addresses]
    for place in described.addresses:
        assert f"{place.cell}/{place.interface}" in made["interfaces"].values()
    assert (
        tuple(made["nets"][f"{described.interrupt_lines}/In{i}"] for i in range(len(described.interrupt_pins)))
        == described.interrupt_pins
    )
    dma = made["cells"][described.dma]["config"]
    assert dma["c_sg_length_width"] == str(DMA_LENGTH_BITS)
    assert dma["c_include_mm2s_dre"] == dma["c_include_s2mm_dre"] == str(int(DMA_REALIGNS))
    assert dma["c_m_axis_mm2s_tdata_width"] == dma["c_s_axis_s2mm_tdata_width"] == str(DMA_WIDTH)
    assert made["project"] == {
        "name": "tiny_system",
        "part": described.board.part,
        "board_part": described.board.board_part,
    }
    clock = {"PCW_FPGA0_PERIPHERAL_FREQMHZ", "PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ"}
    asked = [float(v) for k, v in made["cells"][described.processor]["config"].items() if k in clock]
    assert asked == [described.board.clock_mhz]
    assert {path.name for path in (tmp_path / "project" / "out").iterdir()} == {
        *("tiny.bit", "tiny.hwh", "tiny.xsa"),
        *("utilisation.rpt", "timing.rpt"),
    }


@needs_tcl
def test_the_packaged_ip_has_every_register_and_every_image(
    accelerator: Accelerator, project_for: Callable[[str], Path], tmp_path: Path
) -> None:
    core = built(project_for("pynq-z2"), tmp_path)[1]["core"]
    assert core["vlnv"] == "hwcodesign:accelerators:tiny:1.0"
    found = {(register["name"], int(register["offset"], 16)) for register in core["registers"]}
    names = {"THRESHOLD_0": 0x100, "THRESHOLD_1": 0x104, "FINALS_0": 0x200, "FINALS_1": 0x204, "HIGH_WATER_0": 0x300}
    assert found >= set(names.items())
    assert {offset for _, offset in found} == {
        register.address(k) for register in REGISTERS for k in range(register.count.of(accelerator.exits))
    }
    fields = next(register["fields"] for register in core["registers"] if register["name"] == "CONTROL")
    assert fields == "soft_reset 0 1 write-only, snapshot 1 1 write-only, commit 2 1 write-only"
    images = {path.name for path in (project_for("pynq-z2") / "ip" / "src").glob("*.hex")}
    assert {name.removeprefix("src/") for name in core["files"] if name.endswith(".hex")} == images


def test_images_are_those_that_the_sources_read(project_for: Callable[[str], Path]) -> None:
    folder = project_for("pynq-z2") / "ip" / "src"
    named = {name for path in folder.glob("tiny*.sv") for name in re.findall(r'RomFolder, "([^"]+)"', path.read_text())}
    assert named == {path.name for path in folder.glob("*.hex")}
    assert len(named) > 5
    assert '.RomFolder("./")' in (folder / "tiny_top.v").read_text()


def test_nothing_in_a_project_points_out_of_it(project_for: Callable[[str], Path]) -> None:
    for path in project_for("zcu104").rglob("*"):
        assert not path.is_symlink()
        assert path.is_dir() or str(path.parents[-3]) not in path.read_text()


@needs_tcl
@pytest.mark.parametrize("planted", PLANTED, ids=[item.name for item in PLANTED])
def test_a_planted_error_is_found(planted: Planted, project_for: Callable[[str], Path], tmp_path: Path) -> None:
    copy = shutil.copytree(project_for(planted.board), tmp_path / "project")
    planted.plant(copy)
    output, made = run_stub(copy, *planted.faults)
    assert not made
    assert planted.message in output.partition("ERROR: ")[2]


@needs_tcl
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("synth=80%", "synth_1 stopped at 80%: synth ERROR; see "),
        ("impl=60%", "impl_1 stopped at 60%: impl ERROR; see "),
        ("wns=-0.001", "timing is not met: setup slack (ns) is -0.001; see "),
        ("whs=-0.2", "timing is not met: hold slack (ns) is -0.2; see "),
        ("tpws=-1", "timing is not met: pulse width slack (ns) is -1; see "),
        ("wns=", "impl_1 reports no setup slack (ns)"),
        ("failed_nets=2", "2 nets are not routed"),
        ("rom=tiny_decision0_reciprocal.hex", "synthesis left a ROM empty"),
    ],
)
def test_a_failure_ends_the_build_and_leaves_no_bitstream(
    fault: str, message: str, project_for: Callable[[str], Path], tmp_path: Path
) -> None:
    output, _ = built(project_for("pynq-z2"), tmp_path, fault)
    assert f"ERROR: {message}" in output
    assert not list((tmp_path / "project" / "out").glob("tiny.*"))


@needs_tcl
@pytest.mark.parametrize("board", ["pynq-z2", "zcu104"])
def test_missing_board_files_are_a_warning(board: str, project_for: Callable[[str], Path], tmp_path: Path) -> None:
    output, made = built(project_for(board), tmp_path, "board_files=none")
    assert f"WARNING: this Vivado has no board files {BOARDS[board].board_part}" in output
    assert made["project"]["board_part"] == ""
    assert made["project"]["part"] == BOARDS[board].part


@needs_tcl
@pytest.mark.parametrize("board", ["pynq-z2", "kv260"])
def test_a_clock_other_than_asked_for_is_a_warning(
    board: str, project_for: Callable[[str], Path], tmp_path: Path
) -> None:
    output, _ = built(project_for(board), tmp_path, "achieved=96.968727")
    assert "WARNING: the processor makes a clock of 96.968727 MHz" in output


@needs_tcl
def test_the_build_stops_before_synthesis_where_asked(project_for: Callable[[str], Path], tmp_path: Path) -> None:
    output, made = built(project_for("pynq-z2"), tmp_path, arguments=("until=project", "jobs=3"))
    assert output == ""
    assert made["cells"]
    assert not list((tmp_path / "project" / "out").iterdir())
    for argument in ("until=synthesis", "jobs=0", "jobs=2; exit", "threads=2"):
        output, made = run_stub(tmp_path / "project", arguments=(argument,))
        assert not made
        assert f"argument '{argument}' is neither jobs=N nor" in output


@needs_tcl
def test_the_accelerator_alone_is_implemented_for_each_clock(
    project_for: Callable[[str], Path], tmp_path: Path
) -> None:
    project = shutil.copytree(project_for("zc706"), tmp_path / "project")
    output, made = run_stub(project, "wns=-0.4", arguments=("clocks=100,250",), script="timing.tcl")
    assert output.splitlines() == [
        "INFO: at 100 MHz the slack is -0.4 ns, which is a clock of 96.2 MHz",
        "INFO: at 250 MHz the slack is -0.4 ns, which is a clock of 227.3 MHz",
    ]
    assert (made["top"], made["project"]["part"]) == ("tiny_top", "xc7z045ffg900-2")
    for clock, period in (("100MHz", "10.000"), ("250MHz", "4.000")):
        folder = project / "timing" / clock
        assert sorted(file.name for file in folder.iterdir()) == [
            "clock.xdc", "paths.rpt", "timing.rpt", "utilisation.rpt",
        ]  # fmt: skip
        assert (folder / "clock.xdc").read_text() == f"create_clock -name aclk -period {period} [get_ports aclk]\n"
    output, _ = run_stub(project, script="timing.tcl")
    assert output.startswith("INFO: at 125 MHz the slack is 0.105 ns")


@needs_tcl
@pytest.mark.parametrize(
    ("fault", "argument", "message"),
    [
        ("rom=tiny_decision0_reciprocal.hex", "clocks=100", "synthesis left a ROM empty: see Synth 8-4445"),
        ("wns=1", "clocks=0", "argument 'clocks=0' is not clocks=MHZ,MHZ,..."),
        ("wns=1", "clocks=100,", "argument 'clocks=100,' is not clocks=MHZ,MHZ,..."),
    ],
)
def test_a_failure_ends_the_timing_of_an_accelerator(
    fault: str, argument: str, message: str, project_for: Callable[[str], Path], tmp_path: Path
) -> None:
    project = shutil.copytree(project_for("pynq-z2"), tmp_path / "project")
    output, made = run_stub(project, fault, arguments=(argument,), script="timing.tcl")
    assert f"ERROR: {message}" in output
    assert not made


@needs_tcl
def test_a_build_repeats_in_the_same_folder(project_for: Callable[[str], Path], tmp_path: Path) -> None:
    first = built(project_for("pynq-z2"), tmp_path)
    assert run_stub(tmp_path / "project") == first


def test_the_same_design_gives_the_same_project(
    design_for: Callable[[str], Design],
    project_for: Callable[[str], Path],
    tmp_path: Path,
    files_below: Callable[[Path], dict[str, bytes]],
) -> None:
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "stale.tcl").touch()
    write_vivado(design_for("pynq-z2"), tmp_path / "again")
    assert files_below(tmp_path / "again") == files_below(project_for("pynq-z2"))


#: Texts without a type are compared after the shorter has been extended with zeros, and differ just as well.
TEXTS = """`verilator_config
lint_off -rule WIDTHEXPAND -file "*/exit_decision.sv" -match "*VARREF 'Criterion'*"
"""


def lint(folder: Path, sources: list[str], scratch: Path, *more: Path) -> str:
    """What Verilator says of the packaged top; `more`: what else it needs."""
    tool = find_verilator()
    # by its suffix the top is read as the Verilog that the packager takes
    command = [str(tool.folder / "verilator"), "--lint-only", "-Wall", "+1364-2005ext+v", "--top-module", "tiny_top"]
    texts = scratch / "texts.vlt"
    texts.write_text(TEXTS)
    waivers = STUB.parent.parent / "rtl_sim" / "rtl" / "verilator.vlt"
    files = [str(waivers), str(texts), *(str(folder / name) for name in sources), *map(str, more)]  # the package first
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False, env=tool.environment)
    return done.stderr


def sources_of(project: Path) -> list[str]:
    found = re.search(r"variable sources \{([^}]*)\}", (project / "settings.tcl").read_text())
    assert found
    return found[1].split()


@needs_compiler
def test_the_packaged_top_elaborates_without_a_warning(project_for: Callable[[str], Path], tmp_path: Path) -> None:
    project = project_for("pynq-z2")
    assert lint(project / "ip" / "src", sources_of(project), tmp_path) == ""


@needs_compiler
def test_a_port_that_the_accelerator_lacks_is_noticed(project_for: Callable[[str], Path], tmp_path: Path) -> None:
    project = shutil.copytree(project_for("pynq-z2"), tmp_path / "project")
    top = project / "ip" / "src" / "tiny_top.v"
    top.write_text(top.read_text().replace(".m_axis_tkeep(m_axis_tkeep),\n", "\n"))
    assert "Instance has missing pin: 'm_axis_tkeep'" in lint(project / "ip" / "src", sources_of(project), tmp_path)


def test_no_source_has_the_type_that_vivado_refuses(project_for: Callable[[str], Path]) -> None:
    for path in (project_for("pynq-z2") / "ip" / "src").glob("*.*v"):
        code = re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        assert not re.search(r"\bstring\b", code), path.name


@needs_compiler
def test_sources_without_that_type_do_the_same(
    accelerator: Accelerator, design_for: Callable[[str], Design], tmp_path: Path
) -> None:
    folder = shutil.copytree(design_for("pynq-z2").folder, tmp_path / "design")
    changed = 0
    for path in (folder / "rtl").rglob("*.sv"):
        text = path.read_text()
        path.write_text(typeless(text))
        changed += text != typeless(text)
    assert changed > 10
    seal_project(folder / "rtl")
    codes, control = images(accelerator, 40), exit_control(accelerator.policy, "adaptive")
    expected = np.concatenate(list(software.stream_records(accelerator, codes, control)))
    require_same(RtlSimulation(accelerator, read_project(folder / "rtl")).run(codes, control).records, expected)


COMPONENT = """<?xml version="1.0" encoding="UTF-8"?>
<spirit:component xmlns:spirit="http://www.spiritconsortium.org/XMLSchema/SPIRIT/1685-2009">
<spirit:vendor>xilinx.com</spirit:vendor>
<spirit:library>hls</spirit:library>
<spirit:name>stage1</spirit:name>
<spirit:version>1.0</spirit:version>
<spirit:model><spirit:ports>
<spirit:port><spirit:name>global_in_TDATA</spirit:name></spirit:port>
<spirit:port><spirit:name>layer17_out_TDATA</spirit:name></spirit:port>
</spirit:ports></spirit:model>
</spirit:component>
"""


@pytest.fixture
def with_exported_stage(design_for: Callable[[str], Design], tmp_path: Path) -> Design:
    """A design whose stage1 has a Vitis project with an exported IP, as far as files tell."""
    design = design_for("pynq-z2")
    folder = shutil.copytree(design.folder, tmp_path / "design")
    project = folder / "vitis" / "stage1"
    (project / "firmware").mkdir(parents=True)
    (project / "firmware" / "stage1.cpp").write_text("#pragma HLS INTERFACE axis port=global_in,layer17_out\n")
    exported = project / "stage1_prj" / "solution1" / "impl" / "ip"
    exported.mkdir(parents=True)
    (exported / "component.xml").write_text(COMPONENT)
    return Design(design.accelerator, folder, design.manifest)


@needs_tcl
@needs_compiler
def test_an_exported_segment_becomes_an_ip_in_the_ip(
    with_exported_stage: Design, hardware: Hardware, tmp_path: Path
) -> None:
    project = tmp_path / "vivado"
    write_vivado(with_exported_stage, project, exported=["stage1"])
    assert (project / "exported_ips" / "stage1" / "component.xml").read_text() == COMPONENT
    assert "  tiny_stage1_ip u_ip (" in (project / "ip" / "src" / "tiny_stage1.sv").read_text()
    placed = hardware.netlists[2]
    stand_in = stand_in_source(placed, "tiny_stage1_ip", "global_in", "layer17_out", tmp_path)
    texts = {name: text for name, text in stand_in.texts.items() if name.endswith(".sv")}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    assert lint(project / "ip" / "src", sources_of(project), tmp_path, *(tmp_path / name for name in texts)) == ""
    made = run_stub(project)[1]
    assert "src/tiny_stage1_ip/tiny_stage1_ip.xci" in made["core"]["files"]
    assert run_stub(project)[1] == made


@needs_tcl
def test_exported_ips_are_not_implemented_alone(with_exported_stage: Design, tmp_path: Path) -> None:
    write_vivado(with_exported_stage, tmp_path / "project", exported=["stage1"])
    output, _ = run_stub(tmp_path / "project", script="timing.tcl")
    assert "segments from Vitis HLS are IPs, which this script does not read: write a project without them" in output


@needs_tcl
def test_an_exported_ip_that_is_not_in_the_catalogue_is_found(with_exported_stage: Design, tmp_path: Path) -> None:
    write_vivado(with_exported_stage, tmp_path / "vivado", exported=["stage1"])
    settings = tmp_path / "vivado" / "settings.tcl"
    settings.write_text(settings.read_text().replace("xilinx.com:hls:stage1:1.0", "xilinx.com:hls:stage1:1.1"))
    assert "the IP catalogue has no xilinx.com:hls:stage1:1.1" in run_stub(tmp_path / "vivado")[0]


def test_what_cannot_be_an_exported_segment_is_refused(with_exported_stage: Design, tmp_path: Path) -> None:
    design, out = with_exported_stage, tmp_path / "vivado"
    component = design.folder / "vitis/stage1/stage1_prj/solution1/impl/ip/component.xml"
    for text, message in (
        (COMPONENT.replace("layer17_out_T", "layer9_out_T"), "has no port layer17_out_TDATA: .* export again"),
        (COMPONENT.replace("<spirit:library>hls</spirit:library>", ""), "no vendor, library, name and version"),
        ("<spirit:", "is not an IP-XACT component"),
    ):
        component.write_text(text)
        with pytest.raises(DesignError, match=message):
            write_vivado(design, out, exported=["stage1"])
    with pytest.raises(DesignError, match=r"head0 has not been exported: .*with Vitis HLS"):
        write_vivado(design, out, exported=["head0"])
    with pytest.raises(
        DesignError, match=r"segment 'stage7' is not known: did you mean 'stage1'\? Known: stage0, head0, stage1, head1"
    ):
        write_vivado(design, out, exported=["stage7"])
    assert not out.exists()


def test_designs_that_cannot_be_written_are_refused(design_for: Callable[[str], Design], tmp_path: Path) -> None:
    design = design_for("pynq-z2")
    with pytest.raises(DesignError, match="was compiled without RTL: compile it with backend='streamrtl'"):
        write_vivado(Design(design.accelerator, design.folder, {"board": BOARDS["pynq-z2"].to_json()}), tmp_path / "x")
    copy = Path(shutil.copytree(design.folder, tmp_path / "design"))
    manifest = json.loads((copy / "rtl" / "manifest.json").read_text())
    shutil.copyfile(copy / "rtl" / "tiny.sv", copy / "rtl" / "rom.sv")
    manifest["sources"].append("rom.sv")
    manifest["sha256"]["rom.sv"] = manifest["sha256"]["tiny.sv"]
    (copy / "rtl" / "manifest.json").write_text(json.dumps(manifest))
    sealed = {**design.manifest, "sources_sha256": write_sources(copy)}
    with pytest.raises(SettingsError, match=r"two files of the design are called rom\.sv"):
        write_vivado(Design(design.accelerator, copy, sealed), tmp_path / "x")
    assert not (tmp_path / "x").exists()


def install_stub(folder: Path, monkeypatch: pytest.MonkeyPatch, *faults: str) -> None:
    """A `vivado` on PATH that takes exactly the command line which Vivado documents (UG835)."""
    script = folder / "vivado"
    arguments = "-mode batch -nojournal -log vivado.log -source build.tcl -tclargs"
    script.write_text(
        f'#!/bin/sh\n[ "$1 $2 $3 $4 $5 $6 $7 $8" = "{arguments}" ] || exit 9\n'
        f'shift 8\nexec tclsh {STUB}/run.tcl result.json build.tcl {" ".join(faults)} -- "$@"\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


@needs_tcl
def test_one_call_builds_the_bitstream(
    project_for: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_stub(tmp_path, monkeypatch)
    project = shutil.copytree(project_for("pynq-z2"), tmp_path / "my project")
    made = build_bitstream(project, jobs=3)
    assert [path.relative_to(project).as_posix() for path in (made.bit, made.hwh, made.xsa, made.reports)] == [
        *("out/tiny.bit", "out/tiny.hwh", "out/tiny.xsa", "out")
    ]
    assert all(path.exists() for path in (made.bit, made.hwh, made.xsa, made.reports / "timing.rpt"))


@needs_tcl
def test_a_failed_build_shows_what_vivado_said(
    project_for: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_stub(tmp_path, monkeypatch, "wns=-0.3")
    project = shutil.copytree(project_for("pynq-z2"), tmp_path / "project")
    with pytest.raises(ToolError, match=r"vivado\.log:\n(.*\n)*ERROR: timing is not met: setup slack \(ns\) is -0\.3"):
        build_bitstream(project)


def test_building_without_vivado_says_so(
    project_for: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"Vivado is not on PATH: source its settings64\.sh, or run"):
        build_bitstream(project_for("pynq-z2"))
    with pytest.raises(DesignError, match=r"is not a Vivado project, because it has no build\.tcl"):
        build_bitstream(tmp_path)
    with pytest.raises(SettingsError, match="jobs=0"):
        build_bitstream(project_for("pynq-z2"), jobs=0)


def in_tcl(text: str, script: str) -> str:
    """What a script prints that sees the word `text` as $value."""
    source = f"fconfigure stdout -encoding utf-8 -translation lf\nset value {text}\n{script}\n"
    done = subprocess.run(["tclsh"], input=source.encode(), capture_output=True, check=True, timeout=60)
    return done.stdout.decode()


@needs_tcl
def test_tcl_reads_words_as_they_are() -> None:
    seed = 5
    rng = np.random.default_rng(seed)
    alphabet = list('a0 {}[]$\\";#\n\t~é€∀*?')
    texts = ["", "{", "}", "\\", "a\\", "[exit 3]", "$argv", "#", "{a} b", "a;exit 3", "-dict", "\\u0041", "é"]
    texts += ["".join(rng.choice(alphabet, int(rng.integers(1, 12)))) for _ in range(80)]
    script = "foreach item $value {puts -nonewline $item; puts -nonewline \\u0001}"
    assert in_tcl(word(texts), script).split("\x01")[:-1] == texts, f"seed {seed}"
    nested: Value = [{"a": texts, "b": "x"}]
    inner = "foreach item [dict get [lindex $value 0] a] {puts -nonewline $item; puts -nonewline \\u0001}"
    assert in_tcl(word(nested), inner).split("\x01")[:-1] == texts, f"seed {seed}"


def test_words_of_other_types() -> None:
    assert word(True) == "1"
    assert word(100.0) == "100"
    assert word(187.5) == "187.5"
    assert word([1, "a b", {"x": 2}]) == "{\n    1\n    {a b}\n    {x 2}\n}"
    with pytest.raises(SettingsError, match="which Tcl 8 does not know"):
        word("a\U0001f600")


def known_ips() -> dict[str, dict[str, list[str]]]:
    """What the stub knows: names of parameters, pins and interfaces by VLNV without its version."""
    done = subprocess.run(["tclsh", STUB / "known.tcl"], capture_output=True, text=True, check=True, timeout=60)
    return {vlnv.rpartition(":")[0]: facts for vlnv, facts in json.loads(done.stdout).items()}


@needs_tcl
@pytest.mark.parametrize(
    ("file", "ips", "absent"),
    [
        (
            "resizer.hwh",
            {"axi_dma", "processing_system7", "proc_sys_reset"},
            {"m_axi_sg_aclk", "M_AXI_SG", "M_AXIS_CNTRL", "S_AXIS_STS", "IRQ_F2P"},
        ),
        (
            "rfsoc_sam.hwh",
            {"zynq_ultra_ps_e", "proc_sys_reset"},
            {"maxihpm0_lpd_aclk", "M_AXI_HPM0_LPD", "saxihp0_fpd_aclk", "S_AXI_HP0_FPD", "pl_ps_irq0"},
        ),
    ],
)
def test_what_the_stub_knows_of_ips_stands_in_hand_offs_that_vivado_wrote(
    file: str, ips: set[str], absent: set[str]
) -> None:
    """Parameters, pins and interfaces; `absent`: what is switched off in the design of that file."""
    metadata = pytest.importorskip("pynqmetadata", reason="pynqmetadata is not installed (extra pynq)")
    root = ET.parse(Path(metadata.__file__).parent / "tests" / "hwhs" / file).getroot()  # noqa: S314
    known, found = known_ips(), set()
    for module in root.iter("MODULE"):
        name = str(module.get("VLNV")).rpartition(":")[0]
        if name not in known:
            continue
        found.add(name.rpartition(":")[2])
        facts = known[name]
        assert set(facts["parameters"]) <= {p.get("NAME") for p in module.iter("PARAMETER")}, name
        assert set(facts["pins"]) - {p.get("NAME") for p in module.iter("PORT")} <= absent, name
        assert set(facts["interfaces"]) - {b.get("NAME") for b in module.iter("BUSINTERFACE")} <= absent, name
    assert found == ips
