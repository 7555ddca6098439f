"""This module says what a unit is: the hardware of one kernel, by one micro-architecture and with one folding.

A kernel says what is computed. A unit says by which module of rtl_sim/rtl, or by which generated one, and in how many
cycles. Units of several classes may build the same kind of kernel; `units.UNITS` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Generic, TypeVar

from hwcodesign.hardware.estimate import Estimate, estimated
from hwcodesign.hardware.folding import Folding
from hwcodesign.hardware.implementation import LATENCY, WINDOWS, Implementation
from hwcodesign.hardware.resources.coefficients import COEFFICIENTS
from hwcodesign.hardware.resources.figures import Part, Resources, total
from hwcodesign.hardware.stream import Stream, along_rows, pixels_of, within_pixels
from hwcodesign.hardware.timing import Automaton
from hwcodesign.kernels import Kernel
from hwcodesign.systemverilog import Instance

K = TypeVar("K", bound=Kernel)


@dataclass(frozen=True, eq=False)
class Unit(Generic[K]):
    """A unit is the base of all units.

    Attributes:
        kernel: the kernel that it builds.
        implementation: the implementation by which it was chosen.
        offered: streams that come; if it reads others, these are resized before it.
        module: name for a module that is generated for it: an identifier.
    """

    #: Values of `implementation.strategy` that it is built for.
    strategies: ClassVar[tuple[str, ...]] = (LATENCY,)
    #: Values of `implementation.windows` that it is built for.
    windows: ClassVar[tuple[str, ...]] = WINDOWS
    #: Whether it can take the several pixels in a beat that `implementation.pixels` asks for.
    takes_several_pixels: ClassVar[bool] = False

    kernel: K
    implementation: Implementation
    offered: tuple[Stream, ...]
    module: str

    @property
    def is_asked_for(self) -> bool:
        """Returns whether it is of the kind that its implementation asks for."""
        asked = self.implementation
        several = asked.pixels == 1 or self.takes_several_pixels
        return several and asked.strategy in self.strategies and asked.windows in self.windows

    @property
    def fits(self) -> bool:
        """Returns whether it can be built with its folding; the registry takes the first unit that can."""
        return True

    @property
    def is_wires(self) -> bool:
        """Returns whether it is no module, because it gives the elements that come, in their order."""
        return False

    @property
    def reads(self) -> tuple[Stream, ...]:
        """Returns the streams that its module reads."""
        return tuple(Stream.of(shape) for shape in self.kernel.input_shapes)

    @property
    def writes(self) -> Stream:
        """Returns the stream that its module writes."""
        return Stream.of(self.kernel.output_shape)

    @property
    def folding(self) -> Folding | None:
        """Returns how its multiplications are spread over cycles; None if there are none."""
        return None

    @property
    def products(self) -> int:
        """Returns the multiplications of a cycle; 0 if there are none."""
        return self.folding.products if self.folding is not None else 0

    @property
    def instance(self) -> Instance:
        """Returns the instance of its module; wires have none."""
        raise NotImplementedError

    @property
    def timing(self) -> tuple[Automaton, ...]:
        """Returns the control logic of its module as a chain of automata; empty for wires; the first has its inputs."""
        raise NotImplementedError

    @property
    def parts(self) -> tuple[Part, ...]:
        """Returns the parts that its module is made of, for the estimate of its resources; wires have none."""
        if self.is_wires:
            return ()
        raise NotImplementedError(f"{type(self).__name__} has no parts, and so no estimate of its resources")

    @property
    def resources(self) -> Resources:
        """Returns what it takes of a device, without synthesis."""
        return total(self.parts, COEFFICIENTS)

    @property
    def estimate(self) -> Estimate:
        """Returns what it takes alone, without stepping its automata and without synthesis."""
        return replace(estimated(self.timing, self.reads[0].beats), resources=self.resources)

    @property
    def texts(self) -> Mapping[str, str]:
        """Returns SystemVerilog that is generated for it, by file name."""
        return {}


@dataclass(frozen=True, eq=False)
class BeatByBeat(Unit[K]):
    """The unit treats all elements alike, and so takes whatever beats come, and gives such."""

    @property
    def reads(self) -> tuple[Stream, ...]:
        return self.offered

    @property
    def writes(self) -> Stream:
        return self.reads[0]


@dataclass(frozen=True, eq=False)
class PixelByPixel(Unit[K]):
    """The unit treats all pixels alike, and so takes as many as come in a beat, and gives such."""

    @property
    def reads(self) -> tuple[Stream, ...]:
        shape = self.kernel.input_shapes[0]
        return (Stream.of(shape, pixels_of(along_rows(self.offered[0], shape), shape) * shape[-1]),)

    @property
    def writes(self) -> Stream:
        return self.reads[0]

    @property
    def pixels(self) -> int:
        """Returns the pixels of a beat."""
        return pixels_of(self.reads[0], self.kernel.input_shapes[0])


@dataclass(frozen=True, eq=False)
class PartByPart(Unit[K]):
    """The unit keeps channels apart, and so takes pixels in whatever parts they come, and gives such."""

    @property
    def reads(self) -> tuple[Stream, ...]:
        return (within_pixels(self.offered[0], self.kernel.input_shapes[0]),)

    @property
    def writes(self) -> Stream:
        return Stream.of(self.kernel.output_shape, self.reads[0].lanes)
