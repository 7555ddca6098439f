"""Windows of images: geometry, padding, strides, and the cycle of every transfer."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

from hwcodesign.hardware.window import Window
from hwcodesign.simulation.cocotb_runner import Bench, run_bench
from hwcodesign.systemverilog import PackedStruct

#: Fields of window_t, and bits of an element.
_NAMES = (
    "height",
    "width",
    "channels",
    "element_width",
    "kernel_height",
    "kernel_width",
    "stride_y",
    "stride_x",
    "pad_top",
    "pad_left",
    "out_height",
    "out_width",
    "pixels",
)
#: Those that are no fields of window_t.
_BESIDE = ("element_width", "pixels")

_CASES = {
    "padded": (6, 7, 2, 5, 3, 3, 1, 1, 1, 1, 6, 7),
    "strided beyond the kernel, rows that no window reads": (9, 10, 1, 8, 2, 2, 4, 3, 0, 0, 2, 3),
    "large padding, low image": (2, 5, 1, 3, 5, 3, 2, 2, 4, 2, 3, 4),
    "strided, padded on the left alone": (4, 6, 1, 4, 3, 3, 2, 2, 1, 1, 2, 3),
    "padded on the left and below": (5, 5, 1, 4, 2, 2, 1, 1, 0, 1, 5, 5),
    "every window begins above the image": (3, 2, 2, 4, 5, 1, 1, 1, 3, 0, 2, 2),
}
#: The same with several pixels in a beat.
_SEVERAL = {
    "two pixels, three windows wide, padded": (5, 8, 2, 3, 3, 3, 1, 1, 1, 1, 5, 8, 2),
    "four pixels, windows two apart": (5, 12, 1, 4, 2, 3, 2, 2, 0, 1, 2, 6, 4),
    "two pixels, a window every other beat": (5, 12, 1, 4, 2, 3, 2, 4, 0, 0, 2, 3, 2),
}
_MORE = {
    "5x5 on 28x28": (28, 28, 1, 8, 5, 5, 1, 1, 0, 0, 24, 24),
    "one row": (1, 12, 3, 4, 1, 3, 1, 1, 0, 1, 1, 12),
    "pointwise": (4, 5, 2, 4, 1, 1, 1, 1, 0, 0, 4, 5),
    "one pixel": (1, 1, 4, 4, 1, 1, 1, 1, 0, 0, 1, 1),
    "one pixel, padded": (1, 1, 1, 4, 3, 3, 1, 1, 1, 1, 1, 1),
    "pooling": (8, 8, 2, 4, 2, 2, 2, 2, 0, 0, 4, 4),
    "pooling, odd": (7, 9, 2, 4, 2, 2, 2, 2, 0, 0, 3, 4),
    "pass above the image": (3, 4, 1, 4, 2, 2, 1, 1, 3, 1, 6, 5),
    "pass below the image": (3, 4, 1, 4, 2, 2, 1, 1, 1, 1, 7, 7),
    "stride skips a pass's rows and columns": (11, 11, 1, 4, 1, 1, 3, 3, 0, 0, 4, 4),
    "four pixels, padded by a beat": (4, 8, 1, 3, 5, 5, 1, 1, 4, 4, 8, 12, 4),
    "three pixels, windows that leave some out": (4, 9, 1, 4, 2, 1, 2, 3, 0, 0, 2, 3, 3),
    "a whole row": (4, 6, 1, 4, 3, 3, 1, 1, 1, 1, 4, 6, 6),
}


def _random_case(rng: random.Random) -> tuple[int, ...]:
    height, width = rng.randint(1, 9), rng.randint(1, 9)
    kernel = rng.randint(1, 5), rng.randint(1, 5)
    stride = rng.randint(1, 4), rng.randint(1, 4)
    pad = rng.randint(0, kernel[0]), rng.randint(0, kernel[1] - 1)
    beyond = rng.randint(0, kernel[0]), rng.randint(0, kernel[1])
    out = [
        max(1, (size + before + after - side) // step + 1)
        for size, before, after, side, step in zip((height, width), pad, beyond, kernel, stride, strict=True)
    ]
    return (height, width, rng.randint(1, 3), rng.randint(1, 9), *kernel, *stride, *pad, *out)


def _random_pixels(rng: random.Random) -> tuple[int, ...]:
    """A random case with several pixels in a beat."""
    while True:
        height, width, channels, element, *rest = _random_case(rng)
        window = Window((height, width, channels), (*rest[6:], 1), tuple(rest[:2]), tuple(rest[2:4]), tuple(rest[4:6]))
        several = [pixels for pixels in window.possible_pixels if pixels > 1]
        if several:
            return (height, width, channels, element, *rest, rng.choice(several))


def _run(values: tuple[int, ...], folder: Path) -> None:
    case = dict(zip(_NAMES, (*values, *(1,) * (len(_NAMES) - len(values))), strict=True))
    samples = max(3, 40 // (case["height"] * case["width"]))
    window = PackedStruct("window_t", tuple((name, value) for name, value in case.items() if name not in _BESIDE))
    parameters = {"Window": window, "ElementWidth": case["element_width"], "Pixels": case["pixels"]}
    told = {"HWC_CASE": json.dumps({**case, "samples": samples})}
    run_bench(Bench("window_buffer", "window_buffer_bench", parameters, values=told), folder)


@pytest.mark.parametrize("name", _CASES)
def test_windows_and_their_cycles(name: str, tmp_path: Path) -> None:
    _run(_CASES[name], tmp_path)


@pytest.mark.parametrize("name", _SEVERAL)
def test_windows_of_several_pixels_in_a_beat(name: str, tmp_path: Path) -> None:
    _run(_SEVERAL[name], tmp_path)


@pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")
@pytest.mark.parametrize("name", _MORE)
def test_more_geometries(name: str, tmp_path: Path) -> None:
    _run(_MORE[name], tmp_path)


@pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")
@pytest.mark.parametrize("seed", range(20))
def test_random_geometries(seed: int, tmp_path: Path) -> None:
    values = _random_case(random.Random(seed))  # noqa: S311
    print(f"seed {seed}: {dict(zip(_NAMES, values, strict=False))}")
    _run(values, tmp_path)


@pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")
@pytest.mark.parametrize("seed", range(100, 130))
def test_random_geometries_of_several_pixels(seed: int, tmp_path: Path) -> None:
    values = _random_pixels(random.Random(seed))  # noqa: S311
    print(f"seed {seed}: {dict(zip(_NAMES, values, strict=True))}")
    _run(values, tmp_path)
