"""The values of the models themselves, by PyTorch and by qonnx."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

from tests.drawn_graphs import quiet
from tests.hls4ml_cases.plugin import Case

Arrays = list[NDArray[np.float64]]


def reference_outputs(case: Case, config: dict[str, Any], inputs: Arrays) -> list[NDArray[np.float64]]:
    """(N, outputs) values of a model, in the orders in which hls4ml's C++ may give them."""
    with quiet():
        outputs = _torch(case.model, config, inputs) if case.front_end == "pytorch" else _onnx(case.model, inputs)
    return [
        np.concatenate([np.asarray(each).reshape(len(inputs[0]), -1) for each in ordered], axis=1)
        for ordered in (outputs, [_channels_last(each) for each in outputs])
    ]


def _torch(model: Any, config: dict[str, Any], inputs: Arrays) -> list[Any]:
    layout = config["Model"].get("ChannelsLastConversion", "off")
    given = [np.moveaxis(x, -1, 1) if layout == "internal" and x.ndim > 2 else x for x in inputs]
    module = copy.deepcopy(model).double().eval()
    with torch.no_grad():
        try:
            outputs = _tuple(module(*(torch.from_numpy(np.ascontiguousarray(x)) for x in given)))
            if len(outputs[0]) != len(inputs[0]):
                raise ValueError
        except (RuntimeError, ValueError, IndexError):
            singles = [
                _tuple(module(*(torch.from_numpy(np.ascontiguousarray(x[i : i + 1])) for x in given)))
                for i in range(len(inputs[0]))
            ]
            outputs = tuple(torch.stack([torch.as_tensor(one[k]) for one in singles]) for k in range(len(singles[0])))
    return [each.numpy() for each in outputs]


def _tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _onnx(model: Any, inputs: Arrays) -> list[Any]:
    wrapped = model if isinstance(model, ModelWrapper) else ModelWrapper(model)
    names = [tensor.name for tensor in wrapped.graph.input]
    shapes = [tuple(wrapped.get_tensor_shape(name)) for name in names]
    rows = [
        execute_onnx(
            wrapped,
            {
                name: x[i].reshape(shape).astype(np.float32)
                for name, x, shape in zip(names, inputs, shapes, strict=True)
            },
        )
        for i in range(len(inputs[0]))
    ]
    return [np.stack([row[output.name].reshape(-1) for row in rows]) for output in wrapped.graph.output]


def _channels_last(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.moveaxis(values, 1, -1) if values.ndim > 2 else values
