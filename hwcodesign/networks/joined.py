"""This module makes one stage of several in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brevitas.quant_tensor import QuantTensor
from torch import nn

from hwcodesign.networks.layers import tensors_of, values_of


class JoinedStages(nn.Module):
    """Joined stages are several stages in a row as one.

    Args:
        stages: the stages, the first one first.
    """

    def __init__(self, stages: Sequence[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(stages)

    def forward(self, *given: Any) -> Any:
        """Computes what the last stage gives.

        Plain values pass from stage to stage, as in a network; a tensor that later stages hand on keeps its format.
        Only where tensors come with their formats, which is to find those of the results, all pass with them.
        """
        quantised = any(isinstance(tensor, QuantTensor) for tensor in given)
        formats: dict[int, Any] = {}
        output: Any = given
        for part in self.parts:
            written = part(*given)
            kept = tuple(formats.get(id(tensor), tensor) for tensor in tensors_of(written))
            given = kept if quantised else values_of(kept)
            formats |= {id(value): tensor for value, tensor in zip(given, kept, strict=True)}
            output = kept if isinstance(written, tuple | list) and not isinstance(written, QuantTensor) else kept[0]
        return output
