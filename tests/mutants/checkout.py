"""A copy of the checkout in which faults are planted, tried and removed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.mutants.faults import ROOT, PlantedFault
from tests.mutants.outcomes import read_outcomes

#: After which a run of tests is taken for one that hangs.
_SECONDS = 900


def git_apply(folder: Path, patch: Path, *options: str) -> str:
    """What git says against a patch below a folder, which need be no repository; nothing where it applies."""
    # else git would take a repository above the folder for the place that paths begin at
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.resolve().parent)}
    command = ["git", "apply", *options, str(patch)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr.strip() or "git apply failed"


@dataclass(frozen=True)
class Ran:
    """What became of a run of tests.

    Attributes:
        outcomes: by test, of those that ran.
        problem: why there are none, or not all; empty where pytest ended with tests passed or failed.
    """

    outcomes: dict[str, str]
    problem: str

    def failed(self) -> list[str]:
        return [test for test, outcome in self.outcomes.items() if outcome == "failed"]

    def passed(self, named: str) -> bool:
        """Whether a named test, or every case of it, ran and passed."""
        cases = [
            o for test, o in self.outcomes.items() if test == named or test.startswith((f"{named}[", f"{named}::"))
        ]
        return bool(cases) and set(cases) == {"passed"}


@dataclass(frozen=True)
class Checkout:
    """The files that git knows or would take, as they are now, in a folder of their own.

    Attributes:
        running: pytest's processes, each with a group of its own.
    """

    folder: Path
    running: set[subprocess.Popen[str]] = field(default_factory=set)

    @classmethod
    def copied_to(cls, folder: Path) -> Checkout:
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        for name in filter(None, listed.stdout.split("\0")):
            source, target = ROOT / name, folder / name
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        return cls(folder)

    @contextmanager
    def planted(self, fault: PlantedFault) -> Iterator[str]:
        """The fault is in the copy within the block; gives what git says against it."""
        problem = git_apply(self.folder, fault.path)
        try:
            yield problem
        finally:
            if not problem:
                assert git_apply(self.folder, fault.path, "--reverse") == ""

    def run(self, tests: Iterable[str], *options: str) -> Ran:
        """Run tests of the copy, on the copy's code, also in the processes that they start."""
        outcomes = self.folder / "outcomes.jsonl"
        outcomes.unlink(missing_ok=True)
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.folder),
            "PYTHONDONTWRITEBYTECODE": "1",  # compiled code is found by its source's second and length
            "NUMBA_CACHE_DIR": str(self.folder / "numba"),
            "OMP_NUM_THREADS": "1",
            "MUTANTS_OUTCOMES": str(outcomes),
        }
        command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.mutants.outcomes", "-p", "no:cacheprovider"]
        command += ["--basetemp", str(self.folder / "pytest")]
        process = subprocess.Popen(
            [*command, *options, *tests],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.running.add(process)
        try:
            said, _ = process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            self.stop()
            process.communicate()
            return Ran(read_outcomes(outcomes), f"did not end within {_SECONDS} s")
        finally:
            self.running.discard(process)
        problem = "" if process.returncode in (0, 1) else f"pytest ended with {process.returncode}:\n{said[-3000:]}"
        return Ran(read_outcomes(outcomes), problem)

    def stop(self) -> None:
        """End what runs, with all that it has started."""
        for process in list(self.running):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
