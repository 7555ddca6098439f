"""A bundle is the folder that a PYNQ user copies to the board. Without a board it runs in software."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

import hwcodesign
from hwcodesign.choices import not_known
from hwcodesign.deployment.notebooks import copy_notebooks
from hwcodesign.design import Design
from hwcodesign.designs.stored import MANIFEST as DESIGN_MANIFEST
from hwcodesign.designs.stored import POLICY, WEIGHTS
from hwcodesign.errors import DesignError, SettingsError
from hwcodesign.images import encode_images
from hwcodesign.interface.block_design import BlockDesign
from hwcodesign.interface.hwh import hand_off
from hwcodesign.policies.own_criteria import FOLDER as CRITERION
from hwcodesign.progress import task
from hwcodesign.runtime.progressive import ProgressiveAccelerator
from hwcodesign.runtime.selftest import MANIFEST, SAMPLES, expected_records
from hwcodesign.runtime.transports.board import OVERLAY
from hwcodesign.storage.cache import scratch_folder
from hwcodesign.storage.files import replaced_folder, sha256_file, write_bytes, write_json, write_text

#: Formats of `shutil.make_archive` by the names of their files.
ARCHIVES = {"tar.gz": "gztar", "zip": "zip"}
NOTEBOOKS, DRIVER = Path("notebooks"), Path("driver")
_DESIGN_FILES = (DESIGN_MANIFEST, WEIGHTS, POLICY)
#: Images of the self-test: enough that every exit has some, where the data have them.
_SAMPLES_PER_EXIT = 16
#: What the notebooks run, and how many: enough to tell accuracies apart, few enough to copy.
TEST_IMAGES = "test_images.npz"
_MOST_TEST_IMAGES = 400


@dataclass(frozen=True)
class Bundle:
    """This is a bundle that was written.

    Attributes:
        folder: its folder.
        archive: the same content in one file, if one was requested.
        bitstream: whether it can run on a board.
        driver: file name of the driver's wheel in it, if one was built.
    """

    folder: Path
    archive: Path | None
    bitstream: bool
    driver: str | None


def write_bundle(
    design: Design,
    images: NDArray[Any],
    out: Path,
    *,
    labels: NDArray[Any] | None = None,
    bitstream: Path | None = None,
    wheel: bool = True,
    archive: str | None = None,
) -> Bundle:
    """Writes a bundle. A bundle that exists in the folder is replaced as a whole.

    Args:
        design: a compiled design.
        images: (N, C, H, W) images; the self-test uses some of them.
        out: folder of the bundle.
        labels: (N,) classes of the images. With labels, the bundle also holds notebooks and labelled images for them.
        bitstream: a .bit file with its .hwh file beside it, as Vivado writes them; without it, the bundle runs in
            software.
        wheel: whether to build the driver's wheel into it; this needs the source code of hwcodesign.
        archive: a key of `ARCHIVES`; the bundle is then also written as one file, beside the folder.

    Raises:
        SettingsError: the folder exists and is not a bundle, the archive format is unknown, or there is not one label
            per image.
        DesignError: the bitstream is of another design, or its .hwh is missing.
    """
    if out.exists() and not (out / MANIFEST).exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingsError(f"out={str(out)!r} exists and is not a bundle: choose another folder")
    check_archive(archive)
    if labels is not None and len(labels) != len(images):
        raise SettingsError(f"{len(labels)} labels are not those of {len(images)} images: give one for each")
    block_design = design.block_design
    with task(f"writing the bundle {out}") as reported, replaced_folder(out) as folder:
        for name in _DESIGN_FILES:
            shutil.copyfile(design.folder / name, folder / name)
        if (design.folder / CRITERION).is_dir():
            shutil.copytree(design.folder / CRITERION, folder / CRITERION, copy_function=shutil.copyfile)
        _write_overlay(block_design, design.accelerator.exits, folder / OVERLAY, bitstream)
        reported.advance(0, "its self-test")
        _write_samples(design, images, folder / SAMPLES)
        if labels is not None:
            _write_test_images(design, images, labels, folder / TEST_IMAGES)
            copy_notebooks(folder / NOTEBOOKS)
        reported.advance(0, "its driver's wheel" if wheel else "")
        driver = _build_wheel(folder / DRIVER) if wheel else None
        write_text(folder / "README.md", _readme(block_design, bitstream is not None, driver, labels is not None))
        _write_manifest(block_design, folder)
    return Bundle(out, _archive(out, archive), bitstream is not None, driver)


def check_archive(archive: str | None) -> None:
    """Refuses an archive format that is not known.

    Raises:
        SettingsError: it lists those there are.
    """
    if archive is not None and archive not in ARCHIVES:
        raise SettingsError(not_known(f"archive {archive!r}", archive, ARCHIVES))


def check_bitstream(bitstream: Path | None) -> None:
    """Refuses a bitstream that is not there, or that has no hand-off file beside it.

    Raises:
        DesignError: it names the missing file.
    """
    for path in () if bitstream is None else (bitstream, bitstream.with_suffix(".hwh")):
        if not path.is_file():
            raise DesignError(f"there is no {path}: put the .bit and the .hwh into one folder under the same name")


def _write_overlay(design: BlockDesign, exits: int, folder: Path, bitstream: Path | None) -> None:
    """Copies the bitstream and its hand-off file under one name; without a bitstream, writes a hand-off file."""
    folder.mkdir()
    pair = folder / f"{design.accelerator}.hwh"
    if bitstream is None:
        write_text(pair, hand_off(design, exits))
        return
    check_bitstream(bitstream)
    described = bitstream.with_suffix(".hwh")
    cells = {cell.get("VLNV"): cell.get("INSTANCE") for cell in _parsed(described).iter("MODULE")}
    if not {design.vlnv, design.module_vlnv} & set(cells):
        raise DesignError(f"{described} has no {design.vlnv}: it belongs to another design")
    shutil.copyfile(bitstream, pair.with_suffix(".bit"))
    shutil.copyfile(described, pair)


def _parsed(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(path).getroot()  # noqa: S314  # a file that the user's own Vivado wrote
    except ElementTree.ParseError as error:
        raise DesignError(f"{path} is not a hand-off file ({error}): use the one that Vivado wrote") from None


def _write_samples(design: Design, images: NDArray[Any], path: Path) -> None:
    """Writes the images of the self-test, some for each exit, and the records that software gives for them."""
    accelerator = design.accelerator
    codes = encode_images(images, accelerator.input_format, accelerator.input_shape)
    exits = design.run(codes)["exit"]
    chosen = np.sort(np.concatenate([np.flatnonzero(exits == k)[:_SAMPLES_PER_EXIT] for k in range(accelerator.exits)]))
    with ProgressiveAccelerator(design, "software") as driver:
        records = expected_records(driver, codes[chosen])
    np.savez_compressed(path, images=codes[chosen], **records)


def _write_test_images(design: Design, images: NDArray[Any], labels: NDArray[Any], path: Path) -> None:
    """Writes codes and labels of images from all parts of the test split."""
    accelerator = design.accelerator
    chosen = np.unique(np.linspace(0, len(images) - 1, _MOST_TEST_IMAGES).astype(np.int64))
    codes = encode_images(images[chosen], accelerator.input_format, accelerator.input_shape)
    np.savez_compressed(path, images=codes, labels=np.asarray(labels)[chosen])


def _build_wheel(folder: Path) -> str | None:
    """Builds the driver's wheel from the source code; returns None, with a warning, if this is not possible."""
    checkout = Path(hwcodesign.__file__).resolve().parent.parent
    if not (checkout / "pyproject.toml").is_file():
        warnings.warn("the bundle has no driver: hwcodesign itself was installed from a wheel; copy that", stacklevel=3)
        return None
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(checkout)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        reason = (done.stderr.strip() or "pip said nothing").splitlines()[-1]
        warnings.warn(f"the bundle has no driver, because its wheel could not be built: {reason}", stacklevel=3)
        shutil.rmtree(folder, ignore_errors=True)
        return None
    return wheels[0].name


def _write_manifest(design: BlockDesign, folder: Path) -> None:
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    manifest = {
        "accelerator": design.accelerator,
        "board": design.board.name,
        "configuration_hash": design.configuration_hash,
        "hwcodesign": hwcodesign.__version__,
        # but for the notebooks, which are there to be run and changed
        "files": {name.as_posix(): sha256_file(folder / name) for name in files if NOTEBOOKS not in name.parents},
    }
    write_json(folder / MANIFEST, manifest)


def _archive(folder: Path, archive: str | None) -> Path | None:
    if archive is None:
        return None
    archived = folder.with_name(f"{folder.name}.{archive}")
    with scratch_folder() as scratch:
        made = shutil.make_archive(str(scratch / folder.name), ARCHIVES[archive], folder.parent, folder.name)
        write_bytes(archived, Path(made).read_bytes())
    return archived


def _readme(design: BlockDesign, bitstream: bool, driver: str | None, notebooks: bool) -> str:
    package = f"--no-deps {DRIVER}/{driver}" if driver else f"hwcodesign=={hwcodesign.__version__}"
    where = (
        f"`{OVERLAY}/{design.accelerator}.bit` is the bitstream, with its hand-off file beside it."
        if bitstream
        else "There is no bitstream in this bundle: it runs in software. "
        f"`{OVERLAY}/{design.accelerator}.hwh` is a hand-off file that hwcodesign wrote, not Vivado."
    )
    shown = (
        f"\n`{NOTEBOOKS}/` shows all this; put the bundle into a folder that Jupyter can see.\n" if notebooks else ""
    )
    return f"""# {design.accelerator} for {design.board.name}

This folder holds an early-exit neural network accelerator that hwcodesign {hwcodesign.__version__} generated.
{where}

The board needs Python 3.10 or later and NumPy. A PYNQ image has both, in the Python environment of its Jupyter. Run in
this folder:

    pip install {package}
    python3 -m hwcodesign.runtime.selftest .

The self-test runs sample images and compares every record with those in this bundle. With a bitstream it runs on the
board (run it as root), else in software; it prints which. Then use the accelerator in Python:

    import hwcodesign as hw

    with hw.ProgressiveAccelerator(".", on="auto") as accelerator:
        print(accelerator.on)
        records = accelerator.run(images)        # final records, in the order of the images
        for records in accelerator.stream(images):
            ...                                  # as they are computed: easy images first
        accelerator.thresholds = [...]           # one per exit but the last
        print(accelerator.counters)

`images` are (N, C, H, W): floats are values, integers are the codes that the accelerator reads.
{shown}"""
