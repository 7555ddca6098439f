"""verible's programs run with this repository's settings, and its parser finds names in SystemVerilog."""

from __future__ import annotations

import json
import re
import subprocess
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hwcodesign.storage.installed import shared_folder

_FLAGS = shared_folder("rtl_sim") / "verible_format.flags"


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one of verible's programs, from the environment that the tests run in."""
    path = Path(sysconfig.get_path("scripts")) / f"verible-verilog-{program}"
    return subprocess.run([str(path), *map(str, arguments)], capture_output=True, text=True, check=False)


def laid_out(source: Path) -> str:
    """Return the text of a file as `make format` leaves it. A file that verible cannot read fails."""
    done = run("format", f"--flagfile={_FLAGS}", source)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def our_sources(folder: Path) -> list[Path]:
    """Return the SystemVerilog below a folder but the register blocks, which PeakRDL writes."""
    return sorted(path for path in folder.rglob("*.sv") if "_registers" not in path.name)


def misnamed(sources: Iterable[Path]) -> set[str]:
    """Return names of instances that are not u_<what>, and of generate blocks that are not gen_<what>."""
    instances, blocks = names(sources)
    return {name for name in instances if not re.fullmatch(r"u_\w+", name)} | {
        name for name in blocks if not re.fullmatch(r"gen_\w+", name)
    }


def names(sources: Iterable[Path]) -> tuple[set[str], set[str]]:
    """Return names of all instances and of all generate blocks; the empty name where a block has none."""
    instances: set[str] = set()
    blocks: set[str] = set()
    for source in sources:
        done = run("syntax", "--export_json", "--printtree", source)
        assert done.returncode == 0, done.stdout + done.stderr
        (file,) = json.loads(done.stdout).values()
        for node in _nodes(file["tree"]):
            if node["tag"] in {"kGateInstance", "kPrimitiveGateInstance"}:
                instances.add(_identifier(node))
            elif node["tag"] == "kGenerateBlock":
                label = next((inner for inner in _nodes(node["children"][0]) if inner["tag"] == "kLabel"), None)
                blocks.add(_identifier(label) if label else "")
    return instances, blocks


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("children", ()):
        if child is not None:
            yield from _nodes(child)


def _identifier(node: dict[str, Any]) -> str:
    return next((inner["text"] for inner in _nodes(node) if inner["tag"] == "SymbolIdentifier"), "")
