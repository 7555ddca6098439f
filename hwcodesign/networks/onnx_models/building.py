"""This module holds a torch graph in the making: a module or function for each ONNX node, tried on a blank image."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from brevitas.quant_tensor import QuantTensor
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from hwcodesign.errors import NetworkError, UnsupportedLayerError
from hwcodesign.networks.layers import value_of
from hwcodesign.networks.onnx_models.graph import QUANTISERS, Graph, Node
from hwcodesign.networks.traced.tracing import SHAPE

#: In a torch node's `meta`: whether it gives a quantised tensor.
QUANTISED = "hwcodesign_quantised"

#: Parts of names that come from within Brevitas' layers.
_WITHIN = ("act_quant", "export_handler", "activation_impl", "weight_quant", "bias_quant")


@dataclass(frozen=True, eq=False)
class Computed:
    """It is a tensor that the network computes.

    Attributes:
        node: that computes it in the torch graph.
        example: its value for one blank image, quantised or not.
        layer: of a convolution or linear layer without bias, what makes it again with one.
    """

    node: fx.Node
    example: Any
    layer: Callable[[NDArray[np.float64]], Computed] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Returns the shape for one image, with the batch of one."""
        return tuple(value_of(self.example).shape)


#: A constant, or a tensor that is computed.
Value = NDArray[Any] | Computed


@dataclass
class Build:
    """A build is the torch graph so far.

    Attributes:
        source: ONNX graph that is read.
        values: value of each ONNX tensor so far.
        quantised: whether the ONNX graph has quantisers.
        origins: ONNX node of each torch node, by its name.
        roots: name of the constant that another one was computed from.
        weights: node that reads a constant as its weights.
    """

    source: Graph
    values: dict[str, Value] = field(default_factory=dict)
    modules: nn.Module = field(default_factory=nn.Module)
    graph: fx.Graph = field(default_factory=fx.Graph)
    origins: dict[str, Node] = field(default_factory=dict)
    roots: dict[str, str] = field(default_factory=dict)
    weights: dict[str, Node] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.quantised = any(node.operator in QUANTISERS for node in self.source.nodes)
        shape = self.source.input_shape
        self.values[self.source.input_name] = self._noted(self.graph.placeholder("x"), torch.zeros((1, *shape)))
        self.values.update(self.source.constants)

    def computed(self, node: Node, place: int = 0) -> Computed:
        """Returns an input of a node that the network computes.

        Raises:
            UnsupportedLayerError: it is a constant.
        """
        value = self.values[node.inputs[place]]
        if not isinstance(value, Computed):
            raise UnsupportedLayerError(
                f"{node} reads the constant {node.inputs[place]!r}, where it should read images"
            )
        return value

    def constant(self, node: Node, place: int) -> NDArray[Any] | None:
        """Returns an input of a node that is a constant; None if there is no such input.

        Raises:
            UnsupportedLayerError: it is computed.
        """
        if len(node.inputs) <= place or not node.inputs[place]:
            return None
        value = self.values[node.inputs[place]]
        if isinstance(value, Computed):
            raise UnsupportedLayerError(
                f"{node} reads {node.inputs[place]!r}, which depends on the image: hardware has constants there"
            )
        return value

    def weight(self, node: Node, place: int = 1) -> NDArray[np.float64]:
        """Returns the weights of a node.

        Raises:
            UnsupportedLayerError: they are computed, or another node has them, too.
        """
        value = self.constant(node, place)
        if value is None:
            raise UnsupportedLayerError(f"{node} has no weights")
        source = self.roots.get(node.inputs[place], node.inputs[place])
        other = self.weights.setdefault(source, node)
        if other is not node:
            raise UnsupportedLayerError(
                f"{node} shares the weights {source!r} with {other}: in hardware each layer has its own, so give it a "
                "copy"
            )
        return np.asarray(value, np.float64)

    def module(self, node: Node, module: nn.Module, given: Computed, *, keeps_grid: bool = False) -> Computed:
        """Adds a module that reads one tensor.

        Args:
            keeps_grid: whether what it gives of a quantised tensor is one, too.
        """
        if not keeps_grid:
            given = self.plain(given)
        name = _module_name(node, self.modules)
        self.modules.add_module(name, module.eval())
        return self._added(node, self.graph.call_module(name, (given.node,)), lambda: module(given.example))

    def replaced(self, old: Computed, module: nn.Module, given: Computed) -> Computed:
        """Puts a module in the place of the one that computes a tensor."""
        given = self.plain(given)
        self.modules.add_module(str(old.node.target), module.eval())
        with torch.no_grad():
            return self._noted(old.node, module(given.example))

    def function(self, node: Node, function: Callable[..., Any], *args: Any) -> Computed:
        """Adds a call of a function; tensors among its arguments are `Computed`, alone or in a list."""

        def each(argument: Any, of: Callable[[Computed], Any]) -> Any:
            if isinstance(argument, Computed):
                return of(argument)
            return [each(item, of) for item in argument] if isinstance(argument, list) else argument

        nodes = tuple(each(argument, lambda value: value.node) for argument in args)
        examples = tuple(each(argument, lambda value: value.example) for argument in args)
        return self._added(node, self.graph.call_function(function, nodes), lambda: function(*examples))

    def plain(self, given: Computed) -> Computed:
        """Returns a tensor without what is known of its quantiser, anew for each reader: they may be cut apart."""
        if not isinstance(given.example, QuantTensor):
            return given
        return self._noted(self.graph.call_function(value_of, (given.node,)), value_of(given.example))

    def _added(self, node: Node, made: fx.Node, run: Callable[[], Any]) -> Computed:
        self.origins[made.name] = node
        try:
            with torch.no_grad():
                example = run()
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            shapes = " and ".join(
                str(value.shape) for name in node.inputs if isinstance(value := self.values.get(name), Computed)
            )
            raise NetworkError(f"{node} cannot take its input of shape {shapes}: {error}") from error
        if not isinstance(value_of(example), Tensor):
            raise UnsupportedLayerError(f"{node} gives no tensor")
        return self._noted(made, example)

    def _noted(self, node: fx.Node, example: Any) -> Computed:
        """Returns a tensor whose node knows its shape, and whether it is quantised."""
        node.meta[SHAPE] = tuple(value_of(example).shape[1:])
        node.meta[QUANTISED] = isinstance(example, QuantTensor)
        return Computed(node, example)


def channels(value: Computed) -> int:
    """Returns the number of channels of a tensor, or of values of a vector."""
    return value.shape[1]


def elements(shape: Sequence[int]) -> int:
    """Returns the number of values of one sample."""
    return math.prod(shape[1:])


def _module_name(node: Node, modules: nn.Module) -> str:
    """Returns a Python name that no module has, after the name of a node."""
    given = _without_repeats(node.proto.name) or f"{node.operator}_{node.outputs[0]}"
    name = re.sub(r"[^0-9a-zA-Z]+", "_", given).strip("_").lower() or "layer"
    name = name if name[0].isalpha() else f"layer_{name}"
    made, i = name, 2
    while hasattr(modules, made):
        made, i = f"{name}_{i}", i + 1
    return made


def _without_repeats(name: str) -> str:
    """Returns the name of a node without what PyTorch's exporter repeats: "/block/block.0/Conv" is "block.0/Conv"."""
    parts: list[str] = []
    for part in name.split("/"):
        if part in _WITHIN:
            continue
        if parts and part.startswith(f"{parts[-1]}."):
            parts.pop()
        parts.append(part)
    return "/".join(parts)
