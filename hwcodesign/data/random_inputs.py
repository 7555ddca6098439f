"""This module makes random samples, for networks whose data are not at hand: their shape, cost and hardware can be
seen, their accuracy cannot.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hwcodesign.data.dataset import Dataset, Split
from hwcodesign.fixedpoint import FixedPoint

_TRAINING, _FITTING, _TEST = 1000, 300, 300


def random_inputs(what: str, input_format: FixedPoint, shape: Sequence[int], classes: int, *, seed: int = 1) -> Dataset:
    """Returns a data set of random codes that says so in its name.

    Each class has a mean of its own, so that a network has something to learn, and a policy something to decide on.

    Args:
        what: what real data would be, for the name.
        input_format: format of the codes.
        shape: (C, H, W), (C, L) or (F,) of a sample.
        classes: number of classes.
        seed: seed of everything.
    """
    rng = np.random.default_rng(seed)
    low, high = input_format.min_code, input_format.max_code
    means = rng.uniform(0.25, 0.75, (classes, *shape))

    def split(count: int) -> Split:
        labels = rng.integers(0, classes, count)
        places = np.clip(means[labels] + rng.normal(0, 0.25, (count, *shape)), 0, 1)
        return Split(np.rint(low + places * (high - low)).astype(np.int32), labels)

    return Dataset(f"{what} (random inputs)", input_format, *(split(count) for count in (_TRAINING, _FITTING, _TEST)))
