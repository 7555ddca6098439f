"""This module copies a PyTorch module with small integer weights, and evaluates it with PyTorch in float64."""

from __future__ import annotations

import copy
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from hls4ml.converters.pytorch_to_hls import PyTorchFileReader
from hls4ml.utils.torch import CustomFXTracer
from numpy.typing import NDArray
from torch import fx, nn

from hwcodesign.errors import MismatchError
from hwcodesign.frontend.readings.copied import (
    SAMPLES,
    CopiedModel,
    CopySettings,
    few_weights,
    fraction_bits,
    integer_bits,
)

Arrays = list[NDArray[np.float64]]

#: Arguments that hls4ml's front end does not look at, and the values at which that is no harm.
_IGNORED: dict[str, tuple[Any, ...]] = {
    "ceil_mode": (False,),
    "divisor_override": (None,),
    "count_include_pad": (True,),
    "dilation": (1, (1,), (1, 1)),
    "alpha": (1,),
}
#: Functions of two tensors, or of a tensor and a number.
_SUMS = (operator.add, operator.sub, torch.add, torch.sub)
_PRODUCTS = (operator.mul, torch.mul)
#: What hls4ml looks up in tables of its own, which are not exact: the copy has a ReLU in its place.
_LOOKED_UP = (nn.Sigmoid, nn.Tanh, nn.ELU, nn.SELU, nn.Softplus, nn.Softsign, nn.Softmax)
_LOOKED_UP_NAMES = ("sigmoid", "tanh", "elu", "selu", "softplus", "softsign", "softmax")


def copy_pytorch(graph: Any, settings: CopySettings) -> CopiedModel:
    """Copies the module that a graph was converted from, and runs it.

    Args:
        graph: ModelGraph with the module in its configuration.
    """
    config = graph.config.config
    module = _module(config)
    rng = np.random.default_rng(1)
    copied = copy.deepcopy(module).cpu().double()
    for part in copied.modules():
        _fill(part, rng, settings)
    _rectify(copied)
    copied = _with_whole_numbers(copied, settings.unit)
    reference = copy.deepcopy(copied).eval()  # hls4ml traces the copy in the mode in which it traced the module
    model = config["HLSConfig"]["Model"]
    layout = model.get("ChannelsLastConversion", "off")
    sizes = [tuple(int(size) for size in variable.shape) for variable in graph.get_input_variables()]
    shapes = [(size[-1], *size[:-1]) if layout == "internal" else size for size in sizes]
    values = [settings.unit * rng.integers(-3, 4, (SAMPLES, *shape)).astype(np.float64) for shape in shapes]
    outputs, seen = _run(str(graph.config.get_project_name()), reference, values)
    everything = [*values, *outputs, *seen]
    first = layout == "off" or model.get("TransposeOutputs")
    return CopiedModel(
        {"PytorchModel": copied},
        tuple(_channels_last(x) if layout == "internal" else x for x in values),
        tuple(y if first else _channels_last(y) for y in outputs),
        [ordered for array in seen for ordered in (array, _channels_last(array))],
        integer_bits(everything),
        fraction_bits(everything),
        list(_ignored(module)),
    )


def _module(config: dict[str, Any]) -> nn.Module:
    module = config["PytorchModel"]
    if isinstance(module, str):
        module = PyTorchFileReader(config).torch_model
    assert isinstance(module, nn.Module)
    return module


def _channels_last(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.moveaxis(values, 1, -1) if values.ndim > 2 else values


def _fill(module: nn.Module, rng: np.random.Generator, settings: CopySettings) -> None:
    """Sets a module's own parameters to whole values; what is added has the unit of its inputs."""
    norm = isinstance(module, nn.modules.batchnorm._BatchNorm)
    for name, parameter in module.named_parameters(recurse=False):
        size = tuple(parameter.shape)
        if len(size) > 1:
            values = few_weights(rng, size[0], int(np.prod(size[1:])), settings.taps)
        elif norm and name == "weight":
            values = rng.choice(np.array([-1.0, 1.0, 2.0]), size)
        else:
            values = np.asarray(settings.unit * rng.choice([-2.0, -1.0, 1.0, 2.0], size), np.float64)
        parameter.data = torch.from_numpy(values.reshape(size))
    if isinstance(module, nn.LeakyReLU):
        module.negative_slope = 0.25
    if norm:
        assert isinstance(module, nn.modules.batchnorm._BatchNorm)
        module.eps = 0.125  # with these variances, a root that is 1 or one half
        if module.running_mean is not None and module.running_var is not None:
            size = tuple(module.running_mean.shape)
            module.running_mean = torch.from_numpy(settings.unit * rng.choice([-2.0, -1.0, 1.0, 2.0], size))
            module.running_var = torch.from_numpy(rng.choice([0.125, 0.875], size))


def _rectify(module: nn.Module) -> None:
    """Replaces layers that hls4ml looks up in tables."""
    for name, part in list(module.named_children()):
        if isinstance(part, _LOOKED_UP):
            setattr(module, name, nn.ReLU())
        else:
            _rectify(part)


def _run(name: str, reference: nn.Module, values: Arrays) -> tuple[Arrays, Arrays]:
    """Returns the outputs of a module for samples in hls4ml's order, and the outputs of each of its operations."""
    watched = _Watched(fx.GraphModule(reference, CustomFXTracer().trace(reference)))
    with torch.no_grad():
        try:
            outputs = _outputs(watched, reference, values)
            watched.run(*(torch.from_numpy(x.copy()) for x in values))
        except (RuntimeError, ValueError, IndexError):  # a module that names its batch of one
            watched.seen.clear()
            try:
                singles = [_outputs(watched, reference, [x[i : i + 1] for x in values]) for i in range(SAMPLES)]
                outputs = [torch.cat(parts) for parts in zip(*singles, strict=True)]
            except (RuntimeError, ValueError, IndexError) as error:
                shapes = " and ".join(str(x.shape[1:]) for x in values)
                raise MismatchError(
                    f"{name}: PyTorch itself does not compute the model for samples of shape {shapes}, which "
                    f"hls4ml was told: {error}. Give config_from_pytorch_model the shape of a sample"
                ) from None
    return [output.numpy() for output in outputs], watched.seen


def _outputs(watched: _Watched, reference: nn.Module, values: Arrays) -> list[torch.Tensor]:
    """Returns what a module gives; of several outputs that which is computed first comes first, as in hls4ml."""
    given = reference(*(torch.from_numpy(x.copy()) for x in values))  # a layer may work in place
    if isinstance(given, torch.Tensor):
        return [given]
    nodes = list(watched.graph.nodes)
    places = [nodes.index(node) for node in nodes[-1].all_input_nodes]
    return [output for _, output in sorted(zip(places, given, strict=True), key=lambda pair: pair[0])]


def _with_whole_numbers(module: nn.Module, unit: int) -> nn.Module:
    """Returns the module, or a copy in which numbers written in `forward` are replaced by whole ones, and functions
    that hls4ml looks up in tables by rectifiers.
    """
    traced = CustomFXTracer().trace(module)
    changed = False
    for node in traced.nodes:
        if node.op == "call_function" and node.target in (*_SUMS, *_PRODUCTS):
            number = float(unit) if node.target in _SUMS else 2.0
            numbers = [isinstance(argument, int | float) for argument in node.args]
            node.args = tuple(number if is_number else old for old, is_number in zip(node.args, numbers, strict=True))
            changed = changed or any(numbers)
        called = node.target if node.op == "call_method" else getattr(node.target, "__name__", "")
        if node.op in ("call_function", "call_method") and called in _LOOKED_UP_NAMES:
            node.op, node.target, node.args, node.kwargs = "call_function", torch.relu, node.args[:1], {}
            changed = True
    return fx.GraphModule(module, traced) if changed else module


class _Watched(fx.Interpreter):
    """Keeps the output of every operation of a traced module."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.seen: list[NDArray[np.float64]] = []

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, torch.Tensor) and result.dim() > 0:
            self.seen.append(result.detach().numpy().copy())
        return result


def _ignored(module: nn.Module) -> Iterator[str]:
    """Describes what hls4ml's front end is known to ignore."""
    traced = CustomFXTracer().trace(module)
    for node in traced.nodes:
        if node.target is operator.getitem:
            yield f"the slice {node.name!r} (x[{node.args[1]}])"
        part: Any = module.get_submodule(str(node.target)) if node.op == "call_module" else None
        given = node.kwargs if part is None else vars(part)
        what = type(part).__name__ if part is not None else getattr(node.target, "__name__", str(node.target))
        if given.get("inplace") and any(len(source.users) > 1 for source in node.all_input_nodes):
            yield f"that {what} {node.name!r} works in place, on what others read as well"
        for name, harmless in _IGNORED.items():
            if name in given and given[name] not in harmless:
                yield f"{name}={given[name]} of {what} {node.name!r}"
