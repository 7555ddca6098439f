"""How long EENet takes to learn its weights and thresholds, and how much memory, on 10,000 samples and five exits.

    python -m benchmarks.eenet_fitting

Answers are drawn: five exits that see more and more of ten classes.
"""

from __future__ import annotations

import os
import resource
import time

import numpy as np
import torch
from numpy.typing import NDArray

from hwcodesign.fitting.outputs import fit_to_outputs
from hwcodesign.fitting.request import PolicyRequest
from hwcodesign.fixedpoint import FixedPoint

LOGITS = FixedPoint(8, 4)
SAMPLES, EXITS, CLASSES, BUDGET, SEED = 10_000, 5, 10, 0.5, 0
COSTS = (0.2, 0.4, 0.6, 0.8, 1.0)


def drawn() -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
    """Integer logits of each exit, and true classes."""
    rng = np.random.default_rng(SEED)
    truth, ease = rng.integers(0, CLASSES, SAMPLES), rng.normal(size=SAMPLES)
    logits = []
    for k in range(EXITS):
        z = rng.normal(size=(SAMPLES, CLASSES))
        z[np.arange(SAMPLES), truth] += 2.0 + 0.5 * k + ease
        logits.append(np.clip(np.rint(z / LOGITS.scale), LOGITS.min_code, LOGITS.max_code).astype(np.int64))
    return logits, truth


def main() -> None:
    logits, truth = drawn()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, processor = time.perf_counter(), time.process_time()
    request = PolicyRequest("eenet", budget=BUDGET, calibrate=True)
    policy = fit_to_outputs(logits, truth, [LOGITS] * EXITS, COSTS, request)
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{SAMPLES:,} samples, {EXITS} exits: {seconds:.1f} s, {processor:.1f} s of processor time on "
        f"{min(torch.get_num_threads(), os.cpu_count() or 1)} thread(s); {most / 1024:.0f} MiB resident at most, "
        f"{(most - before) / 1024:.0f} of them for it; cost {policy.fitted_on.cost_fraction:.4f} of {BUDGET}"
    )


if __name__ == "__main__":
    main()
