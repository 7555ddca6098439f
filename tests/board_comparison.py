"""A compiled design's whole test split on the simulated board, in RTL and in software: the same records.

    python -m tests.board_comparison build/digits/design digits
    HWCODESIGN_DATA=… python -m tests.board_comparison build/blenet_mnist/design mnist

Needs no torch, so that it runs beside PYNQ 4 too (PYNQ4_ENV=… sh tests/pynq4.sh keeps that environment).
"""

from __future__ import annotations

import argparse
import importlib.metadata
import sys

import numpy as np

import hwcodesign as hw
from hwcodesign.data import idx
from hwcodesign.interface.records import RECORD_DTYPE

IDX = {"mnist": idx.mnist, "fashion_mnist": idx.fashion_mnist}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("design", help="folder of a compiled design")
    parser.add_argument("data", choices=("digits", *IDX), help="its data set")
    options = parser.parse_args()
    if options.data == "digits":
        from hwcodesign.data.digits import digits  # needs scikit-learn

        images = digits().test.images
    else:
        images = IDX[options.data]().test.images
    design = hw.load(options.design)
    records = {on: design.run(images, on=on) for on in ("board-sim", "rtl", "software")}
    wrong = 0
    for other, without in (("rtl", ()), ("software", ("cycles",))):
        fields = [name for name in RECORD_DTYPE.names or () if name not in without]
        differing = sum(int(np.sum(records["board-sim"][name] != records[other][name])) for name in fields)
        wrong += differing
        print(
            f"{options.data}: {len(images)} records, {len(fields)} fields, board-sim under pynq "
            f"{importlib.metadata.version('pynq')} = {other}: {differing} differ",
            flush=True,
        )
    sys.exit(int(wrong > 0))


if __name__ == "__main__":
    main()
