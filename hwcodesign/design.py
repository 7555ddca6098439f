"""A compiled design: run it on any backend; load it from disk. NumPy only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.choices import not_known
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.costs import ExitCosts
from hwcodesign.designs.stored import read_design
from hwcodesign.errors import SettingsError
from hwcodesign.images import channels_last, encode_images
from hwcodesign.interface.modes import ExitControl, Mode, exit_control
from hwcodesign.interface.records import Records, empty_records, final_records
from hwcodesign.policies import ExitPolicy, Threshold
from hwcodesign.progress import task
from hwcodesign.runtime import software
from hwcodesign.runtime.progressive import ProgressiveAccelerator
from hwcodesign.simulation.csim import CSimulation, csim_of
from hwcodesign.simulation.rtl import RtlSimulation, rtl_of


@dataclass
class Design:
    """An accelerator and the folder with everything that was made for it.

    Attributes:
        accelerator: kernels, decisions, buffers.
        folder: of `compile`; has design.json.
        manifest: settings, tool versions and hashes.
        on: where the design last ran; None before the first run.
    """

    accelerator: Accelerator
    folder: Path
    manifest: dict[str, Any] = field(repr=False)
    on: str | None = None

    @property
    def policy(self) -> ExitPolicy:
        return self.accelerator.policy

    def run(
        self,
        images: NDArray[Any],
        on: str = "software",
        *,
        mode: Mode | str = Mode.ADAPTIVE,
        thresholds: Sequence[Threshold] | None = None,
        leave_at: int | None = None,
    ) -> Records:
        """Final records of all images, in sample order.

        Args:
            images: (N, C, H, W); floats are values in the input format, integers are codes.
            on: "software", "csim", "rtl", "board-sim", "board", or "auto": the board if there is one, else software,
                with a warning. A `ProgressiveAccelerator` keeps a board open from run to run.
            mode, thresholds, leave_at: see `runtime.modes.exit_control`.

        Returns:
            (N,) structured array of `RECORD_DTYPE`.
        """
        parts = list(self.stream(images, on, mode=mode, thresholds=thresholds, leave_at=leave_at))
        return final_records(np.concatenate(parts)) if parts else empty_records(0)

    def stream(
        self,
        images: NDArray[Any],
        on: str = "software",
        *,
        mode: Mode | str = Mode.ADAPTIVE,
        thresholds: Sequence[Threshold] | None = None,
        leave_at: int | None = None,
    ) -> Iterator[Records]:
        """Records as they come, in anytime mode every refinement; csim and rtl give them all at once.

        Arguments are those of `run`, and are checked at the call; a board is opened with the first records, and closed
        with the last.
        """
        codes = encode_images(images, self.accelerator.input_format, self.accelerator.input_shape)
        control = exit_control(self.policy, mode, thresholds=thresholds, leave_at=leave_at)
        if on in _DRIVEN:
            return self._drive(codes, on, mode, thresholds, leave_at)
        backend = _backend(on)
        self.on = on
        return backend(self, codes, control)

    def _drive(
        self,
        codes: NDArray[Any],
        on: str,
        mode: Mode | str,
        thresholds: Sequence[Threshold] | None,
        leave_at: int | None,
    ) -> Iterator[Records]:
        with ProgressiveAccelerator(self, on) as driver:
            self.on = driver.on
            if thresholds is not None:
                driver.thresholds = tuple(thresholds)
            if leave_at is None:
                driver.mode = Mode(mode)
            else:
                driver.leave_at = leave_at
            with (
                task(f"running {len(codes)} images on {driver.on}", len(codes), "images") as reported,
                closing(driver.stream(codes)) as stream,
            ):
                for records in stream:
                    self.on = driver.on
                    reported.advance(len(final_records(records)))
                    yield records

    def segment_outputs(self, images: NDArray[Any], on: str = "software") -> dict[str, NDArray[np.int64]]:
        """Codes that every segment writes for all images, exits ignored: features channels last; logits (N, C).

        Raises:
            SettingsError: `on` is none of software, csim and rtl; a board shows records alone.
        """
        _backend(on)
        codes = encode_images(images, self.accelerator.input_format, self.accelerator.input_shape)
        feature: NDArray[Any] = channels_last(codes)
        if on == "rtl":
            self.on = on
            return self.rtl.outputs(codes)
        outputs: dict[str, NDArray[np.int64]] = {}
        with task(f"computing every segment on {on}", len(self.accelerator.segments), "segments") as reported:
            for stage, head in zip(self.accelerator.stages, self.accelerator.heads, strict=True):
                for segment in (stage, head):
                    reported.advance(0, segment.name)
                    if on == "csim":
                        outputs[segment.name] = self.csim.segment_codes(segment, feature)
                    else:
                        outputs[segment.name] = software.segment_codes(segment, feature)
                    if segment is stage:
                        feature = outputs[segment.name]
                    reported.advance()
        self.on = on
        return outputs

    def logits(self, images: NDArray[Any], on: str = "software") -> list[NDArray[np.int64]]:
        """Integer outputs of every head for all images: (N, classes), and with gates (N, classes + 1), gates last."""
        outputs = self.segment_outputs(images, on)
        return [outputs[head.name] for head in self.accelerator.heads]

    def costs(self, unit: str = "macs") -> ExitCosts:
        """What each exit costs, for `fit_policy(costs=…)`.

        Raises:
            SettingsError: an unknown unit.
        """
        if unit != "macs":
            raise SettingsError(f"costs in {unit!r} are not known; this backend knows 'macs'")
        return self.accelerator.macs

    @cached_property
    def csim(self) -> CSimulation:
        """The simulation model, compiled at the first use."""
        return csim_of(self)

    @property
    def has_rtl(self) -> bool:
        """Whether it was compiled with SystemVerilog."""
        return self.manifest.get("cycles") is not None

    @cached_property
    def rtl(self) -> RtlSimulation:
        """The simulation of the SystemVerilog, with cycles, counters, stalls and waveforms; built at its first run."""
        return rtl_of(self)


_Backend = Callable[[Design, NDArray[Any], ExitControl], Iterator[Records]]


def _run_software(design: Design, codes: NDArray[Any], control: ExitControl) -> Iterator[Records]:
    return software.stream_records(design.accelerator, codes, control)


def _run_csim(design: Design, codes: NDArray[Any], control: ExitControl) -> Iterator[Records]:
    return iter([design.csim.records(codes, control)])


def _run_rtl(design: Design, codes: NDArray[Any], control: ExitControl) -> Iterator[Records]:
    return iter([design.rtl.run(codes, control).records])


_BACKENDS: dict[str, _Backend] = {"software": _run_software, "csim": _run_csim, "rtl": _run_rtl}
_DRIVEN = ("auto", "board", "board-sim")


def check_place(on: str) -> None:
    """Refuse a place where no design runs.

    Raises:
        SettingsError: naming it, and those there are.
    """
    if on not in _BACKENDS and on not in _DRIVEN:
        raise SettingsError(not_known(f"on={on!r}", on, [*_BACKENDS, *_DRIVEN]))


def _backend(on: str) -> _Backend:
    check_place(on)
    if on in _DRIVEN:
        raise SettingsError(f"on={on!r} shows records alone: ask one of {', '.join(_BACKENDS)}")
    return _BACKENDS[on]


def load(folder: Path | str) -> Design:
    """Read a design that `compile` made, or the one in a bundle.

    Raises:
        DesignError: no design there, another version, or files that are not those it was made with.
    """
    stored = read_design(folder)
    return Design(stored.accelerator, stored.folder, stored.manifest)
