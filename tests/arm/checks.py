"""What runs on an ARM machine under qemu, and is held to what NumPy computes here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hwcodesign.errors import MismatchError
from hwcodesign.policies import ExitPolicy
from hwcodesign.storage.files import sha256_file, write_json
from tests.arm.guest import ALONE, PLACES, WAYS, Digests, file_of
from tests.arm.machines import Machine, System
from tests.arm.subjects import Subject


@dataclass(frozen=True)
class Counts:
    """Instructions of an image.

    Attributes:
        together: where all images are computed in one call.
        full: where all exits of all images are, in one call.
        alone: where each image is a call.
    """

    together: float
    full: float
    alone: float


@dataclass(frozen=True)
class Found:
    """What was found on a machine.

    Attributes:
        machine: which.
        python, numpy: versions there.
        ways: who computed the segments.
        segments: how many each computed.
        counts: of each design and place.
    """

    machine: Machine
    python: str
    numpy: str
    ways: tuple[str, ...]
    segments: int
    counts: dict[str, dict[str, Counts]]


@dataclass(frozen=True)
class Checks:
    """Checks on one machine.

    Attributes:
        system: Python and NumPy there.
        folder: for what is built and found.
        library: the engine, compiled for the machine.
        plugin: of qemu, which counts.
    """

    system: System
    folder: Path
    library: Path
    plugin: Path

    def segments(self, wanted: Digests) -> tuple[str, ...]:
        """Compares drawn segments with NumPy's here; returns who computed them."""
        machine, found = self.system.machine, self.folder / "segments"
        self._run(found, "segments", str(len(next(iter(wanted.values())))))
        ways: dict[str, Digests] = json.loads((found / "segments.json").read_text())
        for way, digests in ways.items():
            assert digests.keys() == wanted.keys()
            pairs = [(kind, i, one) for kind in wanted for i, one in enumerate(wanted[kind])]
            wrong = [f"{kind} {i}" for kind, i, one in pairs if digests[kind][i] != one]
            if wrong:
                raise MismatchError(f"{machine.name}, {way}: segments are not NumPy's here: {', '.join(wrong)}")
        return tuple(ways)

    def scores(self, policies: Sequence[ExitPolicy], wanted: Sequence[str]) -> None:
        """Compares scores of policies with those that NumPy computes here."""
        found, given = self.folder / "scores", self.folder / "policies.json"
        write_json(given, [policy.to_json() for policy in policies])
        self._run(found, "scores", str(given))
        digests = json.loads((found / "scores.json").read_text())
        pairs = zip(policies, digests, wanted, strict=True)
        wrong = {policy.criterion_name for policy, there, here in pairs if there != here}
        if wrong:
            raise MismatchError(f"{self.system.machine.name}: scores are not NumPy's here: {', '.join(sorted(wrong))}")

    def records(self, subject: Subject) -> None:
        """Compares a design's records with NumPy's here."""
        found = self.folder / subject.name
        self._run(found, "records", str(subject.design), str(self._images(subject)))
        for place in PLACES:
            for way in WAYS:
                records = np.load(found / file_of(place, way))
                if records.dtype != subject.records[way].dtype or records.tobytes() != subject.records[way].tobytes():
                    where = f"{self.system.machine.name}, {subject.name}, {place}, {way}"
                    raise MismatchError(f"{where}: records are not NumPy's here")

    def counts(self, subject: Subject) -> dict[str, Counts]:
        """Counts the instructions of an image at each place."""
        found = {}
        for place in PLACES:
            folder = self.folder / f"{subject.name}-{place}"
            target = folder / "counts.txt"
            call = self.system.machine.parent_call
            arguments = ("count", str(subject.design), str(self._images(subject)), place)
            self._run(folder, *arguments, plugged=f"{self.plugin},call={call},out={target}")
            first, second, third, fourth = map(int, target.read_text().split())
            images = len(subject.images)
            found[place] = Counts((second - first) / images, (third - second) / images, (fourth - third) / ALONE)
        return found

    def versions(self) -> tuple[str, str]:
        """Of Python and NumPy on the machine."""
        told = json.loads((self.folder / "segments" / "guest.json").read_text())
        return told["python"], told["numpy"]

    def _images(self, subject: Subject) -> Path:
        path = self.folder / f"{subject.name}.npy"
        np.save(path, subject.images)
        return path

    def _run(self, found: Path, *arguments: str, plugged: str = "") -> None:
        shutil.rmtree(found, ignore_errors=True)
        found.mkdir(parents=True)
        machine = self.system.machine
        self.system.run(["-m", "tests.arm.guest", str(self.library), str(found), *arguments], found, plugged)
        told: dict[str, Any] = json.loads((found / "guest.json").read_text())
        assert told["machine"] == machine.name, told
        assert told["library"] == sha256_file(self.library), "the engine that ran is not the one that was compiled"


def all_checks(
    checks: Checks,
    subjects: Sequence[Subject],
    wanted: Digests,
    policies: Sequence[ExitPolicy],
    scores: Sequence[str],
) -> Found:
    """Everything on one machine.

    Args:
        wanted: what NumPy computes here on drawn segments.
        policies, scores: policies, and what their scores are here.
    """
    machine = checks.system.machine
    checks.scores(policies, scores)
    print(f"{machine.name}: scores of {len(policies)} policies are equal", flush=True)
    ways = checks.segments(wanted)
    total = sum(map(len, wanted.values()))
    print(f"{machine.name}: {total} segments are equal ({'; '.join(ways)})", flush=True)
    counts = {}
    for subject in subjects:
        checks.records(subject)
        print(f"{machine.name}: records of {subject.name} are equal", flush=True)
        counts[subject.name] = checks.counts(subject)
    return Found(machine, *checks.versions(), ways, total, counts)
