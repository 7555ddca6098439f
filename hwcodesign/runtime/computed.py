"""What places have in common where this machine computes the records: software, and both simulations."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.interface.counters import Counters
from hwcodesign.interface.modes import ExitControl, exit_control
from hwcodesign.interface.records import Records
from hwcodesign.runtime.parts import Part, PartTimes
from hwcodesign.runtime.transports.transport import in_thread


class ComputedTransport:
    """This transport computes each batch where it is; a failure is a bug, so there is nothing to recover.

    Args:
        name: of the place.
        accelerator: that is computed.
        batch: most samples of one batch.
        compute: gives the records of a batch as they are computed, each with what they add to the counters.
        times: of its parts; its own by default.
    """

    recoverable = False

    def __init__(
        self,
        name: str,
        accelerator: Accelerator,
        batch: int,
        compute: Callable[[NDArray[Any], ExitControl], Iterator[tuple[Records, Counters]]],
        times: PartTimes | None = None,
    ) -> None:
        self.name, self.batch, self.times = name, batch, times or PartTimes()
        self._compute = compute
        self._control = exit_control(accelerator.policy)
        self._counters = Counters.none(accelerator.exits)

    def configure(self, control: ExitControl) -> None:
        """Sets thresholds and mode of batches that start from now on."""
        self._control = control

    def records(self, codes: NDArray[Any]) -> Iterator[Records]:
        """Yields the records of one batch as they are computed."""
        found = self._compute(codes, self._control)
        while True:
            with self.times.part(Part.TRANSFER):
                computed = next(found, None)
            if computed is None:
                return
            records, counted = computed
            self._counters += counted
            yield records

    def records_async(self, codes: NDArray[Any]) -> AsyncGenerator[Records, None]:
        """Does the same as `records`, in a thread."""
        return in_thread(self.records(codes))

    def recover(self) -> None:
        """Does nothing, because a batch leaves nothing behind."""

    def counters(self) -> Counters:
        """Returns the counts since opening."""
        return self._counters

    def close(self) -> None:
        """Does nothing, because nothing is held."""


@dataclass(frozen=True)
class ComputedRunner:
    """A runner that computes all samples where it is.

    Attributes:
        on: name of the place.
        compute: gives the records of all samples.
        outputs: computes every segment for all samples, exits ignored.
    """

    on: str
    compute: Callable[[NDArray[Any], ExitControl], Iterator[Records]]
    outputs: Callable[[NDArray[Any]], dict[str, NDArray[np.int64]]]

    def stream(self, codes: NDArray[Any], control: ExitControl) -> Generator[Records, None, None]:
        """Runs all samples and gives their records."""
        yield from self.compute(codes, control)

    def segment_outputs(self, codes: NDArray[Any]) -> dict[str, NDArray[np.int64]]:
        """Computes every segment for all samples, exits ignored."""
        return self.outputs(codes)

    def close(self) -> None:
        """Does nothing, because nothing is held."""
