"""This module compares generated files, before they are compiled or run, with the hashes with which they were
written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hwcodesign.errors import DesignError, FieldError
from hwcodesign.storage.fields import Field, shown
from hwcodesign.storage.files import sha256, sha256_file, sha256_json

#: Files of a design; one of 56 layers has 9,000.
_MOST = 2**17


@dataclass(frozen=True)
class SealedFiles:
    """The sealed files are the files below a folder, with their hashes.

    Attributes:
        folder: folder of the files.
        digests: SHA-256 hashes by path relative to the folder, in the order in which they were given.
    """

    folder: Path
    digests: Mapping[str, str]

    @classmethod
    def of(cls, folder: Path) -> SealedFiles:
        """Returns all files that are below a folder now."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return cls(folder, {path.relative_to(folder).as_posix(): sha256_file(path) for path in files})

    @classmethod
    def from_json(cls, folder: Path, stored: Field) -> SealedFiles:
        """Reads hashes by path.

        Raises:
            FieldError: the field has another type, or a path leaves the folder.
        """
        digests = {name: field.sha256() for name, field in stored.mapping(_MOST).items()}
        for name in digests:
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise FieldError(f"{stored.place} has {shown(name)}, which is not a path below its folder")
        return cls(folder, digests)

    @property
    def digest(self) -> str:
        """Returns the SHA-256 hash of all of them, with their names and order."""
        return sha256_json(list(self.digests.items()))

    def below(self, *prefixes: str) -> SealedFiles:
        """Returns the files whose paths begin with one of these prefixes."""
        return SealedFiles(
            self.folder, {name: self.digests[name] for name in self.digests if name.startswith(prefixes)}
        )

    def text(self, name: str) -> str:
        """Returns the text of one file.

        Raises:
            DesignError: it is not one of the files, it is missing, or it was altered.
        """
        return self._read(name).decode(errors="replace")

    def check(self) -> None:
        """Compares every file with its hash.

        Raises:
            DesignError: a file is missing, or was altered.
        """
        for name in self.digests:
            self._read(name)

    def copy(self, out: Path) -> None:
        """Writes the files, and no other file beside them, below another folder, so that the copy can be compiled.

        Raises:
            DesignError: a file is missing, or was altered.
        """
        for name in self.digests:
            target = out / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self._read(name))

    def _read(self, name: str) -> bytes:
        try:
            data = (self.folder / name).read_bytes()
        except OSError:
            data = None
        if data is None or sha256(data) != self.digests.get(name):
            raise DesignError(
                f"{self.folder / name} is {'missing' if data is None else 'not as it was written'}: compile the "
                "design again; files of a design must not be changed"
            )
        return data
