"""This module allows one process at a time on one overlay. The operating system frees the lock of a process that
dies.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from hwcodesign.errors import BoardError


class OverlayLock:
    """The lock is held from construction to `release`.

    Args:
        path: path of the lock's file, which is not deleted; it names the process that holds the lock.

    Raises:
        BoardError: another driver holds it, in this process or another, or the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise BoardError(
                f"the lock {path} cannot be opened ({error.strerror}): run as the user who made it"
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._file, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise BoardError(
                f"the overlay is in use by process {holder} (lock {path}): close its driver, or end that process"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Releases the lock; may be called twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
