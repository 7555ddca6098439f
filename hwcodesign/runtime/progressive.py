"""This module is the driver: it runs one accelerator, in any place, and delivers records as they are computed."""

from __future__ import annotations

import time
import warnings
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from contextlib import aclosing, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.design import Design, load
from hwcodesign.errors import BoardError, PolicyError, TransferError
from hwcodesign.images import encode_images
from hwcodesign.interface.counters import Counters
from hwcodesign.interface.modes import ExitControl, Mode, exit_control
from hwcodesign.interface.records import Records, empty_records, final_records
from hwcodesign.policies import ALWAYS, NEVER, ExitPolicy, Threshold, listed_thresholds
from hwcodesign.runtime.delivery import Delivery
from hwcodesign.runtime.parts import Part, PartTimes, Throughput
from hwcodesign.runtime.transports import open_transport
from hwcodesign.runtime.transports.software import software_transport
from hwcodesign.runtime.transports.transport import TransferSettings, Transport
from hwcodesign.runtime.turns import Turn, Turns


@dataclass(frozen=True)
class _Batch:
    """A batch holds samples in progress: their codes, the number of the first, and what is still owed of them."""

    codes: NDArray[Any]
    start: int
    delivery: Delivery


class ProgressiveAccelerator:
    """The driver runs a design and delivers records as they are computed: easy images first, in anytime mode every
    refinement.

    Contract: every image is answered exactly once, with exactly the bits that the design computes, in any place. On a
    board a batch that does not come back completely is repeated after a recovery. If it fails again, software computes
    it, with a warning. Do not use one object from several threads at a time. Close it, or use it in a `with` block.

    Args:
        design: a compiled or loaded design, or the folder of a design or a bundle.
        on: a name of `places.PLACES`, which raises an error if the place is not available; "auto" is the board if there
            is one, else software, with a warning that gives the reason. Or a transport, which the driver then closes.
        settings: settings of transfers.

    Raises:
        DesignError: the folder holds no design.
        SettingsError: there is no such place to run.
        BoardError: there is no board, no bitstream, or the wrong one; permission is missing; or the board is in use.
        MissingExtraError: a package is missing.
    """

    def __init__(
        self,
        design: Design | Path | str,
        on: str | Transport = "auto",
        *,
        settings: TransferSettings | None = None,
    ) -> None:
        settings = settings or TransferSettings()
        if isinstance(design, str | Path):
            design = load(design)
        self.design = design
        self.accelerator = design.accelerator
        self._settings = settings
        self._transport = open_transport(on, design, settings) if isinstance(on, str) else on
        self._software = software_transport(self.accelerator, settings, self._transport.times)
        self._on = self._transport.name
        self._turns = Turns()
        self._mode = Mode.ADAPTIVE
        self._leave_at: int | None = None
        self._thresholds, self._codes = self.policy.thresholds, self.policy.threshold_codes
        self._broken: BoardError | None = None
        self._closed = False

    @property
    def policy(self) -> ExitPolicy:
        """Returns the design's policy; its thresholds hold until others are set."""
        return self.accelerator.policy

    @property
    def on(self) -> str:
        """Returns the place that ran last or will run next; it is software also after a board has failed."""
        return self._on

    @property
    def mode(self) -> Mode:
        """Gets or sets the mode of runs that start from now on; subnet mode is set by `leave_at`."""
        return self._mode

    @mode.setter
    def mode(self, mode: Mode | str) -> None:
        exit_control(self.policy, mode)
        self._mode, self._leave_at = Mode(mode), None

    @property
    def leave_at(self) -> int | None:
        """Gets or sets the exit of subnet mode. Setting it starts that mode; setting None returns to adaptive mode."""
        return self._leave_at

    @leave_at.setter
    def leave_at(self, exit_index: int | None) -> None:
        mode = Mode.ADAPTIVE if exit_index is None else Mode.SUBNET
        exit_control(self.policy, mode, leave_at=exit_index)
        self._mode, self._leave_at = mode, exit_index

    @property
    def thresholds(self) -> tuple[Threshold, ...]:
        """Gets or sets the thresholds, in the criterion's unit, one per exit but the last; None means never leave.

        On a board, and during a run, a change holds for samples that start later; elsewhere for batches that start
        later.
        """
        return self._thresholds

    @thresholds.setter
    def thresholds(self, thresholds: Sequence[Threshold]) -> None:
        listed = listed_thresholds(thresholds)
        self._set_thresholds(tuple(listed), self.policy.codes_of(listed))

    @property
    def threshold_codes(self) -> tuple[int, ...]:
        """Gets or sets the same thresholds as integers that are compared with scores; any integer that fits a register
        is allowed.
        """
        return self._codes[:-1]

    @threshold_codes.setter
    def threshold_codes(self, codes: Sequence[int]) -> None:
        early, whole = self.accelerator.exits - 1, tuple(listed_thresholds(codes))
        if len(whole) != early or any(code is None or code % 1 or not ALWAYS <= code <= NEVER for code in whole):
            raise PolicyError(
                f"threshold codes {whole} are not {early} integers from {ALWAYS} (always) to {NEVER} (never), "
                "one per exit but the last"
            )
        integers = tuple(int(code) for code in whole if code is not None)
        self._set_thresholds(self.policy.thresholds_of(integers), (*integers, NEVER))

    def _set_thresholds(self, thresholds: tuple[Threshold, ...], codes: tuple[int, ...]) -> None:
        self._thresholds, self._codes = thresholds, codes
        turn = self._turns.current
        if turn is not None and turn.mode is not Mode.SUBNET:
            turn.control = ExitControl(codes, turn.control.anytime)
            (self._software if turn.in_software else self._transport).configure(turn.control)

    @property
    def counters(self) -> Counters:
        """Returns the counts since opening.

        Raises:
            BoardError: the registers of a board cannot be read.
        """
        return self._transport.counters() + self._software.counters()

    def run(self, images: NDArray[Any]) -> Records:
        """Returns the final records of all images, in sample order.

        Args:
            images: (N, C, H, W); floats are values in the input format, integers are codes.

        Returns:
            (N,) structured array of `RECORD_DTYPE`.
        """
        with closing(self._stream(self._encoded(images))) as stream:
            return _final(list(stream))

    def stream(self, images: NDArray[Any]) -> Generator[Records, None, None]:
        """Yields records as they are computed, in anytime mode every refinement; images are checked at the call.

        A later run ends a stream that was left unfinished.

        Args:
            images: as for `run`.

        Returns:
            Arrays (n,) of `RECORD_DTYPE`.
        """
        return self._stream(self._encoded(images))

    async def run_async(self, images: NDArray[Any]) -> Records:
        """Does the same as `run`, with the event loop free while the accelerator works.

        Args:
            images: as for `run`.
        """
        async with aclosing(self._stream_async(self._encoded(images))) as stream:
            return _final([records async for records in stream])

    def stream_async(self, images: NDArray[Any]) -> AsyncGenerator[Records, None]:
        """Does the same as `stream`, as an asynchronous generator.

        Args:
            images: as for `run`.

        Returns:
            Arrays (n,) of `RECORD_DTYPE`.
        """
        return self._stream_async(self._encoded(images))

    def throughput_test(self, images: NDArray[Any] | None = None) -> Throughput:
        """Runs images once and measures where the time goes.

        Args:
            images: as in `run`; by default one batch of random codes.
        """
        if images is None:
            fmt = self.accelerator.input_format
            shape = (self._settings.batch, *self.accelerator.input_shape)
            images = np.random.default_rng(1).integers(fmt.min_code, fmt.max_code, shape, endpoint=True)
        before = dict(self._times.seconds)
        start = time.perf_counter()
        self.run(images)
        seconds = time.perf_counter() - start
        return Throughput(self._on, len(images), seconds, {s: self._times.seconds[s] - before[s] for s in Part})

    def close(self) -> None:
        """Frees buffers and locks; an unfinished run is lost."""
        if not self._closed:
            self._closed = True
            self._turns.end()
            self._transport.close()

    def __enter__(self) -> ProgressiveAccelerator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- one run: turns, batches, attempts ---

    @property
    def _times(self) -> PartTimes:
        return self._transport.times

    def _control(self) -> ExitControl:
        if self._mode is Mode.SUBNET:
            return exit_control(self.policy, self._mode, leave_at=self._leave_at)
        return ExitControl(self._codes, anytime=self._mode is Mode.ANYTIME)

    def _encoded(self, images: NDArray[Any]) -> NDArray[Any]:
        if self._closed:
            raise BoardError("this driver was closed: open another one")
        with self._times.part(Part.ENCODE):
            return encode_images(images, self.accelerator.input_format, self.accelerator.input_shape)

    def _stream(self, codes: NDArray[Any]) -> Generator[Records, None, None]:
        with self._turn() as turn:
            for batch in self._batches(codes, turn):
                for transport in self._attempts(batch, turn):
                    with self._attempt(transport, turn):
                        for records in transport.records(batch.codes[batch.delivery.begin()]):
                            new = self._believed(batch, records)
                            if len(new):
                                with turn.handed_out():
                                    yield new
                        batch.delivery.finish()

    async def _stream_async(self, codes: NDArray[Any]) -> AsyncGenerator[Records, None]:
        with self._turn() as turn:
            for batch in self._batches(codes, turn):
                for transport in self._attempts(batch, turn):
                    with self._attempt(transport, turn):
                        codes = batch.codes[batch.delivery.begin()]
                        async with aclosing(transport.records_async(codes)) as arriving:
                            async for records in arriving:
                                new = self._believed(batch, records)
                                if len(new):
                                    with turn.handed_out():
                                        yield new
                        batch.delivery.finish()

    @contextmanager
    def _turn(self) -> Iterator[Turn]:
        turn, unfinished = self._turns.take(self._mode, self._control())
        try:
            if unfinished or self._broken is not None:
                self._recover()
            turn.in_software = self._broken is not None
            yield turn
        finally:
            self._turns.give_back(turn)

    def _batches(self, codes: NDArray[Any], turn: Turn) -> Iterator[_Batch]:
        exits, classes = self.accelerator.exits, self.policy.classes
        for start in range(0, len(codes), self._transport.batch):
            part = codes[start : start + self._transport.batch]
            yield _Batch(part, start, Delivery(len(part), exits, classes, anytime=turn.control.anytime))

    def _attempts(self, batch: _Batch, turn: Turn) -> Iterator[Transport]:
        """Yields the places that try to compute what is owed of a batch: its own place, again its own place, and at
        last software.
        """
        for _ in range(1 + self._settings.retries):
            if turn.in_software or not len(batch.delivery.owed):
                break
            yield self._transport
        owed = len(batch.delivery.owed)
        if owed:
            if not turn.in_software:
                turn.in_software = True
                warnings.warn(f"{self._transport.name} has failed: the rest runs in software", stacklevel=1)
            yield self._software

    @contextmanager
    def _attempt(self, transport: Transport, turn: Turn) -> Iterator[None]:
        """Runs one attempt, and leaves the accelerator in order however it ends; a failed transfer is reported here."""
        self._on = transport.name
        try:
            transport.configure(turn.control)
            yield
        except TransferError as error:
            if not transport.recoverable:
                raise
            warnings.warn(f"{transport.name}: {error}", stacklevel=1)
            self._recover()
            turn.in_software = self._broken is not None
        except BaseException:
            if not turn.over:  # else the accelerator is a later run's
                self._recover()
            raise

    def _recover(self) -> None:
        self._broken = None
        try:
            self._transport.recover()
        except BoardError as error:
            self._broken = error
            warnings.warn(f"{error}: the rest runs in software", stacklevel=1)

    def _believed(self, batch: _Batch, records: Records) -> Records:
        with self._times.part(Part.CHECK):
            new = batch.delivery.accept(records)
            new["sample_id"] += np.uint32(batch.start)
            return new


def _final(parts: list[Records]) -> Records:
    return final_records(np.concatenate(parts)) if parts else empty_records(0)
