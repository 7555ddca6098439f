"""This module handles criteria that do not come with the package: every design that uses one carries its files.

A criterion of one's own is registered like any other. Beside the file that defines its class are its SystemVerilog
module, score_<name>.sv, and its C++ header, <name>.h. A design and a bundle have copies of all three in the folder
`criterion`. Reading a design executes none of it; a user who trusts the folder calls `load_criterion`.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hwcodesign.errors import DesignError, FieldError, HwcodesignError, PolicyError
from hwcodesign.policies import criteria
from hwcodesign.policies.criterion import CRITERIA, SOURCES
from hwcodesign.storage.fields import Field
from hwcodesign.storage.files import sha256, sha256_file

#: Of a design and of a bundle.
FOLDER = "criterion"
_PACKAGE = Path(criteria.__file__).resolve().parent


@dataclass(frozen=True)
class CriterionFiles:
    """The criterion files are the places of a criterion of one's own.

    Attributes:
        name: name of the criterion.
        python: file that defines its class.
    """

    name: str
    python: Path

    @property
    def systemverilog(self) -> Path:
        """Returns the path of its SystemVerilog module."""
        return self.python.parent / f"score_{self.name}.sv"

    @property
    def header(self) -> Path:
        """Returns the path of its C++ header."""
        return self.python.parent / f"{self.name}.h"

    def check(self) -> None:
        """Refuses a criterion if one of its files is missing.

        Raises:
            PolicyError: a file is missing; the message names it.
        """
        for path in (self.systemverilog, self.header):
            if not path.is_file():
                raise PolicyError(
                    f"criterion {self.name} is defined in {self.python}, and there is no {path} beside it: hardware "
                    f"needs score_{self.name}.sv, and the C++ model {self.name}.h"
                )

    def copy(self, folder: Path) -> None:
        """Copies all three files into a folder of a design."""
        self.check()
        folder.mkdir()
        for path in (self.python, self.systemverilog, self.header):
            shutil.copyfile(path, folder / path.name)

    def to_json(self) -> dict[str, Any]:
        """Returns the part of a design's manifest that names the files and seals them."""
        paths = (self.python, self.systemverilog, self.header)
        return {
            "name": self.name,
            "defined_in": self.python.name,
            "sha256": {path.name: sha256_file(path) for path in paths},
        }


def files_of(name: str) -> CriterionFiles | None:
    """Returns the files of a registered criterion; None if it comes with the package."""
    path = SOURCES[name]
    return None if path.is_relative_to(_PACKAGE) else CriterionFiles(name, path)


def require_registered(stored: Field, folder: Path) -> None:
    """Refuses a design whose criterion is not registered here, or is registered from another file.

    Args:
        stored: the criterion's part of the design's manifest.
        folder: folder of the design or bundle.

    Raises:
        DesignError: the criterion is not registered; the message says where it comes from, and how to get it.
        FieldError: a field is missing or of another type.
    """
    if stored.is_null:
        return
    name, source, digests = _fields(stored)
    if name in CRITERIA and sha256_file(SOURCES[name]) != digests[source]:
        raise DesignError(
            f"the design decides by criterion {name!r} as {folder / FOLDER / source} defines it, and {SOURCES[name]}, "
            "from which it is registered, is another file or has changed since: compile the design again. A criterion "
            "in a file of its own, which the recipe imports, does not change with the recipe"
        )
    if name not in CRITERIA:
        raise DesignError(
            f"the design decides by criterion {name!r}, which does not come with hwcodesign: it was defined in "
            f"{source}, of which {folder / FOLDER} has a copy. Load the recipe that defines it; or, if you trust the "
            f"folder like a program, hwcodesign.load_criterion({str(folder)!r}) executes the copy"
        )


def load_criterion(folder: Path, stored: Field) -> None:
    """Executes the copy of a criterion's file that a design carries, if its criterion is not registered yet.

    Raises:
        DesignError: a file is gone or was altered, executing it fails, or it registers no such criterion.
        FieldError: a field is missing or of another type.
    """
    if stored.is_null:
        return
    name, source, digests = _fields(stored)
    if name in CRITERIA:
        return
    for file, digest in digests.items():
        path = folder / FOLDER / file
        if not path.is_file() or sha256(path.read_bytes()) != digest:
            raise DesignError(f"{path} is missing or was altered: compile the design again")
    path = folder / FOLDER / source
    module = f"hwcodesign_criterion_{name}"
    spec = importlib.util.spec_from_file_location(module, path)
    if spec is None or spec.loader is None:
        raise DesignError(f"{path} is not a Python file")
    sys.modules[module] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(sys.modules[module])
    except ModuleNotFoundError as error:
        raise DesignError(
            f"{path} needs {error.name}, which is not installed here: install it; or define the criterion in a file of "
            "its own, which needs NumPy alone, and compile again"
        ) from error
    except HwcodesignError:
        raise
    except Exception as error:
        raise DesignError(f"executing {path} failed: {error!r}") from error
    if name not in CRITERIA:
        raise DesignError(f"{path} registers no criterion {name!r}: compile the design again")


def _fields(stored: Field) -> tuple[str, str, dict[str, str]]:
    """Name, file that defines it, and digests of the files."""
    fields = stored.fields(("name", "defined_in", "sha256"))
    digests = {file: own.sha256() for file, own in fields["sha256"].mapping(8).items()}
    name, source = fields["name"].name(), fields["defined_in"].text()
    wrong = [file for file in digests if Path(file).name != file]
    if wrong or source not in digests:
        raise FieldError(f"{stored.place} names {wrong[0] if wrong else source!r}, which is no file of its own")
    return name, source, digests
