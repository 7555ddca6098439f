"""This module holds what all commands share: the application, its options, and how a command reports and prints."""

from __future__ import annotations

import functools
import inspect
import json
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import hwcodesign
from hwcodesign.cli.status import JSON_OPTION

try:
    import typer

    from hwcodesign.cli import completion
    from hwcodesign.cli.console import Verbosity, show_progress
except ModuleNotFoundError as error:
    sys.exit(f"the hwcodesign command needs {error.name}: pip install 'hwcodesign[cli]'")

if TYPE_CHECKING:
    from hwcodesign.pipeline import Run

#: Folders that the running verb writes into.
_claims = ExitStack()

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)

RecipeName = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="name of a recipe, or path of a recipe file; the file is executed",
        autocompletion=completion.recipe_names,
    ),
]
Out = Annotated[Path | None, typer.Option(help="folder for the results; the default is build/<recipe>")]
Data = Annotated[
    Path | None, typer.Option(help="folder that holds one folder for each data set; it overrides HWCODESIGN_DATA")
]
Json = Annotated[bool, typer.Option(JSON_OPTION, help="print only the result, or the error, as JSON")]

_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="print no progress, only results and errors")]
_Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="also print the time of each part of the work, and all warnings")
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hwcodesign {hwcodesign.__version__}")
        raise typer.Exit


@app.callback(epilog="--quiet and --verbose may stand before or after a command.")
def _options(
    context: typer.Context,
    quiet: _Quiet = False,
    verbose: _Verbose = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version and exit")
    ] = False,
) -> None:
    """Turn early-exit neural networks into FPGA accelerators. `run` runs all steps, the other commands one step."""
    del version  # its callback has ended the program
    context.obj = (quiet, verbose)


def verb(function: Callable[..., None]) -> Callable[..., None]:
    """Makes a function a command that also has the options of `hwcodesign` itself and shows its progress."""

    @functools.wraps(function)
    def command(context: typer.Context, quiet: bool, verbose: bool, **arguments: Any) -> None:
        before: tuple[bool, bool] = context.obj
        with show_progress(_verbosity(quiet or before[0], verbose or before[1], arguments)), _claims:
            function(**arguments)

    own = inspect.signature(function, eval_str=True).parameters.values()
    keyword = inspect.Parameter.KEYWORD_ONLY
    shared = [
        inspect.Parameter("quiet", keyword, default=False, annotation=_Quiet),
        inspect.Parameter("verbose", keyword, default=False, annotation=_Verbose),
    ]
    first = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [first, *own, *shared]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # Typer reads both
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return app.command()(command)


def _verbosity(quiet: bool, verbose: bool, arguments: dict[str, Any]) -> Verbosity:
    """Chooses the verbosity of a command. With --json a command prints nothing but its result."""
    if quiet or arguments.get("json"):
        return Verbosity.QUIET
    if verbose:
        warnings.simplefilter("default")
        return Verbosity.VERBOSE
    return Verbosity.NORMAL


def opened(recipe: str, out: Path | None, data: Path | None, *, writes: bool = False) -> Run:
    """Executes a recipe, and returns it with the folder of its results.

    Args:
        writes: whether the command writes into that folder. The folder is then locked against other processes.

    Raises:
        BusyError: another process is writing into the folder.
        SettingsError: the folder cannot be written.
    """
    from hwcodesign.data.location import DATA_VARIABLE
    from hwcodesign.progress import task
    from hwcodesign.recipe_files import find_recipe
    from hwcodesign.storage.files import claimed_folder
    from hwcodesign.storage.paths import check_writable

    find_recipe(recipe)  # before what takes seconds
    if data is not None:
        os.environ[DATA_VARIABLE] = str(data)
    with task(f"loading recipe {recipe}"):
        from hwcodesign import load_recipe
        from hwcodesign.pipeline import Run

        loaded = load_recipe(recipe)
    folder = results_folder(out, loaded.name)
    if writes:
        check_writable(folder, "--out")
        _claims.enter_context(claimed_folder(folder))
    return Run(loaded, folder, file=find_recipe(recipe))


def results_folder(out: Path | None, name: str) -> Path:
    """Returns the folder of a recipe's results."""
    return out or Path("build") / name


def show(result: Any, as_json: bool, text: str) -> None:
    """Prints a command's result, as text or as JSON."""
    typer.echo(json.dumps(result, indent=2) if as_json else text)
