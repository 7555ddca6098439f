"""A process that has imported everything, and forks a child for each command: Python alone takes seconds to import it.

Each child runs the command line's `main` with its own folder, environment and output, as a process of its own would.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parent.parent


class WarmCommandLine:
    """It runs commands one after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm_cli"],
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, folder: Path, arguments: tuple[str, ...], environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command in a folder; the environment is all that it sees."""
        with tempfile.TemporaryDirectory() as scratch:
            said = {name: str(Path(scratch) / name) for name in ("stdout", "stderr")}
            asked = {"folder": str(folder), "arguments": arguments, "environment": environment, **said}
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
            assert answer, "the process that runs commands has ended"
            texts = {name: Path(path).read_text() for name, path in said.items()}
        return subprocess.CompletedProcess(["hwcodesign", *arguments], int(answer), **texts)

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()


def _serve() -> None:
    # what the verbs import; standard output is for answers alone
    import hwcodesign.cli.program
    import hwcodesign.pipeline
    import hwcodesign.report.drawing
    import hwcodesign.robustness  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _run(json.loads(line))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
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
