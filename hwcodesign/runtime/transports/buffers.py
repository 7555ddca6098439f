"""This module holds the memory that the DMA reads and writes."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.errors import BoardError
from hwcodesign.images import pack_words, words_per_sample
from hwcodesign.interface.records import RECORD_DTYPE, Records

_RECORD_WORDS = RECORD_DTYPE.itemsize // 8
#: The DMA's addresses have 32 bits.
_REACH = 1 << 32


class Buffers:
    """The buffers hold the input words and the output records of a batch, one buffer each. PYNQ keeps caches coherent
    by whole buffers, and one direction must not undo what the other wrote.

    Args:
        accelerator: accelerator whose batches they hold.
        samples: maximum number of samples of a batch.
        most_bytes: maximum number of bytes of one transfer.
        device: pynq's device, whose memory it is.

    Raises:
        BoardError: there is no memory even for one sample, or the DMA does not reach it.
    """

    def __init__(self, accelerator: Accelerator, samples: int, most_bytes: int, device: Any) -> None:
        self._format = accelerator.input_format
        words, records = words_per_sample(self._format, accelerator.input_shape), accelerator.exits
        largest = max(words * 8, records * RECORD_DTYPE.itemsize)
        self.samples = min(samples, most_bytes // largest)
        reason: Exception | str = f"it takes {largest} bytes, a transfer {most_bytes}"
        while self.samples:
            try:
                self._input = device.allocate((self.samples * words,), "<u8")
                self._output = device.allocate((self.samples * records * _RECORD_WORDS,), "<u8")
            except (RuntimeError, OSError, MemoryError) as error:
                self.free()
                reason, self.samples = error, self.samples // 2
                warnings.warn(
                    f"there is not enough memory for a large batch ({error}): {self.samples} samples each", stacklevel=2
                )
            else:
                self._check_reach()
                return
        raise BoardError(
            f"there is not enough memory for a batch of one sample ({reason}): free other buffers, or restart the board"
        )

    def _check_reach(self) -> None:
        for buffer in (self._input, self._output):
            if buffer.physical_address + buffer.nbytes > _REACH:
                address = buffer.physical_address
                self.free()
                raise BoardError(
                    f"PYNQ's memory at 0x{address:X} lies above 4 GiB, where the DMA does not reach: free other buffers"
                )

    def put(self, codes: NDArray[Any]) -> Any:
        """Writes (N, C, H, W) codes as words; returns the part of the buffer to be sent."""
        words = pack_words(codes, self._format).reshape(-1)
        self._input[: len(words)] = words
        return self._input[: len(words)]

    @property
    def output(self) -> Any:
        """Returns the buffer for a packet of any length."""
        return self._output

    def take(self, size: int) -> Records:
        """Returns a copy of the first `size` bytes of the output, which are whole records."""
        part = self._output[: size // 8]
        part.invalidate()
        return np.asarray(part).copy().view(RECORD_DTYPE)

    def free(self) -> None:
        """Gives the memory back; may be called twice."""
        for name in ("_input", "_output"):
            buffer = self.__dict__.pop(name, None)
            if buffer is not None:
                buffer.freebuffer()
