"""This module copies an ONNX or QONNX graph with small integer weights, and runs it with qonnx.

Quantisers stay as they are, except that a scale that is no power of two becomes the nearest one.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.change_batchsize import ChangeBatchSize
from qonnx.transformation.infer_shapes import InferShapes

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.frontend.lowering.reading import is_binary
from hwcodesign.frontend.readings.copied import (
    SAMPLES,
    CopiedModel,
    CopySettings,
    NoReferenceError,
    few_weights,
    fraction_bits,
    integer_bits,
)
from hwcodesign.networks.graphs.notes import QUANTISERS

#: Operators that read constants beside their input, which is their first.
_WEIGHTED = ("Conv", "MatMul", "BatchNormalization", "Add", "Sub", "Mul", "Div")
#: What hls4ml looks up in tables of its own, which are not exact: the copy has a Relu in its place.
_LOOKED_UP = ("Sigmoid", "Tanh", "Elu", "Selu", "Softplus", "Softsign", "Softmax")
#: Attributes that hls4ml's front end does not look at, and the values at which that is no harm.
_IGNORED: dict[tuple[str, str], tuple[Any, ...]] = {
    ("MaxPool", "ceil_mode"): (0,),
    ("MaxPool", "auto_pad"): ("NOTSET",),
    ("MaxPool", "dilations"): ([1], [1, 1]),
    ("AveragePool", "ceil_mode"): (0,),
    ("AveragePool", "auto_pad"): ("NOTSET",),
    ("AveragePool", "count_include_pad"): (1,),
    ("Conv", "auto_pad"): ("NOTSET",),
    ("Flatten", "axis"): (1,),
    ("Reshape", "allowzero"): (0,),
}
#: Bits of a value that float32, in which ONNX is executed, holds with some to spare for sums.
_EXACT_BITS = 22


def copy_onnx(graph: Any, settings: CopySettings) -> CopiedModel:
    """Copies the model that a graph was converted from, and runs it.

    Raises:
        UnsupportedLayerError: the zero point of a quantiser is not zero.
        NoReferenceError: qonnx does not run the model.
    """
    held = graph.config.config["OnnxModel"]
    model = held.model if isinstance(held, ModelWrapper) else held
    made = onnx.load(model) if isinstance(model, str) else onnx.ModelProto.FromString(model.SerializeToString())
    with _quiet():
        copied = ModelWrapper(made)
        if any(copied.get_tensor_shape(tensor.name)[0] != 1 for tensor in copied.graph.input):
            copied = copied.transform(ChangeBatchSize(1)).transform(InferShapes())
        _refuse_zero_points(str(graph.config.get_project_name()), copied)
        rng = np.random.default_rng(1)
        _even_scales(copied)
        kept = {name for node in copied.graph.node if node.op_type in QUANTISERS for name in node.input[1:]}
        for node in copied.graph.node:
            if node.op_type in _LOOKED_UP:
                node.op_type = "Relu"
                del node.attribute[:]
            _fill(copied, node, rng, settings.taps, kept)
        sources, results = [tensor.name for tensor in copied.graph.input], _results(copied)
        shapes = [(SAMPLES, *copied.get_tensor_shape(source)[1:]) for source in sources]
        inputs = [rng.integers(-48, 49, shape) / rng.choice([1.0, 16.0], shape) for shape in shapes]
        samples = [
            {source: x[i : i + 1].astype(np.float32) for source, x in zip(sources, inputs, strict=True)}
            for i in range(SAMPLES)
        ]
        runs = [_run(copied, sample) for sample in samples]
    constants = [array for tensor in copied.graph.initializer if (array := _floats(copied, tensor.name)) is not None]
    tensors = {name for node in copied.graph.node for name in node.output if name in runs[0]}
    seen = [np.concatenate([np.atleast_1d(run[name]) for run in runs]).astype(np.float64) for name in sorted(tensors)]
    everything = [*inputs, *seen, *constants]
    finest = min((float(np.abs(scale).min()) for scale in _scales(copied)), default=1.0)
    bits = integer_bits(everything) + max(0, int(-np.floor(np.log2(finest))))  # hls4ml may divide by scales
    fraction = fraction_bits(everything)
    return CopiedModel(
        {"OnnxModel": copied.model},
        tuple(inputs),
        tuple(
            _as_given(np.concatenate([run[result] for run in runs]).astype(np.float64), variable.type.precision)
            for result, variable in zip(results, graph.get_output_variables(), strict=True)
        ),
        seen,
        bits if integer_bits(everything) + fraction <= _EXACT_BITS else 1024,
        fraction,
        list(_ignored(copied)),
    )


def _as_given(values: NDArray[np.float64], precision: Any) -> NDArray[np.float64]:
    """Returns an output as hls4ml gives it: of -1 and 1, which may be a bit of its own, the bit."""
    return (values > 0).astype(np.float64) if is_binary(precision) else values


def _run(model: ModelWrapper, sample: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[Any]]:
    """Returns the tensors of a run by name; its outputs alone where onnxruntime does not take the model's version."""
    try:
        context: dict[str, NDArray[Any]] = execute_onnx(model, sample, return_full_exec_context=True)
        return context
    except Exception as error:  # of qonnx and onnxruntime, which have no class of their own
        refused = " ".join(str(error).split())
    try:
        names = [tensor.name for tensor in model.graph.output]
        return dict(zip(names, ReferenceEvaluator(model.model).run(names, sample), strict=True))
    except Exception:
        raise NoReferenceError(f"qonnx cannot run it: {refused}") from None


def _results(model: ModelWrapper) -> list[str]:
    """Returns the names of the outputs in hls4ml's order, which is that of the nodes that write them."""
    named = {tensor.name for tensor in model.graph.output}
    return [name for node in model.graph.node for name in node.output[:1] if name in named]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        onnxruntime.set_default_logger_severity(3)  # errors alone: qonnx runs operators under old versions
        try:
            yield
        finally:
            onnxruntime.set_default_logger_severity(2)


def _floats(model: ModelWrapper, name: str) -> NDArray[np.float64] | None:
    """Returns a constant of real numbers; None for others, and for tensors that are computed."""
    value = model.get_initializer(name)
    return np.asarray(value, np.float64) if value is not None and value.dtype.kind == "f" else None


def _refuse_zero_points(name: str, model: ModelWrapper) -> None:
    for node in model.graph.node:
        if node.op_type in ("Quant", "IntQuant"):
            zero = model.get_initializer(node.input[2])
            if zero is None or np.any(zero):
                given = "that is computed" if zero is None else f"{np.ravel(zero).tolist()[:4]}"
                raise UnsupportedLayerError(
                    f"{name}: layer {node.name} of class Quant has the zero point {given}, with which hls4ml's types "
                    "do not hold what it computes; use a quantiser whose zero point is 0"
                )


def _scales(model: ModelWrapper) -> list[NDArray[np.float64]]:
    named = {node.input[1] for node in model.graph.node if node.op_type in QUANTISERS}
    return [scale for name in sorted(named) if (scale := _floats(model, name)) is not None]


def _even_scales(model: ModelWrapper) -> None:
    """Replaces every quantiser's scale by the nearest power of two, because others are exact in no type."""
    for name in {node.input[1] for node in model.graph.node if node.op_type in QUANTISERS}:
        scale = _floats(model, name)
        if scale is not None:
            model.set_initializer(name, np.exp2(np.rint(np.log2(np.abs(scale)))).astype(np.float32))


def _fill(model: ModelWrapper, node: Any, rng: np.random.Generator, taps: int, kept: set[str]) -> None:
    """Replaces the constants that an operator reads, except those in `kept`."""
    if node.op_type not in _WEIGHTED:
        return
    for place, tensor in enumerate(node.input):
        name, quantiser = tensor, None
        producer = model.find_producer(tensor)
        if producer is not None and producer.op_type in QUANTISERS:
            name, quantiser = producer.input[0], producer
        old = _floats(model, name)
        if old is None or name in kept:
            continue
        values = _values(node.op_type, place, old.shape, rng, taps)
        if quantiser is not None:
            values = _quantised(model, quantiser, values)
        model.set_initializer(name, np.broadcast_to(values, old.shape).astype(np.float32))
    if node.op_type == "BatchNormalization":
        others = [attribute for attribute in node.attribute if attribute.name != "epsilon"]
        del node.attribute[:]
        node.attribute.extend([*others, onnx.helper.make_attribute("epsilon", 0.125)])


def _values(
    operator: str, place: int, shape: tuple[int, ...], rng: np.random.Generator, taps: int
) -> NDArray[np.float64]:
    """Returns whole numbers for a constant of an operator, by its place among the operator's inputs."""
    match operator, place:
        case "Conv", 1:
            return few_weights(rng, shape[0], int(np.prod(shape[1:])), taps).reshape(shape)
        case "MatMul", _ if len(shape) == 2:
            return few_weights(rng, shape[1], shape[0], taps).T
        case ("BatchNormalization", 1) | ("Mul" | "MatMul", _):
            return rng.choice([-1.0, 1.0, 2.0], shape)
        case "Div", _:
            return rng.choice([0.5, 1.0, 2.0], shape)
        case "BatchNormalization", 4:
            return rng.choice([0.125, 0.875], shape)  # with the epsilon, of a root that is 1 or one half
    return rng.choice([-2.0, -1.0, 1.0, 2.0], shape)


def _quantised(model: ModelWrapper, quantiser: Any, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns values that a quantiser leaves unchanged: codes like these, times its scale."""
    scale = _floats(model, quantiser.input[1])
    scale = np.ones(()) if scale is None else scale
    if quantiser.op_type == "BipolarQuant":
        return np.where(values < 0, -1.0, 1.0) * scale
    attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in quantiser.attribute}
    bits = float(np.ravel(model.get_initializer(quantiser.input[3]))[0])
    signed, narrow = bool(attributes.get("signed", 1)), bool(attributes.get("narrow", 0))
    low = narrow - 2 ** (bits - 1) if signed else 0.0
    high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1 - narrow
    return np.clip(values if signed else np.abs(values), np.ceil(low), np.floor(high)) * scale


def _ignored(model: ModelWrapper) -> Iterator[str]:
    """Describes what hls4ml's front end is known to ignore."""
    for node in model.graph.node:
        for attribute in node.attribute:
            harmless = _IGNORED.get((node.op_type, attribute.name))
            value = onnx.helper.get_attribute_value(attribute)
            value = value.decode() if isinstance(value, bytes) else value
            if harmless is not None and (list(value) if attribute.ints else value) not in harmless:
                yield f"{attribute.name}={value} of {node.op_type} {node.name!r}"
