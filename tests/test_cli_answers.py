"""What the command line says at once: its version, what is installed, which recipes there are; and on a terminal."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

import hwcodesign as hw
from hwcodesign.cli import installation
from hwcodesign.errors import MissingExtraError
from hwcodesign.recipe_files import recipe_names
from tests.command_line import hwcodesign

ROOT = Path(__file__).resolve().parent.parent


def test_version(tmp_path: Path) -> None:
    done = hwcodesign(tmp_path, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"hwcodesign {hw.__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [(("runn", "digits"), "Did you mean 'run'?"), (("run", "digits", "--quite"), "--quiet")],
)
def test_a_mistyped_verb_or_option_is_told_what_was_probably_meant(
    tmp_path: Path, arguments: tuple[str, ...], meant: str
) -> None:
    done = hwcodesign(tmp_path, *arguments)
    assert done.returncode == 2
    assert meant in done.stderr


def test_quiet_and_verbose_stand_before_a_verb_or_behind_it(tmp_path: Path) -> None:
    # between them there may be warnings, which --verbose shows
    begins, ends = "· checking this installation\n", r"(?s:.*)  checking this installation: \d+\.\d s\n"
    for arguments, expected in (
        (("doctor",), begins),
        (("-v", "doctor"), begins + ends),
        (("doctor", "--verbose"), begins + ends),
        (("--quiet", "doctor"), ""),
        (("doctor", "-q"), ""),
        (("doctor", "-v", "--json"), ""),
    ):
        told = hwcodesign(tmp_path, *arguments).stderr
        assert re.fullmatch(expected, told), (arguments, told)


def test_recipes_names_all_with_their_data_and_first_sentence(tmp_path: Path) -> None:
    listed = json.loads(hwcodesign(tmp_path, "recipes", "--json").stdout)
    assert list(listed) == recipe_names()
    assert listed["digits_lenet"] == {
        "about": "A small LeNet with three exits for scikit-learn's 8x8 digits: the default recipe.",
        "data": "digits",
        "path": str(ROOT / "models/digits_lenet.py"),
    }
    table = hwcodesign(tmp_path, "recipes").stdout
    assert [name for name in recipe_names() if name not in table] == []
    assert str(ROOT / "models") in table


def test_doctor_says_which_routes_work(tmp_path: Path) -> None:
    done = hwcodesign(tmp_path, "doctor", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert found["hwcodesign"] == hw.__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    torch = next(package for package in found["extras"]["design"] if package["name"] == "torch")
    assert torch["fits"]
    assert torch["version"]
    assert found["routes"]["software"] == {"works": True, "problem": None}
    assert found["routes"]["train, fit, compile"]["works"]
    assert not found["routes"]["board"]["works"]
    assert found["tools"]["g++"] == shutil.which("g++")


def test_doctor_says_what_to_install_for_the_others(tmp_path: Path) -> None:
    done = hwcodesign(tmp_path, "doctor", "--json", PATH=str(tmp_path))
    found = json.loads(done.stdout)
    assert done.returncode == 0  # designs run in software all the same
    problems = {name: route["problem"] for name, route in found["routes"].items() if not route["works"]}
    assert {"csim", "rtl", "board-sim", "compile --build", "deploy --vivado"} <= set(problems)
    assert "apt install g++" in problems["csim"]
    assert "apt install g++" in problems["rtl"]
    assert "settings64.sh" in problems["compile --build"]
    assert "g++ is not installed" in problems["waves in FST files"]
    assert found["tools"]["g++"] is None
    text = hwcodesign(tmp_path, "doctor", PATH=str(tmp_path), COLUMNS="200").stdout
    assert re.search(r"csim +on='csim' needs g\+\+ \(Debian and Ubuntu: apt install g\+\+\)", text)
    assert re.search(r"software +works", text)


def test_doctor_says_where_what_is_compiled_cannot_be_kept(tmp_path: Path) -> None:
    cache = tmp_path / "hwcodesign"
    cache.mkdir()
    cache.chmod(0o777)
    done = hwcodesign(tmp_path, "doctor", "--json", XDG_CACHE_HOME=str(tmp_path))
    problems = {name: route["problem"] for name, route in json.loads(done.stdout)["routes"].items()}
    for route in ("csim", "rtl", "board-sim"):
        assert problems[route].startswith(f"{cache} can be written by other users")
    assert problems["software"] is None


def test_an_extra_is_complete_with_fitting_versions_of_all_of_its_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = tmp_path / "hwcodesign-9.dist-info" / "METADATA"
    metadata.parent.mkdir()
    lines = [
        "Metadata-Version: 2.3",
        "Name: hwcodesign",
        "Version: 9",
        *(f"Provides-Extra: {name}" for name in ("whole", "old", "absent", "both")),
        'Requires-Dist: numpy>=1; extra == "whole"',
        'Requires-Dist: numpy<1; extra == "old"',
        'Requires-Dist: no-such-package-of-hwcodesign; extra == "absent"',
        'Requires-Dist: unneeded; python_version < "3" and extra == "absent"',
        'Requires-Dist: hwcodesign[old,whole]; extra == "both"',
    ]
    metadata.write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    installation.require_extra("whole")
    for extra, package in (("old", "numpy"), ("absent", "no-such-package-of-hwcodesign"), ("both", "numpy")):
        with pytest.raises(MissingExtraError, match=rf"^{package} missing or .*: pip install 'hwcodesign\[{extra}\]'$"):
            installation.require_extra(extra)
    names = {name: [package.name for package in packages] for name, packages in installation.extras().items()}
    assert names == {
        "whole": ["numpy"],
        "old": ["numpy"],
        "absent": ["no-such-package-of-hwcodesign"],
        "both": ["numpy", "numpy"],
    }


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("recipes",), ("doctor",), ("report", "digits"), ("report", "mine.py")]
)
def test_what_needs_no_network_imports_no_pytorch(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "mine.py").write_text("raise SystemExit  # not executed\nRECIPE = hw.Recipe(name='mine')\n")
    for name in ("digits", "mine"):
        report = tmp_path / "build" / name / "report.json"
        report.parent.mkdir(parents=True)
        report.write_text('{"comparisons": [], "report_version": 3}')
    json_option = ["--json"] if arguments[0] == "report" else []
    command = [sys.executable, "-X", "importtime", "-m", "hwcodesign.cli", *arguments, *json_option]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "hwcodesign.cli.program" in imported
    assert imported & {"torch", "brevitas", "hls4ml", "onnx", "sklearn", "vl_convert"} == set()


def test_importing_and_training_say_nothing_that_a_user_cannot_act_on(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import hwcodesign as hw\n"
        "hw.compile, hw.load, hw.MultiExitNetwork\n"
        "recipe = hw.load_recipe('digits')\n"
        "hw.train(recipe.build(), recipe.data(), epochs=1, batch_size=500)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, str(script)], env=env, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_a_terminal_shows_bars_and_keeps_plain_lines(tmp_path: Path) -> None:
    command = ["-m", "hwcodesign.cli", "doctor"]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    child = pexpect.spawn(
        sys.executable, command, cwd=str(tmp_path), env=env, encoding="utf-8", timeout=120, dimensions=(40, 80)
    )
    child.expect(pexpect.EOF)
    sent = str(child.before)
    spinning = sent.index("checking this installation")
    erased = sent.index("\x1b[2K", spinning)
    kept = sent.index("checking this installation", erased)
    assert re.search("[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]", sent[spinning:erased])
    assert sent.index("software", kept) > kept
