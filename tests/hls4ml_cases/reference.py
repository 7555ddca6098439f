"""The values of the models themselves, by PyTorch and by qonnx."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

from tests.drawn_graphs import quiet
from tests.hls4ml_cases.plugin import Case

Arrays = list[NDArray[np.float64]]


def reference_outputs(case: Case, config: dict[str, Any], inputs: Arrays) -> Arrays:
    """(N, outputs) values of a model, in each order in which hls4ml's C++ may give them: channels first or last."""
    with quiet():
        outputs = _torch(case.model, config, inputs) if case.front_end == "pytorch" else _onnx(case.model, inputs)
    return [
        np.concatenate([each.reshape(len(inputs[0]), -1) for each in ordered], axis=1)
        for ordered in (outputs, [_channels_last(each) for each in outputs])
    ]


def _torch(model: Any, config: dict[str, Any], inputs: Arrays) -> Arrays:
    layout = config["Model"].get("ChannelsLastConversion", "off")
    given = [np.moveaxis(x, -1, 1) if layout == "internal" and x.ndim > 2 else x for x in inputs]
    module = copy.deepcopy(model).double().eval()

    def run(arrays: Arrays) -> list[torch.Tensor]:
        outputs = module(*(torch.from_numpy(np.ascontiguousarray(x)) for x in arrays))
        return list(outputs) if isinstance(outputs, tuple | list) else [outputs]

    with torch.no_grad():  # one by one, since a module may name its batch of one
        singles = [run([x[i : i + 1] for x in given]) for i in range(len(given[0]))]
    return [torch.stack(samples).squeeze(1).numpy() for samples in zip(*singles, strict=True)]


def _onnx(model: Any, inputs: Arrays) -> Arrays:
    wrapped = model if isinstance(model, ModelWrapper) else ModelWrapper(model)
    names = [tensor.name for tensor in wrapped.graph.input]
    shapes = [tuple(wrapped.get_tensor_shape(name)) for name in names]
    runs = []
    for i in range(len(inputs[0])):
        sample = {name: x[i].reshape(shape) for name, x, shape in zip(names, inputs, shapes, strict=True)}
        runs.append(_run(wrapped, {name: x.astype(np.float32) for name, x in sample.items()}))
    return [np.concatenate([run[output.name] for run in runs]) for output in wrapped.graph.output]


def _run(model: Any, sample: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[Any]]:
    try:
        outputs: dict[str, NDArray[Any]] = execute_onnx(model, sample)
        return outputs
    except Exception:  # onnxruntime does not take every version
        names = [tensor.name for tensor in model.graph.output]
        return dict(zip(names, ReferenceEvaluator(model.model).run(names, sample), strict=True))


def _channels_last(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.moveaxis(values, 1, -1) if values.ndim > 2 else values
