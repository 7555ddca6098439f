"""Input words to pixels: lane widths, pixels across words, words across pixels, damaged samples."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

from hwcodesign.simulation.cocotb_runner import Bench, run_bench
from hwcodesign.systemverilog import Bits, Parameter

#: Channels, ElementWidth, Pixels, FirstId, PixelsPerBeat
_CASES = {
    "pixels across words, padded, ids that wrap": (3, 7, 13, 0xFFFFFFFD, 1),
    "words across pixels, 16-bit lanes": (6, 12, 5, 0, 1),
    "one word a sample": (2, 8, 3, 0xFFFFFFFF, 1),
    "beats of seven pixels, padded": (1, 6, 21, 0, 7),
}
_MORE = {
    "one channel": (1, 8, 49, 0, 1),
    "beats of four pixels": (1, 8, 28, 0, 4),
    "beats of several pixels, wider than a word": (3, 8, 12, 0, 4),
    "beats of two pixels, 16-bit lanes": (1, 12, 10, 0, 2),
    "one pixel of one bit": (1, 1, 1, 0, 1),
    "wide pixels": (64, 8, 4, 0, 1),
    "wide pixels, odd": (11, 5, 6, 7, 1),
    "32-bit lanes": (3, 32, 5, 0, 1),
    "32-bit lanes, one channel": (1, 17, 4, 0, 1),
    "four in eight": (4, 8, 7, 0, 1),
}


def _run(values: tuple[int, int, int, int, int], folder: Path) -> None:
    channels, width, pixels, first, together = values
    sizes = {"Channels": channels, "ElementWidth": width, "Pixels": pixels, "PixelsPerBeat": together}
    case = {"HWC_CASE": json.dumps({**sizes, "FirstId": first, "Samples": 12})}
    overrides: dict[str, Parameter] = {**sizes, "FirstId": Bits(32, first)}
    run_bench(Bench("word_unpack", "word_unpack_bench", overrides, values=case), folder)


@pytest.mark.parametrize("name", _CASES)
def test_words_become_pixels(name: str, tmp_path: Path) -> None:
    _run(_CASES[name], tmp_path)


@pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")
@pytest.mark.parametrize("name", _MORE)
def test_more_shapes(name: str, tmp_path: Path) -> None:
    _run(_MORE[name], tmp_path)


@pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")
@pytest.mark.parametrize("seed", range(10))
def test_random_shapes(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)  # noqa: S311
    channels, width, beats, together = rng.randint(1, 20), rng.randint(1, 32), rng.randint(1, 30), rng.randint(1, 4)
    values = (channels, width, beats * together, rng.choice([0, 0xFFFFFFFC]), together)
    print(f"seed {seed}: {values}")
    _run(values, tmp_path)
