"""A watch on exit shares: whether samples still leave where those did that the thresholds were fitted on.

Both are samples. If they are of one kind, then, given how many of both left at an exit, how many of those are the
window's is hypergeometric (Fisher's exact test), whatever the true share is: the size of the fitting split is accounted
for, and nothing is approximated. All exits are watched on both sides, each with its part of the false-alarm rate.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import PolicyError, SettingsError
from hwcodesign.policies import ExitPolicy, ThresholdPath
from hwcodesign.runtime.progressive import ProgressiveAccelerator

_Counts = tuple[int, ...]


@dataclass(frozen=True)
class Alarm:
    """A window whose exit shares are outside what was fitted.

    Attributes:
        exit: whose share is the least likely.
        count, samples: that left there, of the window's.
        fitted, fitted_samples: the same of the fitting split.
        bounds: least and largest count that would have been no alarm.
        confidence: 1 less the false-alarm rate of a window, all exits together.
    """

    exit: int
    count: int
    samples: int
    fitted: int
    fitted_samples: int
    bounds: tuple[int, int]
    confidence: float

    def __str__(self) -> str:
        low, high = (bound / self.samples for bound in self.bounds)
        return (
            f"{self.count} of {self.samples} samples left at exit {self.exit} ({self.count / self.samples:.1%}). "
            f"On the {self.fitted_samples} samples of the fitting split the exit rate was "
            f"{self.fitted / self.fitted_samples:.1%}; at {100 * self.confidence:g}% confidence, {low:.1%} to "
            f"{high:.1%} is within chance. These samples differ from the fitting split: do not rely on the fitted "
            "accuracy and cost"
        )


class ExitMonitor:
    """Holds the exit counters of an accelerator to the fitting split; warns once an episode, with figures.

    A window that ends inside the bounds ends an episode. Thresholds may be any point of the policy's path, or the
    policy's own; when they change, a window is begun anew. Where all leave at one exit whatever they are, as at a
    path's ends, there is nothing to be seen.

    Args:
        accelerator: watched from now on.
        path: of thresholds; by default the one that was fitted with the policy.
        window: samples of one test.
        confidence: 1 less the false-alarm rate of a window.

    Raises:
        PolicyError: the policy was not fitted to data.
        SettingsError: naming the setting out of range.
    """

    def __init__(
        self,
        accelerator: ProgressiveAccelerator,
        *,
        path: ThresholdPath | None = None,
        window: int = 250,
        confidence: float = 0.999,
    ) -> None:
        if window < 1:
            raise SettingsError(f"window={window} is not a positive number of samples")
        if not 0.5 < confidence < 1:
            raise SettingsError(f"confidence={confidence} is not between 0.5 and 1")
        self.alarms: list[Alarm] = []
        self.windows = 0
        self._window, self._confidence, self._accelerator = window, confidence, accelerator
        self._fitted = _fitted_counts(accelerator.policy, path or accelerator.policy.path)
        self._codes = accelerator.threshold_codes
        self._counted = np.zeros(accelerator.accelerator.exits, np.int64)
        self._seen, self._alarming = accelerator.counters, False

    @property
    def alarming(self) -> bool:
        """Whether an episode is going on."""
        return self._alarming

    def check(self) -> Alarm | None:
        """Read the counters; what left since the last check is watched, unless thresholds were changed in between.

        Raises:
            SettingsError: the accelerator is in subnet mode, where no threshold decides.
            PolicyError: nothing was fitted at its thresholds.
            BoardError: a board's registers cannot be read.
        """
        if self._accelerator.leave_at is not None:
            raise SettingsError("a monitor watches thresholds, and in subnet mode none decides: leave_at = None")
        counters, codes = self._accelerator.counters, self._accelerator.threshold_codes
        leaving, self._seen = counters.left_since(self._seen), counters
        if codes != self._codes:  # some of them left by these, some by those
            self._begin(codes)
            return None
        return self.observe(leaving, codes)

    def observe(self, leaving: Sequence[int], codes: Sequence[int]) -> Alarm | None:
        """Take counts of samples that left at each exit under threshold codes, one per exit but the last.

        Returns:
            What was outside the bounds, where this ended a window and something was.

        Raises:
            PolicyError: nothing was fitted at these thresholds.
        """
        if tuple(codes) != self._codes:
            self._begin(tuple(codes))
        fitted = self._fitted_at(self._codes)
        self._counted += np.asarray(leaving, np.int64)
        if self._counted.sum() < self._window:
            return None
        counted, self._counted = self._counted, np.zeros_like(self._counted)
        self.windows += 1
        alarm = out_of_bounds(counted.tolist(), fitted, self._confidence)
        if alarm is not None:
            self.alarms.append(alarm)
            if not self._alarming:
                warnings.warn(str(alarm), stacklevel=2)
        self._alarming = alarm is not None
        return alarm

    def _begin(self, codes: _Counts) -> None:
        self._codes = codes
        self._counted[:] = 0

    def _fitted_at(self, codes: _Counts) -> _Counts:
        if codes not in self._fitted:
            raise PolicyError(
                f"threshold codes {codes} are neither the policy's own nor a point of its path: what leaves there was "
                "never fitted, and cannot be watched"
            )
        return self._fitted[codes]


def _fitted_counts(policy: ExitPolicy, path: ThresholdPath | None) -> dict[_Counts, _Counts]:
    """Samples of the fitting split that left at each exit, by threshold codes."""
    fitted, own = policy.fitted_on, policy.path
    found = {point.codes: point.leaving for point in path.points} if path else {}
    samples = own.samples if own else fitted.samples  # a learned criterion's thresholds are fitted on half of them
    if fitted.exit_share and samples:
        shares = tuple(round(share * samples) for share in fitted.exit_share)
        found.setdefault(policy.threshold_codes[:-1], shares)
    if not found:
        raise PolicyError(
            f"the policy's thresholds were {fitted.method!r}, not fitted to data: there are no shares to hold others to"
        )
    return found


def out_of_bounds(counted: Sequence[int], fitted: Sequence[int], confidence: float) -> Alarm | None:
    """Whether two samples, counted by exit, may be of one kind; the exit that speaks most against it."""
    samples, others = sum(counted), sum(fitted)
    rate = (1 - confidence) / (2 * len(counted))
    chances = [min(_tails(x, samples, y, others)) for x, y in zip(counted, fitted, strict=True)]
    k = int(np.argmin(chances))
    if chances[k] >= rate:
        return None
    bounds = count_bounds(fitted[k], others, samples, rate)
    return Alarm(k, counted[k], samples, fitted[k], others, bounds, confidence)


@lru_cache(maxsize=256)
def count_bounds(fitted: int, fitted_samples: int, samples: int, rate: float) -> tuple[int, int]:
    """Least and largest count of `samples` that are not outside, with a chance of `rate` on each side."""
    inside = [x for x in range(samples + 1) if min(_tails(x, samples, fitted, fitted_samples)) >= rate]
    return (inside[0], inside[-1])


def _tails(x: int, samples: int, y: int, others: int) -> tuple[float, float]:
    """Chances that no more, and no fewer, than x of the x + y that left are among `samples` of `samples + others`."""
    left, logs = x + y, _log_factorials(samples + others)
    k = np.arange(max(0, left - others), min(samples, left) + 1)
    stayed = samples + others - left
    chance = np.exp(
        logs[left] - logs[k] - logs[left - k]
        + logs[stayed] - logs[samples - k] - logs[stayed - samples + k]
        - logs[samples + others] + logs[samples] + logs[others]
    )  # fmt: skip
    at = x - int(k[0])
    return float(chance[: at + 1].sum()), float(chance[at:].sum())


@lru_cache(maxsize=8)
def _log_factorials(most: int) -> NDArray[np.float64]:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, most + 1)))])
