"""What becomes of a layer in the main flow and in the plugin: it is taken, exactly, or refused with the words here."""

from __future__ import annotations

import contextlib
import io
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from hls4ml.converters import convert_from_pytorch_model
from hls4ml.utils import config_from_pytorch_model

import hwcodesign as hw
from hwcodesign.compilation import lowered
from hwcodesign.errors import HwcodesignError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.frontend.conversion import convert
from hwcodesign.frontend.lowering import lower_graph
from hwcodesign.frontend.own_layers import __all__ as own
from hwcodesign.frontend.readings import check_front_end
from hwcodesign.frontend.segment_check import check_reading
from hwcodesign.frontend.settings import CompileSettings
from hwcodesign.networks.export import export_network
from hwcodesign.networks.layers import value_of
from tests.layer_networks import head, relu
from tests.supported_layers.rows import Row

_FORMAT = FixedPoint(5, 1, signed=False)
_VALUES, _SUMS = "fixed<12,5>", "fixed<44,20>"


@dataclass(frozen=True)
class Verdict:
    """Of a layer in one route.

    Attributes:
        refused: words of the error; empty where the layer is taken, and agrees with the network in `==`.
        kinds: kernels that the route makes of the whole stage or model.
        layers: classes of hls4ml's layers in it.
    """

    refused: str = ""
    kinds: frozenset[str] = frozenset()
    layers: frozenset[str] = frozenset()

    @property
    def cpp(self) -> str:
        """Whose C++ the Vitis route has."""
        return "ours" if self.layers & set(own) else "hls4ml's"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def in_main_flow(row: Row) -> Verdict:
    """Compiles a network whose first stage has the layer, as far as its kernels, and compares them with the network."""
    assert row.stage is not None
    torch.manual_seed(1)
    try:
        with _quiet(), tempfile.TemporaryDirectory() as folder:
            network = _network(row)
            exported = export_network(network, Path(folder))
            graphs = [convert(part, CompileSettings(), "Vitis", Path(folder) / part.name) for part in exported]
            segments = [lowered(part, graph) for part, graph in zip(exported, graphs, strict=True)]
            check_reading(network, segments)
    except HwcodesignError as error:
        return Verdict(str(error))
    kinds = frozenset(kernel.kind for kernel in segments[0].kernels)
    return Verdict("", kinds, frozenset(layer.class_name for layer in graphs[0].get_layers()))


def _network(row: Row) -> hw.MultiExitNetwork:
    """Two exits: the layer's stage, and one that only quantises."""
    assert row.stage is not None
    first, second = row.stage(), relu()
    with torch.no_grad():
        features = value_of(first.eval()(torch.zeros((1, *row.shape)))).numel()
    network = hw.MultiExitNetwork([first, second], [head(features), head(features)], _FORMAT, row.shape)
    network.train()
    with torch.no_grad():
        for _ in range(4):
            network(torch.rand(32, *row.shape) * 2)
    return network.eval()


def in_plugin(row: Row) -> Verdict:
    """Converts a plain PyTorch model that has the layer for StreamRTL, with accumulators that hold its sums."""
    assert row.plugin is not None
    torch.manual_seed(1)
    model = row.plugin().eval()
    try:
        with _quiet(), tempfile.TemporaryDirectory() as folder:
            config = config_from_pytorch_model(
                model, row.shape, granularity="name", backend="StreamRTL", default_precision=_VALUES
            )
            for layer in config["LayerName"].values():
                if isinstance(layer.get("Precision"), dict) and "accum" in layer["Precision"]:
                    layer["Precision"]["accum"] = _SUMS
            graph = convert_from_pytorch_model(
                model, hls_config=config, backend="StreamRTL", io_type="io_stream", output_dir=folder
            )
            segment = lower_graph(graph)
            check_front_end(graph)
    except HwcodesignError as error:
        return Verdict(str(error))
    kinds = frozenset(kernel.kind for kernel in segment.kernels)
    return Verdict("", kinds, frozenset(layer.class_name for layer in graph.get_layers()))
