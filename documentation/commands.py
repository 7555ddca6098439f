"""The reference of the command line, from the commands themselves."""

from __future__ import annotations

import re

import typer
from typer.cli import get_docs_for_click

from hwcodesign.cli.program import app


def command_reference() -> str:
    """A section for each command, with its arguments and options."""
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="hwcodesign")
    _, _, commands = text.partition("\n## ")
    outside = re.split(r"(`[^`]*`)", f"## {commands}".replace("**Usage**:\n\n", ""))
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in outside)
