"""`hwcodesign explore`, as a user types it: a search, wishes, and a design of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from hwcodesign.design import load
from tests.command_line import environment_of
from tests.tiny_recipe import NETWORK_AND_DATA
from tests.warm_cli import WARM

RECIPE = f"""{NETWORK_AND_DATA}
RECIPE = hw.Recipe(
    name="tiny",
    network=network,
    data=data,
    training=(hw.TrainingSettings(epochs=2, batch_size=32, learning_rate=0.01, seed=1, threads=1),),
    policy=hw.PolicyRequest(criterion="margin", budget=0.9),
    compile=hw.CompileSettings(board="pynq-z2"),
)
"""
SEARCH = ("--criteria", "margin,none", "--drop", "0.1", "--json")


pytestmark = pytest.mark.usefixtures("warm")


def explored(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return WARM[0].run(folder, ("explore", "tiny.py", *arguments), environment_of(folder, {}))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe and a finished search."""
    folder = tmp_path_factory.mktemp("explore")
    (folder / "tiny.py").write_text(RECIPE)
    done = explored(folder, *SEARCH, "--trials", "9")
    assert done.returncode == 0, done.stderr
    (folder / "found.json").write_text(done.stdout)
    return folder


def test_designs_are_listed_and_one_is_compiled(folder: Path) -> None:
    """What is compiled has the figures of the list: cycles, and accuracy by its own policy."""
    found = json.loads((folder / "found.json").read_text())
    assert found["board"] == "pynq-z2"
    listed = {design["number"]: design for design in found["designs"]}
    best = listed[found["best"]]
    assert best["images_per_second"] == max(design["images_per_second"] for design in listed.values())
    assert len(listed) > 1
    done = explored(folder, "--build", str(found["best"]))
    assert done.returncode == 0, done.stderr
    built = load(folder / "build/tiny/explore/pynq-z2" / f"design{found['best']}")
    latencies = [exit_["latency"] / 100 for exit_ in built.manifest["cycles"]["exits"]]
    mean = sum(rate * latency for rate, latency in zip(best["exit_rate"], latencies, strict=True))
    assert best["mean_us"] == pytest.approx(mean, rel=1e-12)
    assert built.manifest["settings"]["fit"] == f"images_per_second={best['images_per_second_wished']:.12g}"


def test_a_search_that_is_finished_says_the_same_again(folder: Path) -> None:
    done = explored(folder, *SEARCH, "--trials", "9")
    assert json.loads(done.stdout) == json.loads((folder / "found.json").read_text())


def test_a_table_is_for_people(folder: Path) -> None:
    done = explored(folder, *SEARCH[:-1], "--trials", "9")
    found = json.loads((folder / "found.json").read_text())
    assert f"--build {found['best']} compiles number {found['best']}" in done.stdout
    page = (folder / "build/tiny/explore/pynq-z2/explore.html").read_text()
    assert "page: build/tiny/explore/pynq-z2/explore.html" in done.stdout
    for design in found["designs"]:
        assert f"hwcodesign explore tiny.py --board pynq-z2 --build {design['number']}</td>" in page
    rows = [line.split()[0] for line in done.stdout.splitlines() if line.split() and line.split()[0].isdigit()]
    assert sorted(map(int, rows)) == sorted(design["number"] for design in found["designs"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--accuracy", "0.999"), "meets all wishes; the nearest, number "),
        (("--best", "beauty"), "best='beauty' is not known. Known: accuracy, images_per_second, mean_us, share"),
        (("--build", "99"), "--build 99 is no design that was found; there are 0, "),
        (("--board", "pynq-z9"), "board 'pynq-z9' is not known: did you mean 'pynq-z"),
        (("--criteria", "entropy,none", "--trials", "20"), "is one of entropy,none: give --criteria margin,none, or "),
        (("--criteria", "beauty", "--trials", "20"), "criterion 'beauty' is not known. Known: "),
    ],
)
def test_what_cannot_be_is_an_error_of_one_line(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    done = explored(folder, "--trials", "9", *arguments)
    assert done.returncode == 1
    assert message in done.stderr.splitlines()[-1]
    assert done.stderr.splitlines()[-1].startswith("error: ")
