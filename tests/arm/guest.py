"""What runs under qemu, in the Python of an ARM processor: it needs NumPy alone.

python -m tests.arm.guest LIBRARY FOLDER segments DRAWS
python -m tests.arm.guest LIBRARY FOLDER scores POLICIES
python -m tests.arm.guest LIBRARY FOLDER records DESIGN IMAGES
python -m tests.arm.guest LIBRARY FOLDER count DESIGN IMAGES PLACE

LIBRARY is the engine, cross-compiled. What is found is written into FOLDER.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.design import Design, load
from hwcodesign.interface.modes import Mode
from hwcodesign.interface.records import Records
from hwcodesign.kernels import KERNELS, Segment
from hwcodesign.native.engine import run_segment
from hwcodesign.native.library import build_library, native_library
from hwcodesign.policies import ExitPolicy
from hwcodesign.storage.files import sha256, sha256_file, write_json
from tests.drawn_kernels import drawn_segment, random_codes

#: Where records are computed.
PLACES = ("native", "numpy")
#: How: images leave as the policy says; or never, with a record of every exit.
WAYS = ("with exits", "every exit")
#: Images that are computed one by one where instructions are counted.
ALONE = 8

Digests = dict[str, list[str]]


def numpy_digests(draws: int) -> Digests:
    """What NumPy computes on the drawn segments that begin with each kind of kernel."""
    return {kind: [_digest(segment.run(codes)) for segment, codes in _drawn(kind, draws)] for kind in sorted(KERNELS)}


def native_digests(draws: int, threads: int) -> Digests:
    """What the engine computes on them."""
    return {
        kind: [_digest(run_segment(segment, [codes], threads)) for segment, codes in _drawn(kind, draws)]
        for kind in sorted(KERNELS)
    }


def _drawn(kind: str, draws: int) -> list[tuple[Segment, NDArray[Any]]]:
    found = []
    for seed in range(draws):
        rng = np.random.default_rng([seed, *kind.encode()])
        segment = drawn_segment(rng, kind)
        samples = int(rng.choice([1, 2, 7, 70]))
        found.append((segment, random_codes(rng, segment.inputs[0].format, (samples, *segment.inputs[0].shape))))
    return found


def _digest(outputs: tuple[NDArray[Any], ...]) -> str:
    """Of the codes, whatever type these integers lie in."""
    return sha256(b"".join(np.asarray(codes).astype("<i8").tobytes() for codes in outputs))


def scores_of(policies: Sequence[ExitPolicy]) -> list[str]:
    """The labels and scores of all exits of each policy, on random outputs of heads; a third of these are extremes."""
    found = []
    for seed, policy in enumerate(policies):
        rng = np.random.default_rng(seed)
        outputs = [random_codes(rng, exit_.logits, (200, policy.columns)).astype(np.int64) for exit_ in policy.exits]
        found.append(_digest(policy.score_exits(outputs)))
    return found


def run(design: Design, images: NDArray[Any], place: str, way: str) -> Records:
    """Computes all records of a design, in any order."""
    if way == WAYS[0]:
        return design.run(images, place)
    never = [None] * (design.accelerator.exits - 1)
    return np.concatenate(list(design.stream(images, place, mode=Mode.ANYTIME, thresholds=never)))


def records_of(design: Design, images: NDArray[Any], place: str, way: str) -> Records:
    """All records, by sample and exit: batches of different sizes give them in different orders."""
    found = run(design, images, place, way)
    assert design.on == f"software ({place})", design.on
    return np.sort(found, order=["sample_id", "exit"])


def file_of(place: str, way: str) -> str:
    """Where records lie in a folder."""
    return f"{place}, {way}.npy"


def _segments(folder: Path, draws: int) -> None:
    ways = {
        "native": native_digests(draws, 1),
        "native, three threads": native_digests(draws, 3),
        "numpy": numpy_digests(draws),
    }
    write_json(folder / "segments.json", ways)


def _records(folder: Path, design: Design, images: NDArray[Any]) -> None:
    for place in PLACES:
        for way in WAYS:
            np.save(folder / file_of(place, way), records_of(design, images, place, way))


def _count(design: Design, images: NDArray[Any], place: str) -> None:
    """Asks for the parent process between parts: at each call, qemu's plugin writes the instructions so far."""
    for _ in range(2):  # the second time no memory is new
        for way in WAYS:
            run(design, images, place, way)
        run(design, images[:1], place, WAYS[0])
    for way in WAYS:
        os.getppid()
        run(design, images, place, way)
    os.getppid()
    for i in range(ALONE):
        run(design, images[i : i + 1], place, WAYS[0])
    os.getppid()


def main(library: str, target: str, what: str, *arguments: str) -> None:
    folder = Path(target)
    assert shutil.which("g++") is None, "the engine would be built here"
    kept = build_library(Path(library))
    found = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "lanes": native_library().lanes,
        "library": sha256_file(kept),
    }
    write_json(folder / "guest.json", found)
    if what == "segments":
        _segments(folder, int(arguments[0]))
        return
    if what == "scores":
        policies = [ExitPolicy.from_json(data) for data in json.loads(Path(arguments[0]).read_text())]
        write_json(folder / "scores.json", scores_of(policies))
        return
    design, images = load(arguments[0]), np.load(arguments[1])
    if what == "records":
        _records(folder, design, images)
    else:
        _count(design, images, arguments[2])


if __name__ == "__main__":
    main(*sys.argv[1:])
