"""This module holds what all lowerings share: the plan that is being made, and their registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from hwcodesign.kernels.kernel import Kernel
from hwcodesign.native.plan import ElementType, Operation, Value


@dataclass
class Planning:
    """A planning is a plan that is being made.

    Attributes:
        lanes: 32-bit sums of one vector.
        has_bytes: whether the processor multiplies bytes in one instruction.
        values: tensors so far.
        operations: operations so far.
        external: values that are the caller's memory, behind which nothing may be read.
    """

    lanes: int
    has_bytes: bool
    values: list[Value] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    external: set[int] = field(default_factory=set)

    def value(self, element_type: ElementType, elements: int) -> int:
        """Adds a tensor; returns its position."""
        self.values.append(Value(element_type, elements))
        return len(self.values) - 1


@dataclass(frozen=True)
class Fused:
    """A fused kernel is a kernel with what one operation computes behind it.

    Attributes:
        kernel: the first.
        tail: elementwise kernels behind it, each of which alone reads the one before.
        pool: the maximum pooling of whole blocks behind them; None if there is none.
    """

    kernel: Kernel
    tail: tuple[Kernel, ...] = ()
    pool: Kernel | None = None

    @property
    def block(self) -> int:
        """Returns the side of the blocks whose largest value is taken; 1 without a pooling."""
        return self.pool.maximum_block if self.pool else 1

    @property
    def last(self) -> Kernel:
        """Returns the kernel whose result this gives."""
        return self.pool or (self.tail[-1] if self.tail else self.kernel)


#: Adds operations that compute a fused kernel from the values that it reads, into a value.
Lowering = Callable[[Planning, Fused, Sequence[int], int], None]
LOWERINGS: dict[str, Lowering] = {}
#: Kinds whose operation computes the elementwise kernels behind it, too.
TAKE_STEPS: set[str] = set()
_Function = TypeVar("_Function", bound=Lowering)


def lowers(*kinds: str, takes_steps: bool = True) -> Callable[[_Function], _Function]:
    """Decorates the lowering of some kinds of kernels.

    Args:
        kinds: their names.
        takes_steps: whether it adds the steps of `Fused.tail`, too.
    """

    def add(lowering: _Function) -> _Function:
        LOWERINGS.update(dict.fromkeys(kinds, lowering))
        TAKE_STEPS.update(kinds if takes_steps else ())
        return lowering

    return add
