"""This module reads sums, concatenations, and functions of one value."""

from __future__ import annotations

import math
import operator as python
from collections.abc import Callable

import numpy as np
import torch
from brevitas.quant_tensor import QuantTensor
from torch import nn

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.networks.onnx_models.building import Build, Computed, channels
from hwcodesign.networks.onnx_models.graph import Node
from hwcodesign.networks.onnx_models.operators.registry import operator
from hwcodesign.networks.onnx_models.operators.weighted import scaled

#: Functions without settings, or whose settings are taken at ONNX' defaults alone.
_FUNCTIONS: dict[str, Callable[[], nn.Module]] = {
    "Relu": nn.ReLU,
    "Sigmoid": nn.Sigmoid,
    "Tanh": nn.Tanh,
    "Softplus": nn.Softplus,
    "Softsign": nn.Softsign,
    "Selu": nn.SELU,
    "HardSwish": nn.Hardswish,
    "Mish": nn.Mish,
}
#: What `x * f(x)` is, by the operators of f in their order.
_GATES: dict[str, Callable[[], nn.Module]] = {"Sigmoid": nn.SiLU, "Softplus Tanh": nn.Mish}
#: Functions with a slope.
_SLOPED: dict[str, tuple[type[nn.Module], float]] = {
    "LeakyRelu": (nn.LeakyReLU, 0.01),
    "Elu": (nn.ELU, 1.0),
    "Celu": (nn.CELU, 1.0),
}


@operator(*_FUNCTIONS)
def function(node: Node, build: Build) -> Computed:
    """Reads a function of one value."""
    defaults = {"Selu": {"alpha": 1.67326319, "gamma": 1.05070102}}.get(node.operator, {})
    for name, default in defaults.items():
        if not np.isclose(node.attributes.get(name, default), default, rtol=1e-6):
            raise UnsupportedLayerError(f"{node} has {name}={node.attributes[name]:g}, and {default:g} is taken")
    return build.module(node, _FUNCTIONS[node.operator](), build.computed(node), keeps_grid=node.operator == "Relu")


@operator(*_SLOPED)
def sloped(node: Node, build: Build) -> Computed:
    """Reads a rectifier with a slope."""
    kind, default = _SLOPED[node.operator]
    return build.module(node, kind(node.attributes.get("alpha", default)), build.computed(node))


@operator("PRelu")
def prelu(node: Node, build: Build) -> Computed:
    """Reads a rectifier with a learned slope, one or one a channel."""
    given, slope = build.computed(node), np.array(build.constant(node, 1), np.float32)
    if slope.size not in (1, channels(given)):
        raise UnsupportedLayerError(f"{node} has {slope.size} slopes for {channels(given)} channels")
    made = nn.PReLU(slope.size)
    with torch.no_grad():
        made.weight.copy_(torch.from_numpy(slope.reshape(-1)))
    return build.module(node, made, given)


@operator("HardSigmoid")
def hard_sigmoid(node: Node, build: Build) -> Computed:
    """Reads a sigmoid of three lines, with torch's slope."""
    alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
    if not np.isclose(alpha, 1 / 6, rtol=1e-6) or beta != 0.5:
        raise UnsupportedLayerError(f"{node} has alpha={alpha:g}, beta={beta:g}: 1/6 and 0.5 are taken")
    return build.module(node, nn.Hardsigmoid(), build.computed(node))


@operator("Gelu")
def gelu(node: Node, build: Build) -> Computed:
    """Reads a Gaussian error linear unit."""
    return build.module(node, nn.GELU(approximate=node.attributes.get("approximate", "none")), build.computed(node))


@operator("Softmax")
def softmax(node: Node, build: Build) -> Computed:
    """Reads a softmax over the classes."""
    given = build.computed(node)
    axis = node.attributes.get("axis", -1)
    if axis not in (-1, 1) or len(given.shape) != 2:
        raise UnsupportedLayerError(f"{node} goes over axis {axis} of a tensor of shape {given.shape}: leave it out")
    return build.module(node, nn.Softmax(dim=1), given)


@operator("Clip")
def clip(node: Node, build: Build) -> Computed:
    """Reads a clipping to constants."""
    low, high = (_bound(node, build, place) for place in (1, 2))
    match low, high:
        case 0.0, None:
            made: nn.Module = nn.ReLU()
        case 0.0, 6.0:
            made = nn.ReLU6()
        case None, None:
            made = nn.Identity()
        case _:
            made = nn.Hardtanh(-math.inf if low is None else low, math.inf if high is None else high)
    return build.module(node, made, build.computed(node))


def _bound(node: Node, build: Build, place: int) -> float | None:
    given = build.constant(node, place)
    attribute = node.attributes.get("min" if place == 1 else "max")
    value = attribute if given is None else float(np.ravel(given)[0])
    return None if value is None or abs(value) >= 1e30 else float(value)


@operator("Add", "Sub", "Mul", "Div")
def arithmetic(node: Node, build: Build) -> Computed:
    """Reads a sum of two tensors, or arithmetic with a constant."""
    first, second = (build.values[name] for name in node.inputs)
    if isinstance(first, Computed) and isinstance(second, Computed):
        if node.operator not in ("Add", "Sub"):
            return _gated(node, build)
        if first.shape != second.shape:
            raise UnsupportedLayerError(
                f"{node} reads tensors of shapes {first.shape} and {second.shape}: make them equal"
            )
        joined = python.add if node.operator == "Add" else python.sub
        return build.function(node, joined, build.plain(first), build.plain(second))
    given, value = (first, second) if isinstance(first, Computed) else (second, first)
    assert isinstance(given, Computed)
    assert not isinstance(value, Computed)
    constant, turned = np.asarray(value, np.float64), given is second
    match node.operator:
        case "Add" | "Sub":
            shift = -constant if node.operator == "Sub" and not turned else constant
            if node.operator == "Add" and given.layer is not None and _is_bias(build, node, given, constant):
                return given.layer(np.broadcast_to(constant.reshape(-1), (channels(given),)).copy())
            return scaled(node, build, given, np.array(-1.0 if node.operator == "Sub" and turned else 1.0), shift)
        case "Div" if turned:
            raise UnsupportedLayerError(f"{node} divides by a tensor, which has no kernel")
    return scaled(node, build, given, constant if node.operator == "Mul" else 1 / constant, np.array(0.0))


def _gated(node: Node, build: Build) -> Computed:
    """Reads a tensor times a function of it, which is a function of one value; older versions of ONNX have no operator
    for some.
    """
    writers = build.source.writers
    for place, name in enumerate(node.inputs):
        chain, source = "", node.inputs[1 - place]
        while source != name and source in writers and len(writers[source].inputs) == 1:
            chain, source = f"{writers[source].operator} {chain}".rstrip(), writers[source].inputs[0]
        if node.operator == "Mul" and source == name and chain in _GATES:
            return build.module(node, _GATES[chain](), build.computed(node, place))
    raise UnsupportedLayerError(
        f"{node} multiplies tensors by one another, which has no kernel; a tensor may be multiplied by its sigmoid or "
        "tanh(softplus(x)), and opset 14 has HardSwish, opset 20 Gelu as one operator"
    )


def _is_bias(build: Build, node: Node, given: Computed, constant: object) -> bool:
    """Tells whether a sum is the bias of the layer before it: a number a channel, and nothing else reads the layer."""
    value, count, rank = np.asarray(constant), channels(given), len(given.shape)
    name = next(name for name in node.inputs if build.values[name] is given)
    readers = [other for other in build.source.nodes if name in other.inputs]
    shape = (1,) * (rank - value.ndim) + value.shape
    fits = value.size == 1 or shape == (1, count, *[1] * (rank - 2))
    return fits and len(readers) == 1 and name not in build.source.outputs


@operator("Sum")
def several(node: Node, build: Build) -> Computed:
    """Reads a sum of several tensors."""
    total = build.plain(build.computed(node))
    for place in range(1, len(node.inputs)):
        total = build.function(node, python.add, total, build.plain(build.computed(node, place)))
    return total


@operator("Concat")
def concat(node: Node, build: Build) -> Computed:
    """Reads a concatenation of channels."""
    parts = [build.computed(node, place) for place in range(len(node.inputs))]
    axis = node.attributes.get("axis", 1)
    if axis not in (1, 1 - len(parts[0].shape)):
        raise UnsupportedLayerError(f"{node} joins tensors along axis {axis}: channels, which are axis 1, are joined")
    if not _alike(parts):
        parts = [build.plain(part) for part in parts]
    return build.function(node, torch.cat, parts, 1)


def _alike(parts: list[Computed]) -> bool:
    """Tells whether all parts are on the same grid, as their join is then."""
    given = [part.example for part in parts]
    if not all(isinstance(tensor, QuantTensor) for tensor in given):
        return False
    first = given[0]
    return all(
        bool(tensor.scale == first.scale) and tensor.bit_width == first.bit_width and tensor.signed == first.signed
        for tensor in given
    )
