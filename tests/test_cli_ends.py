"""How commands end: their exit status, errors as JSON, and names that a shell completes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hwcodesign.cli import completion
from hwcodesign.cli.status import MEANINGS, Status, status_of
from hwcodesign.deployment.bundle import ARCHIVES
from hwcodesign.designs.boards import BOARDS
from hwcodesign.errors import MismatchError, SettingsError
from hwcodesign.places import PLACES
from hwcodesign.policies import CRITERIA
from hwcodesign.recipe_files import recipe_names
from hwcodesign.search.front import MERITS
from tests.command_line import environment_of
from tests.warm_cli import WARM

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.usefixtures("warm")

#: A recipe whose data set cannot be loaded, for a reason of each kind.
ENDS = """
import dataclasses
import hwcodesign as hw
from hwcodesign.errors import MismatchError
def data():
    raise {error}
RECIPE = dataclasses.replace(hw.load_recipe("digits"), name="ends", data=data)
"""


@pytest.mark.parametrize(
    ("error", "status", "last_line"),
    [
        ("hw.errors.DataError('images are missing')", Status.ERROR, "error: images are missing"),
        ("OSError(28, 'No space left on device')", Status.ERROR, "error: [Errno 28] No space left on device"),
        ("MismatchError('rtl differs')", Status.MISMATCH, "error: rtl differs"),
        ("ZeroDivisionError('one by zero')", Status.BUG, "ZeroDivisionError: one by zero"),
        ("KeyboardInterrupt", Status.INTERRUPTED, "interrupted"),
    ],
)
def test_an_end_has_its_status_and_with_json_one_object_on_standard_output(
    tmp_path: Path, error: str, status: Status, last_line: str
) -> None:
    (tmp_path / "ends.py").write_text(ENDS.format(error=error))
    plain = WARM[0].run(tmp_path, ("train", "ends.py"), environment_of(tmp_path, {}))
    assert (plain.returncode, plain.stdout, plain.stderr.splitlines()[-1]) == (status, "", last_line)
    assert ("Traceback" in plain.stderr) == (status is Status.BUG)
    done = WARM[0].run(tmp_path, ("train", "ends.py", "--json"), environment_of(tmp_path, {}))
    kind = re.split(r"[(.]", error.removeprefix("hw.errors."))[0]
    message = last_line.removeprefix("error: ").removeprefix("ZeroDivisionError: ")
    assert json.loads(done.stdout) == {"error": {"kind": kind, "message": message, "exit_code": status}}
    assert (done.returncode, done.stderr.splitlines()[-1]) == (status, last_line)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("trian", "digits"), "No such command 'trian'. Did you mean 'train'?"),
        (("train",), "Missing argument 'RECIPE'."),
        (
            ("explore", "digits", "--trials", "0"),
            "Invalid value for '--trials': Input should be greater than or equal to 1",
        ),
    ],
)
def test_a_wrong_command_line_is_one_object_as_well(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    done = WARM[0].run(tmp_path, (*arguments, "--json"), environment_of(tmp_path, {}))
    found = json.loads(done.stdout)["error"]
    assert (done.returncode, found["kind"], found["exit_code"]) == (Status.USAGE, "UsageError", Status.USAGE)
    assert found["message"] == message


def test_a_command_that_does_what_was_asked_ends_with_none(tmp_path: Path) -> None:
    done = WARM[0].run(tmp_path, ("recipes", "--json"), environment_of(tmp_path, {}))
    assert (done.returncode, done.stderr) == (Status.DONE, "")
    assert list(json.loads(done.stdout)) == recipe_names()


def test_errors_have_the_status_of_their_class() -> None:
    assert status_of(MismatchError("differ")) is Status.MISMATCH
    assert status_of(SettingsError("wrong")) is Status.ERROR


def test_the_table_of_exit_statuses_is_that_of_the_code() -> None:
    page = (ROOT / "docs/command_line.md").read_text()
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", page, re.MULTILINE)
    assert rows == [(str(int(status)), meaning) for status, meaning in MEANINGS.items()]
    assert list(MEANINGS) == list(Status)


def completed(folder: Path, *words: str) -> list[str]:
    """What bash is offered for the last word."""
    asked = {"COMP_WORDS": " ".join(("hwcodesign", *words)), "COMP_CWORD": str(len(words))}
    environment = environment_of(folder, {"_HWCODESIGN_COMPLETE": "complete_bash", **asked})
    done = WARM[0].run(folder, (), environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_a_shell_is_offered_every_name(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("")
    (tmp_path / "build/quick").mkdir(parents=True)
    (tmp_path / "build/quick/report.json").write_text("{}")
    assert completed(tmp_path, "run", "") == [*recipe_names(), "build/", "mine.py"]
    assert completed(tmp_path, "train", "digits", "--device", "") == []
    assert completed(tmp_path, "explore", "digits", "--board", "") == sorted(BOARDS)
    assert completed(tmp_path, "fit", "digits", "--criterion", "") == sorted(CRITERIA)
    assert completed(tmp_path, "simulate", "digits", "--on", "") == list(PLACES)
    assert set(completed(tmp_path, "explore", "digits", "--by", "")) == set(MERITS)
    assert set(completion.archives("")) == {*ARCHIVES, "none"}
    assert completed(tmp_path, "compare", "q") == ["quick"]
    assert completed(tmp_path, "compare", "bu") == ["build/"]
    assert completed(tmp_path, "simulate", "digits", "--waves", "a.") == ["a.fst", "a.vcd"]


def test_a_list_of_criteria_is_completed_by_those_that_it_lacks(tmp_path: Path) -> None:
    names = sorted({*CRITERIA} - {"margin"})
    offered = completed(tmp_path, "explore", "digits", "--criteria", "margin,")
    assert offered == [f"margin,{name}" for name in (*names, "none")]
    assert completed(tmp_path, "explore", "digits", "--criteria", "margin,m") == ["margin,max_softmax"]


def test_bash_completes_with_the_script_that_the_command_shows(tmp_path: Path) -> None:
    command = tmp_path / "hwcodesign"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m hwcodesign.cli "$@"\n')
    command.chmod(0o755)
    typed = (
        "source <(_HWCODESIGN_COMPLETE=source_bash hwcodesign)\n"
        "complete -p hwcodesign\n"
        "COMP_WORDS=(hwcodesign simulate digits_len); COMP_CWORD=2\n"
        '_hwcodesign_completion hwcodesign; echo "${COMPREPLY[@]}"\n'
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", typed], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["complete -o default -F _hwcodesign_completion hwcodesign", "digits_lenet"]
