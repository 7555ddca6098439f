"""Thresholds from rates: how many samples should leave at each exit (EENet, arXiv 2301.07099, section 3.3).

The mean assignment of samples to exits is tilted by the exits' costs until it costs the budget; then each exit in turn
takes its part of all samples, the surest of those that are left.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwcodesign.policies.criterion import NEVER
from hwcodesign.policies.statistics import ExitStatistics

_HALVINGS = 200
#: Tilts beyond this leave nothing but the cheapest, or the dearest, exit.
_STEEPEST = 700.0


def tilted(rates: NDArray[np.float64], costs: NDArray[np.float64], budget: float) -> NDArray[np.float64]:
    """Computes the exit rates r_k e^(-t c_k), normalised, whose mean cost is the budget.

    Args:
        rates: (K,) positive.
        costs: (K,) not all equal.
        budget: in the costs' unit; outside of them, the nearest.

    Returns:
        (K,), of sum 1.
    """
    spread = (costs - costs.min()) / (costs.max() - costs.min())

    def at(tilt: float) -> NDArray[np.float64]:
        powers = np.log(rates) - tilt * spread
        weights = np.exp(powers - powers.max())
        return np.asarray(weights / weights.sum())

    low, high = -_STEEPEST, _STEEPEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if float(at(middle) @ costs) > budget else (low, middle)
    return at(high)


def quota_codes(statistics: ExitStatistics, rates: NDArray[np.float64]) -> tuple[int, ...]:
    """Computes threshold codes with which exit k takes the rates[k] N samples with the highest scores of those that
    reach it.

    Samples of equal score leave together: as many as come nearest to the rate.

    Args:
        statistics: of N samples at K exits.
        rates: (K,), of sum 1; the last exit takes what is left.
    """
    left, codes = np.arange(len(statistics.truth)), []
    for k in range(len(rates) - 1):
        scores = np.sort(statistics.scores[k, left])[::-1]
        # leaving with the i-th score takes all that are at least as sure
        counts = np.append(0, np.searchsorted(-scores, -scores, side="right"))
        candidates = np.append(NEVER, scores)
        code = int(candidates[np.abs(counts - rates[k] * len(statistics.truth)).argmin()])
        codes.append(code)
        left = left[statistics.scores[k, left] < code]
    return tuple(codes)
