"""How long onnxruntime takes for an image by the exit at which it leaves, in a file whose exits are `If` nodes.

python -m benchmarks.onnx_exits --write docs/onnx_exits.md
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

import hwcodesign as hw
from hwcodesign.policies import ExitPolicy
from hwcodesign.storage.files import write_text

_RECIPES = ("blenet3_mnist", "blenet5_mnist")
_IMAGES, _ROUNDS, _EACH = 400, 9, 60

_HEAD = """\
# Exits in onnxruntime

    python -m benchmarks.onnx_exits --write docs/onnx_exits.md

Recipes with random weights are written by `hwcodesign.to_onnx(…, conditional=True)` with the margin as criterion, at
thresholds by which half of the samples that come to an exit leave there. onnxruntime {version} computes one image after
the other on one thread ({machine}). Times are medians of {rounds} rounds, in which images of all exits take turns. The
last column is the file without `conditional`, which computes all exits.

"""


def random_network(recipe: str) -> tuple[hw.MultiExitNetwork, ExitPolicy, NDArray[np.int64]]:
    """A network with random weights, a policy, and images that leave at each exit."""
    torch.manual_seed(0)
    network = hw.load_recipe(recipe).new_network()
    fmt, rng = network.input_format, np.random.default_rng(0)
    bright = rng.uniform(0, 1, (_IMAGES, 1, 1, 1))
    codes = np.asarray(rng.random((_IMAGES, *network.input_shape)) * bright * fmt.max_code, np.int64)
    for start in range(0, _IMAGES, 100):
        network(torch.from_numpy(fmt.decode(codes[start : start + 100])).float())
    network.eval()
    policy = hw.fit_policy(network, None, criterion="margin", thresholds=[0.0] * (network.exits - 1))
    _, scores = policy.score_exits(network.logits(codes))
    stays, thresholds = np.ones(_IMAGES, bool), []
    for own in scores[:-1]:
        thresholds.append(int(np.median(own[stays])) + 1)
        stays &= own < thresholds[-1]
    return network, policy.with_codes(thresholds), codes


def microseconds(session: Any, images: list[NDArray[np.float32]]) -> float:
    start = time.perf_counter()
    for image in images:
        session.run(None, {"images": image})
    return (time.perf_counter() - start) / len(images) * 1e6


def session_of(path: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options)


def row(recipe: str, folder: Path) -> tuple[str, list[float]]:
    network, policy, codes = random_network(recipe)
    network.to_onnx(folder / "all.onnx")
    network.to_onnx(folder / "conditional.onnx", conditional=True, policy=policy)
    conditional, every = session_of(folder / "conditional.onnx"), session_of(folder / "all.onnx")
    values = [image[None] for image in network.input_format.decode(codes).astype(np.float32)]
    left_at = np.array([int(conditional.run(None, {"images": image})[1][0]) for image in values])
    groups = [[values[i] for i in np.flatnonzero(left_at == k)[:_EACH]] for k in range(network.exits)]
    assert all(groups), np.bincount(left_at)
    rounds = [
        [*(microseconds(conditional, group) for group in groups), microseconds(every, values[:_EACH])]
        for _ in range(_ROUNDS)
    ]
    return recipe, [float(value) for value in np.median(rounds, axis=0)]


def document(rows: list[tuple[str, list[float]]]) -> str:
    exits = max(len(times) for _, times in rows) - 1
    lines = [
        f"| recipe | {' | '.join(f'leaves at exit {k}, µs' for k in range(exits))} | all exits, µs |",
        f"|---|{'---:|' * (exits + 1)}",
    ]
    for recipe, times in rows:
        cells = [f"{value:.0f}" for value in times[:-1]] + ["-"] * (exits + 1 - len(times)) + [f"{times[-1]:.0f}"]
        lines.append(f"| {recipe} | {' | '.join(cells)} |")
    head = _HEAD.format(version=onnxruntime.__version__, machine=platform.machine(), rounds=_ROUNDS)
    return head + "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = document([row(recipe, Path(folder)) for recipe in _RECIPES])
    print(text)
    if asked.write:
        write_text(asked.write, text)


if __name__ == "__main__":
    main()
