"""Temperature scaling (Guo et al. 2017): one number per exit that makes its softmax mean what it says.

The temperature T minimises the negative log-likelihood of the true classes under softmax(z / T); it changes no
label. Deciding takes no more for it: T is absorbed into the exit's exponential table.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import PolicyError
from hwcodesign.policies.criterion import Criterion
from hwcodesign.policies.tables import Integers

#: Temperatures that are looked for; beyond them a softmax says 0 or 1, or nothing.
LOWEST, HIGHEST = 1 / 16, 16.0
_HALVINGS = 60
_BINS = 15


def require_softmax(criterion: Criterion[Any]) -> None:
    """Refuses to calibrate a criterion that reads no softmax.

    Raises:
        PolicyError: a temperature would change nothing.
    """
    if not criterion.softmax:
        raise PolicyError(f"calibrate fits the temperature of a softmax, and {criterion.name} looks at none")


def fit_temperature(logits: Integers, truth: Integers, scale: float) -> float:
    """Returns the temperature of least negative log-likelihood.

    The likelihood is convex in 1 / T: its derivative, the mean of sum_c p_c z_c - z_truth, rises with 1 / T and is
    halved down to zero.

    Args:
        logits: (N, C) integers.
        truth: (N,) true classes.
        scale: real value of one logit step.

    Returns:
        Between `LOWEST` and `HIGHEST`; with a warning where the best one lies outside, and 1 where all temperatures
        are equally good, as for logits that are all equal.
    """
    values = logits * scale
    values = values - values.max(axis=1, keepdims=True)
    right = values[np.arange(len(truth)), truth]
    if not values.any():
        warnings.warn("every sample's logits are equal: any temperature fits them, 1 is kept", stacklevel=2)
        return 1.0

    def slope(inverse: float) -> float:
        exponentials = np.exp(values * inverse)
        mean = (exponentials * values).sum(axis=1) / exponentials.sum(axis=1)
        return float((mean - right).mean())

    low, high = 1 / HIGHEST, 1 / LOWEST
    if slope(low) >= 0:
        return _at_the_end(HIGHEST, "their labels are no more often right than guesses")
    if slope(high) <= 0:
        return _at_the_end(LOWEST, "all their labels are right")
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return 2 / (low + high)


def _at_the_end(temperature: float, reason: str) -> float:
    warnings.warn(f"the best temperature lies beyond {temperature:g}, which is kept: {reason}", stacklevel=3)
    return temperature


def expected_calibration_error(
    logits: Integers, truth: Integers, scale: float, temperature: float, *, bins: int = _BINS
) -> float:
    """Computes the mean distance of largest probability and rate of right answers (Guo et al. 2017, equation 5).

    Samples are sorted by their largest probability into bins of equal width; each bin's distance between mean
    probability and fraction of right answers counts by its samples.

    Args:
        logits: (N, C) integers.
        truth: (N,) true classes.
        scale: real value of one logit step.
        temperature: divides the logits.
    """
    values = logits * (scale / temperature)
    sure: NDArray[np.float64] = 1 / np.exp(values - values.max(axis=1, keepdims=True)).sum(axis=1)
    right = logits.argmax(axis=1) == truth
    bin_ = np.minimum((sure * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(bin_, weights=sure - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(truth))
