"""This module simulates a board for a design, which is used through PYNQ."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import pynq
import pynq.interrupt
import pynq.uio
from pynq.ps import Clocks
from pynq.uio import UioController

from hwcodesign.design import Design
from hwcodesign.errors import SimulationError
from hwcodesign.interface.hwh import fabric_clock, hand_off
from hwcodesign.simulated_board.device import SimulatedDevice
from hwcodesign.simulated_board.fabric import Fabric
from hwcodesign.simulated_board.faults import Fault, Faults, Side
from hwcodesign.simulated_board.memory import Memory
from hwcodesign.storage.cache import scratch_folder
from hwcodesign.storage.files import write_text

#: Bytes of contiguous memory that PYNQ's images set aside.
MEMORY = 128 << 20
#: How many times a sample's longest way through the accelerator nothing must move before nothing can.
_STILL = 10


class SimulatedBoard:
    """This is a board with one design's accelerator, DMA and interrupt controller, for PYNQ's own classes.

    Inside the context its device is PYNQ's only one. Only one board may be entered at a time, since PYNQ keeps the
    device, clocks and interrupts of a process in one place. Compiles the RTL at the first use.

    Args:
        design: design that was compiled with RTL.
        faults: faults to plant.
        folder: folder for bitfile and .hwh; a temporary one by default.
        memory: bytes of memory for buffers.

    Attributes:
        bitfile: a placeholder with the design's .hwh beside it: what `pynq.Overlay` is given.
        device: the PYNQ device.

    Raises:
        DesignError: the design has no RTL.
        ToolError: Verilator or g++ is missing.
    """

    bitfile: Path
    device: SimulatedDevice

    def __init__(
        self,
        design: Design,
        faults: Iterable[Fault] = (),
        *,
        folder: Path | None = None,
        memory: int = MEMORY,
    ) -> None:
        self._rtl = design.rtl
        self._design, self._folder = design, folder
        self._block_design = design.block_design
        self._hertz = fabric_clock(self._block_design.board).mhz * 1e6
        self._faults, self._memory = Faults(faults), Memory(memory)

    def __enter__(self) -> SimulatedBoard:
        with ExitStack() as stack:
            folder = self._folder or stack.enter_context(scratch_folder())
            self.bitfile = folder / f"{self._block_design.accelerator}.bit"
            write_text(self.bitfile, "A placeholder: the simulated board has no bitstream.\n")
            write_text(self.bitfile.with_suffix(".hwh"), hand_off(self._block_design, self._design.accelerator.exits))
            latency = self._design.manifest["cycles"]["exits"][-1]["latency"]
            library = self._rtl.library()
            self._fabric = Fabric(self._block_design, library, _STILL * latency, self._memory, self._faults)
            stack.callback(self._fabric.close)
            self.device = SimulatedDevice(self._block_design, self._fabric, self._memory)
            stack.enter_context(_active(self.device))
            stack.enter_context(_interrupts_from(self._fabric.uio.path))
            self._left = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.close()

    @property
    def cycles(self) -> int:
        """Returns the cycles of the fabric's clock that have passed."""
        return self._fabric.cycles

    @property
    def seconds(self) -> float:
        """Returns the simulated time that has passed; it stands still while a coroutine waits for what cannot come."""
        return self._fabric.cycles / self._hertz

    def sleep(self, seconds: float) -> None:
        """Lets simulated time pass in which the processor does nothing."""
        self.device.pass_time(round(seconds * self._hertz))

    @property
    def accesses(self) -> int:
        """Returns the number of accesses to registers in the fabric, including denied ones."""
        return self._fabric.accesses

    @property
    def words(self) -> dict[Side, int]:
        """Returns the number of 64-bit words that each channel of the DMA has moved."""
        return self._fabric.words

    @property
    def leaked(self) -> dict[int, int]:
        """Returns the bytes of buffers that are not freed, by physical address."""
        return self._memory.allocated

    @property
    def struck(self) -> tuple[Fault, ...]:
        """Returns the faults that have happened."""
        return tuple(self._faults.struck)


@contextmanager
def _active(device: SimulatedDevice) -> Iterator[None]:
    """PYNQ's only and active device; the clocks' registers, which PYNQ opens once a process, are opened again."""
    kept = {"_devices": [device], "_active_device": device}
    before = {name: vars(pynq.Device)[name] for name in kept if name in vars(pynq.Device)}
    active = before.get("_active_device")
    if isinstance(active, SimulatedDevice):
        raise SimulationError(f"a {active.tag} is in use in this process: leave it before entering another board")
    for name, value in kept.items():
        setattr(pynq.Device, name, value)
    _forget_clocks()
    try:
        yield
    finally:
        _forget_clocks()
        for name in kept:
            delattr(pynq.Device, name)
        for name, value in before.items():
            setattr(pynq.Device, name, value)


def _forget_clocks() -> None:
    Clocks.device = None
    if hasattr(Clocks, "_real_instance"):
        del Clocks._real_instance


class _UioController(UioController):  # type: ignore[misc]
    """PYNQ's, but for its end: it leaves the loop that it was added to, not the loop of the day."""

    _loop: asyncio.AbstractEventLoop | None = None

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self._loop = asyncio.get_event_loop()

    def __del__(self) -> None:
        self.leave()

    def leave(self) -> None:
        """Wait for nothing any more."""
        if self._loop is not None:
            if not self._loop.is_closed():
                self._loop.remove_reader(self.uio)
            self.uio.close()
            self._loop = None


def _open_uncontrolled(path: str, flags: int) -> int:
    """The file is a terminal; it must not become that of a process without one, which would end when it is closed."""
    return os.open(path, flags | os.O_NOCTTY)


@contextmanager
def _interrupts_from(path: str) -> Iterator[None]:
    """PYNQ finds the fabric's interrupt in a file; it would look for it in /proc and /sys.

    These are the three names of PYNQ's that are replaced while a board is entered: where the file is, how it is opened,
    and how a controller of it ends.
    """
    module: Any = pynq.interrupt
    before = module.get_uio_irq, module.UioController
    module.get_uio_irq, module.UioController = (lambda _irq: path), _UioController
    pynq.uio.open = partial(open, opener=_open_uncontrolled)
    try:
        yield
    finally:
        del pynq.uio.open
        module.get_uio_irq, module.UioController = before
        controllers = module._InterruptController
        controllers._controllers.clear()
        for irq in [irq for irq, uio in controllers._uio_devices.items() if isinstance(uio, _UioController)]:
            controllers._uio_devices.pop(irq).leave()
