"""This module writes files and folders that are either complete or absent, even if several processes write them, and
computes their hashes.

A file or folder that is being written has a temporary name and is locked. A second writer waits or gets an error. What
a killed writer left has no lock, so the next writer overwrites or removes it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hwcodesign.errors import BusyError

#: Tries to remove a folder in which the compiler of a killed process may still be writing, and seconds between them.
_REMOVALS, _BETWEEN = 20, 0.1


def write_bytes(path: Path, data: bytes) -> None:
    """Writes under another name beside `path`, then moves the file into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = _named(path, "new")
    with _locked(new, _opened_file, wait=True) as handle:
        try:
            os.ftruncate(handle, 0)
            with os.fdopen(os.dup(handle), "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            new.replace(path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise


def write_text(path: Path, text: str) -> None:
    """Writes a text file, complete or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, data: Any) -> None:
    """Writes JSON with the keys in the given order, two spaces of indentation and a final newline."""
    write_text(path, json.dumps(data, indent=2, allow_nan=False) + "\n")


@contextmanager
def replaced_folder(path: Path) -> Iterator[Path]:
    """Gives a new folder to fill; it takes the place of `path` if the block ends without an error.

    What is in it then has no permission that the umask takes away, wherever it was copied from.

    Raises:
        BusyError: another process, or thread, is writing `path`.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    new, before = _named(path, "new"), _named(path, "before")
    with _locked(new, _opened_folder, wait=False):
        _clear(new)
        if before.exists() and not path.exists():
            before.replace(path)  # the writer was killed between the two moves below
        remove_folder(before)
        try:
            yield new
            _apply_umask(new)
            if path.exists():
                path.replace(before)
            new.replace(path)
        finally:
            if before.exists() and not path.exists():
                before.replace(path)
            for folder in (new, before):
                remove_folder(folder)


@contextmanager
def claimed_folder(path: Path) -> Iterator[None]:
    """Gives a folder that one process at a time works in. It is made if it does not exist, and removed if it stays
    empty.

    Raises:
        BusyError: another process, or thread, works in it.
    """
    with _locked(path, _opened_folder, wait=False):
        try:
            yield
        finally:
            with suppress(OSError):
                path.rmdir()  # where it is empty


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Waits until no other process, or thread, is in such a block for the same path, which need not exist."""
    lock = _named(path, "lock")
    with _locked(lock, _opened_folder, wait=True):
        try:
            yield
        finally:
            remove_folder(lock)


@contextmanager
def scratch_below(root: Path) -> Iterator[Path]:
    """Gives an empty folder below `root` that is removed when the block ends; folders of killed processes are removed
    first.
    """
    root.mkdir(parents=True, exist_ok=True)
    for left in root.iterdir():
        try:
            with _locked(left, _opened_folder, wait=False):
                remove_folder(left)
        except BusyError:
            continue
    own = root / os.urandom(8).hex()
    with _locked(own, _opened_folder, wait=True):  # one that looks for what was left may hold it
        try:
            yield own
        finally:
            remove_folder(own)


def remove_folder(path: Path) -> None:
    """Removes a folder with all its content, if it exists."""
    for _ in range(_REMOVALS):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        time.sleep(_BETWEEN)
    shutil.rmtree(path)


def _named(path: Path, what: str) -> Path:
    return path.with_name(f".{path.name}.{what}")


def _opened_file(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)


def _opened_folder(path: Path) -> int:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        if os.path.lexists(path):
            raise
        raise FileNotFoundError(path) from None  # another process removed it while mkdir looked at it
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


@contextmanager
def _locked(path: Path, opened: Callable[[Path], int], *, wait: bool) -> Iterator[int]:
    """Returns the handle of a file or folder that nobody else has locked; the lock ends with the block, or the
    process.

    Args:
        opened: opens it, and makes it where it is not there.
    """
    handle = _lock(path, opened, wait)
    try:
        yield handle
    finally:
        os.close(handle)


def _lock(path: Path, opened: Callable[[Path], int], wait: bool) -> int:
    while True:
        try:
            handle = opened(path)
        except FileNotFoundError:  # removed since it was made
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BaseException as error:
            os.close(handle)
            if not isinstance(error, BlockingIOError):
                raise
            raise BusyError(
                f"another process is writing {_final(path)}: wait until it has ended, or choose another folder"
            ) from None
        if _is(handle, path):
            return handle
        os.close(handle)


def _is(handle: int, path: Path) -> bool:
    """Tells whether what was opened is still what the path names; the previous owner of the lock may have moved it."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    own = os.fstat(handle)
    return (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino)


def _final(path: Path) -> Path:
    name = path.name
    return path.with_name(name[1:-4]) if name.startswith(".") and name.endswith(".new") else path


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            remove_folder(path)
        else:
            path.unlink()


def _apply_umask(folder: Path) -> None:
    """Removes from the content of a new folder the permissions that the folder itself did not get when it was made."""
    allowed = folder.stat().st_mode & 0o777
    for path in folder.rglob("*"):
        if not path.is_symlink():
            mode = path.stat().st_mode & 0o7777
            if mode & ~allowed:
                path.chmod(mode & allowed)


def sha256(data: bytes) -> str:
    """Returns the SHA-256 hash of bytes."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Returns the SHA-256 hash of a file."""
    with path.open("rb") as stream:
        return (
            hashlib.file_digest(stream, "sha256").hexdigest()
            if hasattr(hashlib, "file_digest")
            else sha256(stream.read())
        )


def sha256_json(data: Any) -> str:
    """Returns the SHA-256 hash of plain data, whatever the order of its keys."""
    return sha256(json.dumps(data, sort_keys=True, allow_nan=False).encode())
