"""This module refuses what would be lost, or stay in floating point, where quantised layers replace others."""

from __future__ import annotations

import operator
from collections import Counter

import torch
from torch import fx, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from hwcodesign.errors import NetworkError
from hwcodesign.networks.traced.tracing import SHAPE, module_of

#: Functions of which `quantise` knows no quantised form.
_WITH_WEIGHTS = (
    *(functional.conv1d, functional.conv2d, functional.conv3d, functional.conv_transpose1d),
    *(functional.conv_transpose2d, functional.linear, functional.bilinear, functional.batch_norm),
    *(torch.matmul, torch.bmm, torch.einsum, operator.matmul),
)
#: Functions and methods that give parts of a tensor.
_PARTS = (
    *(operator.getitem, torch.chunk, torch.split, torch.unbind, torch.narrow, torch.select),
    *("chunk", "split", "unbind", "narrow", "select", "__getitem__"),
)
#: Functions, methods and modules that move or repeat elements of a tensor.
_MOVES = (
    *(torch.roll, torch.flip, torch.rot90, torch.stack, torch.gather, torch.index_select, torch.tile),
    *(torch.repeat_interleave, torch.channel_shuffle),
    *("roll", "flip", "rot90", "gather", "index_select", "tile", "repeat", "repeat_interleave", "expand", "expand_as"),
)
_MOVING_LAYERS = (nn.ChannelShuffle,)


def check_plain(network: nn.Module) -> None:
    """Refuses modules that compute more than their type says: quantised layers take the place of such a type."""
    for name, part in network.named_modules():
        more = _more_than_type(part)
        if more is not None:
            raise NetworkError(f"{name or 'the network'} ({type(part).__name__}) has {more}")


def _more_than_type(part: nn.Module) -> str | None:
    if parametrize.is_parametrized(part):
        return (
            "weights that are computed (weight_norm, spectral_norm): call "
            "torch.nn.utils.parametrize.remove_parametrizations(layer, 'weight') before"
        )
    if part._forward_hooks or part._forward_pre_hooks:
        return (
            "a forward hook, which would be lost: remove it, or write what it computes in a forward; of weight_norm "
            "and prune, torch.nn.utils.remove_weight_norm(layer) and prune.remove(layer, 'weight') do"
        )
    if "forward" in part.__dict__:
        return "a forward of its own, which would be lost: write a class with that forward"
    return None


def check_whole(whole: fx.GraphModule) -> None:
    """Refuses layers of shared weights, functions that compute with weights, parts of tensors, and other orders of
    elements.

    Args:
        whole: the uncut graph of a network.

    Raises:
        NetworkError: there is one; the message names it.
    """
    _check_called_once(whole)
    _check_functions(whole)


def _check_called_once(whole: fx.GraphModule) -> None:
    """Refuses layers of shared weights: a quantised layer has one scale, for one range of results."""
    calls = Counter(str(node.target) for node in whole.graph.nodes if node.op == "call_module")
    for name, count in calls.items():
        if count > 1 and any(True for _ in whole.get_submodule(name).parameters()):
            raise NetworkError(
                f"{name} is called in {count} places of the network, and a quantised layer has one: give each place a "
                "layer of its own, which may begin as a copy, copy.deepcopy(layer)"
            )


def _check_functions(whole: fx.GraphModule) -> None:
    for node in whole.graph.nodes:
        if node.target in _WITH_WEIGHTS:
            read = next((str(given.target) for given in node.all_input_nodes if given.op == "get_attr"), node.name)
            raise NetworkError(
                f"{read} is read by a function, {node.name}, and would stay as it is: quantised layers take the place "
                "of nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.Linear and norms that are "
                "modules, and of modules of derived classes that have no forward of their own"
            )
        if node.target in _PARTS and _reads_a_tensor(node):
            raise NetworkError(
                f"{node.name} takes a part of a tensor, which has no hardware: compute each part by a layer of its own"
            )
        if (node.target in _MOVES or isinstance(module_of(whole, node), _MOVING_LAYERS)) and _reads_a_tensor(node):
            raise NetworkError(
                f"{node.name} moves or repeats elements of a tensor, which has no hardware: put another order of "
                "channels into the weights of the layers around it, and join tensors by torch.cat"
            )


def _reads_a_tensor(node: fx.Node) -> bool:
    return any(SHAPE in given.meta for given in node.all_input_nodes)
