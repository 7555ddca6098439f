"""This module holds the control law by which a controller moves along a path of thresholds, from exit counts alone.

Its state is the place on the path, so the law integrates: it keeps earlier moves, and at an end of its range nothing
can wind up. An update adds the error, in cost, to the cost that was planned for the present point, and takes the point
whose planned cost is nearest. A stream that is harder or easier than the fitting split may respond more or less steeply
than planned. Whenever the direction changes, the gain is halved, so that even a steep response is approached by single
points.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import SettingsError

_LEAST_GAIN = 1 / 64


@dataclass(frozen=True)
class ControlSettings:
    """The control settings say how thresholds follow a stream.

    Attributes:
        window: samples between updates.
        limit: maximum number of points of the path in one update.
        tolerance: allowed distance of the average from the target, as a fraction of the target.
        confidence: confidence that a deviation is not chance, before thresholds move.
        memory: maximum number of windows since the last move in an average.
        least_accuracy: accuracy on the fitting split; points before the first one from which on it is reached are not
            used.

    Raises:
        SettingsError: a setting is out of range; the message names it.
    """

    window: int = 250
    limit: int = 20
    tolerance: float = 0.01
    confidence: float = 0.99
    memory: int = 16
    least_accuracy: float | None = None

    def __post_init__(self) -> None:
        for name in ("window", "limit", "memory"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name}={getattr(self, name)} is not a positive number")
        if not 0 <= self.tolerance < 1:
            raise SettingsError(f"tolerance={self.tolerance} is not a fraction from 0 to 1 of the target")
        if not 0.5 < self.confidence < 1:
            raise SettingsError(f"confidence={self.confidence} is not between 0.5 and 1")


@dataclass(frozen=True)
class ControlUpdate:
    """A control update says what one update saw and did.

    Attributes:
        samples: number of samples since control began.
        leaving: samples of the latest window that left at each exit.
        cost: average cost of the latest window.
        point: point of the path during the window.
        moved_to: point of the next window.
        unmet: 1 if the cost is too high and no cheaper point is allowed; -1 if it is too low and no more expensive
            point exists; else 0.
    """

    samples: int
    leaving: tuple[int, ...]
    cost: float
    point: int
    moved_to: int
    unmet: int


class PathControl:
    """The path control holds the place on a path that keeps an average cost.

    Args:
        planned: (P,) average cost at each point on the fitting split, rising.
        at_exit: (K,) cost of leaving at each exit, in the same unit.
        target: average to keep, in that unit.
        settings: settings of the control.
        first: cheapest point that is allowed.
    """

    def __init__(
        self,
        planned: NDArray[np.float64],
        at_exit: Sequence[float],
        target: float,
        settings: ControlSettings,
        first: int = 0,
    ) -> None:
        self.target, self.settings, self.first, self.last = target, settings, first, len(planned) - 1
        self._planned, self._at_exit = planned, np.asarray(at_exit, np.float64)
        self._z = NormalDist().inv_cdf((1 + settings.confidence) / 2)
        self.point = self._clamped(self._nearest(target))
        self._samples, self._gain, self._direction = 0, 1.0, 0
        self._since: deque[NDArray[np.int64]] = deque(maxlen=settings.memory)  # windows since the last move

    def update(self, leaving: Sequence[int]) -> ControlUpdate:
        """Takes a window's counts of samples by exit, and moves along the path if needed."""
        window = np.asarray(leaving, np.int64)
        self._since.append(window)
        self._samples += int(window.sum())
        before, error = self.point, self._error()
        if error:
            self._move(error)
        elif len(self._since) == self.settings.memory:  # settled: what comes next is another story
            self._gain, self._direction = 1.0, 0
        stuck = error != 0 and self.point == before
        return ControlUpdate(
            self._samples,
            tuple(window.tolist()),
            self._average(window),
            before,
            self.point,
            -int(np.sign(error)) if stuck else 0,
        )

    def deadband(self, leaving: NDArray[np.int64]) -> float:
        """Returns how far the average cost of so many samples may be from the target: the tolerance, or what chance
        explains.
        """
        # half a sample at every exit, so that few samples at one exit are not taken for certainty
        rates = (leaving + 0.5) / (leaving.sum() + 0.5 * len(leaving))
        variance = float(rates @ self._at_exit**2 - (rates @ self._at_exit) ** 2)
        return max(self.settings.tolerance * self.target, self._z * float(np.sqrt(variance / leaving.sum())))

    def _error(self) -> float:
        """Returns the target minus the average cost; 0 if the difference may be chance.

        The latest window is used first, so that a step is answered at once, but only with the part that chance does not
        explain, so that one unusual window moves little. Otherwise all windows since the last move are used, so that a
        small and lasting difference is found.
        """
        latest, since = self._since[-1], np.sum(self._since, axis=0)
        error, noise = self.target - self._average(latest), self.deadband(latest)
        if abs(error) > noise:
            return float(np.copysign(abs(error) - noise, error))
        error = self.target - self._average(since)
        return error if abs(error) > self.deadband(since) else 0.0

    def _average(self, leaving: NDArray[np.int64]) -> float:
        return float(leaving @ self._at_exit / leaving.sum())

    def _move(self, error: float) -> None:
        direction = 1 if error > 0 else -1
        turned = direction == -self._direction
        self._gain = max(self._gain / 2, _LEAST_GAIN) if turned else min(2 * self._gain, 1.0)
        wanted = self._nearest(float(self._planned[self.point]) + self._gain * error)
        steps = min(max(direction * (wanted - self.point), 1), self.settings.limit)  # one at least: the error is real
        moved = self._clamped(self.point + direction * steps)
        if moved != self.point:
            self.point, self._direction = moved, direction
            self._since.clear()

    def _nearest(self, cost: float) -> int:
        return int(np.argmin(np.abs(self._planned - cost)))

    def _clamped(self, point: int) -> int:
        return min(max(point, self.first), self.last)
