"""The native engine computes what NumPy computes, on every kernel, and is built once for a machine."""

from __future__ import annotations

import numpy as np
import pytest

from hwcodesign.kernels import KERNELS
from hwcodesign.native.engine import run_segment
from tests.drawn_kernels import DRAWS, drawn_segment, random_codes


def test_kernels_of_every_kind_are_drawn() -> None:
    assert sorted(DRAWS) == sorted(KERNELS)


@pytest.mark.parametrize("kind", sorted(KERNELS))
def test_it_computes_what_numpy_computes(kind: str) -> None:
    """On segments that begin with the kernel; others follow, so that kernels are fused."""
    for seed in range(60):
        rng = np.random.default_rng([seed, *kind.encode()])
        segment = drawn_segment(rng, kind)
        samples = int(rng.choice([1, 2, 7, 70]))
        codes = random_codes(rng, segment.inputs[0].format, (samples, *segment.inputs[0].shape))
        wanted = segment.run(codes)
        for threads in (1, 3):
            found = run_segment(segment, [codes], threads)
            for i, (a, b) in enumerate(zip(found, wanted, strict=True)):
                assert np.array_equal(a, b), f"seed {seed}, {[k.kind for k in segment.kernels]}, output {i}"
