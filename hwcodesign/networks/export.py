"""This module exports a network to QONNX: one graph for each stage and head, channels last, ready for hls4ml."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from qonnx.core.modelwrapper import ModelWrapper
from torch import fx, nn

from hwcodesign.errors import HwcodesignError, NetworkError, UnsupportedLayerError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.images import stream_shape
from hwcodesign.kernels import Sparsity, TensorType
from hwcodesign.networks.boundaries import Boundary
from hwcodesign.networks.brevitas_export import export_qonnx, first_sentence
from hwcodesign.networks.exportable import check_graph, check_modules
from hwcodesign.networks.graphs.channels_last import with_channels_last
from hwcodesign.networks.graphs.cleaning import cleaned, name_tensors
from hwcodesign.networks.graphs.concatenations import join_in_pairs
from hwcodesign.networks.graphs.constants import fold_constants
from hwcodesign.networks.graphs.convolutions import sparsity_of, write_zeros
from hwcodesign.networks.graphs.flattening import quantise_last
from hwcodesign.networks.graphs.fused_functions import fuse_functions, name_functions
from hwcodesign.networks.graphs.identities import leave_out_identities
from hwcodesign.networks.graphs.notes import MODULE, module_of, remove_unread_constants
from hwcodesign.networks.graphs.products import write_products
from hwcodesign.networks.graphs.sequences import as_images
from hwcodesign.networks.graphs.upsampling import name_upsampling, write_upsampling
from hwcodesign.networks.graphs.windows import BORDER_POOL, WHOLE_AVERAGE, with_final_domain, with_plain_windows
from hwcodesign.networks.joined import JoinedStages
from hwcodesign.networks.layers import values_of
from hwcodesign.networks.network import Evaluating, MultiExitNetwork
from hwcodesign.networks.numbers import numbers_in
from hwcodesign.progress import task

#: QONNX operators that keep the name of the torch module they came from, and what the module's name is prefixed
#: with where it is a bare number.
_NAMED_OPERATORS = {
    "Conv": "conv",
    "MatMul": "linear",
    "MaxPool": "pool",
    "AveragePool": "pool",
    BORDER_POOL: "pool",
    WHOLE_AVERAGE: "pool",
    "Pad": "pad",
    "ReduceMean": "mean",
    "Relu": "relu",
    "Quant": "quant",
    "Add": "add",
    "Resize": "upsample",
    "Flatten": "flatten",
    "Reshape": "reshape",
}
_CONSTANTS_OF = ("weight_quant", "bias_quant")


@dataclass(frozen=True)
class ExportedSegment:
    """This is a stage or head as a QONNX graph.

    Attributes:
        name: "stage0", "head0", …
        graph: graph with channels last at inputs and outputs; layers are named after the torch modules.
        inputs: the tensors that it reads; those of `read` are the graph's inputs, in their order.
        read: positions of the inputs that its layers read.
        outputs: format of the quantiser of each tensor that it gives.
        handed_on: position of the input that each tensor is; None for those that its layers compute, which are the
            graph's outputs, in their order.
        modules: torch name of each graph node.
        sparsities: by the node of a convolution that has groups or dilation, which of its weights are there: in the
            graph it has zeros in the place of others.
    """

    name: str
    graph: ModelWrapper
    inputs: tuple[TensorType, ...]
    read: tuple[int, ...]
    outputs: tuple[FixedPoint, ...]
    handed_on: tuple[int | None, ...]
    modules: dict[str, str]
    sparsities: dict[str, Sparsity]


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
    given: tuple[Boundary, ...] = (Boundary(network.input_format, network.input_shape),)
    with task("exporting to QONNX", 2 * network.exits, "segments") as reported:
        for k in range(network.exits):
            read = tuple(stages[k][i] for i in network.reads_of(k, len(stages[k])))
            for name, path, module, inputs, outputs in (
                (f"stage{k}", f"stages.{k}", network.stages[k], given, stages[k]),
                (f"head{k}", f"heads.{k}", network.heads[k], read, (heads[k],)),
            ):
                reported.advance(0, name)
                segments.append(_exported(name, path, module, inputs, outputs, folder / f"{name}.onnx"))
                reported.advance()
            given = stages[k]
    return segments


def _exported(
    name: str,
    path: str,
    module: nn.Module,
    inputs: Sequence[Boundary],
    outputs: Sequence[Boundary],
    target: Path,
) -> ExportedSegment:
    handed_on = tuple(boundary.handed_on for boundary in outputs)
    computed = [i for i, source in enumerate(handed_on) if source is None]
    check_modules(path, module)
    exported = _Computed(module, computed)
    with Evaluating(exported):
        made = _export(name, path, exported, inputs, target)
    graph, modules, read, sparsities = made
    unread = sorted(set(range(len(inputs))) - set(read) - set(handed_on))
    if unread:
        raise NetworkError(
            f"{name} ({path}) does not read tensor {unread[0]} of the {len(inputs)} that it is given: a head names "
            "those that it reads in head_reads, and a stage gives no tensor that nothing behind it reads"
        )
    graph.save(str(target))
    types = tuple(TensorType(boundary.format, stream_shape(boundary.shape)) for boundary in inputs)
    formats = tuple(boundary.format for boundary in outputs)
    return ExportedSegment(name, graph, types, read, formats, handed_on, modules, sparsities)


class _Computed(nn.Module):
    """A stage that gives plain values of those tensors alone that it computes: a quantised one would be exported with
    its scale and bit width as outputs.
    """

    #: Scope of the module within it, in names of operators.
    SCOPE = "computed_segment"

    def __init__(self, module: nn.Module, computed: Sequence[int]) -> None:
        super().__init__()
        #: Paths of the modules that a traced segment calls, by the names that they have in operators.
        self.paths: dict[str, str] = {}
        self.computed_segment = self._called(module)
        self.computed = tuple(computed)

    def forward(self, *given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Computes the tensors."""
        values = values_of(self.computed_segment(*given))
        return tuple(values[i] for i in self.computed)

    def _called(self, module: nn.Module) -> nn.Module:
        """Returns the module with all that traced segments in it call at their top."""
        if isinstance(module, JoinedStages):
            return JoinedStages([self._called(part) for part in module.parts])
        return self._flat(module) if isinstance(module, fx.GraphModule) else module

    def _flat(self, module: fx.GraphModule) -> fx.GraphModule:
        """Returns the same graph with all that it calls at the top.

        It calls "layer1.0.conv" without the modules around it, and of that name PyTorch would keep the end alone.
        """
        graph, parts = copy.deepcopy(module.graph), dict[str, Any]()
        names: dict[str, str] = {}
        for node in graph.nodes:
            if node.op not in ("call_module", "get_attr"):
                continue
            path = str(node.target)
            node.target = names.setdefault(path, f"traced_{len(self.paths) + len(names)}")
            parent, _, last = path.rpartition(".")
            parts[node.target] = getattr(module.get_submodule(parent), last)
        self.paths |= {name: path for path, name in names.items()}
        return fx.GraphModule(parts, graph)


def _export(
    name: str, path: str, module: _Computed, inputs: Sequence[Boundary], target: Path
) -> tuple[ModelWrapper, dict[str, str], tuple[int, ...], dict[str, Sparsity]]:
    """Exports a module.

    Returns:
        The graph, the module of each of its nodes, the positions of the inputs that are the graph's: those that are
        read; and by node, which weights of a convolution are there.
    """
    blank = tuple(torch.zeros((1, *boundary.shape)) for boundary in inputs)
    try:
        with warnings.catch_warnings():
            # the exporter's and qonnx's notes on opset versions, of no consequence to these graphs
            warnings.simplefilter("ignore")
            names = [f"given_{i}" for i in range(len(blank))]
            export_qonnx(module, args=blank, export_path=str(target), dynamo=False, input_names=names)
            raw = ModelWrapper(str(target))
            # PyTorch leaves out those that nothing reads, and lists weights among them
            read = tuple(names.index(tensor.name) for tensor in raw.graph.input if tensor.name in names)
            paths = _tag_with_paths(raw, path, module.paths)
            graph = cleaned(raw)
            leave_out_identities(graph)
            fold_constants(graph)
            fuse_functions(graph, numbers_in(module, blank))
            quantise_last(graph)
            as_images(graph)
            write_upsampling(graph)
            write_zeros(graph)
            join_in_pairs(graph)
            if any(len(graph.get_tensor_shape(tensor.name)) == 4 for tensor in graph.graph.input):
                given = zip(graph.graph.input, read, strict=True)
                unsigned = [tensor.name for tensor, i in given if not inputs[i].format.signed]
                graph = with_plain_windows(graph, unsigned, lambda node: f"{name}: {module_of(node) or path!r}")
                graph = with_channels_last(graph)
            write_products(graph)
            name_tensors(graph)
            graph = with_final_domain(graph)
    except HwcodesignError:
        raise
    except Exception as error:
        layers = ", ".join(sorted({type(part).__name__ for part in _layers(module)}))
        raise UnsupportedLayerError(
            f"{name} ({path}) cannot be exported to QONNX: {first_sentence(error)}. The segment has the layers "
            f"{layers}; {_way_out(error)}"
        ) from error
    modules = _name_nodes(graph, paths, path)
    found = {node.name: sparsity_of(node) for node in graph.graph.node}
    name_functions(graph, modules)
    name_upsampling(graph)
    remove_unread_constants(graph)
    for node in graph.graph.node:
        node.doc_string = ""
    check_graph(name, graph, modules)
    return graph, modules, read, {name: sparsity for name, sparsity in found.items() if sparsity is not None}


def _way_out(error: Exception) -> str:
    if "adaptive_avg_pool" in str(error):
        return "give adaptive pooling an output size that divides the image's, or use nn.AvgPool2d"
    return "use the layers of hwcodesign.layers, pooling, flatten and residual sums"


def _layers(module: nn.Module) -> Iterator[nn.Module]:
    """Yields the layers of a module; the parts of Brevitas' quantisers are not layers."""
    children = [] if type(module).__module__.startswith("brevitas.nn") else list(module.children())
    if not children:
        yield module
    for child in children:
        yield from _layers(child)


def _tag_with_paths(graph: ModelWrapper, prefix: str, traced: Mapping[str, str]) -> dict[str, list[str]]:
    """Writes the torch module path of each named operator into its node, where it stays through transformations.

    "/block/conv/Conv" is "block.conv"; in a sequence within a module the path so far comes again, and
    "/block/block.0/Conv" is "block.0".

    Args:
        prefix: path of the segment's module.
        traced: paths of modules that are called otherwise in operators.

    Returns:
        Paths within the segment by the type of operators, in graph order.
    """
    paths: dict[str, list[str]] = {}
    for node in graph.graph.node:
        node.doc_string = ""
        kind = "MatMul" if node.op_type == "Gemm" else node.op_type
        parts = [part for part in node.name.split("/")[:-1] if part]
        if kind == "Quant" and any(part in _CONSTANTS_OF for part in parts):
            continue
        cut = next((i for i, part in enumerate(parts) if part == "act_quant"), len(parts))
        own: list[str] = []
        for scope in parts[:cut]:
            if scope == _Computed.SCOPE:
                continue
            first, dot, rest = scope.removeprefix(f"{_Computed.SCOPE}.").partition(".")
            scope = f"{traced.get(first, first)}{dot}{rest}"  # noqa: PLW2901
            if own and scope.startswith(f"{own[-1]}."):
                own.pop()
            own.append(scope)
        path = ".".join(own)
        node.doc_string = f"{MODULE}{_joined(prefix, path)}"
        paths.setdefault(kind, []).append(path)
    return paths


def _name_nodes(graph: ModelWrapper, paths: dict[str, list[str]], prefix: str) -> dict[str, str]:
    """Renames nodes after their modules, and returns the module of each; unmatched nodes keep their names.

    Args:
        paths: of the operators that were exported; a node without a tag was made anew, and has the path of the operator
            in its place, where there are as many.
    """
    modules: dict[str, str] = {}
    taken: set[str] = set()
    for kind, word in _NAMED_OPERATORS.items():
        nodes = [node for node in graph.graph.node if node.op_type == kind and not _is_constant(graph, node)]
        known = paths.get(kind, [])
        for i, node in enumerate(nodes):
            known_path = module_of(node)
            if known_path is not None:
                path = known_path.removeprefix(prefix).removeprefix(".")
            elif len(nodes) == len(known):
                path = known[i]
            else:
                continue  # for example the sums that a Gemm's bias became
            name = _identifier(path, word)
            while name in taken:
                name += f"_{word}"
            taken.add(name)
            node.name = name
            modules[name] = _joined(prefix, path)
    return modules


def _joined(prefix: str, path: str) -> str:
    return f"{prefix}.{path}" if path else prefix


def _identifier(path: str, word: str) -> str:
    """Returns a C++ and SystemVerilog identifier for a module path."""
    name = re.sub(r"[^0-9a-zA-Z]+", "_", path).strip("_").lower()
    return name if re.match(r"[a-z]", name) else f"{word}{name}"


def _is_constant(graph: ModelWrapper, node: Any) -> bool:
    """Tells whether a node works on weights only, or adds a bias."""
    return graph.get_initializer(node.input[0]) is not None and node.op_type == "Quant"
