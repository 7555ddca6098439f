"""This module traces a torch module into a graph of plain operations, of which each gives a new tensor."""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from hwcodesign.errors import NetworkError
from hwcodesign.networks.layers import value_of
from hwcodesign.networks.traced.sizes import write_sizes

#: Operations that write into their input, and those that give the same values in a new tensor.
_IN_PLACE: dict[Callable[..., Any], Callable[..., Any]] = {
    operator.iadd: operator.add,
    functional.relu_: functional.relu,
    functional.leaky_relu_: functional.leaky_relu,
    functional.elu_: functional.elu,
    functional.hardtanh_: functional.hardtanh,
    functional.selu_: functional.selu,
    functional.celu_: functional.celu,
    torch.relu_: torch.relu,
}
_IN_PLACE_METHODS = {"add_": "add", "relu_": "relu", "sigmoid_": "sigmoid", "tanh_": "tanh", "clamp_": "clamp"}
_SQUEEZING = ("squeeze", torch.squeeze)
_RESHAPING = ("view", "reshape", "flatten", torch.flatten, torch.reshape, *_SQUEEZING)
#: Modules and functions that pad, pool or reshape, and pass on values in evaluation mode.
_POOLING = (
    nn.Flatten,
    nn.Identity,
    nn.modules.dropout._DropoutNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.padding._ConstantPadNd,
)
_POOLING_FUNCTIONS = (
    torch.flatten,
    torch.mean,
    "mean",
    functional.avg_pool2d,
    functional.adaptive_avg_pool2d,
    functional.pad,
)
#: What a class may say of its own, and compute what its base does.
_SAYS_NOTHING = frozenset(
    ("__init__", "__module__", "__doc__", "__repr__", "__annotations__", "__qualname__", "__firstlineno__",
     "__static_attributes__", "__constants__", "extra_repr", "reset_parameters")
)  # fmt: skip
#: In a node's `meta`: the shape of its value for one image, without the batch; absent where it is no tensor.
SHAPE = "hwcodesign_shape"


def traced(module: nn.Module, input_shape: tuple[int, ...]) -> fx.GraphModule:
    """Returns the graph of a copy of a module, in evaluation mode.

    Operations that write into their input are replaced by those that do not, and reshaping to (N, values) is
    `torch.flatten`. Every node that gives a tensor knows its shape.

    Args:
        module: takes (N, *input_shape), gives a tensor or several.
        input_shape: shape of an image, without the batch.

    Raises:
        NetworkError: its control flow depends on data, it cannot take such images, or its graph computes something
            else, because the module writes into a tensor that it reads again.
    """
    try:
        given, module = copy.deepcopy(module).eval(), copy.deepcopy(module).eval()
    except RuntimeError as error:
        raise NetworkError(
            f"{type(module).__name__} cannot be copied: {_first_line(error)}; of weights that prune or weight_norm "
            "compute, prune.remove(layer, 'weight') and torch.nn.utils.remove_weight_norm(layer) make plain ones"
        ) from error
    for part in module.modules():
        if getattr(part, "inplace", False) is True:
            part.__dict__["inplace"] = False
        _as_its_base(part)
    tracer = _Tracer()
    try:
        graph = fx.GraphModule(module, tracer.trace(module), type(module).__name__)
    except Exception as error:
        where = f", at {tracer.failed}" if tracer.failed else ""
        raise NetworkError(
            f"{type(module).__name__} cannot be traced{where}: {_first_line(error)}; a forward may not branch, loop or "
            "compute sizes by the values that it is given"
        ) from error
    inputs = [node for node in graph.graph.nodes if node.op == "placeholder"]
    for extra in inputs[1:]:
        if extra.users:
            raise NetworkError(f"{type(module).__name__} takes {len(inputs)} tensors: a network takes one, its images")
        graph.graph.erase_node(extra)
    _without_writing(graph)
    find_shapes(graph, input_shape)
    expected = _expected(given, input_shape)
    _with_flatten(graph)
    write_sizes(graph, input_shape)
    _check_values(type(module).__name__, expected, _computed(graph, input_shape))
    return graph


class _Tracer(fx.Tracer):
    """It notes the innermost module in which tracing failed."""

    failed = ""

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        try:
            return super().call_module(m, forward, args, kwargs)
        except Exception:
            self.failed = self.failed or f"{self.path_of_module(m)!r} ({type(m).__name__})"
            raise


def _as_its_base(part: nn.Module) -> None:
    """Makes a layer one of torch's class from which it is derived, in place, if it computes nothing else."""
    order = type(part).__mro__
    place = next(i for i, kind in enumerate(order) if kind.__module__.startswith("torch."))
    base = order[place]
    own = {name for kind in order[:place] for name in vars(kind)} - _SAYS_NOTHING
    holds = any(True for _ in part.children())
    if place and not holds and base is not nn.Module and not any(hasattr(base, name) for name in own):
        part.__class__ = base


def _expected(module: nn.Module, input_shape: tuple[int, ...]) -> list[Any]:
    """Returns what a module gives for two images; one that takes a single image is refused."""
    try:
        return _computed(module, input_shape)
    except Exception as error:
        raise NetworkError(
            f"{type(module).__name__} cannot take several images at once: {_first_line(error)}; write x.flatten(1) or "
            "x.view(x.shape[0], -1) where it reshapes"
        ) from error


def _computed(module: nn.Module, input_shape: tuple[int, ...]) -> list[Any]:
    """Returns what a module gives for two images of drawn values."""
    like = next(module.parameters(), torch.zeros(()))
    drawn = torch.rand((2, *input_shape), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        return _tensors(module(drawn.to(like.device, like.dtype)))


def _check_values(name: str, expected: list[Any], found: list[Any]) -> None:
    """Compares what a module gives with what its graph gives."""
    if not all(torch.equal(one, other) for one, other in zip(expected, found, strict=True) if isinstance(one, Tensor)):
        raise NetworkError(
            f"{name} computes something else than its operations one by one: it writes into a tensor "
            "that it reads again, as nn.ReLU(inplace=True), x += y and x.relu_() do; write x = x + y instead, and "
            "inplace=False"
        )


def _tensors(result: Any) -> list[Any]:
    results = result if isinstance(result, list | tuple) and not hasattr(result, "_fields") else (result,)
    return [value_of(each) for each in results]


def find_shapes(graph: fx.GraphModule, input_shape: tuple[int, ...]) -> None:
    """Notes the shape of every node's value in its `meta`, found on one blank image.

    Raises:
        NetworkError: the module cannot take such images.
    """
    parameter = next(graph.parameters(), torch.zeros(()))
    blank = torch.zeros((1, *input_shape), dtype=parameter.dtype, device=parameter.device)
    noted = _Shapes(graph)
    try:
        with torch.no_grad():
            noted.run(blank)
    except Exception as error:
        raise NetworkError(
            f"operation {noted.at!r} fails for images of shape {input_shape}: {_first_line(error.__cause__ or error)}"
        ) from error


class _Shapes(fx.Interpreter):
    """It runs a graph, and notes the shape of every tensor."""

    at = ""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__(graph)
        self.extra_traceback = False  # an error is reported by the node's name

    def run_node(self, n: fx.Node) -> Any:
        self.at = n.name
        result = super().run_node(n)
        n.meta.pop(SHAPE, None)
        if isinstance(value_of(result), Tensor):
            n.meta[SHAPE] = tuple(value_of(result).shape[1:])
        return result


def shape_of(node: fx.Node) -> tuple[int, ...]:
    """Returns the shape of a node's value for one image, without the batch."""
    shape: tuple[int, ...] = node.meta[SHAPE]
    return shape


def module_of(graph: nn.Module, node: fx.Node) -> nn.Module | None:
    """Returns the module of a graph that a node calls, or None."""
    return graph.get_submodule(str(node.target)) if node.op == "call_module" else None


def pools_or_reshapes(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Tells whether a node averages or reshapes: in front of a head's layer with weights, it goes with the head."""
    return isinstance(module_of(graph, node), _POOLING) or node.target in _POOLING_FUNCTIONS


def scopes_of(node: fx.Node) -> Iterator[str]:
    """Yields the dotted names of the modules in which a node was traced, outermost first."""
    for name in node.meta.get("nn_module_stack", {}):
        if name:
            yield str(name).split("@", 1)[0]  # calls after the first are numbered behind an @
    if node.op == "call_module":
        yield str(node.target)


def macs_of(graph: fx.GraphModule, node: fx.Node) -> int:
    """Returns the multiply-accumulates of a node for one image: of convolutions and linear layers, padding included."""
    module = module_of(graph, node)
    if not isinstance(module, nn.Linear | nn.modules.conv._ConvNd):
        return 0
    weight: Tensor = module.weight
    return math.prod(shape_of(node)[1:]) * weight.numel() if weight.dim() > 2 else weight.numel()


def _without_writing(graph: fx.GraphModule) -> None:
    for node in graph.graph.nodes:
        if node.op == "call_function":
            node.target = _IN_PLACE.get(node.target, node.target)
            if node.kwargs.get("inplace") is True:
                node.kwargs = {**node.kwargs, "inplace": False}
        elif node.op == "call_method":
            node.target = _IN_PLACE_METHODS.get(node.target, node.target)
            if node.target.endswith("_") and not node.target.endswith("__"):
                raise NetworkError(
                    f"operation {node.name!r} ({node.target}) writes into its input: use {node.target[:-1]}, which "
                    "gives a new tensor"
                )


def _with_flatten(graph: fx.GraphModule) -> None:
    """Writes each reshaping to (N, values) as `torch.flatten`, which needs no size of the batch."""
    for node in list(graph.graph.nodes):
        if SHAPE not in node.meta or not (
            node.target in _RESHAPING or isinstance(module_of(graph, node), nn.Flatten | nn.Unflatten)
        ):
            continue
        source = _reshaped(node.args[0])
        if node.target in _SQUEEZING and node.users and all(user.target in _RESHAPING for user in node.users):
            node.replace_all_uses_with(source)  # what reads it reshapes in any case
            graph.graph.erase_node(node)
        elif isinstance(source, fx.Node) and shape_of(node) == (math.prod(shape_of(source)),):
            with graph.graph.inserting_before(node):
                flat = graph.graph.call_function(torch.flatten, (source, 1))
            flat.meta = dict(node.meta)
            node.replace_all_uses_with(flat)
            graph.graph.erase_node(node)


def _reshaped(node: Any) -> Any:
    """Returns the node whose values some reshapings, one after the other, pass on in their order."""
    while isinstance(node, fx.Node) and node.target in _RESHAPING and isinstance(node.args[0], fx.Node):
        node = node.args[0]
    return node


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or repr(error)).splitlines()[0].rstrip(".")
