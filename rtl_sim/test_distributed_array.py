"""Layers as adder graphs: vectors, convolutions behind a window buffer, depthwise ones; random formats and weights."""

from __future__ import annotations

import importlib.util
import os
import random
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tb.weighted_cases import Case, Layer

from hwcodesign.hardware.distributed_arithmetic import distributed_kernel
from hwcodesign.simulation.cocotb_runner import Bench, run_bench

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("da4ml") is None, reason="da4ml is not installed: pip install 'hwcodesign[design]'"
)

_SAMPLES = 40
_CASES = {
    "vectors, adders one by one": (Case(11, (1, 1, 9), 5), 1),
    "padded convolution": (Case(12, (5, 6, 2), 3, kernel=(3, 3), padding=(1, 1, 1, 1)), 2),
    "depthwise convolution, all adders in one stage": (
        Case(13, (4, 4, 3), 6, kernel=(2, 2), stride=(2, 2), groups=3),
        9,
    ),
}


def _matrix(case: Case, layer: Layer) -> NDArray[np.int64]:
    """Weights (lanes, outputs), with the zeros between the groups of a convolution."""
    weights = layer.weights.astype(np.int64)
    if case.kernel is None:
        return weights.reshape(-1, case.outputs)
    depth = case.shape[2] // case.groups
    matrix = np.zeros((*case.kernel, case.shape[2], case.outputs), np.int64)
    for o in range(case.outputs):
        first = o // (case.outputs // case.groups) * depth
        matrix[:, :, first : first + depth, o] = weights[..., o]
    return matrix.reshape(-1, case.outputs)


def _run(case: Case, adders_per_stage: int, folder: Path) -> None:
    print(case, adders_per_stage)
    layer = Layer(case, _SAMPLES)
    kernel = distributed_kernel(
        _matrix(case, layer),
        layer.input,
        "layer",
        result=layer.result,
        sum_fraction=layer.fraction,
        bias=layer.bias.astype(int).tolist(),
        product_shift=layer.shift,
        window=case.window if case.kernel else None,
        adders_per_stage=adders_per_stage,
    )
    for name, text in kernel.texts.items():
        (folder / name).write_text(text)
    values = {"HWC_CASE": case.to_json(), "HWC_SAMPLES": str(_SAMPLES), "HWC_LATENCY": str(kernel.latency)}
    sources = [folder / name for name in kernel.texts]
    run_bench(Bench("layer", "distributed_array_bench", {}, sources=sources, values=values), folder / "run")


@pytest.mark.parametrize("name", _CASES)
def test_results_and_their_cycles(name: str, tmp_path: Path) -> None:
    _run(*_CASES[name], tmp_path)


@pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")
@pytest.mark.parametrize("seed", range(200, 240))
def test_random_layers(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)  # noqa: S311
    channels, outputs, stage = rng.randint(1, 6), rng.randint(1, 8), rng.randint(1, 5)
    if rng.random() < 0.6:
        _run(Case(seed, (1, 1, rng.randint(1, 24)), outputs), stage, tmp_path)
        return
    groups = rng.choice([1, *(count for count in range(1, channels + 1) if channels % count == 0)])
    outputs = groups * rng.randint(1, 3) if groups > 1 else outputs
    case = Case(seed, (5, 5, channels), outputs, kernel=(rng.randint(1, 3), rng.randint(1, 3)), groups=groups)
    _run(case, stage, tmp_path)
