"""A compiled design: run it on any backend; load it from disk. NumPy only."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.accelerator import Accelerator
from hwcodesign.costs import ExitCosts
from hwcodesign.errors import DesignError, SettingsError
from hwcodesign.files import sha256_file, sha256_json
from hwcodesign.images import channels_last, encode_images
from hwcodesign.policies import ExitPolicy, Threshold
from hwcodesign.runtime import software
from hwcodesign.runtime.modes import ExitControl, Mode, exit_control
from hwcodesign.runtime.records import Records, empty_records, final_records
from hwcodesign.simulation.csim import CSimulation, build_library
from hwcodesign.simulation.rtl import RtlSimulation

MANIFEST = "design.json"
WEIGHTS = "weights.npz"
DESIGN_VERSION = 1


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
            on: "software", "csim", "rtl", or "auto".
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

        Arguments are those of `run`, and are checked at the call.
        """
        codes = encode_images(images, self.accelerator.input_format, self.accelerator.input_shape)
        control = exit_control(self.policy, mode, thresholds=thresholds, leave_at=leave_at)
        name, backend = self._backend(on)
        self.on = name
        return backend(self, codes, control)

    def segment_outputs(self, images: NDArray[Any], on: str = "software") -> dict[str, NDArray[np.int64]]:
        """Codes that every segment writes for all images, exits ignored: features channels last; logits (N, C)."""
        name, _ = self._backend(on)
        codes = encode_images(images, self.accelerator.input_format, self.accelerator.input_shape)
        feature: NDArray[Any] = channels_last(codes)
        if name == "rtl":
            self.on = name
            return self.rtl.outputs(codes)
        outputs: dict[str, NDArray[np.int64]] = {}
        for stage, head in zip(self.accelerator.stages, self.accelerator.heads, strict=True):
            for segment in (stage, head):
                if name == "csim":
                    outputs[segment.name] = self.csim.segment_codes(segment, feature)
                else:
                    outputs[segment.name] = software.segment_codes(segment, feature)
                if segment is stage:
                    feature = outputs[segment.name]
        self.on = name
        return outputs

    def logits(self, images: NDArray[Any], on: str = "software") -> list[NDArray[np.int64]]:
        """Integer logits of every exit for all images, (N, classes) each."""
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
        return CSimulation(self.accelerator, build_library(self.accelerator, self.folder))

    @property
    def has_rtl(self) -> bool:
        """Whether it was compiled with SystemVerilog."""
        return self.manifest.get("cycles") is not None

    @property
    def rtl(self) -> RtlSimulation:
        """The simulation of the SystemVerilog, with cycles, counters, stalls and waveforms; built at its first run."""
        return RtlSimulation(self.accelerator, self.folder)

    def _backend(self, on: str) -> tuple[str, _Backend]:
        if on == "auto":
            warnings.warn("on='auto' runs in software: this version drives no board", stacklevel=3)
            on = "software"
        if on not in _BACKENDS:
            raise SettingsError(f"on={on!r} is not one of auto, {', '.join(_BACKENDS)}")
        return on, _BACKENDS[on]


_Backend = Callable[[Design, NDArray[Any], ExitControl], Iterator[Records]]


def _run_software(design: Design, codes: NDArray[Any], control: ExitControl) -> Iterator[Records]:
    return software.stream_records(design.accelerator, codes, control)


def _run_csim(design: Design, codes: NDArray[Any], control: ExitControl) -> Iterator[Records]:
    return iter([design.csim.records(codes, control)])


def _run_rtl(design: Design, codes: NDArray[Any], control: ExitControl) -> Iterator[Records]:
    return iter([design.rtl.run(codes, control).records])


_BACKENDS: dict[str, _Backend] = {"software": _run_software, "csim": _run_csim, "rtl": _run_rtl}


def load(folder: Path | str) -> Design:
    """Read a design that `compile` made.

    Raises:
        DesignError: no design there, another version, or files that are not those it was made with.
    """
    folder = Path(folder)
    path = folder / MANIFEST
    if not path.exists():
        raise DesignError(f"{folder} has no {MANIFEST}: it is not a design, or was left half-made; compile it again")
    try:
        manifest = json.loads(path.read_text())
    except ValueError as error:
        raise DesignError(f"{path} is not JSON ({error}): compile the design again") from None
    if not isinstance(manifest, dict) or manifest.get("design_version") != DESIGN_VERSION:
        raise DesignError(f"{path} is not a design of version {DESIGN_VERSION}: compile the design again")
    weights = folder / WEIGHTS
    if not weights.exists() or sha256_file(weights) != manifest.get("weights_sha256"):
        raise DesignError(f"{weights} is missing or was altered: compile the design again")
    with np.load(weights, allow_pickle=False) as arrays:
        accelerator = Accelerator.from_json(manifest.get("accelerator", {}), dict(arrays))
    if sha256_json(accelerator.policy.to_json()) != manifest.get("policy_sha256"):
        raise DesignError(f"the policy in {path} was altered: give thresholds to run() instead, or compile again")
    return Design(accelerator, folder, manifest)
