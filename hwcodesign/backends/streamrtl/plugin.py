"""This module is hls4ml's backend "StreamRTL": `convert_from_…(…, backend="StreamRTL")`, then `write`, `compile`,
`predict`.

hls4ml finds it through the entry point group `hls4ml.backends`. Its front ends, its optimisers and its inference of
types run as for every backend. What it adds for C++ (streams, templates, snapped reuse factors) does not run, because
the graph is then lowered to kernels that need none of it. hls4ml imports this module whenever it is imported itself;
`write` and `predict` import what they need.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

import numpy as np
from hls4ml.backends.fpga.fpga_backend import FPGABackend
from hls4ml.model.flow import register_flow
from hls4ml.model.layers import Layer
from hls4ml.model.optimizer import layer_optimizer
from hls4ml.writer.writers import Writer
from numpy.typing import NDArray

from hwcodesign.choices import not_known
from hwcodesign.errors import FormatError, ImagesError, SettingsError, SimulationError
from hwcodesign.frontend.lowering import cast_values, implementations, lower_graph
from hwcodesign.hardware.implementation import STRATEGIES
from hwcodesign.kernels import Segment
from hwcodesign.simulation.project import read_project
from hwcodesign.storage.paths import check_folder
from hwcodesign.synthesis import SynthesisedResources, synthesise
from hwcodesign.synthesis.yosys import Family

if TYPE_CHECKING:
    from hwcodesign.simulation.segment import VerilatedSegment

NAME = "StreamRTL"

#: hls4ml's passes after its common optimisation that change which layers there are, or their types, for every FPGA.
_PASSES = ["fuse_consecutive_batch_normalization", "infer_precision_types"]


class StreamRTLBackend(FPGABackend):  # type: ignore[misc]  # hls4ml has no type information
    """The StreamRTL backend is what hls4ml calls for a model with this backend."""

    def __init__(self) -> None:
        super().__init__(NAME)
        self._written: WeakKeyDictionary[Any, Segment] = WeakKeyDictionary()
        self._checked: WeakSet[Any] = WeakSet()
        initial = register_flow("init_layers", ["streamrtl:init_layer"], requires=["optimize"], backend=NAME)
        types = register_flow("types", _PASSES, requires=[initial], backend=NAME)
        self._default_flow: str = register_flow("ip", None, requires=["optimize", initial, types], backend=NAME)
        self._writer_flow: str = register_flow(
            "write", ["streamrtl:write_hls"], requires=[self._default_flow], backend=NAME
        )

    def get_default_flow(self) -> str:
        """Returns the name of the flow that converts a model."""
        return self._default_flow

    def get_writer_flow(self) -> str:
        """Returns the name of the flow that writes a project."""
        return self._writer_flow

    def create_initial_config(
        self, part: str | None = None, clock_period: float = 10, io_type: str = "io_stream", **_: Any
    ) -> dict[str, Any]:
        """Returns the project's settings; those that concern C++ are ignored.

        Args:
            part: name of the device, for the project's files.
            clock_period: ns.
            io_type: must be "io_stream".

        Raises:
            SettingsError: another io_type.
        """
        from hwcodesign.frontend.refusals import guard_conversions

        guard_conversions(NAME)
        if io_type != "io_stream":
            raise SettingsError(f"io_type {io_type!r} has no StreamRTL hardware: convert with io_type='io_stream'")
        return {"Part": part, "ClockPeriod": clock_period, "IOType": io_type, "HLSConfig": {}}

    @layer_optimizer(Layer)  # type: ignore[untyped-decorator]  # as above
    def init_layer(self, layer: Any) -> None:
        """Takes over the reuse factor and the strategy that are configured for the layer, unchanged."""
        config = layer.model.config
        layer.set_attr("reuse_factor", int(config.get_reuse_factor(layer)))
        if "weight" not in layer.weights:
            return
        strategy = str(config.get_strategy(layer)).lower()
        strategy = "distributed_arithmetic" if strategy == "da" else strategy
        if strategy not in STRATEGIES:
            raise SettingsError(not_known(f"{layer.name}: strategy {strategy!r}", strategy, STRATEGIES))
        layer.set_attr("strategy", strategy)

    def segment(self, model: Any) -> Segment:
        """Returns the kernels of a ModelGraph: as last written, or as it is now if nothing was written.

        Raises:
            UnsupportedLayerError, FormatError: see `lower_graph`.
            MismatchError: hls4ml reads something else than the model says; see `check_front_end`.
        """
        written = self._written.get(model)
        return self._lowered(model) if written is None else written

    def _lowered(self, model: Any) -> Segment:
        """The kernels of the graph as it is now; the first time, the reading is checked."""
        from hwcodesign.frontend.readings import check_front_end

        segment = lower_graph(model)
        if model not in self._checked:
            check_front_end(model)
            self._checked.add(model)
        return segment

    def write_rtl(self, model: Any) -> None:
        """Writes the SystemVerilog of the graph as it is now into the project's output folder.

        Raises:
            SettingsError: a layer multiplies too much per cycle, see `check_products`; or the folder's name has a
                character that no simulator takes.
        """
        from hwcodesign.backends.streamrtl.project_files import write_segment
        from hwcodesign.hardware.parallelism import check_products

        check_folder(Path(model.config.get_output_dir()))
        segment = self._lowered(model)
        chosen = implementations(model, segment)
        check_products(segment, chosen)
        folder = Path(model.config.get_output_dir())
        write_segment(replace(segment, name="top"), folder, _identifier(segment.name), chosen)
        self._written[model] = segment

    def compile(self, model: Any) -> str:
        """Compiles what was written with Verilator; returns the library, which ModelGraph loads."""
        return str(_simulation(model).library())

    def build(self, model: Any, family: Family = "xc7", *, by_module: bool = False) -> SynthesisedResources:
        """Synthesises what was written with Yosys; the figures are those of Yosys, not Vivado's.

        Args:
            model: ModelGraph that was written.
            family: "xc7" (7 series) or "xcup" (UltraScale+).
            by_module: whether to give figures of each instance, too.

        Raises:
            DesignError: nothing was written.
            ToolError: Yosys is missing or fails.
        """
        project = read_project(Path(model.config.get_output_dir()))
        return synthesise(project.sources, project.top, family, roms=project.rom_texts, by_module=by_module)

    def predict(
        self, model: Any, x: NDArray[Any] | list[NDArray[Any]], on: str = "rtl"
    ) -> NDArray[Any] | list[NDArray[Any]]:
        """Runs samples through the compiled RTL, cycle by cycle.

        Args:
            model: ModelGraph that was compiled.
            x: (N, *input_shape) values, or one sample; cast to the input's type as hls4ml's C++ casts them. A model of
                several inputs takes a list of them.
            on: "rtl", or "software" for the kernels in NumPy, which need no Verilator and give the same.

        Returns:
            (N, outputs) values in the dtype of `x`; (outputs,) for one sample, as every backend of hls4ml gives. A
            list of them for a model of several outputs, (N, outputs) each.

        Raises:
            ImagesError: `x` is not an array of such samples.
            SimulationError: the model has not been compiled.
        """
        segment = self.segment(model)
        codes = _encode(segment, x)
        if on == "software":
            results: tuple[NDArray[Any], ...] = segment.run(*codes)
        elif on == "rtl":
            if model not in self._written:
                raise SimulationError(f"{segment.name} is not compiled: call compile() first, or give on='software'")
            results = _simulation(model).run(*codes).outputs
        else:
            raise SettingsError(not_known(f"on={on!r}", on, ("rtl", "software")))
        given = (x[0] if isinstance(x, list) else x).dtype
        values = [
            tensor.format.decode(result).reshape(len(result), -1).astype(given if given.kind == "f" else np.float64)
            for tensor, result in zip(segment.results, results, strict=True)
        ]
        if len(values) > 1:
            return values
        return values[0][0] if len(values[0]) == 1 else values[0]


class StreamRTLWriter(Writer):  # type: ignore[misc]  # hls4ml has no type information
    """The StreamRTL writer is what the backend's writer flow calls."""

    def write_hls(self, model: Any) -> None:
        """Lowers the graph as it is now and writes its SystemVerilog into the project's output folder."""
        model.config.backend.write_rtl(model)


def _identifier(name: str) -> str:
    """A project's name as a SystemVerilog identifier."""
    text = re.sub(r"[^0-9a-zA-Z]+", "_", name).strip("_").lower()
    return text if re.match("[a-z]", text) else f"project_{text}"


def _simulation(model: Any) -> VerilatedSegment:
    from hwcodesign.simulation.segment import read_segment

    return read_segment(Path(model.config.get_output_dir()))


def _encode(segment: Segment, x: NDArray[Any] | list[NDArray[Any]]) -> list[NDArray[np.float64]]:
    """Returns codes of every input, for as many samples each."""
    given: list[Any] = x if isinstance(x, list) and len(segment.inputs) > 1 else [x]
    sizes = [source.elements for source in segment.inputs]
    if len(given) != len(sizes) or not all(map(_is_samples, given, sizes)):
        shown = " and ".join(map(_shown, given))
        wanted = " and ".join(map(str, sizes))
        raise ImagesError(f"{segment.name} takes NumPy arrays of {wanted} numbers a sample, not {shown}")
    numbers = [array.size // size for array, size in zip(given, sizes, strict=True)]
    if len(set(numbers)) > 1:
        raise ImagesError(f"{segment.name} takes as many samples for each input, not {' and '.join(map(str, numbers))}")
    try:
        return [
            cast_values(source.format, array.reshape(-1, *source.shape))
            for source, array in zip(segment.inputs, given, strict=True)
        ]
    except FormatError as error:
        raise ImagesError(f"{segment.name}: {error}") from None


def _shown(x: Any) -> str:
    return f"{x.dtype} of shape {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__


def _is_samples(x: Any, size: int) -> bool:
    """Tells whether it is an array of samples with so many numbers each."""
    return isinstance(x, np.ndarray) and x.dtype.kind in "fiu" and x.size > 0 and x.size % size == 0


def register(register_backend: Callable[..., None], register_writer: Callable[..., None]) -> None:
    """Registers backend and writer; it is the entry point of the group `hls4ml.backends`."""
    from hwcodesign.frontend.refusals import guard_configurations

    guard_configurations(NAME)
    register_writer(NAME, StreamRTLWriter)
    register_backend(NAME, StreamRTLBackend)
