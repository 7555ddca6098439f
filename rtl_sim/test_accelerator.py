"""Whole generated accelerators on their buses, two in one simulation."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from tb import small_accelerators as small

from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.project_files import LIBRARY, write_accelerator
from hwcodesign.simulation.cocotb_runner import Bench, run_bench
from hwcodesign.simulation.project import Project

_PORT = re.compile(r"^  (input +wire logic|output logic) +(\[ *\d+:0\])? *(\w+),?$", re.MULTILINE)


def _pair(tops: dict[str, str]) -> str:
    """Both accelerators in one module, each port with its accelerator's name in front; and what the bench adds.

    Args:
        tops: name to source of each.
    """
    lines = ["`default_nettype none", "module pair #("]
    lines.append(",\n".join(f'  parameter string {name.title()}Roms = "{name}/"' for name in tops))
    lines += [") (", "  input wire logic aclk,", "  input wire logic aresetn,"]
    instances: list[str] = []
    for name, text in tops.items():
        ports = [(kind, width, port) for kind, width, port in _PORT.findall(text) if port not in ("aclk", "aresetn")]
        lines += [f"  {kind} {width} {name}_{port}," for kind, width, port in ports]
        wires = [f".{port}({name}_{port})" for _, _, port in ports if port != "s_axis_tlast"]
        wires += [".aclk", ".aresetn", f".s_axis_tlast({name}_s_axis_tlast && !mute_tlast)"]
        instances += [f"  {name} #(.RomFolder({name.title()}Roms)) u_{name} (", f"    {', '.join(wires)}", "  );"]
    lines += ["  // Hides the TLAST of the inputs", "  input wire logic mute_tlast,"]
    lines += ["  // For the models of DMAs alone", "  input wire logic dma_aresetn", ");", *instances]
    return "\n".join([*lines, "  wire unused = dma_aresetn;", "endmodule", "`default_nettype wire", ""])


def test_whole_accelerators(tmp_path: Path) -> None:
    sources: list[Path] = []
    tops, cases, parameters = {}, {}, {}
    for accelerator in small.pair():
        name, hardware = accelerator.name, Hardware.of(accelerator)
        project = write_accelerator(hardware, tmp_path / name)
        sources += _own(project)
        tops[name] = (project.folder / f"{name}.sv").read_text()
        cases[name] = hardware.to_json()
        parameters[f"{name.title()}Roms"] = f"{project.roms}/"
    sources.append(tmp_path / "pair.sv")
    sources[-1].write_text(_pair(tops))
    values = {"HWC_CASE": json.dumps(cases)}
    bench = Bench("pair", "accelerator_bench", parameters, sources=sources, values=values, is_long=True)
    run_bench(bench, tmp_path / "run")


@pytest.mark.parametrize("exits", [2, 3, 4, 5])
def test_names_of_modules_and_files_are_the_accelerators_own(exits: int, tmp_path: Path) -> None:
    """Two accelerators share no name but those of the library, so that they may stand in one design."""
    modules: list[set[str]] = []
    files: list[set[str]] = []
    for name in ("one", "other"):
        project = write_accelerator(Hardware.of(small.steered(name, exits)), tmp_path / name)
        own = _own(project)
        files.append({path.name for path in [*own, *project.roms.glob("*.hex")]})
        texts = "".join(path.read_text() for path in own)
        modules.append(set(re.findall(r"^(?:module|package) (\w+)", texts, re.MULTILINE)))
    assert not files[0] & files[1]
    assert not modules[0] & modules[1]
    assert len(modules[0]) == len(modules[1]) == 3 * exits + 3, "segments, decisions, top, registers and their package"


def _own(project: Project) -> list[Path]:
    """Its sources but the library's."""
    return [path for path in project.sources if path.parent.name != LIBRARY]
