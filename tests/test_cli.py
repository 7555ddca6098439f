"""The command line and the main job, as a user runs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hwcodesign.recipe_files import recipe_names
from hwcodesign.simulation.timeline_file import read_timeline
from hwcodesign.storage.files import claimed_folder
from tests.command_line import CACHE, environment_of
from tests.marks import CAMPAIGN
from tests.page_reading import embedded, in_javascript
from tests.tiny_design import with_runtime
from tests.warm_cli import WARM

RECIPE = """
import dataclasses
import hwcodesign as hw
DIGITS = hw.load_recipe("digits")
RECIPE = dataclasses.replace(
    DIGITS, name="quick", training=(hw.TrainingSettings(epochs=6, batch_size=50, learning_rate=0.02, seed=3),)
)
"""


pytestmark = pytest.mark.usefixtures("warm")
#: Verbs that write into the folder of the results.
_WRITING = ("run", "train", "fit", "compile", "deploy", "explore")


def hwcodesign(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return WARM[0].run(folder, arguments, environment_of(folder, environment))


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What a verb told of its work, and nobody else anything."""
    lines = done.stderr.splitlines()
    assert [line for line in lines if not line.startswith("· ")] == []
    return [line.removeprefix("· ") for line in lines]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the main job has run for a quickly trained recipe."""
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed: the main job compiles C++")
    folder = tmp_path_factory.mktemp("cli")
    (folder / "quick.py").write_text(RECIPE)
    with_runtime(folder / CACHE)
    done = hwcodesign(folder, "run", "quick.py")
    assert done.returncode == 0, done.stderr
    assert "All compared backends agree in every bit." in done.stdout
    assert said(done) == [
        "loading recipe quick.py",
        "checking that the network fits the hardware flow",
        "training on 1000 images",
        "fitting max_softmax on 397 images",
        "generating hardware sources for pynq-z2",
        "computing 400 images in Brevitas",
        "compiling the generated C++",
        "compiling the generated SystemVerilog, whole and stage by stage",
        *(
            line
            for on, label in (("software", "software (native)"), ("csim", "csim"))
            for line in (f"running 400 images on {label}", f"comparing every logit of {on}")
        ),
        "running 400 images on rtl, and comparing every logit",
        "computing every segment on software (native)",
        "fitting every criterion",
        "measuring cycles in RTL",
        "drawing",
    ]
    return folder


def test_run_leaves_a_report_whose_figures_are_those_of_the_records(finished: Path) -> None:
    report = json.loads((finished / "build/quick/report.json").read_text())
    assert {"early_exit", "last_exit"} <= set(report["accuracy"])
    assert sum(report["exit_rate"]) == pytest.approx(1.0)
    c, full = report["macs"]["at_exit"], report["macs"]["full"]
    macs = sum(rate * cost for rate, cost in zip(report["exit_rate"], c, strict=True)) / full
    assert report["macs_fraction"] == pytest.approx(macs)
    lines = {tuple(line["backends"]) for line in report["comparisons"]}
    assert lines == {("brevitas", "software"), ("brevitas", "csim"), ("brevitas", "rtl")}
    assert all(line["mismatches"] == 0 and line["values"] for line in report["comparisons"])
    some = ("records of every exit", "features, stage by stage, within", "logits, exit by exit, within")
    samples = {(line["what"].startswith(some), line["samples"]) for line in report["comparisons"]}
    assert samples == {(False, 400), (True, 256)}


def test_run_leaves_a_page_a_timeline_a_policy_and_the_sources(finished: Path) -> None:
    build = finished / "build/quick"
    page = (build / "report.html").read_text()
    assert len(page) < 5_000_000
    assert page.count("chart-accuracy_cost") == 1
    assert read_timeline(build / "timeline.json").totals() == read_timeline(build / "timeline.json").counters
    assert json.loads((build / "trace.json").read_text())["otherData"]["accelerator"] == "quick"
    assert json.loads((build / "policy.json").read_text())["criterion"] == "max_softmax"
    for project in ("stage0", "head2", "fork1", "buffer0", "decision2", "merge"):
        assert list((build / "design/vitis" / project).glob("*.tcl")), project


def test_figures_of_the_page_at_the_fitted_thresholds_are_those_of_the_report(finished: Path) -> None:
    build = finished / "build/quick"
    report, page = json.loads((build / "report.json").read_text()), (build / "report.html").read_text()
    data = embedded(page, "score-data")
    found = in_javascript("figures", data, data["codes"])
    assert found["test"]["accuracy"] == report["accuracy"]["early_exit"]
    assert found["test"]["rates"] == report["exit_rate"]
    assert found["test"]["cost"] == pytest.approx(report["macs_fraction"], rel=1e-12)
    assert found["least"] == pytest.approx(report["hardware"]["bound"], rel=1e-12)
    assert len(set(found["test"]["rates"])) == report["exits"] == 3


def test_two_runs_are_compared_and_what_differs_is_named(finished: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(finished / "build/quick", other, ignore=shutil.ignore_patterns("design", "training"))
    report = json.loads((other / "report.json").read_text())
    report["policy"]["thresholds"][0], report["name"] = 0.5, "<b>other"
    report["hardware"]["cycles_per_image"] *= 2
    (other / "report.json").write_text(json.dumps(report))
    found = json.loads(hwcodesign(finished, "compare", "quick", str(other), "--json").stdout)
    assert found["differences"] == {"threshold of exit 0": {"quick": "0.95", "<b>other": "0.5"}}
    cycles = [found["builds"][name]["cycles per image"] for name in ("quick", "<b>other")]
    assert cycles[1] == 2 * cycles[0]
    done = hwcodesign(finished, "compare", "quick", str(other))
    assert "(+100.0%)" in done.stdout
    assert "&lt;b&gt;other" in (finished / "build/comparison.html").read_text()
    done = hwcodesign(finished, "compare", "quick")
    assert (done.returncode, done.stderr.strip()) == (1, "error: give at least two builds to compare")
    assert "there is no report of nothing" in hwcodesign(finished, "compare", "quick", "nothing").stderr


def test_each_verb_does_its_part_on_what_the_last_left(finished: Path) -> None:
    for verb, key in (
        ("train", "fitting_accuracy"),
        ("fit", "thresholds"),
        ("compile", "projects"),
        ("report", "name"),
    ):
        done = hwcodesign(finished, verb, "quick.py", "--json")
        assert (done.returncode, done.stderr) == (0, "")
        assert key in json.loads(done.stdout)


def test_compile_says_what_a_design_takes_of_its_board(finished: Path) -> None:
    done = hwcodesign(finished, "compile", "quick.py")
    lines = done.stdout.splitlines()
    first, levels = (
        next(i for i, line in enumerate(lines) if line.startswith(f"Estimated, {how}"))
        for how in ("not synthesised", "by level")
    )
    table = lines[first : levels - 1]
    assert [line for line in table if line.startswith("  stage2: Conv2D_conv0 (conv2d) ")]
    assert table[-1].split() == ["pynq-z2", "has", "53,200", "106,400", "220", "140", "0"]
    result = json.loads(hwcodesign(finished, "compile", "quick.py", "--json").stdout)
    multipliers = [f"{level['taken']['multipliers']:,}" for level in result["levels"]]
    assert [line.split()[3] for line in lines[levels:] if line.strip().startswith("level ")] == multipliers
    estimate = result["estimate"]
    assert (estimate["estimated"], estimate["fits"]) == (True, True)
    assert f"{estimate['total']['lut']:,}" == table[-2].split()[2]
    assert abs(sum(part["lut"] for part in estimate["parts"]) - estimate["total"]["lut"]) < len(estimate["parts"])


SMALL_BOARD = """
from hwcodesign.designs.boards import BOARDS, Board, Processor
from hwcodesign.hardware.resources.figures import Resources
SMALL = Resources(lut=9_000, ff=10**6, dsp=10**6, bram18=10**6)
BOARDS["tiny"] = Board("tiny", "xc7s15ftgb196-1", 100.0, Processor.ZYNQ_7000, "example.com:tiny:part0:1.0", SMALL)
RECIPE = dataclasses.replace(RECIPE, compile=dataclasses.replace(RECIPE.compile, board="tiny"))
"""


def test_compile_refuses_a_board_that_is_too_small_unless_it_is_told_not_to(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "build", tmp_path / "build")
    (tmp_path / "quick.py").write_text(RECIPE + SMALL_BOARD)
    design = tmp_path / "build/quick/design/design.json"
    before = design.read_bytes()
    done = hwcodesign(tmp_path, "compile", "quick.py")
    assert done.returncode == 1
    assert "the design is estimated not to fit tiny (xc7s15ftgb196-1): LUT: " in done.stderr
    assert " too many; most by stage2: Conv2D_conv0 (conv2d) " in done.stderr
    assert "--oversize" in done.stderr
    assert design.read_bytes() == before
    done = hwcodesign(tmp_path, "compile", "quick.py", "--oversize")
    assert done.returncode == 0, done.stderr
    assert "DoesNotFitWarning" in done.stderr
    assert json.loads((tmp_path / "build/quick/design/design.json").read_text())["board"]["name"] == "tiny"


def test_thresholds_are_one_criterions_and_others_spend_what_they_cost(finished: Path, tmp_path: Path) -> None:
    report = json.loads((finished / "build/quick/report.json").read_text())
    assert report["policy"]["method"] == "given"
    assert {"cdln", "entropy", "margin", "max_softmax"} <= set(report["criteria"])
    shutil.copytree(finished / "build/quick/training", tmp_path / "build/quick/training")
    shutil.copy(finished / "quick.py", tmp_path)
    done = hwcodesign(tmp_path, "fit", "quick.py", "--criterion", "margin")
    assert done.returncode == 1
    assert "thresholds=(0.95, 0.95) are max_softmax's: ask margin for an accuracy drop or a budget" in done.stderr
    done = hwcodesign(tmp_path, "fit", "quick.py", "--criterion", "margin", "--budget", "0.3", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["method"] == "budget=0.3"


def test_simulate_gives_the_same_figures_on_every_backend(finished: Path) -> None:
    runs = [
        hwcodesign(finished, "simulate", "quick.py", "--on", on, "--json")
        for on in ("software", "csim", "rtl", "board-sim")
    ]
    assert [done.stderr for done in runs] == [""] * 4
    figures = [json.loads(done.stdout) for done in runs]
    assert [figure.pop("on") for figure in figures] == ["software (native)", "csim", "rtl", "board-sim"]
    assert all(figure == figures[0] for figure in figures)


def test_report_names_the_exit_to_use_alone_for_a_target(finished: Path) -> None:
    report = json.loads((finished / "build/quick/report.json").read_text())
    accuracy, exits = report["accuracy"]["each_exit"], report["hardware"]["exits"]
    deadlines = report["hardware"]["deadlines"]
    assert [d["cycles"] for d in deadlines] == [exit_["latency"] for exit_ in exits]
    assert deadlines[-1]["accuracy"] == report["accuracy"]["early_exit"]
    limit = str(exits[0]["latency"])
    done = hwcodesign(finished, "report", "quick.py", "--most-cycles", limit, "--json")
    assert json.loads(done.stdout) == {"exit": 0, "accuracy": accuracy[0], "cycles": exits[0]["latency"]}
    done = hwcodesign(finished, "report", "quick.py", "--least-accuracy", "0.01")
    assert done.stdout.startswith('mode="subnet", leave_at=0: ')
    done = hwcodesign(finished, "report", "quick.py", "--most-cycles", "1")
    assert done.returncode == 1
    assert "no exit alone meets the target of 1 cycles (the cheapest is exit 0" in done.stderr


def test_attack_makes_images_stay_and_tells_what_they_cost(finished: Path) -> None:
    arguments = ("attack", "quick.py", "--samples", "60", "--steps", "8", "--epsilon", "0.2")
    done = hwcodesign(finished, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["radius"], found["samples"], found["steps"], found["cycles_from"]) == (3, 60, 8, "rtl")
    clean, random, attacked = (found[name]["exit_rate"][0] for name in ("clean", "random", "per_sample"))
    assert attacked < min(clean, random)
    assert found["per_sample"]["cycles_per_image"] > found["clean"]["cycles_per_image"]
    done = hwcodesign(finished, *arguments)
    assert said(done) == ["loading recipe quick.py", "attacking 60 test images"]
    text = done.stdout
    assert f"{found['per_sample']['accuracy']:.2%}" in text
    assert "60 test images, changed by at most 0.2 (3 codes), 8 steps; simulated cycles per image" in text
    done = hwcodesign(finished, "attack", "quick.py", "--epsilon", "0.01")
    assert done.returncode == 1
    assert "epsilon=0.01 is less than 0.0625, a step of the input" in done.stderr


def test_simulate_on_auto_says_why_there_is_no_board_and_where_it_ran(finished: Path) -> None:
    done = hwcodesign(finished, "simulate", "quick.py", "--on", "auto", "--json")
    assert json.loads(done.stdout)["on"] == "software (native)"
    assert "on='auto' runs in software: " in done.stderr


def test_deploy_leaves_a_bundle_that_passes_its_own_test(finished: Path) -> None:
    done = hwcodesign(finished, "deploy", "quick.py", "--no-wheel", "--archive", "zip", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    assert result["folder"] == "build/quick/quick-pynq-z2"
    assert (finished / result["archive"]).is_file()
    assert not result["bitstream"]
    command = [sys.executable, "-m", "hwcodesign.runtime.selftest", result["folder"], "--on", "software"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    tested = subprocess.run(command, cwd=finished, env=environment, capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr


def test_deploy_runs_vivado_for_the_bitstream(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "build", tmp_path / "build")
    shutil.copy(finished / "quick.py", tmp_path)
    tools = tmp_path / "bin"
    tools.mkdir()
    # stands for the vendor's command: leaves a bitstream where the scripts leave one
    name = tmp_path / "build/quick/quick-pynq-z2/overlay/quick"
    (tools / "vivado").write_text("#!/bin/sh\nmkdir -p out\necho bits >out/quick.bit\ncp ../hand-off out/quick.hwh\n")
    (tools / "vivado").chmod(0o755)
    assert hwcodesign(tmp_path, "deploy", "quick.py", "--no-wheel").returncode == 0
    shutil.copy(name.with_suffix(".hwh"), tmp_path / "build/quick/hand-off")
    path = f"{tools}:{os.environ['PATH']}"
    done = hwcodesign(tmp_path, "deploy", "quick.py", "--no-wheel", "--vivado", PATH=path)
    assert done.returncode == 0, done.stderr
    assert "runs on the board and in software" in done.stdout
    assert name.with_suffix(".bit").read_text() == "bits\n"
    bundle = "writing the bundle build/quick/quick-pynq-z2"
    assert said(done) == ["loading recipe quick.py", "building the bitstream with Vivado: minutes to hours", bundle]


def test_fit_takes_another_request(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "build", tmp_path / "build")
    shutil.copy(finished / "quick.py", tmp_path)
    done = hwcodesign(tmp_path, "fit", "quick.py", "--criterion", "margin", "--budget", "0.3", "--json")
    fitted = json.loads(done.stdout)
    assert fitted["method"] == "budget=0.3"
    assert fitted["cost_fraction"] <= 0.3
    before = (tmp_path / "build/quick/policy.json").read_bytes()
    for budget, message in (
        ("0.01", "budget 0.01 of the full cost cannot be met"),
        ("7", "budget 7 of the full cost cannot be spent: the dearest exit costs 1."),
    ):
        done = hwcodesign(tmp_path, "fit", "quick.py", "--budget", budget)
        assert done.returncode == 1
        assert message in done.stderr
    assert (tmp_path / "build/quick/policy.json").read_bytes() == before


def test_a_fit_says_what_it_replaces_and_what_is_stale(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "build", tmp_path / "build")
    shutil.copy(finished / "quick.py", tmp_path)
    done = hwcodesign(tmp_path, "fit", "quick.py")
    assert done.stdout.count("\n") == 1, "the same policy again: nothing is replaced, nothing stale"
    done = hwcodesign(tmp_path, "fit", "quick.py", "--criterion", "margin", "--budget", "0.3")
    assert "this replaces the earlier policy max_softmax with thresholds [0.95, 0.95]" in done.stdout
    stale = "build/quick/design and build/quick/report.json; hwcodesign run quick.py generates them again"
    assert f"generated with another policy: {stale}" in done.stdout
    done = hwcodesign(tmp_path, "fit", "quick.py", "--criterion", "margin", "--budget", "0.3", "--json")
    found = json.loads(done.stdout)
    assert (found["replaces"], found["stale"]) == (False, ["build/quick/design", "build/quick/report.json"])
    assert hwcodesign(tmp_path, "compile", "quick.py").returncode == 0
    done = hwcodesign(tmp_path, "fit", "quick.py", "--criterion", "margin", "--budget", "0.3", "--json")
    assert json.loads(done.stdout)["stale"] == []


@pytest.mark.parametrize("verb", ["run", "train", "fit", "compile", "deploy"])
def test_two_verbs_that_write_one_folder_are_refused(verb: str, tmp_path: Path) -> None:
    (tmp_path / "quick.py").write_text(RECIPE)
    with claimed_folder(tmp_path / "build" / "quick"):
        done = hwcodesign(tmp_path, verb, "quick.py")
    assert done.returncode == 1
    assert "another process is writing build/quick: wait until it has ended, or choose another folder" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "nonsense"), f"recipe 'nonsense' is not known. Known: {', '.join(recipe_names())}"),
        (("run", "digts"), "recipe 'digts' is not known: did you mean 'digits'?"),
        (("report", "digts"), "recipe 'digts' is not known: did you mean 'digits'?"),
        (("run", "blenet"), "'blenet' may be blenet_fashion or blenet_mnist"),
        (("fit", "digits", "--criterion", "marginn"), "criterion 'marginn' is not known: did you mean 'margin'?"),
        (("simulate", "digits", "--on", "csm"), "on='csm' is not known: did you mean 'csim'?"),
        (("run", "missing.py"), "there is no recipe file missing.py"),
        (("run", "empty.py"), "exports no RECIPE"),
        (("run", "broken.py"), "ZeroDivisionError"),
        (("train", "blenet_mnist"), "set HWCODESIGN_DATA to the folder above it"),
        (("train", "blenet_mnist", "--data", "nowhere"), "there is no data set at nowhere/mnist"),
        (("compile", "digits"), "holds no finished training: run hwcodesign train digits first"),
        (("simulate", "digits"), "no design, build/digits/design does not exist: run hwcodesign compile digits first"),
        (("attack", "digits"), "no design, build/digits/design does not exist: run hwcodesign compile digits first"),
        (("attack", "digits", "--steps", "0"), "steps=0 is not a positive number"),
        (("report", "digits"), "report.json does not exist: run hwcodesign run digits first"),
        (("compile", "digits", "--build"), "building needs Vitis HLS"),
        (("deploy", "digits"), "no design, build/digits/design does not exist: run hwcodesign compile digits first"),
        (("deploy", "digits", "--vivado", "--bitstream", "a.bit"), "give only one of them"),
        # what only later steps need is refused before the first one
        *(((verb, "digits", "--out", "file"), "file cannot be written (File exists)") for verb in _WRITING),
        (("train", "digits", "--out", "/proc/x"), "/proc/x cannot be written (No such file or directory)"),
        (("train", "digits", "--device", "cuba"), "device='cuba' is none of torch's"),
        (("run", "blenet_mnist", "--data", "nowhere"), "there is no data set at nowhere/mnist"),
        (("explore", "blenet_mnist", "--data", "nowhere"), "there is no data set at nowhere/mnist"),
        (("explore", "digits", "--board", "pynq-z9"), "board 'pynq-z9' is not known: did you mean 'pynq-z"),
        (("explore", "digits", "--criteria", "margin,entropie"), "criterion 'entropie' is not known"),
        (("explore", "digits", "--by", "speed"), "'speed' is not known. Known: accuracy, images_per_second"),
        (("explore", "digits", "--share", "-1"), "share=-1"),
        (("explore", "digits", "--build", "7"), "holds no finished training: run hwcodesign train digits first"),
        (("compile", "digits", "--resources", "--timeout", "0"), "timeout 0: give the time limit of synthesis"),
        (("compile", "digits", "--fit", "fast"), "fit 'fast' is neither 'board' nor"),
        (("compile", "vitis.py", "--resources"), "need RTL, which backend='vitis' does not write"),
        (("deploy", "digits", "--bitstream", "a.bit"), "there is no a.bit: put the .bit and the .hwh into one folder"),
        (("deploy", "digits", "--archive", "rar"), "archive 'rar' is not known"),
        (("simulate", "digits", "--on", "board"), "PYNQ finds no board"),
        (("simulate", "digits", "--waves", "a.vcd"), "cannot be used with --on csim: use --on rtl"),
        (("simulate", "digits", "--on", "rtl", "--waves", "a.lxt"), "format '.lxt' of wave file a.lxt is not known"),
        (("simulate", "digits", "--on", "rtl", "--waves", "file/a.vcd"), "file cannot be written (File exists)"),
        (("attack", "digits", "--epsilon", "0"), "epsilon=0"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "file").write_text("")
    vitis = "RECIPE = dataclasses.replace(RECIPE, compile=hw.CompileSettings(backend='vitis'))\n"
    (tmp_path / "vitis.py").write_text(RECIPE + vitis)
    done = hwcodesign(tmp_path, *arguments, HWCODESIGN_DATA="")
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "build").exists() or not any((tmp_path / "build").rglob("*.json"))


@CAMPAIGN
def test_a_budget_that_only_some_criteria_can_meet_still_gives_a_report(finished: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(finished, tmp_path / "budget"))  # trained already, and most of it compiled
    (folder / "quick.py").write_text(RECIPE + "policy = hw.PolicyRequest(budget=0.2)\n"
        "settings = hw.CompileSettings(backend='vitis')\n"
        "RECIPE = dataclasses.replace(RECIPE, policy=policy, compile=settings)\n")  # fmt: skip
    done = hwcodesign(folder, "run", "quick.py", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert sorted(report["criteria"]) == ["cdln", "eenet", "entropy", "margin", "max_softmax"]
    assert sorted(report["left_out"]) == ["gate", "patience"]
    assert report["left_out"]["patience"].startswith("budget 0.2 of the full cost cannot be met")
    assert "MultiExitNetwork(..., gates=True)" in report["left_out"]["gate"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "policy=hw.PolicyRequest('margin', budget=0.5, calibrate=True)",
            "temperature of a softmax, and margin looks at",
        ),
        ("policy=hw.PolicyRequest('eenet', budget=0.5, class_thresholds=True)", "eenet has no thresholds by class"),
        ("policy=hw.PolicyRequest(budget=7)", "budget 7 of the full cost cannot be spent: the dearest exit costs 1.0"),
        ("policy=hw.PolicyRequest(accuracy_drop=1.5)", "accuracy_drop 1.5 is not in 0..1"),
        ("policy=hw.PolicyRequest(accuracy_drop=0.1, confidence=2)", "confidence 2 goes with accuracy_drop"),
        ("policy=hw.PolicyRequest(budget=0.5, thresholds=(1, 1))", "give exactly one of accuracy_drop, budget and"),
        ("policy=hw.PolicyRequest(thresholds=(0.5,))", "1 thresholds for 3 exits"),
        ("policy=hw.PolicyRequest(thresholds=(0.5, 1.5))", "threshold 1.5 is outside max_softmax's range 0 to 1"),
        ("compile=hw.CompileSettings(buffer_samples=0)", "buffer_samples=0: a conditional buffer holds one whole"),
        ("compile=hw.CompileSettings(backend='verilog')", "backend 'verilog' is not known. Known: streamrtl, vitis"),
        ("compile=hw.CompileSettings(board='de10')", "board 'de10' is not known"),
    ],
)
def test_what_later_steps_would_refuse_is_refused_before_training(tmp_path: Path, change: str, message: str) -> None:
    (tmp_path / "bad.py").write_text(f"{RECIPE}\nRECIPE = dataclasses.replace(RECIPE, {change})\n")
    done = hwcodesign(tmp_path, "run", "bad.py")
    assert done.returncode == 1
    assert message in done.stderr
    assert not (tmp_path / "build" / "quick" / "training").exists()


def test_a_damaged_report_is_refused(finished: Path, tmp_path: Path) -> None:
    shutil.copy(finished / "quick.py", tmp_path)
    path = tmp_path / "build/quick/report.json"
    path.parent.mkdir(parents=True)
    for text, message in (
        ("{", "is not JSON"),
        ("{}", "is not a report"),
        ('{"comparisons": []}', "report version null, not 3: run the recipe again"),
        ('{"comparisons": [], "report_version": 1}', "report version 1, not 3: run the recipe again"),
    ):
        path.write_text(text)
        done = hwcodesign(tmp_path, "report", "quick.py")
        assert done.returncode == 1
        assert message in done.stderr


def test_build_runs_every_project_with_the_vitis_on_path_and_stops_where_one_fails(
    finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished / "build", tmp_path / "build")
    shutil.copy(finished / "quick.py", tmp_path)
    tools = tmp_path / "bin"
    tools.mkdir()
    log = tmp_path / "calls"
    # stands for the vendor's command: records how it was called, and fails where a file says so
    (tools / "vitis-run").write_text(f'#!/bin/sh\necho "$(basename "$PWD") $*" >>{log}\necho working\ntest ! -e fail\n')
    (tools / "vitis-run").chmod(0o755)
    path = f"{tools}:{os.environ['PATH']}"
    done = hwcodesign(tmp_path, "compile", "quick.py", "--build", PATH=path)
    assert done.returncode == 0, done.stderr
    calls = log.read_text().splitlines()
    assert len(calls) == 14
    assert "stage0 --mode hls --tcl build_prj.tcl" in calls
    assert "decision1 --mode hls --tcl build_block.tcl" in calls
    assert said(done)[-1] == "building with Vitis HLS"
    (tools / "vitis-run").write_text("#!/bin/sh\necho out of licences\nexit 3\n")
    done = hwcodesign(tmp_path, "compile", "quick.py", "--build", PATH=path)
    assert done.returncode == 1
    assert "Vitis failed on stage0 with status 3" in done.stderr
    assert "out of licences" in done.stderr
