"""hls4ml graphs made at random from a seed, from PyTorch and from QONNX: StreamRTL against hls4ml's own C++.

The reference is `predict` of the Vitis backend, which compiles hls4ml's C++ with g++. Two things are changed in its
build script: no optimisation, which takes longer than it saves, and no `assert`, because hls4ml's streaming pooling
asserts that windows do not overlap although it computes those that do.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.verification.comparison import Comparison
from tests.drawn_graphs import GeneratedGraph, quiet
from tests.qonnx_graphs import qonnx_graph
from tests.torch_graphs import torch_graph


def generate_graph(seed: int, samples: int = 12) -> GeneratedGraph:
    """Draw a graph; even seeds are PyTorch modules, odd ones QONNX graphs."""
    rng = np.random.default_rng([seed, 20])
    return (torch_graph if seed % 2 == 0 else qonnx_graph)(rng, samples)


def vitis_predict(
    model: Any, x: NDArray[np.float64] | list[NDArray[np.float64]], optimisation: str = "-O0"
) -> NDArray[np.float64]:
    """hls4ml's C++ of a model converted for Vitis, compiled and run; several outputs one behind the other.

    Raises:
        AssertionError: its streams were empty when they were read, or were not when all was done: it is no reference.
    """
    with quiet():
        model.write()
        script = Path(model.config.get_output_dir()) / "build_lib.sh"
        script.write_text(script.read_text().replace("-O3", f"{optimisation} -DNDEBUG -fno-exceptions -w"))
        model._compile()
    with _printed() as lines:
        given = model.predict(x)
    outputs = (
        np.concatenate(given, axis=-1, dtype=np.float64) if isinstance(given, list) else np.asarray(given, np.float64)
    )
    assert not any("Hls::stream" in line for line in lines), lines[0]
    return outputs


@contextlib.contextmanager
def _printed() -> Iterator[list[str]]:
    """What C++ prints meanwhile, line by line."""
    lines: list[str] = []
    sys.stdout.flush()
    terminal = os.dup(1)
    with tempfile.TemporaryFile("w+") as file:
        os.dup2(file.fileno(), 1)
        try:
            yield lines
        finally:
            os.dup2(terminal, 1)
            os.close(terminal)
            file.seek(0)
            lines += file.read().splitlines()


def graph_comparisons(seed: int, on: str = "software") -> Iterator[Comparison]:
    """Compare a graph with hls4ml's C++.

    Args:
        on: "software" for StreamRTL's kernels in NumPy, "rtl" for these and for its RTL.
    """
    drawn = generate_graph(seed)
    with tempfile.TemporaryDirectory() as folder:
        reference = vitis_predict(drawn.convert("Vitis", Path(folder) / "vitis"), drawn.samples)
        model = drawn.convert("StreamRTL", Path(folder) / "rtl")
        for where in ("software", "rtl")[: 1 + (on == "rtl")]:
            if where == "rtl":
                model.compile()
            outputs = model.predict(drawn.samples, on=where)
            same_shape = reference.shape == outputs.shape
            wrong = int((reference != outputs).sum()) if same_shape else reference.size
            compared = ("hls4ml C++", f"StreamRTL {where}")
            yield Comparison(compared, "outputs", len(drawn.samples), reference.size, wrong)
