"""This module keeps compiled parts on this machine, outside of designs, under a hash of what they were made of.

They are loaded into this process, so whoever may write to the cache may run anything here. A cache that belongs to
somebody else, or that others may write to, is therefore an error. A damaged entry is made again.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hwcodesign.errors import FieldError, ToolError
from hwcodesign.storage.fields import read_json
from hwcodesign.storage.files import (
    one_at_a_time,
    remove_folder,
    replaced_folder,
    scratch_below,
    sha256,
    sha256_file,
    write_json,
)

#: Names the folder that caches are in; ~/.cache by default.
VARIABLE = "XDG_CACHE_HOME"
#: Lists an entry's files with their digests; its time is that of the last use.
_MADE = "made.json"
#: Days after its last use when an entry is removed.
_KEPT_DAYS = 60
#: Permissions to write of others than the owner.
_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def cache_folder() -> Path:
    """Returns the folder of this user's compiled parts."""
    base = os.environ.get(VARIABLE)
    return (Path(base) if base else Path.home() / ".cache").resolve() / "hwcodesign"


def entry_of(name: str, made_of: str) -> Path:
    """Returns the folder in which something is kept, whether it exists or not.

    Args:
        name: what it is, for people who look at the folder.
        made_of: all that it depends on, as text.
    """
    return cache_folder() / f"{name}-{sha256(made_of.encode())[:32]}"


def kept(name: str, made_of: str, make: Callable[[Path], None]) -> Path:
    """Returns a folder of things that are made once on this machine.

    Args:
        name, made_of: see `entry_of`.
        make: function that fills a folder; its content is kept.

    Returns:
        The folder, with the files that `make` left, unaltered.

    Raises:
        ToolError: the cache belongs to somebody else, or others may write to it.
    """
    entry = own_cache() / entry_of(name, made_of).name
    if not is_kept(name, made_of):
        with one_at_a_time(entry):
            if not is_kept(name, made_of):
                _remove_unused()
                with replaced_folder(entry) as new:
                    make(new)
                    write_json(new / _MADE, _described(made_of, new))
                    new.chmod(new.stat().st_mode & ~_BY_OTHERS)
    os.utime(entry / _MADE)
    return entry


def is_kept(name: str, made_of: str) -> bool:
    """Tells whether something is there already, complete and unaltered.

    Raises:
        ToolError: the cache belongs to somebody else, or others may write to it.
    """
    entry = entry_of(name, made_of)
    if not entry.exists():
        return False
    for path in (entry, *entry.rglob("*")):
        _require_own(path)
    try:
        return bool(read_json(entry / _MADE) == _described(made_of, entry))
    except (FieldError, OSError):
        return False


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Returns an empty folder that is removed when the block ends; folders of killed processes are removed by the next
    call.
    """
    with scratch_below(own_cache() / "scratch") as scratch:
        yield scratch


def own_cache() -> Path:
    """Returns the cache's folder, which is made if it does not exist.

    Raises:
        ToolError: it does not belong to the user, or others may write to it.
    """
    folder = cache_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _require_own(folder)
    return folder


def _require_own(path: Path) -> None:
    found = path.lstat()
    if found.st_uid == os.geteuid() and (stat.S_ISLNK(found.st_mode) or not found.st_mode & _BY_OTHERS):
        return
    whose = "can be written by other users" if found.st_uid == os.geteuid() else "belongs to another user"
    raise ToolError(
        f"{path} {whose}, and its content would be run: remove it, make it writable by you only (chmod go-w), or set "
        f"{VARIABLE} to another folder"
    )


def _described(made_of: str, entry: Path) -> dict[str, Any]:
    """Returns what an entry was made of, and its files by their paths in it; a link is not a file that was made."""
    files = sorted(path for path in entry.rglob("*") if not path.is_dir() and path.name != _MADE)
    digests = {
        path.relative_to(entry).as_posix(): "a link" if path.is_symlink() else sha256_file(path) for path in files
    }
    return {"made_of": sha256(made_of.encode()), "files": digests}


def _remove_unused() -> None:
    """Removes entries that were not used for long; they can be made again."""
    oldest = time.time() - _KEPT_DAYS * 86_400
    for entry in cache_folder().iterdir():
        with suppress(OSError):
            made = entry / _MADE
            if (made if made.exists() else entry).stat().st_mtime < oldest:
                remove_folder(entry)
