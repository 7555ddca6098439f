"""Batch normalisations and activation functions before a quantiser: integer thresholds and tables, equal to the network
on every code.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import brevitas.nn as qnn
import numpy as np
import pytest
import torch
from brevitas.quant import Int8ActPerTensorFixedPoint, SignedBinaryActPerTensorConst, Uint8ActPerTensorFixedPoint
from torch import Tensor, nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.compilation import check_compiles, lowered
from hwcodesign.errors import NetworkError, UnsupportedLayerError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.frontend.conversion import convert
from hwcodesign.frontend.settings import CompileSettings
from hwcodesign.interface.modes import exit_control
from hwcodesign.kernels import Activation, CodeTable, Kernel, Segment, Thresholds
from hwcodesign.networks.export import export_network
from hwcodesign.networks.layers import value_of
from hwcodesign.simulation.rtl import RtlSimulation, Stalls
from hwcodesign.verification.comparison import (
    brevitas_outputs,
    brevitas_records,
    compare_outputs,
    compare_records,
    require_equal,
)

P = layers.Precision(weights=4, activations=5)
FORMAT, SHAPE = FixedPoint(5, 1, signed=False), (1, 8, 8)
IMAGES = np.random.default_rng(5).integers(0, 32, (40, *SHAPE))


def relu() -> nn.Module:
    return layers.relu(precision=P)


def signed() -> nn.Module:
    return layers.identity(precision=P)


def sign() -> nn.Module:
    return qnn.QuantIdentity(
        act_quant=SignedBinaryActPerTensorConst, min_val=-1.0, max_val=1.0, return_quant_tensor=True
    )


def norm(channels: int, flat: bool = False) -> nn.Module:
    """Channels that rise, fall and stay."""
    made = nn.BatchNorm1d(channels) if flat else nn.BatchNorm2d(channels)
    rng = np.random.default_rng(channels)
    with torch.no_grad():
        for tensor, values in (
            (made.weight, rng.normal(0, 1.0, channels)),
            (made.bias, rng.normal(0, 0.5, channels)),
            (made.running_mean, rng.normal(0, 0.3, channels)),
            (made.running_var, rng.uniform(0.1, 2.0, channels)),
        ):
            assert tensor is not None
            tensor.copy_(torch.from_numpy(values))
        made.weight[0], made.weight[1], made.weight[2] = 0.7, -0.9, 0.0
    return made


def network_of(*function: nn.Module) -> hw.MultiExitNetwork:
    """Its first stage is a convolution and a function, which ends in a quantiser."""
    torch.manual_seed(3)
    stages = [
        nn.Sequential(layers.conv2d(1, 4, 3, precision=P), *function),
        nn.Sequential(layers.conv2d(4, 4, 3, precision=P), relu()),
    ]
    heads = [layers.linear_head(features, 3, precision=P) for features in (4 * 6 * 6, 4 * 4 * 4)]
    return calibrated(hw.MultiExitNetwork(stages, heads, FORMAT, SHAPE))


def calibrated(network: hw.MultiExitNetwork) -> hw.MultiExitNetwork:
    """The same with ranges of activations that were observed; norms keep their statistics."""
    network.train()
    for part in network.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.eval()
    for _ in range(3):
        network(torch.from_numpy(FORMAT.decode(IMAGES.astype(np.float64))).float())
    return network.eval()


def first_stage(network: hw.MultiExitNetwork, folder: Path) -> Segment:
    """Its kernels."""
    exported = export_network(network, folder)[0]
    graph = convert(exported, CompileSettings(), "Vitis", folder / "project")
    return lowered(exported, graph)


QUANTISERS = (qnn.QuantReLU, qnn.QuantIdentity)


def codes_of(kernel: Kernel) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Every code that its input can have."""
    source = kernel.input_formats[0]
    return np.arange(source.min_code, source.max_code + 1, dtype=np.float64)


#: The function, and the kernel that it becomes. Rectifiers that clip behind the quantiser's range are casts.
FUNCTIONS: dict[str, tuple[Callable[[], list[nn.Module]], type[Kernel]]] = {
    "batch norm, relu": (lambda: [norm(4), relu()], Thresholds),
    "batch norm": (lambda: [norm(4), signed()], Thresholds),
    "batch norm, sign": (lambda: [norm(4), sign()], Thresholds),
    "sign": (lambda: [sign()], Thresholds),
    "relu6": (lambda: [nn.ReLU6(), relu()], Activation),
    "clipped relu": (lambda: [nn.Hardtanh(0.0, 0.71), relu()], Thresholds),
    "hardtanh": (lambda: [nn.Hardtanh(), signed()], Activation),
    "hardtanh, wide": (lambda: [nn.Hardtanh(-0.3, 0.45), wide()], Thresholds),
    "leaky relu": (lambda: [nn.LeakyReLU(), signed()], Thresholds),
    "leaky relu of a tenth": (lambda: [nn.LeakyReLU(0.1), signed()], Thresholds),
    "prelu": (lambda: [slopes(0.3, 0.0, 0.11, 1.5), signed()], Thresholds),
    "elu": (lambda: [nn.ELU(), signed()], Thresholds),
    "selu": (lambda: [nn.SELU(), signed()], Thresholds),
    "celu": (lambda: [nn.CELU(0.7), signed()], Thresholds),
    "sigmoid": (lambda: [nn.Sigmoid(), relu()], Thresholds),
    "brevitas' sigmoid": (
        lambda: [qnn.QuantSigmoid(act_quant=Uint8ActPerTensorFixedPoint, bit_width=6, return_quant_tensor=True)],
        Thresholds,
    ),
    "brevitas' tanh": (
        lambda: [qnn.QuantTanh(act_quant=Int8ActPerTensorFixedPoint, bit_width=5, return_quant_tensor=True)],
        Thresholds,
    ),
    "hard sigmoid": (lambda: [nn.Hardsigmoid(), relu()], Thresholds),
    "softplus": (lambda: [nn.Softplus(), relu()], Thresholds),
    "softsign": (lambda: [nn.Softsign(), signed()], Thresholds),
    "gelu": (lambda: [signed(), nn.GELU(), signed()], CodeTable),
    "silu": (lambda: [wide(), nn.SiLU(), wide()], CodeTable),
    "hard swish": (lambda: [wide(), nn.Hardswish(), wide()], CodeTable),
    "mish": (lambda: [wide(), nn.Mish(), wide()], CodeTable),
    "absolute value": (lambda: [signed(), Of(torch.abs), relu()], CodeTable),
    "negation": (lambda: [Of(torch.neg), signed()], Thresholds),
    "square": (lambda: [signed(), Of(lambda x: x**2), relu()], CodeTable),
    "exponential": (lambda: [signed(), Of(torch.exp), relu()], Thresholds),
    "logarithm": (lambda: [relu(), Of(lambda x: torch.log(x + 0.1)), signed()], Thresholds),
    "root": (lambda: [relu(), Of(torch.sqrt), relu()], Thresholds),
    "step": (lambda: [Of(lambda x: torch.where(x > 0.2, 1.0, 0.25)), relu()], Thresholds),
    "three tenths": (lambda: [signed(), Of(lambda x: 0.3 * x), signed()], Thresholds),
    "a seventh less a tenth": (lambda: [Of(lambda x: x * (1 / 7) - 0.1), signed()], Thresholds),
    "randomised leaky relu": (lambda: [signed(), nn.RReLU(0.1, 0.3), signed()], Thresholds),
    "leaky relu of a third": (lambda: [signed(), nn.LeakyReLU(1 / 3), signed()], Thresholds),
    "least": (lambda: [Of(lambda x: torch.minimum(x, torch.tensor(0.3))), signed()], Thresholds),
}  # fmt: skip


def wide() -> nn.Module:
    """A quantiser that clips nothing here."""
    return layers.identity(precision=layers.Precision(activations=8))


def slopes(*values: float) -> nn.Module:
    made = nn.PReLU(len(values))
    with torch.no_grad():
        made.weight.copy_(torch.tensor(values))
    return made


class Of(nn.Module):
    """A function of plain values."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any) -> Tensor:
        """Computes it."""
        return self.function(value_of(x))


@pytest.mark.parametrize(("function", "kind"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_function_is_the_network_s_on_every_code(
    function: Callable[[], list[nn.Module]], kind: type[Kernel], tmp_path: Path
) -> None:
    network = network_of(*function())
    segment = first_stage(network, tmp_path)
    kernel = segment.kernels[-1]
    reference = network.reference().stages[0]
    assert isinstance(reference, nn.Sequential)
    if kind is Activation:  # it is part of the convolution
        assert [one.kind for one in segment.kernels] == ["conv2d"]
        return
    assert isinstance(kernel, kind)
    behind = reference[2:] if isinstance(reference[1], QUANTISERS) and len(reference) > 2 else reference[1:]
    codes = codes_of(kernel)
    values = np.repeat(kernel.input_formats[0].decode(codes)[:, None], 4, axis=1)
    with torch.no_grad():
        wanted = value_of(behind(torch.from_numpy(values)[:, :, None, None]))[:, :, 0, 0].numpy()
    got = kernel.result.decode(kernel.compute(np.repeat(codes[:, None, None, None], 4, axis=3))[:, 0, 0])
    assert len(np.unique(wanted)) >= 2
    assert np.array_equal(got, wanted)


def test_a_clipped_rectifier_costs_nothing_before_a_quantiser_that_clips_earlier(tmp_path: Path) -> None:
    plain, clipped = (
        first_stage(network_of(*function), tmp_path / name)
        for name, function in (("plain", [relu()]), ("clipped", [nn.ReLU6(), relu()]))
    )
    assert [kernel.kind for kernel in plain.kernels] == [kernel.kind for kernel in clipped.kernels] == ["conv2d"]
    codes = np.random.default_rng(1).integers(0, 32, (9, 8, 8, 1)).astype(np.float64)
    assert np.array_equal(plain.run(codes)[0], clipped.run(codes)[0])


@cache
def every_kind() -> hw.MultiExitNetwork:
    """Thresholds of a norm, a table, signs that cross a boundary, and a norm of features before a head's sigmoid."""
    torch.manual_seed(4)
    stages = [
        nn.Sequential(
            layers.conv2d(1, 4, 3, precision=P),
            norm(4),
            signed(),
            nn.GELU(),
            wide(),
            layers.conv2d(4, 4, 1, precision=P),
            sign(),
        ),
        nn.Sequential(layers.conv2d(4, 4, 3, precision=P), slopes(0.3, 0.1, 0.5, 1.5), wide()),
    ]
    heads = [
        nn.Sequential(
            nn.Flatten(),
            layers.linear(4 * 6 * 6, 5, precision=P), norm(5, flat=True), nn.Sigmoid(), relu(),
            layers.linear(5, 3, precision=P), layers.logits(precision=P),
        ),
        layers.linear_head(4 * 4 * 4, 3, precision=P),
    ]  # fmt: skip
    return calibrated(hw.MultiExitNetwork(stages, heads, FORMAT, SHAPE))


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> hw.Design:
    network = every_kind()
    policy = hw.fit_policy(network, None, thresholds=[0.5])
    _, scores = policy.score_exits(network.logits(IMAGES))
    policy = policy.with_codes([int(np.median(scores[0]))])
    return hw.compile(network, policy, out=tmp_path_factory.mktemp("functions") / "design")


def test_the_network_has_thresholds_and_tables_in_stages_and_heads(design: hw.Design) -> None:
    kinds = {segment.name: {kernel.kind for kernel in segment.kernels} for segment in design.accelerator.segments}
    assert {"thresholds", "code_table"} <= kinds["stage0"]
    assert "thresholds" in kinds["stage1"] & kinds["head0"]
    assert set(design.run(IMAGES)["exit"]) == {0, 1}


@pytest.mark.parametrize("on", ["software", "csim"])
def test_every_backend_computes_them(on: str, design: hw.Design) -> None:
    reference = brevitas_outputs(every_kind(), IMAGES)
    require_equal(compare_outputs(on, design.segment_outputs(IMAGES, on), reference, "brevitas"))
    records = brevitas_records(design, every_kind().logits(IMAGES))
    require_equal([compare_records(on, design.run(IMAGES, on=on), records, "brevitas", "records")])


def test_hardware_computes_them_however_streams_stall(design: hw.Design) -> None:
    expected, outputs = design.run(IMAGES), design.segment_outputs(IMAGES)
    simulation = RtlSimulation(design.accelerator, design.rtl_project, checked=True)
    for stalls in (Stalls(), Stalls(0.4, 0.6, seed=2)):
        run = simulation.run(IMAGES, exit_control(design.policy), stalls=stalls, outputs=True)
        records = np.sort(run.records, order="sample_id")
        require_equal([compare_records("rtl", records, expected, "software", "records")])
        assert np.array_equal(run.outputs["stage0"], outputs["stage0"])


def test_a_function_that_rises_and_falls_is_refused_behind_sums_of_many_bits() -> None:
    pattern = (
        r"^stage0: layer 'stages.0.2': Sigmoid and Mul of 1\d bits rises and falls, .* at most: quantise before it"
    )
    with pytest.raises(UnsupportedLayerError, match=pattern):
        check_compiles(network_of(nn.SiLU(), signed()), CompileSettings())


def test_a_function_that_is_not_defined_for_a_code_is_refused() -> None:
    network = network_of(relu(), Of(torch.log), relu())
    network.stages[0][1] = signed()  # trained on what it is defined for
    network.stages[0][1].train()
    network.stages[0][1](torch.tensor([[-0.7, 0.9]]))
    message = r"^stage0: Log and Relu of -\S+ is no number: put a quantiser in front"
    with pytest.raises(UnsupportedLayerError, match=message):
        check_compiles(network.eval(), CompileSettings())


def test_an_unsigned_quantiser_of_narrow_range_behind_a_function_is_refused() -> None:
    narrow = qnn.QuantReLU(
        act_quant=Uint8ActPerTensorFixedPoint, bit_width=5, narrow_range=True, return_quant_tensor=True
    )
    with pytest.raises(UnsupportedLayerError, match=r"unsigned quantiser of 'stages.0.2' has a narrow range"):
        check_compiles(network_of(nn.Sigmoid(), narrow, nn.Identity(), relu()), CompileSettings())


def test_channels_with_different_functions_that_rise_and_fall_are_refused() -> None:
    with pytest.raises(UnsupportedLayerError, match=r"channels have different functions .*: put a quantiser between"):
        check_compiles(network_of(wide(), norm(4), nn.SiLU(), wide()), CompileSettings())


def test_batch_norms_are_folded_where_somebody_asks_for_it() -> None:
    """The network stays as it is; the copy computes the same without quantisers, and has no norm left."""
    network = every_kind()
    folded = hw.fold_batch_norms(network)
    norms = nn.BatchNorm1d | nn.BatchNorm2d
    assert [sum(isinstance(part, norms) for part in one.modules()) for one in (network, folded)] == [2, 0]
    check_compiles(calibrated(folded), CompileSettings())


def test_a_norm_without_scales_of_its_own_is_folded() -> None:
    network = network_of(nn.BatchNorm2d(4, affine=False), relu())
    assert not any(isinstance(part, nn.BatchNorm2d) for part in hw.fold_batch_norms(network).modules())


class Shared(nn.Module):
    """A norm beside another reader of its layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.sum = layers.conv2d(1, 4, 3, precision=P), norm(4), signed()

    def forward(self, x: Any) -> Any:
        """Computes it."""
        y = value_of(self.conv(x))
        return self.sum(y + self.norm(y))


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        (lambda: nn.Sequential(layers.conv2d(1, 4, 3, precision=P), relu(), norm(4), signed()), "0.2 .*no weights"),
        (Shared, "exit 0 computes something else .*: another layer reads"),
        (
            lambda: nn.Sequential(
                layers.conv2d(1, 4, 3, precision=P), nn.BatchNorm2d(4, track_running_stats=False), signed()
            ),
            "0.1 .* normalises each batch anew: give it statistics",
        ),
    ],
    ids=["behind a quantiser", "beside another reader", "without statistics"],
)
def test_a_norm_that_cannot_be_folded_is_refused(stage: Callable[[], nn.Module], message: str) -> None:
    network = network_of(relu())
    network.stages[0] = stage()
    with pytest.raises(NetworkError, match=message):
        hw.fold_batch_norms(network)


def test_a_quantiser_behind_a_pooling_goes_in_front_of_it_where_a_function_is(tmp_path: Path) -> None:
    torch.manual_seed(3)
    first = nn.Sequential(layers.conv2d(1, 4, 3, precision=P), norm(4), nn.ReLU(), nn.MaxPool2d(2), relu())
    stages = [first, nn.Sequential(layers.conv2d(4, 4, 2, precision=P), relu())]
    heads = [layers.linear_head(features, 3, precision=P) for features in (4 * 3 * 3, 4 * 2 * 2)]
    network = calibrated(hw.MultiExitNetwork(stages, heads, FORMAT, SHAPE))
    check_compiles(network, CompileSettings())
    segment = first_stage(network, tmp_path)
    assert [kernel.kind for kernel in segment.kernels] == ["conv2d", "thresholds", "max_pool2d"]
    (wanted,) = network.integers(IMAGES)[0][0]
    assert np.array_equal(segment.run(np.moveaxis(IMAGES, 1, -1).astype(np.float64))[0], wanted)
