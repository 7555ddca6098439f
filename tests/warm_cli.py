"""A process that has imported everything, and forks a child for each command: Python alone takes seconds to import it.

Each child runs the command line's `main` with its own folder, environment and output, as a process of its own would.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_ROOT = Path(__file__).resolve().parent.parent


class Begun:
    """A command that runs.

    Attributes:
        stderr: what it says, as it says it.
    """

    def __init__(self, server: subprocess.Popen[bytes], process: int, stderr: IO[str]) -> None:
        self.stderr = stderr
        self._server = server
        self._process = process
        self._code: int | None = None

    def ends_within(self, seconds: float) -> bool:
        """Waits for its end, but not for longer."""
        return self._code is not None or bool(select.select([self._server.stdout], [], [], seconds)[0])

    def kill(self) -> None:
        os.kill(self._process, signal.SIGKILL)

    @property
    def code(self) -> int:
        """How it ended, for which this waits."""
        if self._code is None:
            self._code = _number(self._server)
        return self._code


class WarmCommandLine:
    """It runs commands one after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm_cli"],
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # an answer that is there is seen
        )

    def run(
        self, folder: Path, arguments: tuple[str, ...], environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command in a folder; the environment is all that it sees."""
        with tempfile.TemporaryDirectory() as scratch:
            said = {name: str(Path(scratch) / name) for name in ("stdout", "stderr")}
            self._ask({"folder": str(folder), "arguments": arguments, "environment": environment, **said})
            code = _number(self._process)
            texts = {name: Path(path).read_text() for name, path in said.items()}
        return subprocess.CompletedProcess(["hwcodesign", *arguments], code, **texts)

    @contextmanager
    def begun(self, folder: Path, arguments: tuple[str, ...], environment: dict[str, str]) -> Iterator[Begun]:
        """Begins a command, whose end the block waits for; its standard output is dropped."""
        with tempfile.TemporaryDirectory() as scratch:
            said = Path(scratch) / "stderr"
            os.mkfifo(said)
            asked = {"folder": str(folder), "arguments": arguments, "environment": environment}
            process = self._ask({**asked, "stdout": os.devnull, "stderr": str(said)})
            with said.open() as stderr:
                command = Begun(self._process, process, stderr)
                yield command
            _ = command.code

    def _ask(self, asked: dict[str, Any]) -> int:
        """Begins a command; returns its process."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        return _number(self._process)

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()


#: The one that runs the commands of a test file, while its tests run: see the fixture `warm`.
WARM: list[WarmCommandLine] = []


def _number(server: subprocess.Popen[bytes]) -> int:
    """The next answer."""
    assert server.stdout is not None
    answer = server.stdout.readline()
    assert answer, "the process that runs commands has ended"
    return int(answer)


def _serve() -> None:
    # what the verbs import; standard output is for answers alone
    import hwcodesign.cli.program
    import hwcodesign.data.digits
    import hwcodesign.pipeline
    import hwcodesign.report.page
    import hwcodesign.robustness  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _run(json.loads(line))
        _say(child)
        _, status = os.waitpid(child, 0)
        _say(os.waitstatus_to_exitcode(status))


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def _run(asked: dict[str, Any]) -> None:
    """Runs one command in the child, and ends it."""
    code = 1
    try:
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(asked[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        sys.argv = ["hwcodesign", *asked["arguments"]]
        sys.path[0] = asked["folder"]
        from hwcodesign.cli import main

        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
