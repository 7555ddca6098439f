"""A bundle: whole, runs in NumPy alone, tells what is wrong with it, and goes where a board would take it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

import hwcodesign as hw
from hwcodesign.data import Dataset
from hwcodesign.deployment.bundle import Bundle, write_bundle
from hwcodesign.design import Design
from hwcodesign.designs.boards import board_named
from hwcodesign.designs.stored import SOURCES
from hwcodesign.errors import BoardError, DesignError, SettingsError
from hwcodesign.interface.block_design import BlockDesign
from hwcodesign.interface.hwh import hand_off
from hwcodesign.runtime import selftest

Images = np.ndarray[Any, Any]
ROOT = Path(hw.__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def images(digits_data: Dataset) -> Images:
    return digits_data.test.images


@pytest.fixture(scope="module")
def bundle(compiled_design: Design, images: Images, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Not to be changed (copy it)."""
    return write_bundle(compiled_design, images, tmp_path_factory.mktemp("bundles") / "small", wheel=False)


@pytest.fixture
def copied(bundle: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle.folder, tmp_path / "copied"))


@pytest.fixture(scope="module")
def block_design(compiled_design: Design) -> BlockDesign:
    return compiled_design.block_design


@pytest.fixture
def bitstream(block_design: BlockDesign, tmp_path: Path) -> Path:
    """A file in a bitstream's place, with the hand-off file of the design beside it."""
    path = tmp_path / "vivado" / "top.bit"
    path.parent.mkdir()
    path.write_bytes(b"bits")
    path.with_suffix(".hwh").write_text(hand_off(block_design, 3))
    return path


# --- what is in it ---


def test_it_has_all_that_a_board_needs_under_one_manifest(bundle: Bundle, block_design: BlockDesign) -> None:
    assert not bundle.bitstream
    files = {path.relative_to(bundle.folder).as_posix() for path in bundle.folder.rglob("*") if path.is_file()}
    name = block_design.accelerator
    assert files >= {"README.md", "design.json", "weights.npz", "policy.json", "selftest.npz", f"overlay/{name}.hwh"}
    manifest = json.loads((bundle.folder / "bundle.json").read_text())
    assert set(manifest["files"]) == files - {"bundle.json"}
    assert manifest["configuration_hash"] == block_design.configuration_hash
    assert (bundle.folder / f"overlay/{name}.hwh").read_text() == hand_off(block_design, 3)
    assert "There is no bitstream in this bundle" in (bundle.folder / "README.md").read_text()


def test_its_driver_gives_the_designs_records(bundle: Bundle, compiled_design: Design, images: Images) -> None:
    with hw.ProgressiveAccelerator(bundle.folder, "software") as driver:
        assert driver.run(images).tobytes() == compiled_design.run(images).tobytes()
    assert hw.load(bundle.folder).run(images).tobytes() == compiled_design.run(images).tobytes()


def test_its_samples_leave_at_every_exit(bundle: Bundle) -> None:
    with np.load(bundle.folder / "selftest.npz", allow_pickle=False) as samples:
        assert set(samples["adaptive"]["exit"]) == {0, 1, 2}
        assert {f"subnet{k}" for k in range(3)} | {"anytime", "images", "adaptive"} == set(samples.files)
        assert len(samples["anytime"]) > len(samples["images"])


def test_a_bitstream_comes_with_its_own_hand_off_file_under_names_that_pynq_pairs(
    compiled_design: Design, images: Images, bitstream: Path, tmp_path: Path, block_design: BlockDesign
) -> None:
    written = write_bundle(compiled_design, images, tmp_path / "out", bitstream=bitstream, wheel=False)
    assert written.bitstream
    overlay = written.folder / "overlay" / block_design.accelerator
    assert overlay.with_suffix(".bit").read_bytes() == b"bits"
    assert overlay.with_suffix(".hwh").read_bytes() == bitstream.with_suffix(".hwh").read_bytes()
    assert "is the bitstream" in (written.folder / "README.md").read_text()


@pytest.mark.parametrize("archive", ["zip", "tar.gz"])
def test_an_archive_holds_the_folder(archive: str, compiled_design: Design, images: Images, tmp_path: Path) -> None:
    written = write_bundle(compiled_design, images, tmp_path / "small", archive=archive, wheel=False)
    assert written.archive == tmp_path / f"small.{archive}"
    shutil.rmtree(written.folder)
    shutil.unpack_archive(written.archive, tmp_path)
    assert selftest.check_files(tmp_path / "small") > 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small", f"small.{archive}"]


# --- its self-test ---


def test_the_self_test_holds_every_record_to_the_bundle(bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    assert selftest.main([str(bundle.folder), "--on", "software"]) == 0
    said = capsys.readouterr().out
    assert "files are whole" in said
    assert said.count("on software (native), all as they should be") == 5


def test_its_samples_come_with_the_designs_records_in_every_mode(bundle: Bundle, compiled_design: Design) -> None:
    with np.load(bundle.folder / selftest.SAMPLES) as samples:
        found = {name: samples[name] for name in samples.files}
    images = found.pop("images")
    order = ["sample_id", "exit"]
    anytime = np.sort(np.concatenate(list(compiled_design.stream(images, "software", mode="anytime"))), order=order)
    wanted = {"adaptive": compiled_design.run(images), "anytime": anytime}
    wanted |= {f"subnet{k}": compiled_design.run(images, mode="subnet", leave_at=k) for k in range(3)}
    assert {name: records.tolist() for name, records in found.items()} == {n: r.tolist() for n, r in wanted.items()}
    assert len({records.tobytes() for records in wanted.values()}) == len(wanted)


def test_the_self_test_runs_on_a_board(compiled_design: Design, copied: Path) -> None:
    pytest.importorskip("pynq", reason="pynq is not installed (extra 'pynq')")
    (copied / "rtl").symlink_to(compiled_design.folder / "rtl")  # which a simulated board is made of
    shutil.copyfile(compiled_design.folder / SOURCES, copied / SOURCES)
    said: list[str] = []
    selftest.check_records(copied, "board-sim", said.append)
    assert len(said) == 5
    assert all("on board-sim, all as they should be" in line for line in said)


@pytest.mark.parametrize("name", ["weights.npz", "selftest.npz", "README.md"])
def test_a_bundle_that_was_copied_badly_says_which_file(
    name: str, copied: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = (copied / name).read_bytes()
    (copied / name).write_bytes(data[:-1])
    assert selftest.main([str(copied)]) == 1
    assert f"{copied / name} is missing or was altered: copy the bundle again" in capsys.readouterr().err
    (copied / name).unlink()
    assert selftest.main([str(copied)]) == 1


def test_records_that_differ_fail_the_self_test(copied: Path) -> None:
    with np.load(copied / "selftest.npz", allow_pickle=False) as stored:
        samples = dict(stored)
    samples["anytime"]["score"][-1] += 1
    np.savez(copied / "selftest.npz", **samples)  # type: ignore[arg-type]
    with pytest.raises(hw.HwcodesignError, match=r"anytime: records on software \(native\) are not those of"):
        selftest.check_records(copied, "software", lambda _: None)


def test_a_folder_that_is_no_bundle_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert selftest.main([str(tmp_path)]) == 1
    assert f"{tmp_path} has no bundle.json: it is not a bundle" in capsys.readouterr().err


def test_numpy_alone_passes_the_self_test(bundle: Bundle, tmp_path: Path) -> None:
    """In an environment that has NumPy and the package, and nothing else."""
    packages = tmp_path / "packages"
    packages.mkdir()
    installed = Path(np.__file__).resolve().parent
    for folder in (installed, installed.with_name("numpy.libs"), ROOT / "hwcodesign"):
        if folder.exists():
            (packages / folder.name).symlink_to(folder)
    done = subprocess.run(
        [sys.executable, "-S", "-m", "hwcodesign.runtime.selftest", str(bundle.folder)],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={"PYTHONPATH": str(packages)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("on software (native), all as they should be") == 5
    assert "a board needs pynq (No module named 'pynq')" in done.stderr


_MEMORY = """\
import sys
import numpy as np
from benchmarks.driver import peak_memory
images = np.load(sys.argv[2])
before = peak_memory()
import hwcodesign as hw
with hw.ProgressiveAccelerator(sys.argv[1], "software") as driver:
    for _ in range(3):
        driver.run(images)
print(peak_memory() - before)
"""


def test_software_takes_little_memory_beyond_numpys(bundle: Bundle, images: Images, tmp_path: Path) -> None:
    """The bound of B-LeNet, which benchmarks/driver.py measures; this network is smaller."""
    np.save(tmp_path / "images.npy", np.resize(images, (5000, 1, 8, 8)))
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY, str(bundle.folder), str(tmp_path / "images.npy")],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 64 << 20


# --- what goes wrong ---


def test_a_bundle_without_a_bitstream_cannot_run_on_a_board_and_says_how_it_could(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    pynq = pytest.importorskip("pynq", reason="pynq is not installed (extra 'pynq')")
    monkeypatch.setattr(pynq.Device, "_devices", [pynq.Device("some board")], raising=False)
    with pytest.raises(BoardError, match=r"there is no .*overlay/.*\.bit: build the bitstream with .* --vivado"):
        hw.ProgressiveAccelerator(bundle.folder, "board")


def test_a_bitstream_of_another_design_is_refused_and_the_old_bundle_stays(
    compiled_design: Design, images: Images, bitstream: Path, copied: Path
) -> None:
    other = BlockDesign("other", board_named("pynq-z2"), "00")
    before = selftest.check_files(copied)
    for text, message in (
        (hand_off(other, 3), r"has no hwcodesign:accelerators:.*: it belongs to another design"),
        ("<EDK", "is not a hand-off file"),
    ):
        bitstream.with_suffix(".hwh").write_text(text)
        with pytest.raises(DesignError, match=message):
            write_bundle(compiled_design, images, copied, bitstream=bitstream, wheel=False)
    bitstream.with_suffix(".hwh").unlink()
    with pytest.raises(DesignError, match=r"there is no .*top\.hwh: put the \.bit and the \.hwh into one folder"):
        write_bundle(compiled_design, images, copied, bitstream=bitstream, wheel=False)
    assert selftest.check_files(copied) == before


def test_a_folder_that_is_no_bundle_is_not_replaced(compiled_design: Design, images: Images, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("data")
    with pytest.raises(SettingsError, match="exists and is not a bundle: choose another folder"):
        write_bundle(compiled_design, images, tmp_path, wheel=False)
    assert (tmp_path / "precious").read_text() == "data"
    with pytest.raises(SettingsError, match=r"archive 'rar' is not known\. Known: tar\.gz, zip"):
        write_bundle(compiled_design, images, tmp_path / "new", archive="rar", wheel=False)


def test_an_installation_that_is_no_checkout_says_that_it_has_no_wheel_to_give(
    compiled_design: Design, images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hw, "__file__", str(tmp_path / "site-packages" / "hwcodesign" / "__init__.py"))
    with pytest.warns(UserWarning, match="the bundle has no driver: hwcodesign itself was installed from a wheel"):
        written = write_bundle(compiled_design, images, tmp_path / "out")
    assert written.driver is None
    assert f"pip install hwcodesign=={hw.__version__}" in (written.folder / "README.md").read_text()
