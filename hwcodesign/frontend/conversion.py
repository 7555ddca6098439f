"""This module converts QONNX to hls4ml's ModelGraph, in the same way for every backend.

It sets the configuration that hls4ml needs to be exact: granularity by name, the producer's type at the input, one
namespace for each segment, and weights compiled in.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hls4ml.converters import convert_from_onnx_model
from hls4ml.utils import config_from_onnx_model

from hwcodesign.choices import not_known
from hwcodesign.errors import HwcodesignError, SettingsError, UnsupportedLayerError
from hwcodesign.frontend.own_layers import with_held_constants
from hwcodesign.frontend.pool_types import configure, first_types, pool_types
from hwcodesign.frontend.refusals import of_segment, reason
from hwcodesign.frontend.settings import VITIS_STRATEGIES, CompileSettings
from hwcodesign.hardware.implementation import AUTO, MEMORY, REGISTERS, Implementation, Implementations
from hwcodesign.hardware.units import reads_memory, strategies_of, why_not_pixels
from hwcodesign.kernels import Segment, Sparsity
from hwcodesign.networks.export import ExportedSegment
from hwcodesign.networks.graphs.notes import DEFAULT_TYPE


def check_layers(settings: CompileSettings, segments: list[ExportedSegment]) -> None:
    """Raises an error if settings name a layer that does not exist.

    Raises:
        SettingsError: it names the layer, and the existing ones.
    """
    known = {module for segment in segments for module in segment.modules.values()}
    for name in settings.layers:
        if name not in known:
            raise SettingsError(not_known(f"layer {name!r}", name, sorted(known)))


def warn_of_other_reuse(segment: ExportedSegment, settings: CompileSettings, found: Implementations) -> None:
    """Warns where hls4ml chose another reuse factor than requested: it takes the nearest one that divides the work."""
    for name, implementation in found.items():
        module, used = module_of(segment, name), implementation.reuse_factor
        if module is not None and used != settings.of(module).reuse:
            warnings.warn(
                f"{module}: reuse {settings.of(module).reuse} does not divide its multiplications evenly; "
                f"the Vitis project uses {used}",
                stacklevel=3,
            )


def asked_for(
    segment: ExportedSegment, settings: CompileSettings, kernels: Segment, found: Implementations
) -> Implementations:
    """Returns the requested implementations; StreamRTL supports any reuse factor.

    Args:
        kernels: that the segment became.
        found: what hls4ml made of the settings.

    Raises:
        SettingsError: a layer is named that has no weights, or with a strategy by which it cannot be built, or with
            pixels that do not make its beats.
    """
    by_name = {kernel.name: kernel for kernel in kernels.kernels}
    kinds = {name: kernel.kind for name, kernel in by_name.items()}
    asked = dict(found)
    _check_named(segment, settings, found)
    for name, implementation in found.items():
        module = module_of(segment, name)
        if module is not None:
            choice, known = settings.of(module), strategies_of(kinds[name])
            own = settings.layers.get(module)
            if own is not None and own.strategy is not None and own.strategy not in known:
                raise SettingsError(
                    f"{module}: there is no hardware for its {kinds[name]} with strategy {own.strategy!r}: "
                    f"give {' or '.join(known)}"
                )
            strategy = choice.strategy if choice.strategy in known else implementation.strategy
            places = choice.windows or REGISTERS, choice.weights or AUTO
            asked[name] = Implementation(choice.reuse, strategy, *places, choice.pixels)
            refused = why_not_pixels(by_name[name], asked[name])
            if refused:
                raise SettingsError(f"{module}: {refused}")
    for kernel in kernels.kernels:
        if kernel.name not in asked and reads_memory(kernel) and settings.windows == MEMORY:
            asked[kernel.name] = Implementation(windows=MEMORY)
    return asked


def _check_named(segment: ExportedSegment, settings: CompileSettings, found: Implementations) -> None:
    """Refuses settings of layers that have no weights, for which they would mean nothing."""
    built = sorted({module for module in (module_of(segment, name) for name in found) if module is not None})
    for named in settings.layers:
        if named in segment.modules.values() and named not in built:
            raise SettingsError(
                f"{named}: it has no weights of its own, and settings are for layers with weights: "
                f"{', '.join(built) or 'its segment has none'}"
            )


def module_of(segment: ExportedSegment, layer: str) -> str | None:
    """Returns the torch name of an hls4ml layer, which is the name of its node without hls4ml's prefix."""
    node = _node_of(segment, layer)
    return segment.modules[node] if node is not None else None


def sparsities(segment: ExportedSegment, graph: Any) -> dict[str, Sparsity]:
    """Returns which weights are there of those convolutions of hls4ml's that have zeros in the place of others."""
    nodes = {layer.name: _node_of(segment, layer.name) for layer in graph.get_layers()}
    return {name: segment.sparsities[node] for name, node in nodes.items() if node in segment.sparsities}


def _node_of(segment: ExportedSegment, layer: str) -> str | None:
    matches = [node for node in segment.modules if layer == node or layer.endswith(f"_{node}")]
    return max(matches, key=len) if matches else None


def convert(segment: ExportedSegment, settings: CompileSettings, backend: str, folder: Path) -> Any:
    """Converts one segment.

    Args:
        backend: hls4ml's name of the backend.
        folder: folder to which `write()` will write.

    Returns:
        A ModelGraph, streaming, with every type resolved.

    Raises:
        UnsupportedLayerError: hls4ml does not support a layer.
    """
    talk = io.StringIO()
    try:
        with contextlib.redirect_stdout(talk), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = with_held_constants(segment.graph.model)
            config = config_from_onnx_model(
                model,
                granularity="name",
                backend=backend,
                default_precision=DEFAULT_TYPE,
                default_reuse_factor=settings.default.reuse,
            )
            _configure(config, segment, settings)
            graph = _with_pool_types(
                config,
                segment,
                lambda: convert_from_onnx_model(
                    model,
                    hls_config=config,
                    backend=backend,
                    io_type="io_stream",
                    part=settings.target.part,
                    clock_period=1000.0 / settings.target.clock_mhz,
                    namespace=f"ns_{segment.name}",
                    project_name=segment.name,
                    output_dir=str(folder),
                    write_weights_txt=False,
                ),
            )
            graph.outputs = _in_order(graph.outputs, segment)
            return graph
    except HwcodesignError as error:
        raise type(error)(f"{segment.name}: {error}") from None
    except Exception as error:
        operators = ", ".join(f"{node.name} ({node.op_type})" for node in segment.graph.graph.node)
        place, way_out = of_segment(error, segment.modules)
        raise UnsupportedLayerError(
            f"hls4ml cannot take {segment.name}: {place}: {reason(error)}; {way_out}. Its QONNX layers are {operators}"
        ) from error


def _with_pool_types(config: dict[str, Any], segment: ExportedSegment, converted: Callable[[], Any]) -> Any:
    """Returns hls4ml's graph with the types of poolings that follow from those in front of them, which only hls4ml
    knows: each conversion settles one pooling more of those that follow one another.
    """
    settled = first_types(segment)
    configure(config, settled)
    graph = converted()
    while settled != (needed := pool_types(segment, graph)):
        configure(config, needed)
        graph, settled = converted(), needed
    return graph


def _in_order(outputs: list[str], segment: ExportedSegment) -> list[str]:
    """Returns hls4ml's outputs in the order of the graph's; hls4ml lists them in that of the nodes that write them."""
    wanted = [tensor.name for tensor in segment.graph.graph.output]
    listed = [node.output[0] for node in segment.graph.graph.node if node.output[0] in wanted]
    return [outputs[listed.index(name)] for name in wanted]


def _configure(config: dict[str, Any], segment: ExportedSegment, settings: CompileSettings) -> None:
    for tensor, i in zip(segment.graph.graph.input, segment.read, strict=True):
        config["LayerName"][tensor.name]["Precision"]["result"] = segment.inputs[i].format.hls4ml_type
    config["Model"]["Strategy"] = _vitis_strategy(settings.default.strategy)
    for name, layer in config["LayerName"].items():
        module = module_of(segment, name)
        if module is not None:
            choice = settings.of(module)
            layer["ReuseFactor"] = choice.reuse
            layer["Strategy"] = _vitis_strategy(choice.strategy)


def _vitis_strategy(strategy: str | None) -> str | None:
    return VITIS_STRATEGIES.get(strategy, strategy) if strategy is not None else None
