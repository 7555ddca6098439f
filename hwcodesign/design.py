"""A compiled design: load it from disk, run it anywhere. NumPy only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.boards import Board, board_of
from hwcodesign.designs.costs import ExitCosts
from hwcodesign.designs.stored import read_sources, read_stored
from hwcodesign.errors import DesignError, SettingsError
from hwcodesign.images import encode_images
from hwcodesign.interface.block_design import BlockDesign
from hwcodesign.interface.modes import Mode, exit_control
from hwcodesign.interface.records import Records, empty_records, final_records
from hwcodesign.places import Place, Runner, SegmentRunner, place_named, segment_place_named
from hwcodesign.policies import ExitPolicy, Threshold
from hwcodesign.simulation import csim, rtl
from hwcodesign.simulation.project import Project, read_project
from hwcodesign.storage.fields import Field
from hwcodesign.storage.sealed import SealedFiles


@dataclass(eq=False)
class Design:
    """A design is an accelerator and the folder with everything that was made for it.

    Attributes:
        accelerator: kernels, decisions, buffers.
        folder: of `compile`, or a bundle; has design.json.
        manifest: settings, tool versions and hashes.
        on: where the design last ran; None before the first run.
    """

    accelerator: Accelerator
    folder: Path
    manifest: dict[str, Any]
    on: str | None = None

    def __repr__(self) -> str:
        """Tells it from others in a line; its weights would fill pages."""
        name, exits, criterion = self.accelerator.name, self.accelerator.exits, self.policy.criterion_name
        return f"<Design {name}: {exits} exits by {criterion}, in {self.folder}>"

    @property
    def policy(self) -> ExitPolicy:
        """Returns the policy of its exits."""
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
        """Runs all images and gives their final records, in sample order.

        Args:
            images: (N, C, H, W); floats are values in the input format, integers are codes.
            on: one of `places.PLACES`: "software", "native", "numpy", "csim", "rtl", "board-sim", "board", or "auto",
                which is the board if there is one, else software, with a warning. A `ProgressiveAccelerator` keeps a
                board open from run to run.
            mode, thresholds, leave_at: see `interface.modes.exit_control`.

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
        """Gives records as they come, in anytime mode every refinement; csim and rtl give them all at once.

        Arguments are those of `run`, and are checked at the call; a place is opened with the first records, and closed
        with the last.

        Args:
            images, on, mode, thresholds, leave_at: as for `run`.

        Returns:
            Arrays (n,) of `RECORD_DTYPE`, as they come.
        """
        place = place_named(on)
        codes = encode_images(images, self.accelerator.input_format, self.accelerator.input_shape)
        control = exit_control(self.policy, mode, thresholds=thresholds, leave_at=leave_at)

        def records() -> Iterator[Records]:
            runner: Runner = self._opened(place)
            with closing(runner), closing(runner.stream(codes, control)) as stream:
                for found in stream:
                    self.on = runner.on
                    yield found

        return records()

    def _opened(self, place: Place) -> Any:
        """Opens a `Runner`, or a `SegmentRunner` where the place has them."""
        runner = place.load().open_runner(self)
        self.on = runner.on
        return runner

    def segment_outputs(self, images: NDArray[Any], on: str = "software") -> dict[str, NDArray[np.int64]]:
        """Gives the codes that every segment writes for all images, exits ignored: features channels last.

        Args:
            images: (N, C, H, W) values or codes.
            on: a place that shows segments, such as "software", "csim" or "rtl".

        Returns:
            By the name of the segment, arrays (N, …) of integer codes.

        Raises:
            SettingsError: `on` shows records alone, as a board does.
        """
        place = segment_place_named(on)
        codes = encode_images(images, self.accelerator.input_format, self.accelerator.input_shape)
        runner: SegmentRunner = self._opened(place)
        with closing(runner):
            return runner.segment_outputs(codes)

    def logits(self, images: NDArray[Any], on: str = "software") -> list[NDArray[np.int64]]:
        """Gives integer outputs of every head for all images: (N, classes), and with gates (N, classes + 1).

        Args:
            images, on: as for `segment_outputs`.
        """
        outputs = self.segment_outputs(images, on)
        return [outputs[head.name] for head in self.accelerator.heads]

    def costs(self, unit: str = "macs") -> ExitCosts:
        """Tells what each exit costs, for `fit_policy(costs=…)`.

        Raises:
            SettingsError: an unknown unit.
        """
        if unit != "macs":
            raise SettingsError(f"costs in {unit!r} are not known; this backend knows 'macs'")
        return self.accelerator.macs

    # --- what was generated for it ---

    @property
    def sources(self) -> SealedFiles:
        """Returns the generated files, checked against the digests that the manifest seals.

        Raises:
            DesignError: it is a bundle, which has none, or their digests were altered.
        """
        return read_sources(self.folder, str(self.manifest["sources_sha256"]))

    @property
    def has_rtl(self) -> bool:
        """Returns whether it was compiled with SystemVerilog."""
        return self.manifest.get("cycles") is not None

    @property
    def rtl_project(self) -> Project:
        """Returns the project of its SystemVerilog.

        Raises:
            DesignError: it has none, or a file of it is not as it was written.
        """
        if not self.has_rtl:
            raise DesignError("the design was compiled without RTL: compile it with backend='streamrtl'")
        self.sources.below(f"{rtl.FOLDER}/").check()
        return read_project(self.folder / rtl.FOLDER)

    @property
    def block_design(self) -> BlockDesign:
        """Returns the block design around it on the board that it was compiled for."""
        return BlockDesign(self.accelerator.name, self.board, self.accelerator.configuration_hash)

    @cached_property
    def board(self) -> Board:
        """Returns the board that it was compiled for."""
        return board_of(Field(self.manifest["board"], "board"))

    @cached_property
    def csim(self) -> csim.CSimulation:
        """Returns the simulation of the generated C++, compiled at the first use."""
        return csim.compiled(self.accelerator, self.sources)

    @cached_property
    def rtl(self) -> rtl.RtlSimulation:
        """Returns the simulation of the SystemVerilog, with cycles, counters, stalls and waveforms; built at its first
        run.
        """
        return rtl.RtlSimulation(self.accelerator, self.rtl_project)


def load(folder: Path | str) -> Design:
    """Reads a design that `compile` made, or the one in a bundle.

    Args:
        folder: of the design, or of the bundle.

    Raises:
        DesignError: no design there, another version, or files that are not those it was made with.
    """
    folder = Path(folder)
    return Design(*read_stored(folder))
