"""A criterion of one's own: the files that docs/own_criterion.md shows run everywhere, and from a bundle."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

from hwcodesign.errors import DesignError, PolicyError
from hwcodesign.fitting.network import fit_policy
from hwcodesign.fitting.request import PolicyRequest
from hwcodesign.policies import CRITERIA, Criterion, register_criterion
from hwcodesign.policies.own_criteria import FOLDER, load_criterion
from hwcodesign.storage.fields import Field
from hwcodesign.storage.files import sha256
from hwcodesign.tools.verilator import find_verilator
from tests.command_line import environment_of
from tests.marks import CAMPAIGN
from tests.warm_cli import WARM

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "own_criterion.md"
RTL = ROOT / "rtl_sim" / "rtl"


#: The files that the page shows, by their titles.
FILES: dict[str, str] = dict(re.findall(r'```\S+ title="([^"]+)"\n(.*?)```', PAGE.read_text(), re.DOTALL))
CRITERION, REQUEST = FILES["leading.py, first part"], FILES["leading.py, second part"]
RECIPE = CRITERION + REQUEST
SCORE_MODULE, HEADER = FILES["score_lead.sv"], FILES["lead.h"]
#: Decides with another criterion of the page, on logits in folds of three, the last with two lanes behind the last
#: class, and all ten at once: behind heads of four beats and of one.
SPREADING = """
import torch

import hwcodesign as hw
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.images import encode_images
from hwcodesign.simulation.measurement import measure_exits
from leading import data, head, layers, nn, P
from spread import Spread

torch.manual_seed(1)
shallow = nn.Sequential(layers.conv2d(1, 2, 5, stride=2, precision=P), layers.relu(precision=P))
deep = nn.Sequential(layers.conv2d(2, 3, 2, precision=P), layers.relu(precision=P))
network = hw.MultiExitNetwork(
    [shallow, deep], [head(8), head(3)], input_format=hw.data.digits.INPUT_FORMAT, input_shape=(1, 8, 8)
)
samples = data()
hw.train(network, samples, hw.TrainingSettings(epochs=4, batch_size=50, seed=3))
fitting = samples.fitting
policy = hw.fit_policy(network, (fitting.images, fitting.labels), criterion=Spread(), thresholds=(145.0,))
design = hw.compile(network, policy, out="design")
assert [unit.per_cycle for unit in Hardware.of(design.accelerator).decisions] == [3, 10]
images = samples.test.images
same = [design.run(images, on=on) for on in ("software", "csim", "rtl")]
said = [[r[field].tolist() for field in ("sample_id", "score", "label", "exit")] for r in same]
assert all(own == said[0] for own in said), said
assert set(said[0][3]) == {0, 1} and len(set(said[0][1])) > 5, said[0][1]
codes = encode_images(images[:1], design.accelerator.input_format, design.accelerator.input_shape)
for own in measure_exits(design.rtl, design.manifest["cycles"], codes):
    assert own.latency[0] == own.latency[1] and own.interval[0] == own.interval[1], own
print("alike")
"""


pytestmark = pytest.mark.usefixtures("warm")


def hwcodesign(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return WARM[0].run(folder, arguments, environment_of(folder, {}))


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def test_it_runs_in_software_in_both_simulations_on_the_board_in_reports_and_from_its_bundle(tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed: the main job compiles C++")
    (tmp_path / "leading.py").write_text(RECIPE)
    missing = hwcodesign(tmp_path, "run", "leading.py")
    assert missing.returncode == 1
    assert f"there is no {tmp_path / 'score_lead.sv'} beside it" in missing.stderr
    (tmp_path / "score_lead.sv").write_text(SCORE_MODULE)
    (tmp_path / "lead.h").write_text(HEADER)

    done = hwcodesign(tmp_path, "run", "leading.py")
    assert done.returncode == 0, done.stderr
    assert "All compared backends agree in every bit." in done.stdout  # Brevitas, software, csim, rtl
    report = json.loads((tmp_path / "build" / "leading" / "report.json").read_text())
    assert report["policy"]["criterion"] == "lead"
    assert {"lead", "margin"} <= set(report["criteria"])
    policy = json.loads((tmp_path / "build" / "leading" / "design" / "policy.json").read_text())
    assert policy["parameters"] == {"bounds": [9, 9]}
    rates = report["exit_rate"]
    assert min(rates) > 0, "samples leave at each exit"

    deployed = hwcodesign(tmp_path, "deploy", "leading.py", "--no-wheel")
    assert deployed.returncode == 0, deployed.stderr
    bundle = tmp_path / "build" / "leading" / "leading-pynq-z2"
    moved = tmp_path / "elsewhere"
    shutil.copytree(bundle, moved)
    for path in (tmp_path / "leading.py", tmp_path / "score_lead.sv", tmp_path / "lead.h"):
        path.unlink()
    unknown = python(tmp_path, "-c", f"import hwcodesign as hw; hw.load({str(moved)!r})")
    assert "DesignError" in unknown.stderr
    for said in ("criterion 'lead', which does not come with hwcodesign", "leading.py", "hwcodesign.load_criterion("):
        assert said in unknown.stderr
    tested = python(moved, "-m", "hwcodesign.runtime.selftest", ".")
    assert tested.returncode == 0, tested.stderr
    assert "on software (native), all as they should be" in tested.stdout

    design = tmp_path / "build" / "leading" / "design"
    simulated = python(
        tmp_path, "-c",
        "import numpy as np, hwcodesign as hw\n"
        f"hw.load_criterion({str(design)!r})\n"
        f"design = hw.load({str(design)!r})\n"
        "images = np.random.default_rng(0).integers(0, 16, (40, 1, 8, 8))\n"
        "same = [design.run(images, on=on) for on in ('software', 'csim', 'rtl', 'board-sim')]\n"
        "said = [[r[field].tolist() for field in ('sample_id', 'score', 'label', 'exit')] for r in same]\n"
        "assert all(own == said[0] for own in said), said\n"
        "print('alike')",
    )  # fmt: skip
    assert simulated.stdout == "alike\n", simulated.stderr

    (tmp_path / "leading.py").write_text(RECIPE.replace("ordered[:, -2]", "ordered[:, -3]"))
    other = python(tmp_path, "-c", f"import leading, hwcodesign as hw; hw.load({str(design)!r})")
    assert "from which it is registered, is another file or has changed since: compile the design" in other.stderr

    (moved / "criterion" / "leading.py").write_text("raise SystemExit('executed')")
    altered = python(tmp_path, "-c", f"import hwcodesign as hw; hw.load_criterion({str(moved)!r})")
    assert "leading.py is missing or was altered: compile the design again" in altered.stderr


@pytest.mark.parametrize("name", ["lead", "spread"])
def test_its_module_is_free_of_warnings_whatever_its_folds_are(name: str, tmp_path: Path) -> None:
    source = tmp_path / f"score_{name}.sv"
    source.write_text(FILES[source.name])
    tool = find_verilator()
    for per_cycle in (1, 3, 10):
        command = [str(tool.folder / "verilator"), "--lint-only", "-Wall", f"-GPerCycle={per_cycle}", f"-I{RTL}"]
        command += ["--top-module", source.stem, *map(str, (RTL / "verilator.vlt", RTL / "hwc_pkg.sv", source))]
        done = subprocess.run(command, capture_output=True, text=True, env=tool.environment, check=False)
        assert done.returncode == 0, done.stderr


@CAMPAIGN
def test_one_that_reads_every_logit_gives_the_same_scores_everywhere_in_the_cycles_that_it_says(
    tmp_path: Path,
) -> None:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed: the C simulation is compiled")
    for name in ("spread.py", "score_spread.sv", "spread.h"):
        (tmp_path / name).write_text(FILES[name])
    (tmp_path / "leading.py").write_text(RECIPE)
    done = python(tmp_path, "-c", SPREADING)
    assert done.stdout == "alike\n", done.stderr


def test_a_recipe_imports_a_criterion_from_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "leads.py").write_text(CRITERION)
    recipe = tmp_path / "leading.py"
    recipe.write_text(f"from leads import Lead\n{REQUEST}")
    asked = (
        "import sys, hwcodesign as hw\n"
        "from hwcodesign.policies.own_criteria import files_of\n"
        f"hw.load_recipe({str(recipe)!r})\n"
        f"print(files_of('lead').python, {str(tmp_path)!r} in sys.path)"
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = python(elsewhere, "-c", asked)
    assert done.stdout == f"{tmp_path / 'leads.py'} False\n", done.stderr


def test_a_name_that_is_taken_or_none_and_a_setting_without_a_default_are_refused() -> None:
    known = dict(CRITERIA)

    class Margin(Criterion[None]):
        name = "margin"

    class Spaced(Criterion[None]):
        name = "a b"

    class Asking(Criterion[None]):
        name = "asking"

        def __init__(self, bound: int) -> None:
            self.bound = bound

    with pytest.raises(PolicyError, match=r"there is a criterion 'margin' already, of .*margin\.py: give yours"):
        register_criterion(Margin)
    with pytest.raises(PolicyError, match="criterion name 'a b' is no name of files and modules: use a-z, 0-9 and _"):
        register_criterion(Spaced)
    with pytest.raises(PolicyError, match=r"criterion 'asking' cannot be asked for by its name alone: .*'bound'"):
        register_criterion(Asking)
    assert known == CRITERIA


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nothing_of_the_kind", "needs nothing_of_the_kind, which is not installed here: install it; or define"),
        ("1 / 0", r"executing .*leap\.py failed: ZeroDivisionError"),
        ("", r"leap\.py registers no criterion 'leap': compile the design again"),
    ],
)
def test_a_copy_that_cannot_be_executed_or_is_no_criterion_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "leap.py").write_text(text)
    stored = {"name": "leap", "defined_in": "leap.py", "sha256": {"leap.py": sha256(text.encode())}}
    with pytest.raises(DesignError, match=message):
        load_criterion(tmp_path, Field(stored, "criterion"))


def test_a_request_is_given_whole_or_in_its_fields() -> None:
    request = PolicyRequest("margin", thresholds=(1.0,))
    with pytest.raises(PolicyError, match="give a request, or its fields budget, not both"):
        fit_policy(None, None, request, budget=0.5)  # type: ignore[arg-type]
    assert PolicyRequest.asked(criterion="margin", thresholds=[1.0]) == request
    with pytest.raises(PolicyError, match=r"setting 'budgit' of a policy is not known: did you mean 'budget'\?"):
        PolicyRequest.asked(budgit=0.5)
