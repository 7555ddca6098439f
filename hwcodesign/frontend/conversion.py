"""This module converts QONNX to hls4ml's ModelGraph, in the same way for every backend.

It sets the configuration that hls4ml needs to be exact: granularity by name, the producer's type at the input, one
namespace for each segment, and weights compiled in.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hls4ml.converters import convert_from_onnx_model
from hls4ml.utils import config_from_onnx_model

from hwcodesign.choices import not_known
from hwcodesign.designs.boards import Board
from hwcodesign.errors import SettingsError, UnsupportedLayerError
from hwcodesign.frontend.refusals import of_segment, reason
from hwcodesign.hardware.implementation import STRATEGIES, Implementation, Implementations
from hwcodesign.hardware.units import strategies_of
from hwcodesign.kernels import Segment
from hwcodesign.networks.export import ExportedSegment

#: What Vitis projects get in the place of a strategy that hls4ml 1.3 writes wrongly under a namespace.
_VITIS_STRATEGIES = {"distributed_arithmetic": "latency"}


@dataclass(frozen=True)
class LayerSettings:
    """The layer settings say how one layer is folded in hardware.

    Attributes:
        reuse: how often each multiplier is used for one pixel or sample (hls4ml's ReuseFactor).
        strategy: hls4ml's Strategy: "latency", "resource" or, in StreamRTL only, "distributed_arithmetic", which uses
            adders without multipliers and without reuse. None keeps the design's strategy.
    """

    reuse: int = 1
    strategy: str | None = None

    def __post_init__(self) -> None:
        if self.reuse < 1:
            raise SettingsError(f"reuse {self.reuse} is not a positive whole number")
        if self.strategy is not None and self.strategy not in STRATEGIES:
            raise SettingsError(not_known(f"strategy {self.strategy!r}", self.strategy, STRATEGIES))


@dataclass(frozen=True)
class ConversionSettings:
    """The conversion settings are hls4ml's settings for a design.

    Attributes:
        default: settings of every layer that is not named.
        layers: settings by the torch name of the layer, for example "stages.0.conv".
    """

    default: LayerSettings = field(default_factory=lambda: LayerSettings(strategy="latency"))
    layers: Mapping[str, LayerSettings] = field(default_factory=dict)

    def of(self, module: str) -> LayerSettings:
        """Returns the settings of a layer."""
        named = self.layers.get(module, self.default)
        return LayerSettings(named.reuse, named.strategy or self.default.strategy)

    def check_vitis(self) -> None:
        """Raises an error if a strategy is not available in Vitis projects.

        Raises:
            SettingsError: it names the strategy.
        """
        for settings in (self.default, *self.layers.values()):
            if settings.strategy in _VITIS_STRATEGIES:
                raise SettingsError(
                    f"strategy {settings.strategy!r} is not available in Vitis projects, because hls4ml 1.3 writes it "
                    "wrongly under a namespace: use backend='streamrtl', or strategy='latency'"
                )


def check_layers(settings: ConversionSettings, segments: list[ExportedSegment]) -> None:
    """Raises an error if settings name a layer that does not exist.

    Raises:
        SettingsError: it names the layer, and the existing ones.
    """
    known = {module for segment in segments for module in segment.modules.values()}
    for name in settings.layers:
        if name not in known:
            raise SettingsError(not_known(f"layer {name!r}", name, sorted(known)))


def warn_of_other_reuse(segment: ExportedSegment, settings: ConversionSettings, found: Implementations) -> None:
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
    segment: ExportedSegment, settings: ConversionSettings, kernels: Segment, found: Implementations
) -> Implementations:
    """Returns the requested implementations; StreamRTL supports any reuse factor.

    Args:
        kernels: that the segment became.
        found: what hls4ml made of the settings.
    """
    kinds = {kernel.name: kernel.kind for kernel in kernels.kernels}
    asked = dict(found)
    for name, implementation in found.items():
        module = module_of(segment, name)
        if module is not None:
            choice = settings.of(module)
            known = choice.strategy in strategies_of(kinds[name])
            strategy = choice.strategy if choice.strategy and known else implementation.strategy
            asked[name] = Implementation(choice.reuse, strategy)
    return asked


def module_of(segment: ExportedSegment, layer: str) -> str | None:
    """Returns the torch name of an hls4ml layer, which is the name of its node without hls4ml's prefix."""
    matches = [node for node in segment.modules if layer == node or layer.endswith(f"_{node}")]
    return segment.modules[max(matches, key=len)] if matches else None


def convert(segment: ExportedSegment, settings: ConversionSettings, board: Board, backend: str, folder: Path) -> Any:
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
            config = config_from_onnx_model(
                segment.graph.model,
                granularity="name",
                backend=backend,
                default_precision="fixed<16,6>",
                default_reuse_factor=settings.default.reuse,
            )
            _configure(config, segment, settings)
            return convert_from_onnx_model(
                segment.graph.model,
                hls_config=config,
                backend=backend,
                io_type="io_stream",
                part=board.part,
                clock_period=1000.0 / board.clock_mhz,
                namespace=f"ns_{segment.name}",
                project_name=segment.name,
                output_dir=str(folder),
                write_weights_txt=False,
            )
    except Exception as error:
        operators = ", ".join(f"{node.name} ({node.op_type})" for node in segment.graph.graph.node)
        place, way_out = of_segment(error, segment.modules)
        raise UnsupportedLayerError(
            f"hls4ml cannot take {segment.name}: {place}: {reason(error)}; {way_out}. Its QONNX layers are {operators}"
        ) from error


def _configure(config: dict[str, Any], segment: ExportedSegment, settings: ConversionSettings) -> None:
    source = segment.graph.graph.input[0].name
    config["LayerName"][source]["Precision"]["result"] = segment.input_format.hls4ml_type
    config["Model"]["Strategy"] = _vitis_strategy(settings.default.strategy)
    for name, layer in config["LayerName"].items():
        module = module_of(segment, name)
        if module is not None:
            choice = settings.of(module)
            layer["ReuseFactor"] = choice.reuse
            layer["Strategy"] = _vitis_strategy(choice.strategy)


def _vitis_strategy(strategy: str | None) -> str | None:
    return _VITIS_STRATEGIES.get(strategy, strategy) if strategy is not None else None
