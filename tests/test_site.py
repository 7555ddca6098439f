"""The site builds without a warning, loads nothing from elsewhere, and has everything that the sources have."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

pytest.importorskip("material", reason="mkdocs-material is not installed (extra 'docs')")

import hwcodesign as hw
from documentation import mermaid
from documentation.api import DATA, GROUPS, MODULES, MORE, defined_in
from documentation.interface import record
from documentation.modules import Entry, modules
from documentation.repository import ROOT, for_site, links
from documentation.timing.diagrams import BUFFER, DIAGRAMS, Diagram
from documentation.timing.drawing import bit_wave, data_wave, svg, waves
from hwcodesign.cli.program import app
from hwcodesign.interface import register_map
from hwcodesign.interface.records import RECORD_DTYPE
from hwcodesign.interface.registers import Register
from tests.marks import CAMPAIGN

#: A module and a text among the public names.
_NO_CLASSES_OR_FUNCTIONS = {"progress", "__version__"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    return folder


def test_make_docs_builds_it_with_warnings_as_errors() -> None:
    command = ["make", "--no-print-directory", "--dry-run", "docs"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].endswith("-m mkdocs build --strict")


def test_it_loads_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 60
    loads = re.compile(
        r'<(?:script|img|iframe|source)[^>]*\ssrc="(?:https?:)?//|<link[^>]*\shref="(?:https?:)?//[^>]*>'
    )
    assert [page.name for page in pages if loads.search(page.read_text())] == []
    styles = [
        text
        for path in site.rglob("*.css")
        for text in re.findall(r"url\((?!data:|[\"']data:)[^)]*\)", path.read_text())
    ]
    assert [text for text in styles if "//" in text] == []


def test_pictures_of_pages_are_there(site: Path) -> None:
    for page in site.rglob("*.html"):
        pictures = re.findall(r'<img[^>]*\ssrc="(?!data:)([^"]+)"', page.read_text())
        assert [picture for picture in pictures if not (page.parent / picture).is_file()] == []


def headings(site: Path, page: str) -> set[str]:
    return set(re.findall(r'<h[2-4] id="([^"]+)"', (site / "reference" / page).read_text()))


def test_the_reference_has_every_module_command_and_public_name(site: Path) -> None:
    there = {path.stem for path in (ROOT / "rtl_sim" / "rtl").glob("*.sv")}
    assert there <= headings(site, "modules.html")
    verbs = {f"hwcodesign-{verb}" for verb in typer.main.get_command(app).commands}  # type: ignore[attr-defined]
    assert verbs <= headings(site, "commands.html")
    names = {f"hwcodesign.{name}" for name in set(hw.__all__) - _NO_CLASSES_OR_FUNCTIONS}
    names |= {name for module in MODULES.values() for name in defined_in(module)}
    names |= {f"hwcodesign.data.{name}" for name in DATA}
    names |= {f"hwcodesign.{name}" for more in MORE.values() for name in more}
    assert {"hwcodesign.networks.layers.conv2d", "hwcodesign.data.Dataset"} <= names <= headings(site, "python.html")
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(
        set(hw.__all__) - _NO_CLASSES_OR_FUNCTIONS
    )


def test_the_reference_has_every_register_with_its_fields_and_every_field_of_a_record(site: Path) -> None:
    text = (site / "reference" / "registers.html").read_text()
    registers = [value for value in vars(register_map).values() if isinstance(value, Register)]
    assert len(registers) > 15
    for register in registers:
        assert f"0x{register.offset:03X}" in text
        assert all(f"<code>{field.name}</code>" in text for field in register.fields)
    assert RECORD_DTYPE.names is not None
    assert [row.split("`")[1] for row in record().splitlines()[2:]] == list(RECORD_DTYPE.names)


# --- what it is made from ---


def test_a_modules_parameters_and_ports_are_those_of_the_source() -> None:
    (buffer,) = (module for module in modules() if module.name == "conditional_buffer")
    assert buffer.comment.startswith("This module holds samples between two stages until the exit has decided")
    assert buffer.parameters[2] == Entry(
        "parameter",
        "int unsigned",
        "Depth",
        "2",
        "Capacity of the ring in beats, at least Beats; more lets the stage in front run ahead",
    )
    assert buffer.parameters[4].kind == "localparam"
    assert [port.name for port in buffer.ports][:5] == ["clk_i", "rst_ni", "in_valid_i", "in_ready_o", "in_data_i"]
    assert buffer.ports[4] == Entry("input", "logic [Width-1:0]", "in_data_i", "", "Beats of the stage in front")
    assert buffer.ports[3].kind == "output"


def test_every_module_parameter_and_port_has_a_comment() -> None:
    entries = [(m.name, entry) for m in modules() for entry in (*m.parameters, *m.ports)]
    assert len(modules()) == len(list((ROOT / "rtl_sim" / "rtl").glob("*.sv"))) - 1
    assert len(entries) > 500
    assert [f"{module}.{entry.name}" for module, entry in entries if not entry.comment] == []
    assert [module.name for module in modules() if not module.comment.startswith("This module")] == []


def test_links_lead_to_where_files_lie_in_the_site() -> None:
    text = "[a](docs/layers.md) [b](#x) [c](https://e.org) [d](models/x.py) `[e](docs/f.md)` [g](rtl_sim/README.md#h)"
    assert for_site(text, "develop/contributing.md") == (
        "[a](../layers.md) [b](#x) [c](https://e.org) [d](../files/models/x.py) `[e](docs/f.md)` "
        "[g](systemverilog.md#h)"
    )
    assert for_site("[a](../CONTRIBUTING.md#b)", "tutorial.md") == "[a](develop/contributing.md#b)"
    assert for_site("[a](../layers.md)", "howto/kernel.md") == "[a](../layers.md)"
    assert links(text) == ["docs/layers.md", "models/x.py", "rtl_sim/README.md"]


# --- drawings ---


def test_a_drawing_was_made_from_its_source() -> None:
    sources = sorted(mermaid.SOURCES.glob("*.mmd"))
    assert sources
    for source in sources:
        assert (mermaid.IMAGES / f"{source.stem}.svg").read_text().endswith(mermaid.mark(source)), (
            f"python -m documentation.mermaid draws {source.name} anew"
        )


@pytest.mark.parametrize(
    "diagram",
    [pytest.param(d, id=d.name, marks=[] if d is BUFFER else [CAMPAIGN]) for d in DIAGRAMS],
)
def test_a_timing_diagram_shows_what_the_simulation_shows(diagram: Diagram, tmp_path: Path) -> None:
    picture = mermaid.IMAGES / f"timing_{diagram.name}.svg"
    assert svg(waves(diagram, diagram.found(tmp_path))) == picture.read_text()


def test_a_wave_shows_changes_and_data_while_they_are_valid() -> None:
    found: dict[str, Any] = {"valid": [0, 1, 1, 0], "data": [3, 10, 10, 10], "clk": [1, 1, 1, 1]}
    assert bit_wave("valid", found["valid"]) == {"name": "valid", "wave": "01.0"}
    assert data_wave("data", found["data"], found["valid"], {}) == {"name": "data", "wave": "x=.x", "data": ["A"]}
    assert data_wave("data", found["data"], found["valid"], {10: "ten"})["data"] == ["ten"]
