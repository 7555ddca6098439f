"""This module watches exit rates: it tests whether samples still leave at the same exits as those of the fitting
split.

The window and the fitting split are both samples. If they are alike, and if it is known how many of both left at an
exit, then the number of these that belong to the window has a hypergeometric distribution (Fisher's exact test),
whatever the true exit rate is. The test accounts for the size of the fitting split, and nothing is approximated. All
exits are watched for rates that are too high and too low, each with its part of the false-alarm rate.
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
    """An alarm is a window whose exit rates are outside the bounds.

    Attributes:
        exit: exit whose rate is the least likely.
        count, samples: number of samples that left there, and number of samples in the window.
        fitted, fitted_samples: the same numbers on the fitting split.
        bounds: least and largest count without an alarm.
        confidence: 1 minus the false-alarm rate of a window, for all exits together.
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
    """The monitor compares the exit counters of an accelerator with the fitting split, and warns once in each episode,
    with figures.

    A window inside the bounds ends an episode. Thresholds may be any point of the policy's path, or the policy's own;
    when they change, a new window begins. If all samples leave at one exit whatever they are, as at the ends of a path,
    no change can be seen.

    Args:
        accelerator: accelerator that is watched from now on.
        path: path of thresholds; by default the one that was fitted with the policy.
        window: number of samples of one test.
        confidence: 1 minus the false-alarm rate of a window.

    Raises:
        PolicyError: the policy was not fitted to data.
        SettingsError: a setting is out of range; the message names it.
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
        """Tells whether an episode is going on."""
        return self._alarming

    def check(self) -> Alarm | None:
        """Reads the counters and tests the samples since the last check, unless thresholds were changed in between.

        Raises:
            SettingsError: the accelerator is in subnet mode, where no threshold decides.
            PolicyError: the policy was not fitted at its thresholds.
            BoardError: the registers of a board cannot be read.
        """
        if self._accelerator.leave_at is not None:
            raise SettingsError("a monitor needs thresholds, which subnet mode does not use: set leave_at = None")
        counters, codes = self._accelerator.counters, self._accelerator.threshold_codes
        leaving, self._seen = counters.left_since(self._seen), counters
        if codes != self._codes:  # some of them left by these, some by those
            self._begin(codes)
            return None
        return self.observe(leaving, codes)

    def observe(self, leaving: Sequence[int], codes: Sequence[int]) -> Alarm | None:
        """Takes counts of samples that left at each exit under threshold codes, one per exit but the last.

        Args:
            leaving: number of samples that left at each exit.
            codes: threshold codes, one per exit but the last.

        Returns:
            What was outside the bounds, where this ended a window and something was.

        Raises:
            PolicyError: the policy was not fitted at these thresholds.
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
                f"threshold codes {codes} are neither the policy's own nor a point of its path: no exit rates were "
                "fitted for them, so they cannot be watched"
            )
        return self._fitted[codes]


def _fitted_counts(policy: ExitPolicy, path: ThresholdPath | None) -> dict[_Counts, _Counts]:
    """Returns the samples of the fitting split that left at each exit, by threshold codes."""
    fitted, own = policy.fitted_on, policy.path
    found = {point.codes: point.leaving for point in path.points} if path else {}
    samples = own.samples if own else fitted.samples  # a learned criterion's thresholds are fitted on half of them
    if fitted.exit_rate and samples:
        leaving = tuple(round(rate * samples) for rate in fitted.exit_rate)
        found.setdefault(policy.threshold_codes[:-1], leaving)
    if not found:
        raise PolicyError(
            f"the policy's thresholds were {fitted.method!r}, not fitted to data: there are no exit rates to "
            "compare with"
        )
    return found


def out_of_bounds(counted: Sequence[int], fitted: Sequence[int], confidence: float) -> Alarm | None:
    """Tests whether two samples, counted by exit, may be alike; returns the exit with the strongest evidence against
    it.
    """
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
    """Returns the least and the largest count of `samples` inside the bounds, with a chance of `rate` on each side."""
    inside = [x for x in range(samples + 1) if min(_tails(x, samples, fitted, fitted_samples)) >= rate]
    return (inside[0], inside[-1])


def _tails(x: int, samples: int, y: int, others: int) -> tuple[float, float]:
    """Returns the chances that no more, and no fewer, than x of the x + y that left are among `samples` of `samples +
    others`.
    """
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
