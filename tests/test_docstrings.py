"""Public classes, functions and methods have a docstring whose first paragraph is a sentence.

That of a function begins with a verb in the third person: "Returns …", "Computes …", "Refuses …".
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / "hwcodesign").rglob("*.py"))
#: Their docstrings are help texts of commands, in the imperative.
_VERBS = ("explore.py", "job.py", "results.py", "survey.py", "whatif.py")
COMMANDS = [ROOT / "hwcodesign" / "cli" / name for name in _VERBS]
Function = ast.FunctionDef | ast.AsyncFunctionDef
#: What may end the first paragraph of a docstring.
ENDS = (".", ":", "?")


def is_documented(node: ast.AST) -> bool:
    return ast.get_docstring(node) is not None  # type: ignore[arg-type]  # only asked of those that can have one


def is_accessor(function: Function) -> bool:
    """Whether it is a property's setter, which has its getter's docstring."""
    return any(isinstance(decorator, ast.Attribute) for decorator in function.decorator_list)


def name_of(base: ast.expr) -> str:
    """The class behind a base: of `Kernel`, of `Unit[Dense]`, of `module.Class`."""
    if isinstance(base, ast.Subscript):
        return name_of(base.value)
    return base.id if isinstance(base, ast.Name) else getattr(base, "attr", "")


@cache
def inherited_names() -> dict[str, set[str]]:
    """Documented methods of each class and its bases in the package, by the class' name."""
    classes = [
        node for path in FILES for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)
    ]
    own = {c.name: {f.name for f in c.body if isinstance(f, Function) and is_documented(f)} for c in classes}
    bases = {c.name: [name_of(base) for base in c.bases] for c in classes}

    def all_names(name: str) -> set[str]:
        return own.get(name, set()).union(*(all_names(base) for base in bases.get(name, [])))

    return {name: all_names(name) for name in own}


def public(body: list[ast.stmt], documented: dict[str, set[str]], owner: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Public classes and functions, and public methods that do not override a documented one."""
    for node in body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        if isinstance(node, Function) and owner and (is_accessor(node) or node.name in documented[owner]):
            if is_documented(node):
                yield f"{owner}.{node.name}", node
            continue
        yield f"{owner}.{node.name}".lstrip("."), node
        if isinstance(node, ast.ClassDef):
            yield from public(node.body, documented, node.name)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_names_have_docstrings_that_begin_with_a_sentence(path: Path) -> None:
    tree = ast.parse(path.read_text())
    found = {name: ast.get_docstring(node) for name, node in public(tree.body, inherited_names())}  # type: ignore[arg-type]
    assert [name for name, text in found.items() if text is None] == []
    assert [name for name, text in found.items() if text and not text.split("\n\n")[0].endswith(ENDS)] == []


@pytest.mark.parametrize(
    "path", [path for path in FILES if path not in COMMANDS], ids=lambda p: str(p.relative_to(ROOT))
)
def test_docstrings_of_functions_begin_with_a_verb_in_the_third_person(path: Path) -> None:
    tree = ast.parse(path.read_text())
    functions = {name: node for name, node in public(tree.body, inherited_names()) if isinstance(node, Function)}
    begins = {name: (ast.get_docstring(node) or "").split()[0].rstrip(",") for name, node in functions.items()}
    assert [f"{name}: {word}" for name, word in begins.items() if not word.isalpha() or not word.endswith("s")] == []
