"""hls4ml's source distribution, which carries its tests and example models; nothing of it is in this repository."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

from hwcodesign.errors import ToolError
from hwcodesign.storage.cache import kept

#: Folders that tests need.
_FOLDERS = ("test/pytest", "example-models/onnx")


def hls4ml_tests() -> Path:
    """The folder with the tests of the installed hls4ml and the models that they read, in this user's cache.

    Raises:
        ToolError: it is not in the cache, and the package index cannot be reached.
    """
    release = f"hls4ml-{version('hls4ml')}"
    return kept(f"{release}-tests", " ".join((release, *_FOLDERS)), lambda folder: _fetch(release, folder))


def _fetch(release: str, folder: Path) -> None:
    name, number = release.rsplit("-", 1)
    with tempfile.TemporaryDirectory() as scratch:
        command = ["pip", "download", "--quiet", "--no-deps", "--no-binary", name, "--dest", scratch]
        done = subprocess.run(
            [sys.executable, "-m", *command, f"{name}=={number}"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = done.stderr.strip().splitlines()[-1:]
            raise ToolError(
                f"the source distribution of {name} {number} cannot be had: {' '.join(said)}. It comes from the "
                "package index, once; without a network leave these cases out"
            )
        with tarfile.open(Path(scratch) / f"{release}.tar.gz") as archive:
            wanted = tuple(f"{release}/{part}/" for part in _FOLDERS)
            for member in archive.getmembers():
                if member.isfile() and member.name.startswith(wanted):
                    member.name = member.name.removeprefix(f"{release}/")
                    archive.extract(member, folder, filter="data")
