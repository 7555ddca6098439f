"""A bundle: what a PYNQ user copies to the board. It also runs where there is no board, in NumPy alone."""

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
from hwcodesign.interface.block_design import BlockDesign, block_design_of
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
    """What was written.

    Attributes:
        folder: of the bundle.
        archive: the same in one file, where one was asked for.
        bitstream: whether it can run on a board.
        driver: name of the wheel in it, where one was built.
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
    """Write a bundle; an earlier one there is replaced as a whole.

    Args:
        design: compiled.
        images: (N, C, H, W) to take those of the self-test from.
        out: its folder.
        labels: (N,) classes of the images; with them the bundle has notebooks, and images with labels to run there.
        bitstream: a .bit with its .hwh beside it, as Vivado left them; without, the bundle runs in software.
        wheel: build the driver's wheel into it, where this is a checkout.
        archive: a key of `ARCHIVES`: write it in one file beside the folder, too.

    Raises:
        SettingsError: a folder that is no bundle, an unknown archive, or labels that are not those of the images.
        DesignError: a bitstream of another design, or without its .hwh.
    """
    if out.exists() and not (out / MANIFEST).exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingsError(f"out={str(out)!r} exists and is no bundle: name another folder")
    if archive is not None and archive not in ARCHIVES:
        raise SettingsError(not_known(f"archive {archive!r}", archive, ARCHIVES))
    if labels is not None and len(labels) != len(images):
        raise SettingsError(f"{len(labels)} labels are not those of {len(images)} images: give one for each")
    block_design = block_design_of(design)
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


def _write_overlay(design: BlockDesign, exits: int, folder: Path, bitstream: Path | None) -> None:
    """The bitstream and its hand-off file under the names that PYNQ pairs; without one, the hand-off file's twin."""
    folder.mkdir()
    pair = folder / f"{design.accelerator}.hwh"
    if bitstream is None:
        write_text(pair, hand_off(design, exits))
        return
    described = bitstream.with_suffix(".hwh")
    for path in (bitstream, described):
        if not path.is_file():
            raise DesignError(f"there is no {path}: a bitstream and its .hwh lie beside each other under one name")
    cells = {cell.get("VLNV"): cell.get("INSTANCE") for cell in _parsed(described).iter("MODULE")}
    if not {design.vlnv, design.module_vlnv} & set(cells):
        raise DesignError(f"{described} has no {design.vlnv}: it is of another design")
    shutil.copyfile(bitstream, pair.with_suffix(".bit"))
    shutil.copyfile(described, pair)


def _parsed(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(path).getroot()  # noqa: S314  # a file that the user's own Vivado wrote
    except ElementTree.ParseError as error:
        raise DesignError(f"{path} is no hand-off file ({error}): take the one that Vivado wrote") from None


def _write_samples(design: Design, images: NDArray[Any], path: Path) -> None:
    """Images of the self-test, some for each exit, and the records that software gives for them."""
    accelerator = design.accelerator
    codes = encode_images(images, accelerator.input_format, accelerator.input_shape)
    exits = design.run(codes)["exit"]
    chosen = np.sort(np.concatenate([np.flatnonzero(exits == k)[:_SAMPLES_PER_EXIT] for k in range(accelerator.exits)]))
    with ProgressiveAccelerator(design, "software") as driver:
        records = expected_records(driver, codes[chosen])
    np.savez_compressed(path, images=codes[chosen], **records)


def _write_test_images(design: Design, images: NDArray[Any], labels: NDArray[Any], path: Path) -> None:
    """Codes and labels of images from all over the test split."""
    accelerator = design.accelerator
    chosen = np.unique(np.linspace(0, len(images) - 1, _MOST_TEST_IMAGES).astype(np.int64))
    codes = encode_images(images[chosen], accelerator.input_format, accelerator.input_shape)
    np.savez_compressed(path, images=codes, labels=np.asarray(labels)[chosen])


def _build_wheel(folder: Path) -> str | None:
    """Build this checkout's wheel; None, with a warning, where that cannot be done."""
    checkout = Path(hwcodesign.__file__).resolve().parent.parent
    if not (checkout / "pyproject.toml").is_file():
        warnings.warn("the bundle has no driver: hwcodesign itself was installed from a wheel; copy that", stacklevel=3)
        return None
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(checkout)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        reason = (done.stderr.strip() or "pip said nothing").splitlines()[-1]
        warnings.warn(f"the bundle has no driver, its wheel could not be built: {reason}", stacklevel=3)
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
        f"`{OVERLAY}/{design.accelerator}.hwh` is a twin of the hand-off file, not Vivado's."
    )
    shown = f"\n`{NOTEBOOKS}/` shows all this: open it where Jupyter finds the bundle.\n" if notebooks else ""
    return f"""# {design.accelerator} for {design.board.name}

An early-exit neural network accelerator, made by hwcodesign {hwcodesign.__version__}.
{where}

On the board (Python 3.10 or later, NumPy; on a PYNQ image both are there, in the environment of its Jupyter), in this
folder:

    pip install {package}
    python3 -m hwcodesign.runtime.selftest .

The self-test runs sample images and compares every record with those in this bundle; on a board with a bitstream it
runs there (as root), elsewhere in software, and says which. Then, in Python:

    import hwcodesign as hw

    with hw.ProgressiveAccelerator(".", on="auto") as accelerator:
        print(accelerator.on)
        records = accelerator.run(images)        # final records, in the order of the images
        for records in accelerator.stream(images):
            ...                                  # as they come: easy images first
        accelerator.thresholds = [...]           # one per exit but the last
        print(accelerator.counters)

`images` are (N, C, H, W): floats are values, integers are the codes that the accelerator takes.
{shown}"""
