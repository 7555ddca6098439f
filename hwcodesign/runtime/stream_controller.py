"""This module keeps a budget on a live stream: thresholds follow the exit counters, wherever the accelerator runs."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import DesignError, PolicyError, SettingsError
from hwcodesign.images import encode_images
from hwcodesign.interface.records import Records, empty_records, final_records
from hwcodesign.policies import ThresholdPath
from hwcodesign.runtime.control import ControlSettings, ControlUpdate, PathControl
from hwcodesign.runtime.monitor import ExitMonitor
from hwcodesign.runtime.progressive import ProgressiveAccelerator


class StreamController:
    """The controller keeps an average cost on a stream by moving an accelerator's thresholds along a path.

    Contract: thresholds are always a point of the path, not below the cheapest allowed one. An update moves them by at
    most `settings.limit` points, and registers are written only if the point changes. On a stream that does not change,
    the average comes within the tolerance of the target, or within the difference between neighbouring points of the
    path, plus or minus the noise of `memory` windows. If the allowed points do not reach the target, there is one
    warning until the thresholds move again.

    Args:
        accelerator: accelerator in adaptive or anytime mode; the controller sets its thresholds from now on.
        budget: target as average multiply-accumulates, as a fraction of the full cost.
        cycles: target as average latency in cycles of an image by itself, as the design predicts it for its exits. Give
            either this or `budget`.
        path: path of thresholds; by default the one that was fitted with the policy.
        settings: settings of the control.
        monitor: monitor that gets every window, under the thresholds with which it was measured.

    Attributes:
        target: average that is kept, in `unit`.
        unit: "full cost" or "cycles".
        at_exit: cost of leaving at each exit, in that unit.
        path: path of the thresholds.
        history: an entry for each update.

    Raises:
        PolicyError: there is no path, or it cannot reach the target or the accuracy on the samples of the fit; the
            message names the nearest.
        DesignError: a target in cycles was given for a design without RTL.
        SettingsError: not exactly one of budget and cycles was given, or the accelerator is in subnet mode.
    """

    def __init__(
        self,
        accelerator: ProgressiveAccelerator,
        *,
        budget: float | None = None,
        cycles: float | None = None,
        path: ThresholdPath | None = None,
        settings: ControlSettings | None = None,
        monitor: ExitMonitor | None = None,
    ) -> None:
        settings = settings or ControlSettings()
        self.target, self.unit, self.at_exit = _target(accelerator, budget, cycles)
        self.path = _path(accelerator, path)
        self.history: list[ControlUpdate] = []
        first = 0 if settings.least_accuracy is None else self.path.first_as_accurate_as(settings.least_accuracy)
        planned = self.path.costs(self.at_exit)
        _check_reach(self.target, self.unit, float(planned[first]), float(planned[-1]))
        self._control = PathControl(planned, self.at_exit, self.target, settings, first)
        self._accelerator, self._monitor, self._window = accelerator, monitor, settings.window
        self._counted, self._told = np.zeros(len(self.at_exit), np.int64), False
        self._require_thresholds()
        accelerator.threshold_codes = self.codes

    @property
    def point(self) -> int:
        """Returns the present point of the path."""
        return self._control.point

    @property
    def codes(self) -> tuple[int, ...]:
        """Returns the threshold codes of that point, one per exit but the last."""
        return self.path.points[self.point].codes

    def run(self, images: NDArray[Any]) -> Records:
        """Returns the final records of all images, in sample order; see `ProgressiveAccelerator.run`.

        Args:
            images: (N, C, H, W) values or codes.

        Returns:
            (N,) structured array of `RECORD_DTYPE`.
        """
        with closing(self.stream(images)) as stream:
            parts = list(stream)
        return final_records(np.concatenate(parts)) if parts else empty_records(0)

    def stream(self, images: NDArray[Any]) -> Generator[Records, None, None]:
        """Yields records as they are computed, window by window; images are checked at the call.

        A window may span several calls. Samples that run outside of them are not counted.

        Args:
            images: (N, C, H, W) values or codes.

        Returns:
            Arrays (n,) of `RECORD_DTYPE`.
        """
        self._require_thresholds()
        fmt, shape = self._accelerator.accelerator.input_format, self._accelerator.accelerator.input_shape
        return self._stream(encode_images(images, fmt, shape))

    def _stream(self, codes: NDArray[Any]) -> Generator[Records, None, None]:
        start = 0
        while start < len(codes):
            part = codes[start : start + self._window - int(self._counted.sum())]
            if self._accelerator.threshold_codes != self.codes:  # the point moved, or somebody else set them
                self._accelerator.threshold_codes = self.codes
            before = self._accelerator.counters
            with closing(self._accelerator.stream(part)) as stream:
                for records in stream:
                    records["sample_id"] += np.uint32(start)
                    yield records
            self._count(self._accelerator.counters.left_since(before))
            start += len(part)

    def _count(self, leaving: Sequence[int]) -> None:
        """Counts the samples of a part of a window; the end of a window triggers an update."""
        if self._monitor is not None:
            self._monitor.observe(leaving, self.codes)
        self._counted += np.asarray(leaving, np.int64)
        if self._counted.sum() >= self._window:
            update = self._control.update(self._counted.tolist())
            self._counted[:] = 0
            self.history.append(update)
            self._tell(update)

    def _tell(self, update: ControlUpdate) -> None:
        if update.unmet and not self._told:
            self._told = True
            end, way = ("cheapest", "above") if update.unmet > 0 else ("dearest", "below")
            warnings.warn(
                f"the target of {self.target:g} {self.unit} cannot be met: the last window's average is "
                f"{update.cost:.4g}, {way} it, at the {end} thresholds that are allowed (point {update.point} of "
                f"{len(self.path)})",
                stacklevel=2,
            )
        elif update.moved_to != update.point:
            self._told = False

    def _require_thresholds(self) -> None:
        if self._accelerator.leave_at is not None:
            raise SettingsError("a controller moves thresholds, which subnet mode does not use: set leave_at = None")


def _target(
    accelerator: ProgressiveAccelerator, budget: float | None, cycles: float | None
) -> tuple[float, str, tuple[float, ...]]:
    """Returns the average to keep, its unit, and the cost of leaving at each exit."""
    if budget is not None and cycles is None:
        return float(budget), "full cost", accelerator.accelerator.macs.fractions
    if cycles is not None and budget is None:
        predicted = accelerator.design.manifest.get("cycles")
        if predicted is None:
            raise DesignError("there are no cycles: the design has no RTL; compile it with backend='streamrtl'")
        return float(cycles), "cycles", tuple(float(exit_["latency"]) for exit_ in predicted["exits"])
    raise SettingsError(f"give exactly one of budget and cycles, not budget={budget}, cycles={cycles}")


def _path(accelerator: ProgressiveAccelerator, path: ThresholdPath | None) -> ThresholdPath:
    exits, found = accelerator.accelerator.exits, path or accelerator.policy.path
    if found is None:
        raise PolicyError(
            f"the policy has no path of thresholds (they were {accelerator.policy.fitted_on.method!r}): fit it to an "
            "accuracy drop or a budget, or give path=threshold_path(policy, statistics)"
        )
    if found.leaving.shape[1] != exits:
        raise PolicyError(
            f"the path is for {found.leaving.shape[1]} exits, but the accelerator has {exits}: fit a path for it"
        )
    return found


def _check_reach(target: float, unit: str, low: float, high: float) -> None:
    if not low <= target <= high:
        nearest = low if target < low else high
        raise PolicyError(
            f"a target of {target:g} {unit} is not on the path, whose allowed points cost {low:.4g} to {high:.4g} on "
            f"the samples of the fit: the nearest is {nearest:.4g}"
        )
