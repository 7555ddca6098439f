"""Models like those of hls4ml's own tests, built in place, with backend="StreamRTL".

All of hls4ml's run in `make verify` (`tests/hls4ml_cases`). Layers that the plugin alone takes have one here, held in
`==` to hls4ml's own C++.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hls4ml.converters import convert_from_onnx_model, convert_from_pytorch_model
from hls4ml.utils import config_from_onnx_model, config_from_pytorch_model
from numpy.typing import NDArray
from onnx import TensorProto, helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.cleanup import cleanup_model
from torch import Tensor, nn

from hwcodesign.errors import FormatError, ImagesError, MismatchError, UnsupportedLayerError
from hwcodesign.frontend.lowering import lower_graph
from hwcodesign.kernels import CodeTable
from tests.drawn_graphs import quiet
from tests.generated_graphs import vitis_predict
from tests.marks import CAMPAIGN
from tests.test_streamrtl_plugin import needs_gxx, needs_verilator

SUMS = {"default": "fixed<16,6>", "accum": "fixed<44,24>"}
Arrays = list[NDArray[np.float64]]


def converted(module: nn.Module, shape: Any, folder: Path, backend: str = "StreamRTL", **layers: dict[str, Any]) -> Any:
    """hls4ml's graph of a module, by its own defaults but for accumulators, and settings of some layers."""
    with quiet():
        config = config_from_pytorch_model(
            module.eval(), shape, channels_last_conversion="internal", transpose_outputs=False
        )
        config["Model"]["Precision"] = SUMS
        config["LayerName"] = layers
        return convert_from_pytorch_model(
            module, hls_config=config, backend=backend, io_type="io_stream", output_dir=str(folder / backend)
        )


def inputs_of(model: Any, samples: int = 12, seed: int = 1) -> Arrays:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(samples, *variable.shape)) * 4 for variable in model.get_input_variables()]


def given(arrays: Arrays) -> Any:
    return arrays[0] if len(arrays) == 1 else arrays


class Several(nn.Module):
    """A function of several tensors."""

    def __init__(self, function: Callable[..., Any], **parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


class Pair(nn.Module):
    """All merges of two inputs that are exact."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        least, most = torch.minimum(x, y), torch.maximum(x, y)
        return torch.cat([torch.sub(most, least), torch.add(least, y)], dim=1)


class TwoOutputs(nn.Module):
    """What is computed last comes first."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(5, 4), nn.Linear(4, 3), nn.ReLU()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.first(x)
        return self.second(y), self.third(y)


def parametric() -> nn.Module:
    layer = nn.PReLU(3)
    layer.weight.data[:] = torch.tensor([0.25, -0.5, 1.75])
    return layer


#: For each: module, shapes, settings of its layers.
MODELS: dict[str, tuple[Callable[[], nn.Module], Any, dict[str, Any]]] = {
    "two inputs": (Pair, [(2, 4, 5), (2, 4, 5)], {}),
    "two outputs": (TwoOutputs, (5,), {}),
    "slopes": (
        # of an image hls4ml's C++ would read one slope for each value, and has one for each channel
        lambda: nn.Sequential(nn.Linear(4, 3), parametric(), nn.LeakyReLU(0.3), nn.Threshold(0.25, 0.0)), (4,), {},
    ),
    "tables": (
        lambda: Several(
            lambda n, x: torch.cat([torch.cat([n.s(x), n.t(x)], dim=1), torch.cat([n.e(x), n.f(x)], dim=1)], dim=1),
            s=nn.Sigmoid(), t=nn.Tanh(), e=nn.ELU(0.75), f=nn.ELU(),
        ), (6, 4, 5), {},
    ),
    "softmax left out": (lambda: nn.Sequential(nn.Linear(5, 4), nn.Softmax(dim=-1)), (5,), {"_1": {"Skip": True}}),
    "softmax": (
        lambda: nn.Sequential(nn.Linear(5, 4), nn.Softmax(dim=-1)), (5,), {"_1": {"Implementation": "legacy"}},
    ),
    "padded, and padded again": (
        lambda: nn.Sequential(nn.ConstantPad2d((1, 2, 0, 3), 0.0), nn.BatchNorm2d(2), nn.ConstantPad2d(2, 0.0)),
        (2, 3, 4), {},
    ),
}  # fmt: skip


@needs_gxx
@needs_verilator
@pytest.mark.parametrize("name", MODELS)
def test_a_model_gives_what_hls4mls_cpp_gives(name: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    make, shape, layers = MODELS[name]
    module = make()
    model = converted(module, shape, tmp_path, **layers)
    arrays = inputs_of(model)
    wanted = vitis_predict(converted(module, shape, tmp_path, "Vitis", **layers), given(arrays))
    with quiet():
        model.compile()
    for where in ("software", "rtl"):
        outputs = model.predict(given(arrays), on=where)
        joined = np.concatenate(outputs, axis=-1) if isinstance(outputs, list) else outputs
        assert len(np.unique(wanted)) > len(arrays[0])
        assert np.array_equal(joined, wanted)


@needs_gxx
@pytest.mark.parametrize(
    "name", ["Elu", *(pytest.param(f, marks=CAMPAIGN) for f in ("Sigmoid", "Tanh", "Softplus", "Softsign", "Selu"))]
)
def test_every_entry_of_a_table_is_that_of_hls4mls_cpp(name: str, tmp_path: Path) -> None:
    """A finer type than the default shows more of a value, and every address is taken."""
    ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, [1, 16]) for end in ("x", "y")]
    graph = helper.make_graph([helper.make_node(name, ["x"], ["y"], "f")], "table", ends[:1], ends[1:])
    model = cleanup_model(ModelWrapper(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]))).model
    graphs = {}
    for backend in ("Vitis", "StreamRTL"):
        with quiet():
            config = config_from_onnx_model(model, backend=backend, default_precision="fixed<16,6>")
            for layer in config["LayerName"].values():
                layer["Precision"].update(table="fixed<20,4>", result="fixed<20,6>")
            graphs[backend] = convert_from_onnx_model(
                model, hls_config=config, backend=backend, io_type="io_stream", output_dir=str(tmp_path / backend)
            )
    assert any(isinstance(kernel, CodeTable) for kernel in lower_graph(graphs["StreamRTL"]).kernels)
    x = np.arange(-(2**14), 2**14, 4).reshape(-1, 16) / 2.0**10
    wanted = vitis_predict(graphs["Vitis"], x)
    assert len(np.unique(wanted)) > 200
    assert np.array_equal(graphs["StreamRTL"].predict(x, on="software"), wanted)


def binary_model() -> ModelWrapper:
    """A binary input, a linear layer with binary weights, an added constant, and a binary output."""
    rng = np.random.default_rng(4)
    constants = {
        "scale": np.float32([1]), "weights": rng.choice(np.float32([-1, 1]), (5, 4)),
        "bias": np.float32([2, 0, -1, -3]),
    }  # fmt: skip
    nodes = [
        helper.make_node("BipolarQuant", ["x", "scale"], ["bits"], domain="qonnx.custom_op.general"),
        helper.make_node("BipolarQuant", ["weights", "scale"], ["w"], domain="qonnx.custom_op.general"),
        helper.make_node("MatMul", ["bits", "w"], ["sums"]),
        helper.make_node("Add", ["sums", "bias"], ["added"]),
        helper.make_node("BipolarQuant", ["added", "scale"], ["y"], domain="qonnx.custom_op.general"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size]) for name, size in (("x", 5), ("y", 4))]
    graph = helper.make_graph(
        nodes, "binary", ends[:1], ends[1:],
        [helper.make_tensor(name, 1, value.shape, value.ravel()) for name, value in constants.items()],
    )  # fmt: skip
    return cleanup_model(ModelWrapper(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])))


@needs_gxx
def test_a_bit_that_means_minus_one_or_one_is_that_in_every_layer(tmp_path: Path) -> None:
    model = binary_model()
    outputs = {}
    for backend in ("Vitis", "StreamRTL"):
        with quiet():
            config = config_from_onnx_model(model.model, backend=backend, default_precision="fixed<16,6>")
            outputs[backend] = convert_from_onnx_model(
                model.model, hls_config=config, backend=backend, io_type="io_stream", output_dir=str(tmp_path / backend)
            )
    x = np.random.default_rng(2).integers(-2, 3, (40, 5)) / 1024  # zero is 1
    wanted = vitis_predict(outputs["Vitis"], x)
    assert set(np.unique(wanted)) == {0, 1}
    assert np.array_equal(outputs["StreamRTL"].predict(x, on="software"), wanted)


# --- refusals, each with a way out that is tried ---


def chain() -> nn.Module:
    parts = {
        "conv": nn.Conv2d(1, 4, 3), "relu": nn.ReLU(), "pool": nn.AvgPool2d(2), "flat": nn.Flatten(),
        "fc": nn.Linear(36, 3),
    }  # fmt: skip
    module = nn.Sequential()
    for name, part in parts.items():
        module.add_module(name, part)
    return module.eval()


DEFAULTS = {"nothing more": {}, "types by hand": {"default_precision": "fixed<40,20>"}}


@pytest.mark.parametrize("name", DEFAULTS)
@pytest.mark.parametrize("granularity", ["model", "name"])
def test_by_hls4mls_defaults_it_works_or_the_error_is_python_that_makes_it_work(
    name: str, granularity: str, tmp_path: Path
) -> None:
    module = chain()

    def graph(config: dict[str, Any]) -> Any:
        with quiet():
            return convert_from_pytorch_model(
                module, hls_config=config, backend="StreamRTL", io_type="io_stream", output_dir=str(tmp_path)
            )

    with quiet():
        settings = {"granularity": granularity, "backend": "StreamRTL"}
        config = config_from_pytorch_model(module, (1, 8, 8), **settings, **DEFAULTS[name])
    if granularity == "name" and name == "nothing more":
        assert lower_graph(graph(config)).kernels
        return
    for _ in range(6):  # of types by hand, layer by layer
        try:
            assert lower_graph(graph(config)).kernels
            return
        except FormatError as error:
            found = re.search(r"In hls4ml's configuration(?:, for example)?: (.*)", str(error))
            assert found is not None
            exec(found[1], {"config": config})  # noqa: S102  # what its reader would do
    pytest.fail(f"still refused with {config}")


def test_one_error_names_the_accumulators_of_all_layers(tmp_path: Path) -> None:
    module = chain()
    with quiet():
        config = config_from_pytorch_model(module, (1, 8, 8))
        model = convert_from_pytorch_model(
            module, hls_config=config, backend="StreamRTL", io_type="io_stream", output_dir=str(tmp_path)
        )
    with pytest.raises(
        FormatError,
        match=r"conv: the accumulator fixed<16,6,TRN,WRAP> could round or overflow, .*; (fixed<\d+,\d+),TRN,WRAP> "
        r"would do\. In hls4ml's configuration: config\['LayerName'\] = \{'conv': \{'Precision': \{'accum': '\1>'\}\}, "
        r"'pool': .*, 'fc': \{'Precision': \{'accum': 'fixed<\d+,\d+>'\}\}\}$",
    ):
        lower_graph(model)


class Product(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.mul(x, y)


@pytest.mark.parametrize(
    ("module", "shape", "message"),
    [
        (
            nn.Sequential(nn.Linear(5, 4), nn.Softmax(dim=-1)), (5,),
            r"layer _1 of class Softmax has no exact kernel; end the model at its logits, .* config\['LayerName'\] = "
            r"\{'_1': \{'Skip': True\}\}",
        ),
        (Product(), [(2, 3, 4), (2, 3, 4)], r"layer mul of class Merge is a multiply, .*; use torch.add, sub, min"),
        (nn.GRU(4, 3, batch_first=True), (5, 4), r"of class GRU has no exact kernel; use nn.Conv1d along the sequence"),
        (nn.Sequential(nn.LayerNorm(4)), (5, 4), r"of class LayerNormalization .*; use nn.BatchNorm1d or nn.BatchNorm"),
    ],
    ids=["softmax", "product", "recurrent", "layer norm"],
)  # fmt: skip
def test_what_stays_refused_names_a_way_out(module: nn.Module, shape: Any, message: str, tmp_path: Path) -> None:
    if isinstance(module, nn.GRU):
        module = Several(lambda n, x: n.rnn(x)[0], rnn=module)
    with quiet():
        layout = "internal" if len(shape) == 1 else "off"
        config = config_from_pytorch_model(module.eval(), shape, channels_last_conversion=layout)
        config["Model"]["Precision"] = SUMS
        model = convert_from_pytorch_model(
            module, hls_config=config, backend="StreamRTL", io_type="io_stream", output_dir=str(tmp_path)
        )
    with pytest.raises(UnsupportedLayerError, match=message):
        lower_graph(model)


def test_weights_that_hls4ml_leaves_transposed_are_refused(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(5, 4))
    with quiet():
        config = config_from_pytorch_model(module.eval(), (5,), channels_last_conversion="off")
        model = convert_from_pytorch_model(
            module, hls_config=config, backend="StreamRTL", io_type="io_stream", output_dir=str(tmp_path)
        )
    with pytest.raises(
        UnsupportedLayerError, match=r"_0 of class Dense has weights \(4, 5\) for 5 inputs and 4 outputs"
    ):
        lower_graph(model)


def test_several_inputs_are_checked_against_each_other(tmp_path: Path) -> None:
    model = converted(Pair(), [(2, 4, 5), (2, 4, 5)], tmp_path)
    x, y = inputs_of(model)
    with pytest.raises(ImagesError, match="takes as many samples for each input, not 12 and 11"):
        model.predict([x, y[1:]], on="software")
    with pytest.raises(ImagesError, match="takes NumPy arrays of 40 and 40 numbers a sample, not float64 of shape"):
        model.predict(x, on="software")


def test_an_output_that_another_layer_reads_is_none_of_hls4mls(tmp_path: Path) -> None:
    def function(n: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        y = n.a(x)
        return y, n.b(y)

    model = converted(Several(function, a=nn.Linear(4, 3), b=nn.ReLU()), (4,), tmp_path)
    with pytest.raises(MismatchError, match=r"it gives 1 tensors, the model 2\. .* put a layer behind each output"):
        model.config.backend.segment(model)
