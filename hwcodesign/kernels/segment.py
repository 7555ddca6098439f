"""This module holds the segment: the kernels of one stage or head, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from hwcodesign.errors import DesignError
from hwcodesign.fixedpoint import Codes, FixedPoint
from hwcodesign.kernels.kernel import Kernel, Shape
from hwcodesign.kernels.tensor import TensorType, tensor_name

#: Name under which kernels refer to their segment's first input.
INPUT = "input"


def input_name(i: int) -> str:
    """Returns the name under which kernels refer to an input of their segment; no kernel can have it.

    Args:
        i: position of the input, from 0.
    """
    return f"{INPUT}:{i}" if i else INPUT


@dataclass(frozen=True, eq=False)
class Segment:
    """A segment is one stage or head: what it computes from its input tensors.

    Attributes:
        name: "stage0", "head0", …
        inputs: the tensors that it reads.
        kernels: in an order in which each reads only earlier ones.
        outputs: for each tensor that it gives, the name of the kernel that writes it, or of the input that it is.

    Raises:
        DesignError: a kernel or an output refers to what is not there.
    """

    name: str
    inputs: tuple[TensorType, ...]
    kernels: tuple[Kernel, ...]
    outputs: tuple[str, ...]

    @classmethod
    def chain(cls, name: str, fmt: FixedPoint, shape: Shape, kernels: Sequence[Kernel]) -> Segment:
        """Returns the segment that reads one tensor and gives what the last kernel writes; without kernels, its input.

        Args:
            fmt, shape: of its input, channels last.
        """
        return cls(name, (TensorType(fmt, shape),), tuple(kernels), (kernels[-1].name if kernels else INPUT,))

    def __post_init__(self) -> None:
        known = set(self.input_names)
        for kernel in self.kernels:
            missing = [name for name in kernel.inputs if name not in known]
            if missing:
                raise DesignError(f"{self.name}: {kernel.name} reads {missing[0]!r}, which no earlier kernel writes")
            known.add(kernel.name)
        missing = [name for name in self.outputs if name not in known]
        if missing:
            raise DesignError(f"{self.name} gives {missing[0]!r}, which no kernel writes")

    @property
    def input_names(self) -> tuple[str, ...]:
        """Returns the names by which kernels and outputs refer to the inputs."""
        return tuple(input_name(i) for i in range(len(self.inputs)))

    @cached_property
    def results(self) -> tuple[TensorType, ...]:
        """Returns the types of its outputs."""
        types = dict(zip(self.input_names, self.inputs, strict=True))
        types.update({kernel.name: TensorType(kernel.result, kernel.output_shape) for kernel in self.kernels})
        return tuple(types[name] for name in self.outputs)

    @property
    def read_inputs(self) -> tuple[int, ...]:
        """Returns the positions of the inputs that a kernel reads; others are only handed on."""
        read = {name for kernel in self.kernels for name in kernel.inputs}
        return tuple(i for i, name in enumerate(self.input_names) if name in read)

    @property
    def handed_on(self) -> Mapping[int, int]:
        """Returns the outputs that are inputs as they are: the position of the input by that of the output."""
        names = self.input_names
        return {i: names.index(name) for i, name in enumerate(self.outputs) if name in names}

    def output_name(self, i: int) -> str:
        """Returns the name of an output in reports: the segment's, where it has only one."""
        return tensor_name(self.name, i, len(self.outputs))

    @property
    def macs(self) -> int:
        """Returns the multiply-accumulates per sample."""
        return sum(kernel.macs for kernel in self.kernels)

    @property
    def parameters(self) -> int:
        """Returns the number of weights and biases."""
        return sum(kernel.parameters for kernel in self.kernels)

    def run(self, *inputs: Codes) -> tuple[Codes, ...]:
        """Computes the outputs.

        Args:
            inputs: codes of every input, (N, *shape).

        Returns:
            Codes of every output, (N, *shape).
        """
        values = dict(zip(self.input_names, inputs, strict=True))
        for kernel in self.kernels:
            pool = self._fused.get(kernel.name)
            if pool is not None:
                values[pool.name] = kernel.block_maxima(values[kernel.inputs[0]], pool.maximum_block)
            elif kernel.name not in values:  # else the kernel before it has given its maxima
                values[kernel.name] = kernel.compute(*(values[name] for name in kernel.inputs))
            for name in self._last_use[kernel.name]:
                values.pop(name, None)
        return tuple(values[name] for name in self.outputs)

    @cached_property
    def _fused(self) -> dict[str, Kernel]:
        """Returns kernels whose results one maximum pooling alone reads: they can give its maxima at once."""
        pairs: dict[str, Kernel] = {}
        for kernel in self.kernels:
            readers = [reader for reader in self.kernels if kernel.name in reader.inputs]
            if len(readers) != 1 or kernel.name in self.outputs or not kernel.gives_block_maxima:
                continue
            (reader,) = readers
            if reader.maximum_block > 1 and reader.result == kernel.result:
                pairs[kernel.name] = reader
        return pairs

    @cached_property
    def _last_use(self) -> dict[str, tuple[str, ...]]:
        """Values that may be freed after each kernel."""
        last = {name: kernel.name for kernel in self.kernels for name in kernel.inputs if name not in self.outputs}
        return {
            kernel.name: tuple(name for name, user in last.items() if user == kernel.name) for kernel in self.kernels
        }
