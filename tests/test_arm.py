"""`python -m tests.arm` notices what differs. It needs qemu itself, and `make verify` runs it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

from hwcodesign.design import Design
from hwcodesign.errors import MismatchError, ToolError
from hwcodesign.native.library import flags
from hwcodesign.storage.files import sha256_file, write_json
from tests.arm.checks import Checks
from tests.arm.guest import PLACES, WAYS, file_of, numpy_digests, records_of, scores_of
from tests.arm.machines import MACHINES, System, require_tools
from tests.arm.subjects import Subject, drawn_policies

PAGE = (Path(__file__).parent.parent / "docs" / "arm.md").read_text()


@dataclass(frozen=True)
class Told(System):
    """A machine that finds what it is told to."""

    library: Path = Path()
    found: dict[str, Any] = field(default_factory=dict)

    def run(self, arguments: Sequence[str], folder: Path, plugged: str) -> None:  # noqa: ARG002
        write_json(folder / "guest.json", {"machine": self.machine.name, "library": sha256_file(self.library)})
        for name, data in self.found.items():
            if name.endswith(".npy"):
                np.save(folder / name, data)
            else:
                write_json(folder / name, data)


def checks_of(folder: Path, found: dict[str, Any]) -> Checks:
    library = folder / "engine.so"
    library.write_bytes(b"an engine")
    return Checks(Told(MACHINES[0], folder, folder, library, found), folder, library, folder / "none")


def test_a_segment_that_differs_is_named(tmp_path: Path) -> None:
    wanted = numpy_digests(1)
    assert checks_of(tmp_path, {"segments.json": {"native": wanted}}).segments(wanted) == ("native",)
    other = {**wanted, "conv2d": ["0" * 64]}
    with pytest.raises(MismatchError, match=r"armv7l, numpy: segments are not NumPy's here: conv2d 0$"):
        checks_of(tmp_path, {"segments.json": {"native": wanted, "numpy": other}}).segments(wanted)


def test_a_criterion_whose_scores_differ_is_named(tmp_path: Path) -> None:
    policies = drawn_policies(2)
    scores = scores_of(policies)
    assert len({*scores}) == len(scores)
    checks_of(tmp_path, {"scores.json": scores}).scores(policies, scores)
    at = [policy.criterion_name for policy in policies].index("margin")
    with pytest.raises(MismatchError, match=r"scores are not NumPy's here: margin$"):
        checks_of(tmp_path, {"scores.json": [*scores[:at], "0" * 64, *scores[at + 1 :]]}).scores(policies, scores)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", WAYS)
def test_a_record_that_differs_is_noticed(compiled_design: Design, tmp_path: Path, place: str, way: str) -> None:
    shape = compiled_design.accelerator.input_shape
    images = np.random.default_rng(0).random((20, *shape))
    records = {name: records_of(compiled_design, images, "numpy", name) for name in WAYS}
    assert len(records["every exit"]) == len(images) * compiled_design.accelerator.exits
    subject = Subject("small", compiled_design.folder, images, records)
    found = {file_of(*where): records[where[1]] for where in [(a, b) for a in PLACES for b in WAYS]}
    checks_of(tmp_path, found).records(subject)
    other = records[way].copy()
    other["score"][-1] += 1
    with pytest.raises(MismatchError, match=f"armv7l, small, {place}, {way}: records are not NumPy's here"):
        checks_of(tmp_path, {**found, file_of(place, way): other}).records(subject)


def test_another_engine_than_the_compiled_one_is_noticed(tmp_path: Path) -> None:
    checks = checks_of(tmp_path, {})
    other = tmp_path / "other.so"
    other.write_bytes(b"another")
    with pytest.raises(AssertionError, match="not the one that was compiled"):
        Checks(checks.system, checks.folder, other, checks.plugin).segments({"add": []})


def test_missing_tools_are_named_with_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name.startswith(("qemu", "arm-")) else name)
    with pytest.raises(ToolError, match=r"qemu-arm, arm-.*g\+\+, qemu-aarch64 .*apt install g\+\+-arm.* qemu-user$"):
        require_tools()


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_the_page_has_todays_flags_and_counts(machine: Any) -> None:
    assert f"`{' '.join(flags(machine.name))}`" in PAGE
    for design in ("digits", "blenet_mnist"):
        for way in (*WAYS, "alone"):
            assert PAGE.count(f"| `{machine.name}` | {design} | {way} | ") == 1
