"""This module models memory as the processor sees it through its cache, and as the DMA sees it.

What the processor writes reaches the DMA with a flush, and what the DMA writes reaches the processor with an
invalidation, so that a driver which forgets either reads what was there before. Fresh buffers hold other bytes on each
side, and never zeros.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pynq.buffer import PynqBuffer

from hwcodesign.errors import SettingsError, SimulationError

#: Physical address of the pool's first byte. It has no 0 in it: an address is true.
BASE = 0x1000_0000
_PAGE = 4096
_STALE_CPU, _STALE_DRAM = 0x5A, 0xA5

Bytes = NDArray[np.uint8]


class Memory:
    """This is a limited pool of physically contiguous memory.

    Args:
        size: size of the pool, in bytes.

    Raises:
        SettingsError: the size is not positive.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise SettingsError(f"memory={size}: a board needs at least one byte of memory for buffers")
        self._cpu, self._dram = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
        # what the cache last agreed on with memory, if it ever has: what differs, or never has, is dirty
        self._clean, self._agreed = np.zeros(size, np.uint8), np.zeros(size, np.bool_)
        self._taken: dict[int, int] = {}  # bytes by address
        self._buffers: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

    @property
    def allocated(self) -> dict[int, int]:
        """Returns the bytes of the buffers that are not freed, by address."""
        return dict(self._taken)

    def allocate(self, shape: Any, dtype: DTypeLike, device: Any, *, cacheable: bool) -> Any:
        """Returns a PYNQ buffer in the first gap that holds it; uncached ones are seen by both sides at once.

        Raises:
            RuntimeError: the pool is exhausted; PYNQ on a board raises it with these words.
        """
        dtype = np.dtype(dtype)
        size = max(1, int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)
        offset = self._gap(size)
        address = BASE + offset
        self._taken[address] = size
        part = self._slice(address, size)
        self._cpu[part], self._dram[part], self._agreed[part] = _STALE_CPU, _STALE_DRAM, False
        view = self._cpu if cacheable else self._dram
        buffer = PynqBuffer(
            shape,
            dtype,
            buffer=view.data,
            offset=offset,
            device=device,
            device_address=address,
            bo=address,
            coherent=not cacheable,
        )
        # what PYNQ's own freebuffer asks a buffer's owner for
        buffer.memory = buffer.return_to = self
        buffer.pointer = address
        self._buffers[address] = buffer
        return buffer

    def return_pointer(self, address: int) -> None:
        """Frees a buffer; PYNQ calls it when a buffer is freed or forgotten."""
        del self._taken[address]
        buffer = self._buffers.pop(address, None)
        if buffer is not None:  # freed by hand: PYNQ would unmap it when it is forgotten
            buffer.freed = True

    def _gap(self, size: int) -> int:
        start = 0
        for address in sorted(self._taken):
            offset = address - BASE
            if start + size <= offset:
                return start
            start = -(-(offset + self._taken[address]) // _PAGE) * _PAGE
        if start + size <= len(self._cpu):
            return start
        raise RuntimeError(
            f"BO allocation failed: {size} bytes do not fit beside the {sum(self._taken.values())} bytes in use of a "
            f"pool of {len(self._cpu)}"
        )

    def flush(self, address: int, size: int) -> None:
        """Makes what the processor has changed visible to the DMA, and nothing else; for a fresh buffer, all of it."""
        part = self._slice(address, size)
        dirty = (self._cpu[part] != self._clean[part]) | ~self._agreed[part]
        self._dram[part][dirty] = self._cpu[part][dirty]
        self._clean[part], self._agreed[part] = self._cpu[part], True

    def invalidate(self, address: int, size: int) -> None:
        """Makes the processor see what is in memory; what it had written and not flushed is lost."""
        part = self._slice(address, size)
        self._cpu[part] = self._clean[part] = self._dram[part]
        self._agreed[part] = True

    def words(self, address: int, size: int) -> NDArray[np.uint64] | None:
        """Returns the DMA's view of some memory; None if there is none at that address.

        Raises:
            SimulationError: the memory is not allocated; a board would overwrite data that do not belong to the driver.
        """
        if not BASE <= address <= address + size <= BASE + len(self._dram):
            return None
        if not any(start <= address and address + size <= start + taken for start, taken in self._taken.items()):
            raise SimulationError(
                f"the DMA is sent to {size} bytes at 0x{address:08X}, which are in no allocated buffer: the buffer was "
                "freed too early, or an address or a length is wrong"
            )
        return self._dram[self._slice(address, size)].view(np.uint64)

    def _slice(self, address: int, size: int) -> slice:
        return slice(address - BASE, address - BASE + size)
