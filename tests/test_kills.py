"""Whoever kills the main job, at whatever point: nothing half-written is believed, and nothing is left.

Each run is killed some time after it began one of its steps; the next takes up what was finished. In the end the
results are those of a run that nobody killed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

from hwcodesign.design import load
from hwcodesign.pipeline import TRAINING
from hwcodesign.policies import ExitPolicy
from hwcodesign.storage.fields import read_json
from hwcodesign.training.checkpoint import CHECKPOINT
from tests.tiny_recipe import NETWORK_AND_DATA
from tests.warm_cli import WARM, Begun

ROOT = Path(__file__).resolve().parent.parent
KILLS = 100 if os.environ.get("HWCODESIGN_CAMPAIGN") else 3
#: Seconds into a step when a run is killed at the latest; most steps of so small a job are shorter.
LATEST = 2.0
#: How steps begin, as the run reports them.
STEPS = (
    "loading recipe",
    "checking that the network fits",
    "training",
    "fitting max_softmax",
    "generating hardware sources",
    "compiling the generated C++",
    "compiling the generated SystemVerilog",
    "running 60 images on rtl, and comparing every logit",
    "measuring cycles",
    "drawing",
)
RECIPE = f"""{NETWORK_AND_DATA}
RECIPE = hw.Recipe(
    name="tiny", network=network, data=data, training=(hw.TrainingSettings(epochs=4, batch_size=50, seed=3),),
    policy=hw.PolicyRequest(criterion="max_softmax", accuracy_drop=0.05),
)
"""
#: What onnxruntime and PyTorch keep among temporary files.
_OTHERS = (".ses", "torchinductor")
#: The time that steps took, and the date.
_DIFFERS = ("seconds", "provenance")
pytestmark = pytest.mark.usefixtures("warm")


def prepared(folder: Path) -> Path:
    """A folder with the recipe in it, beside which the cache and temporary files will be."""
    folder.mkdir()
    (folder.parent / "tmp").mkdir(exist_ok=True)
    (folder / "tiny.py").write_text(RECIPE)
    return folder


@contextmanager
def begun(folder: Path) -> Iterator[Begun]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(folder.parent / "cache"),
        "TMPDIR": str(folder.parent / "tmp"),
    }
    with WARM[0].begun(folder, ("run", "tiny.py"), environment) as run:
        yield run


def run_until(step: str, seconds: float, folder: Path) -> bool:
    """Kill a run so many seconds after it began a step; False if it ended before, as it should."""
    with begun(folder) as run:
        said = []
        for line in run.stderr:
            said.append(line)
            if step in line:
                break
        if not run.ends_within(seconds):
            run.kill()
            assert run.code == -signal.SIGKILL
            return True
        said.append(run.stderr.read())
        assert run.code == 0, "".join(said)
        return False


def run_through(folder: Path) -> None:
    with begun(folder) as run:
        said = run.stderr.read()
        assert run.code == 0, said


def check_what_is_there(folder: Path) -> None:
    """Whatever has its final name is whole."""
    build = folder / "build" / "tiny"
    if (build / "design").exists():
        load(build / "design")
    if (build / "policy.json").exists():
        ExitPolicy.from_json(read_json(build / "policy.json"))
    for name in ("report.json", f"{TRAINING}/{CHECKPOINT}"):
        if (build / name).exists():
            read_json(build / name)


def results(folder: Path) -> dict[str, object]:
    """Every file that a run left, but for the times in it."""
    found: dict[str, object] = {}
    for path in sorted((folder / "build").rglob("*")):
        if path.is_file():
            data: object = path.read_bytes()
            if path.name == "report.json":
                data = {key: value for key, value in json.loads(path.read_text()).items() if key not in _DIFFERS}
            if path.name in {"report.html", CHECKPOINT}:
                data = None  # it has times
            found[str(path.relative_to(folder))] = data
    return found


def test_a_run_that_is_killed_again_and_again_ends_like_one_that_is_not(tmp_path: Path) -> None:
    seed = 7 if KILLS < 100 else int(time.time())
    print(f"seed {seed}")
    rng, folder = np.random.default_rng(seed), prepared(tmp_path / "killed")
    kills = 0
    while kills < KILLS:
        step = STEPS[kills % len(STEPS)] if len(STEPS) <= KILLS else STEPS[2 * kills + 1]
        if run_until(step, rng.uniform(0, LATEST), folder):
            kills += 1
        else:
            shutil.rmtree(folder / "build")  # it was through: all steps are to be there again for the next
            shutil.rmtree(folder.parent / "cache")
        check_what_is_there(folder)
    run_through(folder)
    cache = folder.parent / "cache" / "hwcodesign"
    assert [path for place in (folder, cache) for path in place.rglob(".*")] == [], "half-written files and folders"
    assert list((cache / "scratch").iterdir()) == []
    temporary = [path.name for path in (folder.parent / "tmp").iterdir()]
    assert [name for name in temporary if not name.startswith(_OTHERS)] == []
    undisturbed = prepared(tmp_path / "undisturbed")
    run_through(undisturbed)
    assert results(folder) == results(undisturbed)
