"""A design's folder may have any name that the tools take; others are refused before anything is written."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import hwcodesign as hw
from hwcodesign.deployment.bundle import write_bundle
from hwcodesign.deployment.vivado import write_vivado
from hwcodesign.errors import SettingsError
from hwcodesign.interface.records import RECORD_DTYPE
from tests.command_line import hwcodesign
from tests.tiny_design import IMAGES, compiled


@pytest.mark.parametrize("name", ["a b  c", "a[/b]c[red]", "Ünïcödé 网络", "a'b;c&d%#"])
def test_a_design_of_any_usual_name_works_everywhere(name: str, tmp_path: Path) -> None:
    compiled(tmp_path / name / "design")
    design = hw.load(tmp_path / name / "design")
    expected = design.run(IMAGES, on="software")
    fields = [field for field in RECORD_DTYPE.names or () if field != "cycles"]
    for on in ("csim", "rtl"):
        assert all(np.array_equal(design.run(IMAGES, on=on)[field], expected[field]) for field in fields)


@pytest.mark.parametrize("name", ["a$HOME", 'a"b', "a\nb", "a`b`", "a\\b", "a\tb"])
def test_a_name_that_simulators_read_otherwise_is_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^the path '.*' has the character '.*', which .*: choose a folder"):
        compiled(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_design_that_was_moved_to_such_a_name_runs_all_the_same(tmp_path: Path) -> None:
    """What is compiled is a copy elsewhere."""
    compiled(tmp_path / "design")
    shutil.move(tmp_path / "design", tmp_path / 'a$HOME"`b')
    design = hw.load(tmp_path / 'a$HOME"`b')
    assert len(design.run(IMAGES, on="csim")) == len(design.run(IMAGES, on="rtl")) == len(IMAGES)


def test_a_cache_under_such_a_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled(tmp_path / "design")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a$HOME"))
    with pytest.raises(SettingsError, match=r"a\$HOME/hwcodesign' has the character '\$', which tools treat"):
        hw.load(tmp_path / "design").run(IMAGES, on="rtl")


@pytest.mark.parametrize("name", ["a[/b]c[red]", "a'b;c&d%#"])
def test_bundle_and_vivado_project_lie_anywhere(name: str, tmp_path: Path) -> None:
    design = compiled(tmp_path / name / "design")
    images = IMAGES.astype(np.float64)
    write_bundle(design, design.accelerator.input_format.decode(images), tmp_path / name / "bundle", wheel=False)
    with hw.ProgressiveAccelerator(tmp_path / name / "bundle", on="software") as accelerator:
        assert len(accelerator.run(IMAGES)) == len(IMAGES)
    write_vivado(design, tmp_path / name / "vivado")
    assert (tmp_path / name / "vivado" / "build.tcl").is_file()


def test_the_command_line_prints_a_path_with_brackets_as_it_is(tmp_path: Path) -> None:
    done = hwcodesign(tmp_path, "report", "digits", "--out", "a[/b]c[red]")
    assert done.returncode == 1
    assert "a[/b]c[red]" in done.stderr
    assert "Traceback" not in done.stderr
