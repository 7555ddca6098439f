"""The program runs a command and prints a deliberate error on one line."""

from __future__ import annotations

import sys
import warnings

from hwcodesign.cli import explore, job, results, survey, whatif
from hwcodesign.cli.app import app
from hwcodesign.errors import HwcodesignError, MissingExtraError

__all__ = ["explore", "job", "main", "results", "survey", "whatif"]  # importing a module of verbs makes them known


def main() -> None:
    """Runs the command line.

    A deliberate error is printed on one line. Any other error is a bug and keeps its traceback.
    """
    warnings.filterwarnings("default", category=UserWarning, module="hwcodesign")
    try:
        app()
    except MissingExtraError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        _fail(f"this command needs {error.name}: pip install 'hwcodesign[all]'")
    except HwcodesignError as error:
        _fail(str(error))
    except OSError as error:
        # a full disk, a folder that may not be written: nothing half-written was moved into place
        _fail(str(error))


def _fail(text: str) -> None:
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True).print(Text.assemble(("error: ", "bold red"), text), soft_wrap=True)
    sys.exit(1)
