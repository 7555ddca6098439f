"""This module tells hls4ml of a layer that it has not: how its ONNX node is read, and the class of its layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from hls4ml.converters.onnx_to_hls import register_onnx_layer_handler
from hls4ml.model.layers import register_layer
from hls4ml.model.optimizer.passes.infer_precision import InferPrecisionTypes
from hls4ml.model.types import FixedPrecisionType, RoundingMode, SaturationMode
from onnx import NodeProto

from hwcodesign.fixedpoint import FixedPoint

_L = TypeVar("_L", bound=type[Any])


def own_layer(operator: str) -> Callable[[_L], _L]:
    """Decorates a class of hls4ml's layers, so that nodes of an operator become such layers.

    The class has a static method `read(node, input_shapes)`, which returns the layer's own attributes. Those that all
    layers have (class_name, name, inputs, outputs) are added here.

    Args:
        operator: operator of the ONNX node; its domain is `networks.graphs.notes.DOMAIN`.
    """

    def register(layer: _L) -> _L:
        def read(node: NodeProto, input_names: list[str], input_shapes: list[list[int]], _graph: Any) -> dict[str, Any]:
            named = {"class_name": layer.__name__, "name": node.name, "inputs": input_names, "outputs": [*node.output]}
            return {**named, **layer.read(node, input_shapes)}

        register_layer(layer.__name__, layer)
        register_onnx_layer_handler(operator, read)
        return layer

    return register


def keeps_format(layer: _L) -> _L:
    """Decorates a class of layers whose output has the format of its input.

    hls4ml finds formats when the graph is there, and asks a list of the names of its own layers for those that keep
    theirs; it has no hook for others. So the method is wrapped that has the list.
    """
    inferred = InferPrecisionTypes._infer_precision

    def infer(self: Any, node: Any, types: list[str]) -> Any:
        if isinstance(node, layer):
            return self._infer_output_matching_precision(node, types)
        return inferred(self, node, types)

    InferPrecisionTypes._infer_precision = infer
    return layer


def precision_of(fmt: FixedPoint) -> FixedPrecisionType:
    """Returns hls4ml's precision of a format."""
    return FixedPrecisionType(
        fmt.width, fmt.integer, fmt.signed, RoundingMode[fmt.rounding.value], SaturationMode[fmt.overflow.value]
    )
