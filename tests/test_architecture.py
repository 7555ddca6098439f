"""The rooms that docs/architecture.md names are those there are, and each imports only from those above it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "hwcodesign"
#: What lies directly in the package: more would be a room without walls.
MOST_MODULES = 15


def named_rooms() -> list[str]:
    """The first column of the table, from the top."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    table = re.search(r"\| room \|.*?\n\|---.*?\n(.*?)\n\n", text, re.DOTALL)
    assert table is not None
    rows = (line.split("|")[1] for line in table[1].splitlines())
    return [name.rstrip("/") for row in rows for name in re.findall(r"`([\w/]+)`", row)]


def room(module: str) -> str:
    """What of the package a module is in, "" for the package itself."""
    return module.split(".")[1] if "." in module else ""


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Modules of the package that a file imports, at its top or in a function, for types alone or not; and where."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "hwcodesign":
            names = [f"{node.module}.{alias.name}" for alias in node.names] if "." not in node.module else [node.module]
            yield from ((name, node.lineno) for name in names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names if alias.name.startswith("hwcodesign"))


def test_every_room_is_named_once_in_order() -> None:
    there = {path.stem for path in PACKAGE.glob("*.py")} | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert sorted(named_rooms()) == sorted(there - {"__init__"})


def test_a_module_imports_only_from_rooms_above_its_own() -> None:
    order = {name: place for place, name in enumerate(named_rooms())}
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        own = relative.parts[0].removesuffix(".py")
        if own == "__init__":
            continue  # it names what is public, and imports it when it is asked for
        for module, line in imports(path):
            used = room(module)
            if used in order and used != own and order[used] > order[own]:
                wrong.append(f"{relative}:{line} imports {module}, which is below {own} in docs/architecture.md")
    assert wrong == []


def test_few_modules_lie_outside_of_rooms() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= MOST_MODULES
