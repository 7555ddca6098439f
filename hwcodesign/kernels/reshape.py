"""Reshape: the same values in the same order, channels last."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.errors import FormatError
from hwcodesign.fixedpoint import Codes
from hwcodesign.kernels.kernel import Kernel, Stream, register
from hwcodesign.kernels.timing import Automaton


@register
@dataclass(frozen=True, eq=False)
class Reshape(Kernel):
    kind = "reshape"

    def __post_init__(self) -> None:
        if self.result.ap_type != self.input_formats[0].ap_type:
            raise FormatError(f"{self.name}: reshaping {self.input_formats[0]} to {self.result} would cast")

    def reads(self, offered: tuple[Stream, ...]) -> tuple[Stream, ...]:
        return offered

    def instance(self, streams: tuple[Stream, ...]) -> None:
        """Wires: the order of elements stays, and whoever reads them takes them in its own beats."""

    def timing(self, streams: tuple[Stream, ...]) -> tuple[Automaton, ...]:  # noqa: ARG002
        return ()

    def compute(self, *inputs: Codes) -> Codes:
        return inputs[0].reshape(len(inputs[0]), *self.output_shape)
