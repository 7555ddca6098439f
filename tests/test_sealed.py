"""What a design compiles, runs and loads is what was generated: sources are held to their hashes first."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

from hwcodesign.data import Dataset
from hwcodesign.deployment.vivado import write_vivado
from hwcodesign.design import Design, load
from hwcodesign.designs.stored import MANIFEST, SOURCES
from hwcodesign.errors import DesignError
from hwcodesign.storage.cache import cache_folder
from hwcodesign.storage.files import sha256_file
from hwcodesign.storage.sealed import SealedFiles
from hwcodesign.synthesis.accelerator import accelerator_resources
from tests.marks import CAMPAIGN
from tests.sealing import seal_design, seal_list
from tests.tiny_design import with_runtime

#: C++ and SystemVerilog that write a file when they run.
PLANTED_CPP = """
#include <cstdio>
#include <cstdlib>
static int planted = [] { FILE *f = fopen(getenv("HWC_PLANTED"), "w"); fclose(f); return 0; }();
"""


@pytest.fixture
def copied(compiled_design: Design, tmp_path: Path) -> Path:
    """A copy of the design's folder, to harm."""
    return Path(shutil.copytree(compiled_design.folder, tmp_path / "copied"))


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that planted code would write."""
    monkeypatch.setenv("HWC_PLANTED", str(tmp_path / "planted"))
    return tmp_path / "planted"


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory: pytest.TempPathFactory, compiled_design: Design) -> Path:
    """A cache in which nothing is but what these tests compile, and the C++ of segments, which they leave alone."""
    _ = compiled_design.csim
    cache = with_runtime(tmp_path_factory.mktemp("cache"))
    for segment in compiled_design.accelerator.segments:
        for kept in cache_folder().glob(f"{segment.name}-object-*"):
            shutil.copytree(kept, cache / "hwcodesign" / kept.name)
    return cache


@pytest.fixture
def cache(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, in use."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(own_cache))
    return own_cache


@pytest.fixture(scope="module")
def images(digits_data: Dataset) -> np.ndarray[Any, Any]:
    return digits_data.test.images[:3]


def test_every_file_but_the_data_is_under_the_seal(compiled_design: Design) -> None:
    sealed = compiled_design.sources
    there = {str(path.relative_to(sealed.folder)) for path in sealed.folder.rglob("*") if path.is_file()}
    assert there - set(sealed.digests) == {MANIFEST, SOURCES, "weights.npz", "policy.json"}
    kinds = {Path(name).suffix for name in sealed.digests}
    assert {".cpp", ".h", ".sv", ".hex", ".tcl", ".sh", ".onnx"} <= kinds
    assert sealed.digests["csim/accelerator.cpp"] == sha256_file(sealed.folder / "csim" / "accelerator.cpp")


@pytest.mark.parametrize(
    ("name", "on"),
    [
        ("csim/accelerator.cpp", "csim"),
        ("vitis/stage0/firmware/stage0.cpp", "csim"),
        ("vitis/stage0/firmware/ap_types/ap_fixed.h", "csim"),
        ("vitis/hls/exit_decision.h", "csim"),
        ("rtl/simulation/model.h", "rtl"),
    ],
)
def test_planted_cpp_is_refused_before_it_is_compiled(
    name: str, on: str, copied: Path, planted: Path, images: np.ndarray[Any, Any]
) -> None:
    path = copied / name
    path.write_text(PLANTED_CPP + path.read_text())
    with pytest.raises(DesignError, match=rf"{path} is not as it was written: compile the design again"):
        load(copied).run(images, on)
    assert not planted.exists()


def test_that_very_code_would_run_if_it_were_compiled(
    copied: Path, planted: Path, images: np.ndarray[Any, Any]
) -> None:
    """Else the tests above could not fail. Whoever changes the hashes with it is trusted like a program."""
    path = copied / "csim" / "accelerator.cpp"
    path.write_text(PLANTED_CPP + path.read_text())
    seal_design(copied)
    load(copied).run(images, "csim")
    assert planted.exists()


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("rtl/library/requantise.sv", lambda design, images: design.run(images, "rtl")),
        ("rtl/roms", lambda design, images: design.run(images, "rtl")),
        ("rtl/manifest.json", lambda design, images: design.run(images, "board-sim")),
        ("rtl/library/requantise.sv", lambda design, _: accelerator_resources(design)),
        ("rtl/roms", lambda design, _: write_vivado(design, design.folder.parent / "vivado")),
    ],
)
def test_an_altered_module_or_rom_is_refused_by_all_that_read_it(
    name: str, use: Callable[[Design, Any], object], copied: Path, images: np.ndarray[Any, Any]
) -> None:
    path = copied / name
    path = min(path.glob("*.hex")) if path.is_dir() else path
    text = path.read_text()
    path.write_text(text.replace("0", "1", 1) if path.suffix == ".hex" else text + "\n")
    with pytest.raises(DesignError, match=rf"{path} is not as it was written"):
        use(load(copied), images)


def test_a_missing_source_is_named(copied: Path, images: np.ndarray[Any, Any]) -> None:
    (copied / "csim" / "accelerator.cpp").unlink()
    with pytest.raises(DesignError, match=r"accelerator.cpp is missing: compile the design again"):
        load(copied).run(images, "csim")


def test_an_altered_list_of_hashes_is_refused(copied: Path, planted: Path, images: np.ndarray[Any, Any]) -> None:
    path = copied / "csim" / "accelerator.cpp"
    path.write_text(PLANTED_CPP + path.read_text())
    listed = json.loads((copied / SOURCES).read_text())
    listed["csim/accelerator.cpp"] = sha256_file(path)
    (copied / SOURCES).write_text(json.dumps(listed))
    with pytest.raises(DesignError, match=rf"{copied / SOURCES} was altered: compile the design again"):
        load(copied).run(images, "csim")
    assert not planted.exists()


@pytest.mark.parametrize(
    "listed",
    ["[]", '{"a": 1}', '{"../../escape": "%s"}' % ("0" * 64), '{"/etc/passwd": "%s"}' % ("0" * 64), '{"a": "0"}'],
)
def test_a_list_that_no_design_has_is_refused(listed: str, copied: Path) -> None:
    (copied / SOURCES).write_text(listed)
    seal_list(copied)
    with pytest.raises(DesignError, match=rf"{SOURCES}: .*; compile the design again"):
        _ = load(copied).sources


@pytest.mark.usefixtures("cache")
def test_a_header_beside_the_sealed_ones_is_not_seen(copied: Path, planted: Path, images: np.ndarray[Any, Any]) -> None:
    """vitis/hls is searched for headers before the compiler's own folders are."""
    for name in ("cstdint", "utility", "vector"):
        (copied / "vitis" / "hls" / name).write_text(PLANTED_CPP)
    expected = load(copied).run(images, "software")
    assert np.array_equal(load(copied).run(images, "csim"), expected)
    assert not planted.exists()


def test_a_library_in_the_folder_is_not_loaded(copied: Path, images: np.ndarray[Any, Any]) -> None:
    """Libraries come from the user's cache alone, whatever lies where designs once kept them."""
    expected = load(copied).run(images, "csim")
    for folder in (copied / "csim" / "build", copied / "rtl" / "build"):
        folder.mkdir()
        for library in (load(copied).csim._library, load(copied).rtl.library()):
            (folder / library.name).write_bytes(b"no library")
    assert np.array_equal(load(copied).run(images, "csim"), expected)
    assert load(copied).rtl.library().read_bytes() != b"no library"


@pytest.mark.parametrize(
    ("on", "kinds"),
    [
        ("csim", ["*-csim-*/*.so", "accelerator-object-*/*.o"]),
        pytest.param("rtl", ["*-rtl-*/*.so", "verilated-*/*.a"], marks=CAMPAIGN),
    ],
)
def test_a_truncated_library_is_made_again(
    on: str, kinds: list[str], compiled_design: Design, cache: Path, images: np.ndarray[Any, Any]
) -> None:
    """Loading one ends Python with a bus error."""
    expected = load(compiled_design.folder).run(images, on)
    for kind in kinds:
        (path,) = (cache / "hwcodesign").glob(kind)
        data = path.read_bytes()
        path.unlink()  # what is loaded keeps its own
        path.write_bytes(data[: len(data) // 2])
    assert np.array_equal(load(compiled_design.folder).run(images, on), expected)


def test_files_are_copied_as_they_were_sealed_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "one").write_text("1")
    (tmp_path / "a" / "b" / "two").write_text("2")
    sealed = SealedFiles.of(tmp_path / "a")
    (tmp_path / "a" / "three").write_text("3")
    sealed.copy(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").rglob("*") if path.is_file()) == ["one", "two"]
    assert sealed.below("b/").digests.keys() == {"b/two"}
    assert sealed.text("b/two") == "2"
    (tmp_path / "a" / "b" / "two").write_text("other")
    for use in (sealed.check, lambda: sealed.copy(tmp_path / "again"), lambda: sealed.text("b/two")):
        with pytest.raises(DesignError, match="two is not as it was written"):
            use()
    with pytest.raises(DesignError, match="three is not as it was written"):
        sealed.text("three")
