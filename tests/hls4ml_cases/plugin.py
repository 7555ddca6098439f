"""A pytest plugin that runs hls4ml's tests, and hands each model that they convert, with its configuration and inputs,
to a function.
"""

from __future__ import annotations

import copy
import functools
import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hls4ml
import numpy as np
import pytest
import qonnx.core.onnx_exec as oxe
import torch

CONVERSIONS = ("convert_from_pytorch_model", "convert_from_onnx_model")
CONFIGURATIONS = ("config_from_pytorch_model", "config_from_onnx_model")
#: Backends whose parametrisation of a test is run, the first that it has.
_BACKENDS = ("Vitis", "Vivado")


@dataclass
class Case:
    """A model that a test converts.

    Attributes:
        name: pytest's id of the test.
        front_end: "pytorch" or "onnx".
        model: torch module, or ONNX model.
        config: hls4ml's configuration of it, as the test gives it to the conversion.
        error: that hls4ml raised when it made the configuration; then there is none.
        arguments: of the call that made the configuration or converted.
        inputs: what the test gives to `predict`, one array for each input of the model; nothing if it does not.
    """

    name: str
    front_end: str
    model: Any
    config: dict[str, Any] | None
    arguments: dict[str, Any]
    error: Exception | None = None
    inputs: list[Any] = field(default_factory=list)


class Capture:
    """The plugin.

    Args:
        take: function that gets each case.
        folder: where converted models may write.
    """

    def __init__(self, take: Callable[[Case], None], folder: Path) -> None:
        self._take, self._folder = take, folder
        self._cases: list[Case] = []
        self._name = ""
        self.failed: dict[str, str] = {}

    def pytest_configure(self) -> None:
        for name in CONVERSIONS:
            wrapped = self._converting(getattr(hls4ml.converters, name), name)
            setattr(hls4ml.converters, name, wrapped)
        for name in CONFIGURATIONS:
            wrapped = self._configuring(getattr(hls4ml.utils.config, name), name)
            setattr(hls4ml.utils.config, name, wrapped)
            setattr(hls4ml.utils, name, wrapped)
        oxe.execute_onnx = _executing(oxe.execute_onnx)
        _seed("collection")

    def pytest_collection_modifyitems(self, items: list[pytest.Function]) -> None:
        """Leaves one parametrisation by backend and kind of input and output: Vitis and streams where there are."""
        groups: dict[str, list[pytest.Function]] = {}
        for item in items:
            groups.setdefault(f"{item.path.name}::{item.originalname}", []).append(item)
        kept = [item for group in groups.values() for item in _streams(group)]
        items[:] = sorted(kept, key=items.index)

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Iterator[None]:
        self._name = f"{pyfuncitem.path.name}::{pyfuncitem.name}"
        self._cases = []
        _seed(self._name)
        try:
            yield
        except Exception as error:  # what `predict` gives are zeros, so that the test ends there
            if not self._cases:
                self.failed[self._name] = repr(error)
        for case in self._cases:
            case.name = self._name if len(self._cases) == 1 else f"{self._name} ({case.front_end})"
            self._take(case)
        return True

    def _converting(self, original: Callable[..., Any], name: str) -> Callable[..., Any]:
        front_end = name.split("_")[2]

        @functools.wraps(original)
        def convert(model: Any, *, hls_config: dict[str, Any] | None = None, **given: Any) -> Any:
            config = hls_config or {}
            case = Case(self._name, front_end, copy.deepcopy(model), copy.deepcopy(config), dict(given))
            self._cases.append(case)
            output = str(self._folder / "test")
            graph = original(
                model, hls_config=config, **{**given, "output_dir": output, "backend": "Vitis", "io_type": "io_stream"}
            )
            return _Converted(graph, case)

        return convert

    def _configuring(self, original: Callable[..., Any], name: str) -> Callable[..., Any]:
        front_end = name.split("_")[2]

        @functools.wraps(original)
        def configure(model: Any, *args: Any, **given: Any) -> Any:
            try:
                return original(model, *args, **given)
            except Exception as error:
                arguments = {**given, **({"input_shape": args[0]} if args else {})}
                self._cases.append(Case(self._name, front_end, model, None, arguments, error))
                raise

        return configure


class _Converted:
    """A converted model that is not compiled; `predict` keeps what it gets, and gives zeros."""

    def __init__(self, graph: Any, case: Case) -> None:
        self._graph, self._case = graph, case

    def __getattr__(self, name: str) -> Any:
        return getattr(self._graph, name)

    def compile(self) -> None:
        pass

    def predict(self, x: Any) -> Any:
        self._case.inputs = [np.array(each) for each in (x if isinstance(x, list) else [x])]
        sizes = [tuple(int(size) for size in variable.shape) for variable in self._graph.get_output_variables()]
        samples = self._case.inputs[0].size // int(np.prod(self._graph.get_input_variables()[0].shape))
        outputs = [np.zeros((samples, int(np.prod(size)))) for size in sizes]
        return outputs[0] if len(outputs) == 1 else outputs


def _streams(group: list[pytest.Function]) -> list[pytest.Function]:
    """The parametrisations of a test with streams and Vitis, or with what it has instead."""
    chosen = group
    for name, wanted in (("io_type", ("io_stream", "io_parallel")), ("backend", _BACKENDS), ("backend_id", _BACKENDS)):
        values = {_parameter(item, name) for item in chosen}
        value = next((value for value in wanted if value in values), None)
        if value is not None:
            chosen = [item for item in chosen if _parameter(item, name) == value]
    return chosen


def _executing(original: Callable[..., Any]) -> Callable[..., Any]:
    """Tests compare with the model's own values; where this version of onnxruntime has none, the model is still
    converted.
    """

    @functools.wraps(original)
    def execute(model: Any, inputs: Any, **given: Any) -> Any:
        try:
            return original(model, inputs, **given)
        except Exception:
            return {tensor.name: np.zeros(model.get_tensor_shape(tensor.name)) for tensor in model.graph.output}

    return execute


def _parameter(item: pytest.Function, name: str) -> Any:
    return item.callspec.params.get(name) if hasattr(item, "callspec") else None


def _seed(name: str) -> None:
    """The same weights and inputs in every run."""
    seed = zlib.crc32(name.encode())
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
