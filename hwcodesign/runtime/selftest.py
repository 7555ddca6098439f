"""This module tests a bundle: its files are unaltered, and its sample images give the stored records.

Run it as `python -m hwcodesign.runtime.selftest BUNDLE [--on auto|board|software]`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.designs.stored import load_criterion
from hwcodesign.errors import DesignError, HwcodesignError, MismatchError
from hwcodesign.interface.modes import Mode
from hwcodesign.interface.records import Records, empty_records
from hwcodesign.runtime.progressive import ProgressiveAccelerator
from hwcodesign.storage.files import sha256_file

MANIFEST = "bundle.json"
SAMPLES = "selftest.npz"


def expected_records(driver: ProgressiveAccelerator, images: NDArray[Any]) -> dict[str, Records]:
    """Returns records of the same images in every mode, by its name; sorted by sample and exit, and without cycles."""
    found = {}
    driver.mode = Mode.ADAPTIVE
    found["adaptive"] = _ordered(driver.run(images))
    driver.mode = Mode.ANYTIME
    found["anytime"] = _ordered(np.concatenate([empty_records(0), *driver.stream(images)]))
    for k in range(driver.accelerator.exits):
        driver.leave_at = k
        found[f"subnet{k}"] = _ordered(driver.run(images))
    driver.mode = Mode.ADAPTIVE
    return found


def check_files(folder: Path) -> int:
    """Compares every file of a bundle with its hash; returns the number of files.

    Raises:
        DesignError: there is no bundle, or a file is missing or altered.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise DesignError(f"{folder} has no {MANIFEST}: it is not a bundle; make one with hwcodesign deploy")
    digests: dict[str, str] = json.loads(path.read_text())["files"]
    for name, digest in digests.items():
        if not (folder / name).is_file() or sha256_file(folder / name) != digest:
            raise DesignError(f"{folder / name} is missing or was altered: copy the bundle again")
    return len(digests)


def check_records(folder: Path, on: str, say: Callable[[str], None]) -> None:
    """Runs the sample images in every mode.

    Raises:
        MismatchError: a record differs from the one in the bundle.
    """
    load_criterion(folder)  # a self-test executes what the bundle is made of
    with np.load(folder / SAMPLES, allow_pickle=False) as samples:
        images, wanted = samples["images"], {name: samples[name] for name in samples.files if name != "images"}
    with ProgressiveAccelerator(folder, on) as driver:
        for name, records in expected_records(driver, images).items():
            if not np.array_equal(records, wanted[name]):
                raise MismatchError(f"{name}: records on {driver.on} are not those of the bundle")
            say(f"{name}: {len(records)} records of {len(images)} images on {driver.on}, all as they should be")


def main(arguments: list[str] | None = None) -> int:
    """Exits with status 0 if everything is in order; otherwise prints the reason on stderr."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="folder of the bundle")
    parser.add_argument("--on", default="auto", help="auto (the default): the board if there is one, else software")
    options = parser.parse_args(arguments)
    try:
        print(f"{check_files(options.bundle)} files are whole")
        check_records(options.bundle, options.on, print)
    except HwcodesignError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _ordered(records: Records) -> Records:
    records = records[np.lexsort((records["exit"], records["sample_id"]))].copy()
    records["cycles"] = 0
    return records


if __name__ == "__main__":
    sys.exit(main())
