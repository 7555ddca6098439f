"""Patches with what is wrong in each, and the tests that must notice."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent


@dataclass(frozen=True)
class PlantedFault:
    """One patch.

    Attributes:
        path: of the patch; its stem is the fault's name.
        says: one sentence.
        tests: pytest's ids; of a test with parameters either one case or all.
        files: that the patch changes, from the checkout's root.
    """

    path: Path
    says: str
    tests: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.path.stem


def planted_faults(names: list[str] | None = None) -> list[PlantedFault]:
    """All of them, or those of some names, in the order of their files.

    Raises:
        ValueError: a patch lacks its sentence, its tests or its diff, or a name is none of theirs.
    """
    paths = {path.stem: path for path in sorted(FOLDER.glob("*.patch"))}
    unknown = [name for name in names or [] if name not in paths]
    if unknown:
        raise ValueError(f"no fault is called {', '.join(unknown)}: tests/mutants has {', '.join(paths)}")
    faults = [read_fault(paths[name]) for name in names or paths]
    return sorted(faults, key=lambda fault: (fault.files, fault.name))


def read_fault(path: Path) -> PlantedFault:
    """One patch.

    Raises:
        ValueError: naming the file and what it lacks.
    """
    head, _, diff = path.read_text().partition("\n--- ")
    says = re.findall(r"^Fault: (.+)$", head, re.MULTILINE)
    tests = re.findall(r"^Test: (.+)$", head, re.MULTILINE)
    files = re.findall(r"^\+\+\+ b/(.+)$", diff, re.MULTILINE)
    if len(says) != 1 or not tests or not files:
        raise ValueError(f"{path}: give one line 'Fault: …', a line 'Test: …' for each test, then a diff")
    return PlantedFault(path, says[0], tuple(tests), tuple(files))
