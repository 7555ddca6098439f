"""This module cuts an elaborated design into its modules, each a text that names nothing outside it.

Yosys maps modules one by one, so a module may be mapped with its submodules as black boxes, in a run of its own. But
which of two equal solutions Yosys takes depends on the order in which names first came up anywhere in the run. So every
name here carries its module's, even those of its submodules' ports: names elsewhere in the design do not matter, and
instances that are alike have equal texts and are mapped once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from hwcodesign.storage.files import sha256

#: Stands for the module's name; no RTLIL has it.
_HERE = "\x00"
#: What says where a thing was written; it changes no gate.
_ORIGIN = re.compile(r"\s*attribute \\(src|hdlname|top) ")
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\S+')
#: Ends of names that Yosys invented, numbered through the whole design.
_NUMBER = re.compile(r"\$(\d+)")
_PORT = re.compile(r"  wire .*\b(input|output|inout) \d+ ")
#: Cells without an output in use go, and modules of nothing but such, unless they are marked or there for their effect.
_KEPT = re.compile(r"\s*(attribute \\keep 1$|cell \$(assert|assume|live|fair|cover|check|print) )")


@dataclass(frozen=True)
class Module:
    """This is one module of an elaborated design. It has one instance, because elaboration gives each instance a module
    of its own.

    Attributes:
        name: `module$path.of.instance`; the top has no path.
        template: RTLIL, with the submodules as black boxes behind it.
        children: names of the submodules; in `text(name)` they are `name$0`, `name$1`, …
        cells: number of its cells.
    """

    name: str
    template: str = field(repr=False)
    children: tuple[str, ...]
    cells: int

    @property
    def path(self) -> str:
        """Returns the path of the instance, from the top."""
        module, _, path = self.name.partition("$")
        return path or module

    def text(self, name: str) -> str:
        """Returns the RTLIL of the module and the stubs of its submodules, under another name."""
        return self.template.replace(_HERE, name)

    @cached_property
    def digest(self) -> str:
        """Returns the hash of all that its figures depend on, except tools and settings."""
        return sha256(self.template.encode())


@dataclass
class _Lines:
    """This is a module as it was written: lines before and after its name."""

    attributes: list[str]
    body: list[str]

    def types(self) -> Iterator[str]:
        """Returns the modules of its cells."""
        for line in self.body:
            if line.startswith("  cell \\"):
                yield line.split()[1][1:]


def modules_of(rtlil: str) -> dict[str, Module]:
    """Returns the modules, by name and in order, of what `write_rtlil` wrote of a design without processes."""
    written = dict(_split(rtlil.splitlines()))
    kept: dict[str, bool] = {}
    return {name: _module(name, written, kept) for name in written}


def _split(lines: Iterable[str]) -> Iterator[tuple[str, _Lines]]:
    attributes: list[str] = []
    body: list[str] = []
    name = ""
    for line in lines:
        if line.startswith("attribute "):
            attributes.append(line)
        elif line.startswith("module "):
            name = line.split()[1].removeprefix("\\")
        elif line == "end":
            yield name, _Lines(attributes, body)
            attributes, body, name = [], [], ""
        elif name:
            body.append(line)


def _module(name: str, written: Mapping[str, _Lines], kept: dict[str, bool]) -> Module:
    lines = written[name]
    children = tuple(child for child in lines.types() if child in written)
    types = {child: f"\\{_HERE}${i}" for i, child in enumerate(children)}
    names = _Names()
    text = [line for line in lines.attributes if not _ORIGIN.match(line)]
    text += [f"module \\{_HERE}", *_renamed(lines.body, types, names), "end"]
    for child, kind in types.items():
        ports = [line for line in written[child].body if _PORT.match(line)]
        marks = ["attribute \\blackbox 1", *(["attribute \\keep 1"] if _is_kept(child, written, kept) else [])]
        text += [*marks, f"module {kind}", *_renamed(ports, {}, names), "end"]
    cells = sum(line.startswith("  cell ") for line in lines.body)
    return Module(name, "".join(f"{line}\n" for line in text), children, cells)


class _Names:
    """These are the names of one module, as its text has them."""

    def __init__(self) -> None:
        self._numbers: dict[str, str] = {}

    def of(self, name: str) -> str:
        """A name with its module's behind it, numbers of the whole design replaced by the module's own.

        Behind it, because Yosys sorts names, and finds its own first or last by how they begin.
        """
        own = _NUMBER.sub(lambda found: f"${self._numbers.setdefault(found[1], str(len(self._numbers)))}", name)
        return f"{own}.{_HERE}"

    def in_line(self, text: str) -> str:
        """Returns text with all names in it replaced."""
        return _TOKEN.sub(lambda token: self.of(token[0]) if token[0][0] in "\\$" else token[0], text)


def _renamed(body: Iterable[str], types: Mapping[str, str], names: _Names) -> Iterator[str]:
    """Returns lines under new names, except those that Yosys defines: its own cells with their ports and parameters."""
    is_child = False
    for line in body:
        if _ORIGIN.match(line):
            continue
        word, _, rest = line.strip().partition(" ")
        if word == "cell":
            kind, _, cell = rest.partition(" ")
            is_child = kind[1:] in types
            yield f"  cell {types.get(kind[1:], kind)} {names.of(cell)}"
        elif word == "connect" and line.startswith("    ") and not is_child:
            port, _, signal = rest.partition(" ")
            yield f"    connect {port} {names.in_line(signal)}"
        elif word in {"wire", "memory", "connect"}:
            yield line[: len(line) - len(rest)] + names.in_line(rest)
        elif rest.startswith('\\MEMID "'):
            # the memory's name, its backslash escaped
            memory = rest.removeprefix('\\MEMID "').removesuffix('"').replace("\\\\", "\\")
            yield '    parameter \\MEMID "{}"'.format(names.of(memory).replace("\\", "\\\\"))
        else:
            yield line


def _is_kept(name: str, written: Mapping[str, _Lines], known: dict[str, bool]) -> bool:
    if name not in known:
        lines = written[name]
        marked = any(_KEPT.match(line) for line in (*lines.attributes, *lines.body))
        known[name] = marked or any(_is_kept(child, written, known) for child in lines.types() if child in written)
    return known[name]
