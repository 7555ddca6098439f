"""What a terminal and a pipe are told of work."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

import hwcodesign as hw
from hwcodesign import progress
from hwcodesign.cli.console import TerminalListener

ROOT = Path(__file__).resolve().parent.parent
#: Work that is short, long, of a known amount and within other work; and a line of somebody else's.
WORK = """
import sys, time, warnings
import hwcodesign as hw
from hwcodesign.cli.console import Verbosity
from hwcodesign.progress import task

with hw.show_progress(Verbosity.{verbosity}):
    with task("baking [rye]", 4, "loaves") as baking:
        baking.advance(2, "the oven is hot")
        with task("heating"):
            time.sleep({seconds})
            print("smoke", file=sys.stderr)
        baking.advance(2)
    with task("eating"):
        pass
"""
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def on_terminal(code: str, columns: int = 80, kind: str = "xterm") -> str:
    """All that a terminal is sent."""
    environment = {"PYTHONPATH": str(ROOT), "TERM": kind}
    size, command = (24, columns), ["-c", code]
    child = pexpect.spawn(sys.executable, command, env=environment, encoding="utf-8", timeout=60, dimensions=size)
    child.expect(pexpect.EOF)
    return str(child.before)


def in_pipe(code: str, **environment: str) -> str:
    command = [sys.executable, "-c", code]
    env = {"PYTHONPATH": str(ROOT), "TERM": "xterm", **environment}
    done = subprocess.run(command, env=env, capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == ""
    return done.stderr


def left_on(sent: str) -> list[str]:
    """The lines that a terminal shows in the end: what was drawn and erased is gone."""
    lines, row = [""], 0
    for part in re.findall(rf"{ESCAPE.pattern}|[\r\n]|[^\x1b\r\n]+", sent):
        if part == "\n":
            row += 1
            lines += [""] * (row == len(lines))
        elif part == "\x1b[1A":
            row -= 1
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part[0] not in "\x1b\r":
            lines[row] += part
    return [line.rstrip() for line in lines if line.strip()]


def test_a_pipe_is_told_what_begins_in_plain_lines() -> None:
    code = WORK.format(verbosity="NORMAL", seconds=0.3)
    assert in_pipe(code) == "· baking [rye]\nsmoke\n· eating\n"
    assert in_pipe(code, FORCE_COLOR="1", CI="true") == "· baking [rye]\nsmoke\n· eating\n"


def test_a_pipe_that_asks_for_more_is_told_how_long_it_took() -> None:
    told = in_pipe(WORK.format(verbosity="VERBOSE", seconds=0.3)).splitlines()
    seconds = r"\d\.\d s"
    expected = [
        r"· baking \[rye\]",
        "smoke",
        rf"    heating: {seconds}",
        rf"  baking \[rye\]: 4 loaves in {seconds}",
        "· eating",
        rf"  eating: {seconds}",
    ]
    assert len(told) == len(expected)
    assert all(re.fullmatch(pattern, line) for pattern, line in zip(expected, told, strict=True)), told


def test_quiet_is_quiet() -> None:
    code = WORK.format(verbosity="QUIET", seconds=0.3)
    assert in_pipe(code) == "smoke\n"
    assert on_terminal(code) == "smoke\r\n"


def test_a_terminal_sees_bars_while_work_lasts() -> None:
    sent = on_terminal(WORK.format(verbosity="NORMAL", seconds=1.2))
    drawn = ESCAPE.sub("", sent)
    assert "baking [rye]" in drawn
    assert "━" in drawn
    assert "2/4" in drawn
    assert "heating" in drawn
    assert "the oven is hot" in drawn
    assert re.search("[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]", drawn)
    assert "\x1b[?25h" in sent[sent.rindex("\x1b[?25l") :]  # the cursor is shown again


def test_a_terminal_keeps_a_line_for_each_step_with_its_seconds_if_it_was_long() -> None:
    sent = on_terminal(WORK.format(verbosity="NORMAL", seconds=2.1))
    kept = left_on(sent)
    assert kept[0] == "smoke"
    assert re.fullmatch(r"· baking \[rye\]  2\.\d s", kept[1])
    assert kept[2:] == ["· eating"]


def test_a_narrow_terminal_cuts_words_and_no_figures() -> None:
    code = WORK.replace("baking [rye]", "baking " + "many sorts of bread " * 5).format(verbosity="NORMAL", seconds=1.2)
    drawn = [line for line in re.split(r"[\r\n]+", ESCAPE.sub("", on_terminal(code, columns=50))) if "2/4" in line]
    assert drawn
    assert all(len(line) <= 50 and re.search(r"baking m.*… .* 2/4 loaves +\d:\d\d", line) for line in drawn), drawn


def test_a_dumb_terminal_is_told_plain_lines() -> None:
    sent = on_terminal(WORK.format(verbosity="NORMAL", seconds=0.3), kind="dumb")
    assert sent == "· baking [rye]\r\nsmoke\r\n· eating\r\n"


def test_work_that_fails_and_generators_that_are_thrown_away_leave_no_task_open(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def endless() -> object:
        with progress.task("counting"):
            yield 1

    with hw.show_progress():
        next(endless())  # type: ignore[call-overload]
        with pytest.raises(ZeroDivisionError), progress.task("dividing"):
            _ = 1 / 0
        with progress.task("going on"):
            pass
    assert capsys.readouterr().err == "· counting\n· dividing\n· going on\n"


def test_what_was_begun_by_several_threads_ends_in_any_order(capsys: pytest.CaptureFixture[str]) -> None:
    listener = TerminalListener()
    first, second = listener.begin("first", 2, "parts"), listener.begin("second", None, "")
    listener.end(first)
    listener.advance(second, 0, "still at it")
    listener.end(second)
    listener.end(listener.begin("third", None, ""))
    assert capsys.readouterr().err == "· first\n· third\n"
