"""This module exports a network to QONNX: one graph for each stage and head, channels last, ready for hls4ml."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.channels_last import AbsorbChanFirstIntoMatMul, ConvertToChannelsLastAndClean
from qonnx.transformation.gemm_to_matmul import GemmToMatMul
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.cleanup import cleanup_model
from torch import nn

from hwcodesign.errors import HwcodesignError, UnsupportedLayerError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.networks.exportable import check_graph, check_modules
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.progress import task

with warnings.catch_warnings():
    # it tells everybody that a package is missing which is for large language models alone
    warnings.filterwarnings(
        "ignore", "fast_hadamard_transform package not found", UserWarning, r"brevitas\.graph\.equalize"
    )
    from brevitas.export import export_qonnx

#: QONNX operators that keep the name of the torch module they came from, and what the module's name is prefixed
#: with where it is a bare number.
_NAMED_OPERATORS = {
    "Conv": "conv",
    "MatMul": "linear",
    "MaxPool": "pool",
    "Relu": "relu",
    "Quant": "quant",
    "Add": "add",
    "Flatten": "flatten",
    "Reshape": "reshape",
}
_CONSTANTS_OF = ("weight_quant", "bias_quant")
#: Axes of a batch of feature maps, by those that they have in the other layout.
_CHANNELS_FIRST, _CHANNELS_LAST = [0, 3, 1, 2], [0, 2, 3, 1]


@dataclass(frozen=True)
class ExportedSegment:
    """This is a stage or head as a QONNX graph.

    Attributes:
        name: "stage0", "head0", …
        graph: graph with channels last at input and output; layers are named after the torch modules.
        input_format, input_shape: format and shape of its input, channels last.
        output_format: format of its last quantiser in Brevitas.
        modules: torch name of each graph node.
    """

    name: str
    graph: ModelWrapper
    input_format: FixedPoint
    input_shape: tuple[int, ...]
    output_format: FixedPoint
    modules: dict[str, str]


def export_network(network: MultiExitNetwork, folder: Path) -> list[ExportedSegment]:
    """Exports every stage and head, and writes `<name>.onnx` into `folder`.

    Returns:
        stage0, head0, stage1, head1, …

    Raises:
        UnsupportedLayerError: QONNX cannot express a layer; the message names it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stages, heads = network.boundaries()
    segments = []
    shape: Sequence[int] = network.input_shape
    fmt = network.input_format
    with task("exporting to QONNX", 2 * network.exits, "segments") as reported:
        for k in range(network.exits):
            for name, path, module, read, boundary in (
                (f"stage{k}", f"stages.{k}", network.stages[k], (fmt, shape), stages[k]),
                (f"head{k}", f"heads.{k}", network.heads[k], (stages[k].format, stages[k].shape), heads[k]),
            ):
                reported.advance(0, name)
                graph, modules = _export(name, path, module, read[1], folder / f"{name}.onnx")
                read_shape = _channels_last(read[1])
                segments.append(ExportedSegment(name, graph, read[0], read_shape, boundary.format, modules))
                reported.advance()
            fmt, shape = stages[k].format, stages[k].shape
    return segments


def _channels_last(shape: Sequence[int]) -> tuple[int, ...]:
    return (*shape[1:], shape[0]) if len(shape) == 3 else tuple(shape)


def _export(
    name: str, path: str, module: nn.Module, shape: Sequence[int], target: Path
) -> tuple[ModelWrapper, dict[str, str]]:
    check_modules(path, module)
    training = module.training
    blank = torch.zeros((1, *shape))
    try:
        with warnings.catch_warnings():
            # the exporter's and qonnx's notes on opset versions, of no consequence to these graphs
            warnings.simplefilter("ignore")
            export_qonnx(module.eval(), args=blank, export_path=str(target), dynamo=False)
            raw = ModelWrapper(str(target))
            paths = _module_paths(raw)
            graph = cleanup_model(raw)
            if len(shape) == 3:
                graph = graph.transform(ConvertToChannelsLastAndClean(make_input_channels_last=True))
                # a head without convolutions has its transpose only now
                graph = graph.transform(AbsorbChanFirstIntoMatMul()).transform(InferShapes())
            graph = cleanup_model(graph.transform(GemmToMatMul()))
    except HwcodesignError:
        raise
    except Exception as error:
        layers = ", ".join(sorted({type(part).__name__ for part in _layers(module)}))
        raise UnsupportedLayerError(
            f"{name} ({path}) cannot be exported to QONNX: {_first_sentence(error)}. The segment has the layers "
            f"{layers}; use the layers of hwcodesign.layers, max-pooling, flatten and residual sums"
        ) from error
    finally:
        module.train(training)
    _end_channels_last(graph)
    modules = _name_nodes(graph, paths, path)
    check_graph(name, graph, modules)
    graph.save(str(target))
    return graph, modules


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    """Yields the layers of a module; the parts of Brevitas' quantisers are not layers."""
    children = [] if type(module).__module__.startswith("brevitas.nn") else list(module.children())
    if not children:
        yield module
    for child in children:
        yield from _layers(child)


def _first_sentence(error: Exception) -> str:
    """Returns the message of an error without the pages that PyTorch's exporter appends."""
    text = " ".join(str(error).split()) or repr(error)
    return text.partition("[Caused by")[0].partition(". Please feel free")[0].strip().rstrip(".")


def _module_paths(graph: ModelWrapper) -> dict[str, list[str]]:
    """Torch module path of each named operator, by type, in graph order.

    "/block/conv/Conv" is "block.conv"; in a sequence within a module the path so far comes again, and
    "/block/block.0/Conv" is "block.0".
    """
    paths: dict[str, list[str]] = {}
    for node in graph.graph.node:
        kind = "MatMul" if node.op_type == "Gemm" else node.op_type
        parts = [part for part in node.name.split("/")[:-1] if part]
        if kind == "Quant" and any(part in _CONSTANTS_OF for part in parts):
            continue
        cut = next((i for i, part in enumerate(parts) if part == "act_quant"), len(parts))
        own: list[str] = []
        for scope in parts[:cut]:
            if own and scope.startswith(f"{own[-1]}."):
                own.pop()
            own.append(scope)
        paths.setdefault(kind, []).append(".".join(own))
    return paths


def _name_nodes(graph: ModelWrapper, paths: dict[str, list[str]], prefix: str) -> dict[str, str]:
    """Renames nodes after their modules, and returns the module of each; unmatched nodes keep their names."""
    modules: dict[str, str] = {}
    taken: set[str] = set()
    for kind, word in _NAMED_OPERATORS.items():
        nodes = [node for node in graph.graph.node if node.op_type == kind and not _is_constant(graph, node)]
        known = paths.get(kind, [])
        if len(nodes) != len(known):
            continue  # for example the sums that a Gemm's bias became
        for node, path in zip(nodes, known, strict=True):
            name = _identifier(path, word)
            while name in taken:
                name += f"_{word}"
            taken.add(name)
            node.name = name
            modules[name] = f"{prefix}.{path}" if path else prefix
    return modules


def _identifier(path: str, word: str) -> str:
    """Returns a C++ and SystemVerilog identifier for a module path."""
    name = re.sub(r"[^0-9a-zA-Z]+", "_", path).strip("_").lower()
    return name if re.match(r"[a-z]", name) else f"{word}{name}"


def _is_constant(graph: ModelWrapper, node: Any) -> bool:
    """Tells whether a node works on weights only, or adds a bias."""
    return graph.get_initializer(node.input[0]) is not None and node.op_type == "Quant"


def _end_channels_last(graph: ModelWrapper) -> None:
    """Makes a segment that ends in feature maps give them channels last, as its readers expect."""
    output = graph.graph.output[0].name
    if len(graph.get_tensor_shape(output)) != 4:
        return
    last = graph.graph.node[-1]
    if last.op_type == "Transpose" and list(last.attribute[0].ints) == _CHANNELS_FIRST:
        _take_out_last(graph)
        return
    producer = graph.find_producer(output)
    inner = f"{output}_channels_first"
    producer.output[:] = [inner if name == output else name for name in producer.output]
    for node in graph.graph.node:  # others within the segment may read it, too
        node.input[:] = [inner if name == output else name for name in node.input]
    shape = graph.get_tensor_shape(output)
    graph.graph.node.append(helper.make_node("Transpose", [inner], [output], name="channels_last", perm=_CHANNELS_LAST))
    graph.set_tensor_shape(inner, shape)
    graph.set_tensor_shape(output, [shape[axis] for axis in _CHANNELS_LAST])


def _take_out_last(graph: ModelWrapper) -> None:
    """Makes the last node's input the graph's output."""
    last = graph.graph.node[-1]
    shape = graph.get_tensor_shape(last.input[0])
    producer = graph.find_producer(last.input[0])
    output = graph.graph.output[0].name
    for i, name in enumerate(producer.output):
        if name == last.input[0]:
            producer.output[i] = output
    graph.graph.node.remove(last)
    graph.set_tensor_shape(output, shape)
