"""This module runs YoWASP's tools in processes of their own, which end at a time limit, on request, and with this
process.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hwcodesign.errors import ToolError
from hwcodesign.storage.cache import own_cache
from hwcodesign.storage.files import one_at_a_time

#: Seconds after which synthesis is given up.
LIMIT = 3600.0
#: Characters of a tool's output that an error shows.
_SHOWN = 4000
#: Packages whose tools have run in this process. The first run on a machine compiles the tool, which takes a minute of
#: all cores, and others that begin meanwhile would compile it, too.
_COMPILED: set[str] = set()
#: Bytes of the stack of a tool: the reader of SystemVerilog takes a part of it for every constant of a large module,
#: and wasmtime gives 512 KiB otherwise.
_STACK = 1 << 26
#: Runs a tool until it ends, or standard input does: the process that started it is then no more.
_PROGRAM = """
import os, sys, threading
def follow():
    os.read(0, 1)
    os._exit(1)
threading.Thread(target=follow, daemon=True).start()
import wasmtime
class Config(wasmtime.Config):
    def __init__(self):
        super().__init__()
        deeper = getattr(wasmtime._ffi, "wasmtime_config_async_stack_size_set", None)
        if deeper:  # the other stack may be no larger than this one
            deeper(self.ptr(), {stack})
            self.max_wasm_stack = {stack}
wasmtime.Config = Config
threading.stack_size(2 * {stack})
from {package} import {function}
sys.exit({function}(sys.argv[1:]))
"""


class OutOfTimeError(ToolError):
    """A tool did not end in time."""


class TimeLimit:
    """A time limit holds for tools that run one after the other or at once, and can stop them earlier.

    Its methods may be called from several threads.

    Args:
        seconds: seconds from now on.
        clock: function that returns the time.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._is_stopped = False

    @classmethod
    def of(cls, limit: float | TimeLimit) -> TimeLimit:
        """Returns the limit itself, or one that begins now."""
        return limit if isinstance(limit, TimeLimit) else cls(limit)

    def stop(self) -> None:
        """Ends all that runs under this limit; nothing starts any more."""
        with self._lock:
            self._is_stopped = True
            for process in self._running:
                process.kill()

    def run(self, name: str, command: Sequence[str], folder: Path) -> str:
        """Runs a command to its end.

        Returns:
            What it wrote.

        Raises:
            OutOfTimeError: it did not end in time.
            ToolError: it failed, or was stopped.
        """
        # its own temporary folder is inside ours, so that a run that is stopped leaves nothing behind
        temporary = folder / "tmp"
        temporary.mkdir(exist_ok=True)
        followed, held = os.pipe()
        try:
            with self._lock:
                if self._is_stopped:
                    raise ToolError(f"{name} was stopped")
                process = subprocess.Popen(
                    command,
                    cwd=folder,
                    env={**os.environ, "TMPDIR": str(temporary)},
                    text=True,
                    stdin=followed,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C is for us to handle
                )
                self._running.add(process)
            return self._finished(name, process)
        finally:
            os.close(followed)
            os.close(held)

    def _finished(self, name: str, process: subprocess.Popen[str]) -> str:
        try:
            shown, _ = process.communicate(timeout=max(0.0, self._end - self._clock()))
        except subprocess.TimeoutExpired:
            process.kill()
            shown, _ = process.communicate()
            raise OutOfTimeError(
                f"{name} took longer than {self.seconds:g} s, and was stopped:\n{shown[-_SHOWN:]}"
            ) from None
        finally:
            with self._lock:
                self._running.discard(process)
        if process.returncode != 0:
            if self._is_stopped:
                raise ToolError(f"{name} was stopped")
            raise ToolError(f"{name} failed with exit status {process.returncode}:\n{shown[-_SHOWN:]}")
        return shown


def run_tool(package: str, function: str, arguments: Sequence[str], folder: Path, limit: TimeLimit) -> None:
    """Runs a YoWASP tool in a process of its own.

    Raises:
        OutOfTimeError: it did not end in time.
        ToolError: it is missing, fails, or was stopped.
    """
    name = package.replace("_", "-")
    installed_version(name)
    command = [sys.executable, "-c", _PROGRAM.format(package=package, function=function, stack=_STACK)]
    if package not in _COMPILED:
        with one_at_a_time(own_cache() / package):
            if package not in _COMPILED:
                limit.run(name, [*command, "--version"], folder)
                _COMPILED.add(package)
    limit.run(name, [*command, *arguments], folder)


def installed_version(package: str) -> str:
    """Returns the version of a PyPI package of the synthesis extra.

    Raises:
        ToolError: it is not installed.
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise ToolError(f"{package} is not installed: pip install 'hwcodesign[synthesis]'") from None
