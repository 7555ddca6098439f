"""This package checks with `==` that hls4ml's front ends have read a model correctly; a front end drops what it does
not know.

The model is copied with small integer weights, so that every value is exact in wide types. The copy is converted as the
model was, and its kernels must give what PyTorch or ONNX gives. Software, C++ and RTL all follow the one reading, and
would agree with each other on a wrong one.
"""

from __future__ import annotations

import contextlib
import copy
import io
import math
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from hls4ml.converters import convert_from_config
from numpy.typing import NDArray

from hwcodesign.errors import FormatError, MismatchError
from hwcodesign.fixedpoint import Codes
from hwcodesign.frontend.lowering import lower_graph
from hwcodesign.frontend.readings.copied import CopiedModel, CopySettings, NoReferenceError
from hwcodesign.kernels import Segment
from hwcodesign.kernels.difference import where_it_differs
from hwcodesign.kernels.kernel import carrier, largest

#: How much values may about grow from input to output, by which weights are zero: the first that stays exact is taken.
_GROWTHS = (2.0**18, 2.0**9, 1.0)
#: Bits of the largest value before its point, and of every sum.
_VALUE_BITS, _SUM_BITS = 34, 52


def check_front_end(graph: Any) -> None:
    """Compares what was read with the model that the graph's configuration holds.

    It warns if the comparison is not possible: for a Keras model, a file that does not exist any more, or a model so
    deep that no copy stays exact. A graph that came through no front end needs no check.

    Args:
        graph: hls4ml ModelGraph after its backend's flow.

    Raises:
        MismatchError: the copy's kernels compute something else; the message names the first wrong layer, and what
            hls4ml is known to ignore.
        UnsupportedLayerError: hls4ml is known to get something wrong whatever the weights are.
    """
    copied = _copier(graph)
    if copied is None:
        return
    for growth in _GROWTHS:
        try:
            made = copied(graph, _settings(graph, growth))
        except NoReferenceError as error:
            _warn(graph, str(error))
            return
        if made.bits > _VALUE_BITS:
            continue
        try:
            with _quiet():
                segment = lower_graph(convert_from_config(_config(graph, made)))
        except FormatError:
            continue  # a sum that is not exact: fewer weights
        _compare(segment, made)
        return
    _warn(graph, "no copy of it with small whole weights stays exact")


def _copier(graph: Any) -> Callable[[Any, CopySettings], CopiedModel] | None:
    config = graph.config.config
    held = config.get("OnnxModel", config.get("PytorchModel"))
    if isinstance(held, str) and not Path(held).exists():
        _warn(graph, f"its file {held} is no longer there")
        return None
    if "OnnxModel" in config:
        from hwcodesign.frontend.readings.onnx import copy_onnx

        return copy_onnx
    if "PytorchModel" in config:
        from hwcodesign.frontend.readings.pytorch import copy_pytorch

        return copy_pytorch
    if "KerasModel" in config:
        _warn(graph, "it is a Keras model")
    return None


def _warn(graph: Any, why: str) -> None:
    warnings.warn(
        f"{graph.config.get_project_name()}: it was not checked whether hls4ml read the model correctly, because "
        f"{why}; compare outputs with the model's own",
        stacklevel=4,
    )


def _settings(graph: Any, growth: float) -> CopySettings:
    """Chooses how weights are drawn, by hls4ml's weighted layers and averages."""
    layers = list(graph.get_layers())
    weighted = [layer for layer in layers if layer.class_name.startswith(("Conv", "Dense", "Pointwise", "Depthwise"))]
    taps = growth ** (2 / max(len(weighted), 1))  # a sum of as many products of either sign is about its root as large
    unit = math.prod(_area(layer) for layer in layers if str(layer.get_attr("pool_op")) == "Average")
    return CopySettings(max(1, int(min(taps, 2.0**20))), min(unit, 1 << 40))


def _area(layer: Any) -> int:
    """Returns a multiple of the numbers of values in an average: windows may count fewer at the border."""
    whole = layer.class_name.startswith("Global")
    sides = ("in_height", "in_width", "n_in") if whole else ("pool_height", "pool_width")
    lengths = [int(layer.get_attr(side) or 1) for side in sides]
    padded = any(int(layer.get_attr(f"pad_{side}", 0)) for side in ("top", "bottom", "left", "right"))
    if padded and not layer.get_attr("count_pad"):
        lengths = [math.lcm(*range(1, length + 1)) for length in lengths]
    return math.prod(lengths)


def _config(graph: Any, made: CopiedModel) -> dict[str, Any]:
    """Returns the graph's own configuration with the copy in the model's place, and wide types."""
    config = dict(graph.config.config)
    hls = dict(config["HLSConfig"])
    for group in ("LayerName", "LayerType"):
        if group in hls:
            hls[group] = {
                name: {key: value for key, value in layer.items() if key != "Precision"}
                for name, layer in hls[group].items()
            }
    whole = made.bits + 2
    types = {
        "default": f"fixed<{whole + made.fraction},{whole}>",
        "accum": f"fixed<{_SUM_BITS},{_SUM_BITS - 2 * made.fraction}>",
    }
    hls["Model"] = {**copy.deepcopy(hls["Model"]), "Precision": types}
    return {**config, "HLSConfig": hls, **made.entries}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _compare(segment: Segment, made: CopiedModel) -> None:
    codes = [_codes(segment, i, x) for i, x in enumerate(made.inputs)]
    if len(segment.results) != len(made.outputs):
        raise MismatchError(
            f"{segment.name}: hls4ml did not read the model correctly: it gives {len(segment.results)} tensors, the "
            f"model {len(made.outputs)}. hls4ml gives what no other layer reads: put a layer behind each output"
        )
    for i, (computed, wanted) in enumerate(zip(segment.run(*codes), made.outputs, strict=True)):
        got = segment.results[i].format.decode(computed)
        if _same(got, wanted):
            continue
        wrong = (
            f"{(_flat(got) != _flat(wanted)).sum()} of {got.size} values of its output differ"
            if _flat(got).shape == _flat(wanted).shape
            else f"its output has the shape {got.shape}, the model's {wanted.shape}, of {len(got)} samples"
        )
        known = "".join(f" hls4ml ignores {text}." for text in made.ignored)
        raise MismatchError(
            f"{segment.output_name(i)}: hls4ml did not read the model correctly: with small integer weights {wrong}. "
            f"{where_it_differs(segment, codes, made.seen, _same)}.{known} "
            "Write this part with layers that hls4ml knows"
        )


def _codes(segment: Segment, i: int, x: NDArray[np.float64]) -> Codes:
    source = segment.inputs[i]
    codes: Codes = source.format.encode(x.reshape(len(x), *source.shape))
    return codes.astype(carrier(largest(source.format), segment.name))


def _flat(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the values of each sample in the order in which `predict` gives them."""
    return values.reshape(len(values), -1)


def _same(kernel: NDArray[np.float64], model: NDArray[np.float64]) -> bool:
    return len(kernel) == len(model) and np.array_equal(_flat(kernel), _flat(model))
