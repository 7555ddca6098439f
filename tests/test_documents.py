"""What pages link to is there, what they show as Python is Python, and every command in them is one."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import typer

from documentation.repository import links
from hwcodesign.cli.program import app
from tests.documents import ROOT, code_blocks, commands, documents

PAGES = documents()
#: What stands in a command for what a reader puts there.
_OPEN = re.compile(r"…|\.\.\.|[|\[\]{]")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


@each_page
def test_every_link_and_picture_leads_to_a_file(page: Path) -> None:
    targets = [*links(page.read_text()), *re.findall(r'(?:src|srcset)="([^"]+)"', page.read_text())]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@each_page
def test_what_is_shown_as_python_compiles(page: Path) -> None:
    for block in code_blocks(page.read_text(), "python"):
        compile(block, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@each_page
def test_every_command_is_one(page: Path) -> None:
    assert {command: wrong for command in commands(page) if (wrong := mistake_in(command))} == {}


def mistake_in(command: str) -> str:
    """What is wrong with a command, "" where nothing is."""
    if _OPEN.search(command):  # a pattern: the program and its verb, or its module, are held to what there is
        command = " ".join(command.split()[: 3 if " -m " in command else 2])
    words = shlex.split(command)
    match words:
        case ["hwcodesign", *arguments]:
            return wrong_arguments(arguments)
        case ["make", *targets]:
            return "" if {target for target in targets if "=" not in target} <= make_targets() else "no such target"
        case ["python" | "python3", "-m", module, *arguments]:
            return wrong_module(module, arguments)
        case ["pytest", *paths]:
            there = [(ROOT / path.partition("::")[0]).exists() for path in paths if not path.startswith("-")]
            return "" if all(there) else "no such file"
    return "unknown program"


def wrong_arguments(arguments: list[str]) -> str:
    """What the command line itself says of its arguments; a verb alone names the verb."""
    root = typer.main.get_command(app)
    # these would act while the line is read
    acts = bool({"--help", "--version", "--install-completion", "--show-completion"} & {*arguments})
    try:
        context = root.make_context("hwcodesign", list(arguments), resilient_parsing=acts)
        rest = [*context._protected_args, *context.args]  # what a group leaves to its commands
        if not rest:
            return ""
        name, verb, left = root.resolve_command(context, rest)  # type: ignore[attr-defined]
        assert verb is not None
        if left:
            verb.make_context(name, list(left), parent=context, resilient_parsing=acts)
    except Exception as error:  # of the click that typer carries
        return str(getattr(error, "message", "") or error) or type(error).__name__
    return ""


def make_targets() -> set[str]:
    return set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def wrong_module(module: str, arguments: list[str]) -> str:
    """Whether a module is there, and names every option that it is given."""
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        return "no such module"
    if not module.startswith(("benchmarks", "tests", "documentation", "hwcodesign")):
        return ""
    folder = Path(found.origin).parent
    package = found.submodule_search_locations is not None
    text = "".join(path.read_text() for path in (folder.glob("*.py") if package else [Path(found.origin)]))
    return ", ".join(f"no option {option}" for option in arguments if option.startswith("--") and option not in text)


def test_a_wrong_command_is_found() -> None:
    assert mistake_in("hwcodesign run digits --out build/x") == ""
    assert "No such option" in mistake_in("hwcodesign run digits --outt build/x")
    assert "No such command" in mistake_in("hwcodesign runn digits")
    assert "valid integer" in mistake_in("hwcodesign explore digits --trials many")
    assert "Missing parameter" in mistake_in("hwcodesign run --json")
    assert mistake_in("hwcodesign --show-completion") == ""
    assert "No such option" in mistake_in("hwcodesign --complete")
    assert mistake_in("make tea") == "no such target"
    assert mistake_in("python -m benchmarks.nothing") == "no such module"
    assert mistake_in("python -m benchmarks.hardware --wright x") == "no option --wright"
    assert mistake_in("pytest tests/test_nothing.py") == "no such file"
    assert mistake_in("hwcodesign compile digits --fit images_per_second=5000") == ""


def test_commands_are_found_in_blocks_and_in_sentences() -> None:
    assert "hwcodesign explore digits --board pynq-z2 --build 12" in commands(ROOT / "docs" / "explore.md")
    assert "make demo" in commands(ROOT / "docs" / "demo.md")
    assert len({command for page in PAGES for command in commands(page)}) > 60
