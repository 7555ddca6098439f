"""These commands show the installation: what is installed, what works, and which recipes there are."""

from __future__ import annotations

import platform
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

import hwcodesign
from hwcodesign.cli.app import Json, show, verb

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from hwcodesign.cli.installation import Package, Route, Tool


@verb
def recipes(json: Json = False) -> None:
    """List the recipes that come with hwcodesign."""
    from rich.console import Console
    from rich.text import Text

    from hwcodesign.recipe_files import RecipeFile, find_recipe, recipe_names

    files = {name: RecipeFile(find_recipe(name)) for name in recipe_names()}
    if json:
        facts = {n: {"about": f.about, "data": f.data, "path": str(f.path)} for n, f in files.items()}
        show(facts, True, "")
        return
    table = _table("recipe", "data", "description")
    for name, file in files.items():
        about, loader = Text(file.about), Text(file.data or "-", no_wrap=True)
        table.add_row(Text(name, style="bold", no_wrap=True), loader, about)
    console = Console()
    console.print(table)
    folders = sorted({str(file.path.parent) for file in files.values()})
    console.print(Text(f"\nThey are in {', '.join(folders)}"), soft_wrap=True)


@verb
def doctor(json: Json = False) -> None:
    """Show what is installed, what works on this machine, and what to install for the rest.

    The exit status is 0 if designs can run in software.
    """
    from rich.console import Console
    from rich.text import Text

    from hwcodesign.cli import installation
    from hwcodesign.progress import task

    with task("checking this installation"):
        extras, tools, routes = installation.extras(), installation.tools(), installation.routes()
    versions = {"hwcodesign": hwcodesign.__version__, "python": platform.python_version()}
    if json:
        facts = {
            **versions,
            "extras": {name: [asdict(package) for package in packages] for name, packages in extras.items()},
            "tools": {tool.name: tool.found for tool in tools},
            "routes": {route.name: {"works": route.problem is None, "problem": route.problem} for route in routes},
        }
        show(facts, True, "")
    else:
        console = Console()
        console.print(Text(f"hwcodesign {versions['hwcodesign']}, Python {versions['python']}, {sys.executable}\n"))
        for table in (_extras_table(extras), _tools_table(tools), _routes_table(routes)):
            console.print(table)
            console.print()
    if next(route for route in routes if route.name == "software").problem is not None:
        raise typer.Exit(1)


def _extras_table(extras: dict[str, tuple[Package, ...]]) -> Table:
    from rich.text import Text

    table = _table("extra", "packages")
    for name, packages in extras.items():
        taken_in = [other for other, theirs in extras.items() if set(theirs) < set(packages)]
        repeated = {package for other in taken_in for package in extras[other]}
        texts = [_package_text(package) for package in packages if package not in repeated]
        if taken_in:
            texts.append(Text(f"all of {', '.join(taken_in)}", style="dim"))
        table.add_row(Text(name, style="bold", no_wrap=True), Text(", ").join(texts))
    return table


def _package_text(package: Package) -> Text:
    from rich.text import Text

    if package.fits:
        return Text(f"{package.name} {package.version}")
    state = f"{package.version}, needs {package.wanted}" if package.version else "missing"
    return Text(f"{package.name} {state}", style="red")


def _tools_table(tools: list[Tool]) -> Table:
    from rich.text import Text

    table = _table("tool", "")
    for tool in tools:
        found = Text(tool.found, overflow="fold") if tool.found else Text("missing", style="red")
        table.add_row(Text(tool.name, style="bold", no_wrap=True), found)
    return table


def _routes_table(routes: list[Route]) -> Table:
    from rich.text import Text

    table = _table("route", "")
    for route in routes:
        state = Text("works", style="green") if route.problem is None else Text(route.problem)
        table.add_row(Text(route.name, style="bold", no_wrap=True), state)
    return table


def _table(*headings: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for heading in headings:
        table.add_column(heading)
    return table
