"""This module says how commands end: the exit status of each kind of end, and an error as JSON."""

from __future__ import annotations

import json
import sys
from enum import IntEnum

from hwcodesign.errors import MismatchError

#: What asks for JSON. The arguments themselves are looked at, because an error may lie in them.
JSON_OPTION = "--json"


class Status(IntEnum):
    """The exit status of a command says how it ended. docs/command_line.md has the same table."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    MISMATCH = 3
    BUG = 70
    INTERRUPTED = 130


#: What each status means.
MEANINGS = {
    Status.DONE: "the command did what was asked",
    Status.ERROR: "the command could not do it; the message says why, and what to do",
    Status.USAGE: "the command line has an unknown command or option, or a value of the wrong type",
    Status.MISMATCH: "two backends that must agree in every bit do not agree",
    Status.BUG: "hwcodesign has a bug; the traceback shows where",
    Status.INTERRUPTED: "the command was interrupted (Ctrl-C); what was finished before is kept",
}


def status_of(error: BaseException) -> Status:
    """Returns the exit status of a deliberate error."""
    return Status.MISMATCH if isinstance(error, MismatchError) else Status.ERROR


def report_as_json(kind: str, message: str, status: Status) -> None:
    """Prints an error as one JSON object on standard output, if the command line asks for JSON.

    Args:
        kind: name of the error's class.
        message: the text that a person reads on standard error.
    """
    if JSON_OPTION in sys.argv[1:]:
        error = {"kind": kind, "message": message, "exit_code": int(status)}
        print(json.dumps({"error": error}, indent=2), flush=True)
