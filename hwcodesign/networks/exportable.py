"""This module refuses, by name and before the export, what export or hls4ml would drop silently or report unclearly.

Modules are looked at for what their graph no longer says, graphs for what functions of `torch.nn.functional` say, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brevitas.nn.quant_avg_pool import TruncAdaptiveAvgPool2d, TruncAvgPool2d
from qonnx.core.modelwrapper import ModelWrapper
from torch import nn

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.networks.boundaries import ROUNDINGS
from hwcodesign.networks.graphs.fused_functions import FUNCTION
from hwcodesign.networks.graphs.notes import attributes_of


def check_modules(path: str, module: nn.Module) -> None:
    """Raises an error for settings of layers that no exported graph can be compiled with.

    Args:
        path: torch name of the stage or head.
        module: stage or head.

    Raises:
        UnsupportedLayerError: it names the layer, the setting, and what to do.
    """
    for name, part in module.named_modules():
        found = _setting(part)
        if found is not None:
            where = f"{path}.{name}" if name else path
            raise UnsupportedLayerError(f"layer {where!r} ({type(part).__name__}) has {found[0]}, {found[1]}")


def _setting(part: nn.Module) -> tuple[str, str] | None:
    """Returns a setting that is refused, and the reason."""
    mode = getattr(part, "padding_mode", "zeros")
    if isinstance(part, nn.modules.conv._ConvNd) and mode != "zeros":
        return f"padding_mode={mode!r}", "but hardware pads with zeros alone: use padding_mode='zeros'"
    if isinstance(part, TruncAvgPool2d | TruncAdaptiveAvgPool2d):
        return "a quotient that Brevitas cuts off", "which has no kernel: use nn.AvgPool2d, and a quantiser behind it"
    if isinstance(part, nn.AvgPool2d) and part.divisor_override is not None:
        return f"divisor_override={part.divisor_override}", "which QONNX drops: divide by the window's size"
    return None


def check_graph(segment: str, graph: ModelWrapper, modules: dict[str, str]) -> None:
    """Raises an error for attributes of operators that hls4ml drops if they make a difference.

    Args:
        segment: "stage0", …
        graph: graph with all shapes.
        modules: torch name of each node.

    Raises:
        UnsupportedLayerError: it names the layer, the attribute, and what to do.
    """
    for node in graph.graph.node:
        layer = modules.get(node.name, node.name)
        if node.op_type in ("Quant", FUNCTION):
            _check_quantiser(segment, layer, node)
        if node.op_type != "MaxPool":
            continue
        given = {attribute.name: attribute for attribute in node.attribute}
        kernel, strides = (_ints(given, name) or [] for name in ("kernel_shape", "strides"))
        dilations = _ints(given, "dilations") or [1] * len(kernel)
        what = None
        if set(dilations) != {1}:
            what = f"dilation={tuple(dilations)}", "use dilation=1 and a larger window"
        elif "ceil_mode" in given and given["ceil_mode"].i and _rounds_up(graph, node, kernel, strides, given):
            what = "ceil_mode=True", "leave ceil_mode at False, and give the layers behind it the size that follows"
        if what is not None:
            raise UnsupportedLayerError(
                f"{segment}: pooling {layer!r} has {what[0]}, which hls4ml would drop: {what[1]}"
            )


def _check_quantiser(segment: str, layer: str, node: Any) -> None:
    """Refuses a quantiser for which there is no fixed-point type."""
    given = attributes_of(node)
    rounding = given.get("rounding_mode", b"ROUND").decode()
    if rounding not in ROUNDINGS:
        raise UnsupportedLayerError(
            f"{segment}: the quantiser of {layer!r} rounds by {rounding}, which hardware has not: give it "
            f"float_to_int_impl_type {' or '.join(ROUNDINGS)}"
        )
    if given.get("narrow", 0) and not given.get("signed", 1):
        raise UnsupportedLayerError(
            f"{segment}: the unsigned quantiser of {layer!r} has a narrow range, which hardware has not: leave "
            "narrow_range at False, or use a signed quantiser"
        )


def _rounds_up(
    graph: ModelWrapper, node: Any, kernel: Sequence[int], strides: Sequence[int], given: dict[str, Any]
) -> bool:
    """Tells whether windows reach beyond the image."""
    shape = graph.get_tensor_shape(node.input[0])
    sides = shape[1:-1] if node.domain.endswith("channels_last") else shape[2:]
    pads = _ints(given, "pads") or [0] * 2 * len(kernel)
    return any((side + pads[i] + pads[i + len(kernel)] - kernel[i]) % strides[i] for i, side in enumerate(sides))


def _ints(given: dict[str, Any], name: str) -> list[int]:
    return list(given[name].ints) if name in given else []
