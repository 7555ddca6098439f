"""`hwcodesign explore`, as a user types it: a search, wishes, and a design of it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.data.digits import digits
from hwcodesign.design import load
from hwcodesign.exploration.queues import cycles_per_sample
from hwcodesign.search.exploring import VERIFIED
from tests.command_line import environment_of
from tests.marks import CAMPAIGN
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
DOCS = Path(__file__).resolve().parent.parent / "docs"
SEARCH = ("--criteria", "margin,none", "--drop", "0.1", "--json")


pytestmark = pytest.mark.usefixtures("warm")


def explored(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return called(folder, "explore", *arguments)


def called(folder: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return WARM[0].run(folder, (command, "tiny.py", *arguments), environment_of(folder, {}))


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
    best = listed[found["best"][0]]
    assert best["images_per_second"] == max(design["images_per_second"] for design in listed.values())
    assert len(listed) > 1
    done = explored(folder, "--build", str(best["number"]))
    assert done.returncode == 0, done.stderr
    built = load(folder / "build/tiny/explore/pynq-z2" / f"design{best['number']}")
    latencies = [exit_["latency"] / 100 for exit_ in built.manifest["cycles"]["exits"]]
    mean = sum(rate * latency for rate, latency in zip(best["exit_rate"], latencies, strict=True))
    assert best["mean_us"] == pytest.approx(mean, rel=1e-12)
    wished = best["images_per_second_wished"]
    assert built.manifest["settings"]["fit"] == ("board" if wished is None else f"images_per_second={wished:.12g}")


def test_a_board_that_a_file_describes_is_searched_and_built_for(folder: Path) -> None:
    example = (DOCS / "boards.md").read_text().split("```toml\n")[1].split("```")[0]
    (folder / "mine.toml").write_text(example)
    done = explored(folder, *SEARCH, "--board", "mine.toml", "--trials", "1")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["board"] == "my-board"
    done = explored(folder, "--board", "mine.toml", "--build", "0")
    assert done.returncode == 0, done.stderr
    assert load(folder / "build/tiny/explore/my-board/design0").board.part == "xc7z010clg400-1"


def test_what_if_asks_the_model_of_the_queues_for_a_design(folder: Path) -> None:
    """Charts are pictures, and come with their specifications."""
    found = json.loads((folder / "found.json").read_text())
    assert explored(folder, "--build", str(found["best"][0])).returncode == 0
    design = folder / "build/tiny/explore/pynq-z2" / f"design{found['best'][0]}"
    done = called(folder, "whatif", "--design", str(design), "--cascade", str(design), "--json")
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    built = load(design)
    stages, depth = Hardware.of(built.accelerator).reading_stages, built.accelerator.buffer_samples
    taken = built.run(digits().test.images[:60])["exit"].tolist()
    assert answers["orders"]["as they come"] == 1e8 / cycles_per_sample(stages, taken, depth)
    assert answers["attacked"]["0.0"] == answers["orders"]["as they come"]
    assert answers["splits"][-1]["per_second"] == answers["orders"]["as they come"]
    names = [Path(path).name for path in answers["charts"]]
    assert names == ["orders.svg", "depths.svg", "rates.svg", "attack.svg", "link.svg", "cascade.svg"]
    accuracy = (built.run(digits().test.images[:60])["label"] == digits().test.labels[:60]).mean()
    assert answers["accuracy"] == accuracy
    assert {one["accuracy"] for one in answers["cascades"]} == {answers["cascades"][0]["accuracy"]}, "it is the same"
    assert answers["cascade_lut"] == 2 * answers["lut"]
    for path in answers["charts"]:
        assert (folder / path).read_text().startswith("<svg")
        assert "var(" not in (folder / path).with_suffix(".vl.json").read_text()


def test_what_if_refuses_a_link_that_cannot_be(folder: Path) -> None:
    done = called(folder, "whatif", "--link", "100,5")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "error: link='100,5': give Mbit/s, milliseconds of delay, and images"
    )


def test_two_workers_search(folder: Path) -> None:
    """Each process has a part of the designs, of the same network."""
    done = explored(folder, *SEARCH, "--trials", "3", "--workers", "2", "--board", "zc706@21860")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["designs"]) > 0


def test_a_search_that_is_finished_says_the_same_again(folder: Path) -> None:
    done = explored(folder, *SEARCH, "--trials", "9")
    assert json.loads(done.stdout) == json.loads((folder / "found.json").read_text())


@CAMPAIGN
def test_several_boards_have_a_best_design_each(folder: Path) -> None:
    """A board on which no design meets the wishes says why; others have theirs."""
    boards = ("--board", "pynq-z2,zc706@21860,pynq-z2@300")
    done = explored(folder, *SEARCH, *boards, "--trials", "9", "--p99-us", "2")
    assert done.returncode == 0, done.stderr
    first, second, tiny = json.loads(done.stdout)["searches"]
    assert [first["board"], second["board"]] == ["pynq-z2", "zc706@21860"]
    assert second["best"]
    assert (tiny["best"], tiny["designs"]) == ([], [])
    lacks = r"it would take [\d,]+ LUT, [\d,]+ more than 85% of 300; .*: choose a larger board$"
    assert re.search(lacks, tiny["error"])
    listed = {design["number"]: design for design in second["designs"]}
    assert listed[second["best"][0]]["p99_us"] <= 2
    table = explored(folder, *SEARCH[:-1], *boards, "--trials", "9", "--p99-us", "0.001").stdout
    assert table.count("meets all wishes; the nearest, number ") == 2


@CAMPAIGN
def test_designs_are_built_and_measured(folder: Path) -> None:
    """Cycles are exact, and so are DSP blocks and block RAM; LUTs are estimated."""
    done = explored(folder, *SEARCH, "--trials", "9", "--best", "2", "--verify", "--images", "60", "--workers", "2")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [int(number) for number in found["verified"]] == found["best"]
    kept = json.loads((folder / "build/tiny/explore/pynq-z2" / VERIFIED).read_text())
    assert kept == found["verified"]
    for one in found["verified"].values():
        for pair in (*one["latency"], *one["interval"]):
            assert pair["predicted"] == pair["measured"]
        for name, least in (("stream_mean", 0.05), ("stream_p99", 0.10)):
            assert one[name]["predicted"] == pytest.approx(one[name]["measured"], rel=least)
        for name in ("dsp", "bram18"):
            assert one["resources"][name]["predicted"] == one["resources"][name]["measured"]
        luts = one["resources"]["lut"]
        assert luts["predicted"] == pytest.approx(luts["measured"], rel=0.2)


def test_a_table_is_for_people(folder: Path) -> None:
    done = explored(folder, *SEARCH[:-1], "--trials", "9")
    found = json.loads((folder / "found.json").read_text())
    assert f"--build {found['best'][0]} compiles number {found['best'][0]}" in done.stdout
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
        (("--by", "beauty"), "by='beauty' is not known. Known: accuracy, images_per_second, mean_us, share"),
        (("--build", "99"), "design 99 is none that was found; there are 0, "),
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
