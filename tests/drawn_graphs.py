"""What generated graphs of both front ends share: number formats, samples and settings drawn at random."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROUNDINGS = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV")
OVERFLOWS = ("WRAP", "SAT", "SAT_ZERO", "SAT_SYM")
STRATEGIES = ("Latency", "Resource")  # distributed arithmetic takes its time to solve
#: hls4ml's name of every generated project.
NAME = "drawn"


@dataclass(frozen=True)
class GeneratedGraph:
    """A model and what to run it on.

    Attributes:
        convert: hls4ml's ModelGraph for a backend, to be written to a folder.
        samples: (N, *shape) values, some off the input's grid and out of its range.
        text: what was drawn, for tables.
    """

    convert: Callable[[str, Path], Any]
    samples: NDArray[np.float64]
    text: str


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without hls4ml's and qonnx's talk."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def draw_format(rng: np.random.Generator, least: int = 3, most: int = 9, *, signed: bool | None = None) -> str:
    width = int(rng.integers(least, most + 1))
    sign = bool(rng.integers(2)) if signed is None else signed
    rounding, overflow = rng.choice(ROUNDINGS), rng.choice(OVERFLOWS)
    return f"{'' if sign else 'u'}fixed<{width},{int(rng.integers(1, width + 1))},{rounding},{overflow}>"


def fold(config: dict[str, Any], backend: str, reuse: int, strategy: str) -> None:
    """Fold StreamRTL's layers; hls4ml's C++ computes the same, but does not compile for every reuse factor."""
    if backend != "Vitis":
        config["Model"]["Strategy"] = strategy
        for layer in config["LayerName"].values():
            if "ReuseFactor" in layer:
                layer["ReuseFactor"] = reuse


def draw_samples(rng: np.random.Generator, count: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Values of several sizes: on coarse grids, off every grid, and large."""
    values = rng.normal(size=(count, *shape)) * rng.choice([0.5, 3, 40], (count, *(1 for _ in shape)))
    coarse = np.round(values * 4) / 4
    return np.where(rng.random(values.shape) < 0.5, coarse, values)
