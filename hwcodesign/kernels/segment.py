"""This module holds the segment: the kernels of one stage or head, in order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from hwcodesign.errors import DesignError
from hwcodesign.fixedpoint import Codes, FixedPoint
from hwcodesign.kernels.kernel import Kernel, Shape

#: Name under which kernels refer to their segment's input.
INPUT = "input"


@dataclass(frozen=True, eq=False)
class Segment:
    """A segment is one stage or head, described by what it computes.

    Attributes:
        name: "stage0", "head0", …
        input_format, input_shape: format and shape of the stream that it reads, channels last.
        kernels: kernels in an order in which each reads only earlier ones; the last one's output is the segment's.
    """

    name: str
    input_format: FixedPoint
    input_shape: Shape
    kernels: tuple[Kernel, ...]

    def __post_init__(self) -> None:
        known = {INPUT}
        for kernel in self.kernels:
            missing = [name for name in kernel.inputs if name not in known]
            if missing:
                raise DesignError(f"{self.name}: {kernel.name} reads {missing[0]!r}, which no earlier kernel writes")
            known.add(kernel.name)

    @property
    def output_format(self) -> FixedPoint:
        """Returns the format of its output."""
        return self.kernels[-1].result if self.kernels else self.input_format

    @property
    def output_shape(self) -> Shape:
        """Returns the shape of its output, channels last, without the batch."""
        return self.kernels[-1].output_shape if self.kernels else self.input_shape

    @property
    def macs(self) -> int:
        """Returns the multiply-accumulates per sample."""
        return sum(kernel.macs for kernel in self.kernels)

    @property
    def parameters(self) -> int:
        """Returns the number of weights and biases."""
        return sum(kernel.parameters for kernel in self.kernels)

    def run(self, codes: Codes) -> Codes:
        """Computes codes of the output, (N, *output_shape), from codes of the input, (N, *input_shape)."""
        values = {INPUT: codes}
        for kernel in self.kernels:
            pool = self._fused.get(kernel.name)
            if pool is not None:
                values[pool.name] = kernel.block_maxima(values[kernel.inputs[0]], pool.maximum_block)
            elif kernel.name not in values:  # else the kernel before it has given its maxima
                values[kernel.name] = kernel.compute(*(values[name] for name in kernel.inputs))
            for name in self._last_use[kernel.name]:
                values.pop(name, None)
        return values[self.kernels[-1].name] if self.kernels else codes

    @cached_property
    def _fused(self) -> dict[str, Kernel]:
        """Returns kernels whose results one maximum pooling alone reads: they can give its maxima at once."""
        pairs: dict[str, Kernel] = {}
        readers = {k.name: [r for r in self.kernels if k.name in r.inputs] for k in self.kernels}
        for kernel in self.kernels:
            reader = readers[kernel.name][0] if len(readers[kernel.name]) == 1 else None
            if reader is None or not kernel.gives_block_maxima:
                continue
            if reader.maximum_block > 1 and reader.result == kernel.result:
                pairs[kernel.name] = reader
        return pairs

    @cached_property
    def _last_use(self) -> dict[str, tuple[str, ...]]:
        """Values that may be freed after each kernel."""
        last = {name: kernel.name for kernel in self.kernels for name in kernel.inputs}
        return {
            kernel.name: tuple(name for name, user in last.items() if user == kernel.name) for kernel in self.kernels
        }
