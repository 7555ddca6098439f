"""What a unit is: the hardware of one kernel, by one micro-architecture and with one folding.

A kernel says what is computed; a unit says by which module of rtl_sim/rtl, or by which generated one, in how many
cycles. Units of several classes may build the same kind of kernel; `units.UNITS` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Generic, TypeVar

from hwcodesign.hardware.estimate import Estimate, estimated
from hwcodesign.hardware.folding import Folding
from hwcodesign.hardware.implementation import LATENCY, Implementation
from hwcodesign.hardware.resources.coefficients import COEFFICIENTS
from hwcodesign.hardware.resources.figures import Part, total
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.timing import Automaton
from hwcodesign.kernels import Kernel
from hwcodesign.systemverilog import Instance

K = TypeVar("K", bound=Kernel)


@dataclass(frozen=True, eq=False)
class Unit(Generic[K]):
    """Base of the units.

    Attributes:
        kernel: what it computes.
        implementation: what it was chosen by.
        offered: streams that come; where those that it reads differ, others are resized before it.
        module: name for a module that is generated for it: an identifier.
    """

    #: Values of `implementation.strategy` that it is built for.
    strategies: ClassVar[tuple[str, ...]] = (LATENCY,)

    kernel: K
    implementation: Implementation
    offered: tuple[Stream, ...]
    module: str

    @property
    def fits(self) -> bool:
        """Whether it can be built with its folding; the registry takes the first unit that can."""
        return True

    @property
    def is_wires(self) -> bool:
        """Whether it is no module: the elements that it gives are those that come, in their order."""
        return False

    @property
    def reads(self) -> tuple[Stream, ...]:
        """The streams that its module reads."""
        return tuple(Stream.of(shape) for shape in self.kernel.input_shapes)

    @property
    def writes(self) -> Stream:
        """The stream that its module writes."""
        return Stream.of(self.kernel.output_shape)

    @property
    def folding(self) -> Folding | None:
        """How its multiplications are spread over cycles; None where there are none."""
        return None

    @property
    def instance(self) -> Instance:
        """Its module; not to be asked of wires."""
        raise NotImplementedError

    @property
    def timing(self) -> tuple[Automaton, ...]:
        """The control of its module as a chain of automata, the first of which has its inputs; none of wires."""
        raise NotImplementedError

    @property
    def parts(self) -> tuple[Part, ...]:
        """What its module is made of, for the estimate of its resources; none of wires."""
        if self.is_wires:
            return ()
        raise NotImplementedError(f"{type(self).__name__} has no parts, and so no estimate of its resources")

    @property
    def estimate(self) -> Estimate:
        """What it takes alone, without stepping its automata and without synthesis."""
        taken = estimated(self.timing, self.reads[0].beats)
        return replace(taken, resources=total(self.parts, COEFFICIENTS))

    @property
    def texts(self) -> Mapping[str, str]:
        """SystemVerilog that is generated for it, by file name."""
        return {}
