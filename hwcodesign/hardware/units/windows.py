"""This module holds the base of poolings that take whole windows, of as many pixels as come in a beat."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from hwcodesign.hardware.stream import Stream, along_rows, pixels_of
from hwcodesign.hardware.unit import K, Unit
from hwcodesign.hardware.window import Window
from hwcodesign.kernels.pooling import WindowedPool


@dataclass(frozen=True, eq=False)
class WholeWindows(Unit[K]):
    """The unit takes whole windows: all that begin in a beat of several pixels, in the same cycle."""

    @cached_property
    def window(self) -> Window:
        """Returns the windows of its window_buffer: of the most pixels that make up the beats that come."""
        pool, shape = self.kernel, self.kernel.input_shapes[0]
        assert isinstance(pool, WindowedPool)
        of = pool.pool, pool.stride, pool.padding
        whole, offered = Window.of(pool, *of), pixels_of(along_rows(self.offered[0], shape), shape)
        if offered == 1:
            return whole
        return replace(whole, pixels=max(n for n in whole.possible_pixels if offered % n == 0))

    @property
    def reads(self) -> tuple[Stream, ...]:
        return (self.window.reads,)

    @property
    def writes(self) -> Stream:
        return self.window.writes
