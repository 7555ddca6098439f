"""The program runs a command, prints an error, and ends with the exit status that belongs to it."""

from __future__ import annotations

import sys
import traceback
import warnings
from typing import Any, NoReturn

import typer
from typer import rich_utils

from hwcodesign.cli import explore, job, results, survey, whatif
from hwcodesign.cli.app import app
from hwcodesign.cli.status import Status, report_as_json, status_of
from hwcodesign.errors import HwcodesignError, MissingExtraError

__all__ = ["explore", "job", "main", "results", "survey", "whatif"]  # importing a module of verbs makes them known

#: Typer has classes of errors of its own, and this is the only one that it exports.
_UsageError: Any = typer.BadParameter.__bases__[0]


def main() -> NoReturn:
    """Runs the command line, and ends the process with a `Status`.

    A deliberate error is printed on one line. Any other error is a bug and keeps its traceback. With --json, standard
    output has one JSON object for each of them.
    """
    warnings.filterwarnings("default", category=UserWarning, module="hwcodesign")
    try:
        status = app(prog_name="hwcodesign", standalone_mode=False)  # the status of typer.Exit
    except _UsageError as error:
        rich_utils.rich_format_error(error)
        report_as_json("UsageError", error.format_message(), Status.USAGE)
        status = Status.USAGE
    except MissingExtraError as error:
        status = _failed(error, str(error))
    except ModuleNotFoundError as error:
        status = _failed(error, f"this command needs {error.name}: pip install 'hwcodesign[all]'")
    except (HwcodesignError, OSError) as error:
        # of the system: a full disk, a folder that may not be written; nothing half-written was moved into place
        status = _failed(error, str(error))
    except Exception as error:
        traceback.print_exc()
        report_as_json(type(error).__name__, str(error), Status.BUG)
        status = Status.BUG
    if status == Status.INTERRUPTED:
        print("interrupted", file=sys.stderr)
        report_as_json("KeyboardInterrupt", "interrupted", Status.INTERRUPTED)
    sys.exit(int(status or Status.DONE))


def _failed(error: Exception, text: str) -> Status:
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True).print(Text.assemble(("error: ", "bold red"), text), soft_wrap=True)
    status = status_of(error)
    report_as_json(type(error).__name__, text, status)
    return status
