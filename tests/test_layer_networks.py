"""Layers and quantisers of all kinds: everywhere the integers of the network, in RTL the cycles that were predicted."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import brevitas.nn as qnn
import numpy as np
import pytest
from brevitas.inject.enum import FloatToIntImplType
from torch import nn

import hwcodesign as hw
from hwcodesign.compilation import check_compiles
from hwcodesign.errors import NetworkError, UnsupportedLayerError
from hwcodesign.interface.modes import exit_control
from hwcodesign.kernels import Upsample2D
from hwcodesign.networks.graphs.constants import fewest_bits
from hwcodesign.networks.layers import value_of
from hwcodesign.simulation.measurement import measure_exits
from hwcodesign.simulation.rtl import RtlSimulation, Stalls
from hwcodesign.verification.comparison import (
    brevitas_outputs,
    brevitas_records,
    compare_outputs,
    compare_records,
    require_equal,
)
from tests.layer_networks import NETWORKS, calibrated, head, images_of, of, relu, signed
from tests.marks import CAMPAIGN

#: Networks of zeros in the place of weights, and of our own C++; the C++ of others is compiled in a campaign.
IN_CPP = ("convolutions",)
#: Hardware of weights differs in their values alone; that of a larger sequence is that of a larger image of one row.
IN_RTL = ("convolutions", "sequence")


@cache
def network(name: str) -> hw.MultiExitNetwork:
    return NETWORKS[name]()


@cache
def images(name: str) -> Any:
    return images_of(network(name), 40)


@pytest.fixture(scope="module", params=NETWORKS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def design(name: str, tmp_path_factory: pytest.TempPathFactory) -> hw.Design:
    """At each exit a part of the images leaves."""
    made = network(name)
    policy = hw.fit_policy(made, None, thresholds=[0.5] * (made.exits - 1))
    _, scores = policy.score_exits(made.logits(images(name)))
    shares = np.linspace(0.7, 0.3, made.exits - 1)
    policy = policy.with_codes([int(np.quantile(scores[k], share)) for k, share in enumerate(shares)])
    return hw.compile(made, policy, out=tmp_path_factory.mktemp(name) / "design")


def test_samples_leave_at_every_exit_and_cost_what_the_network_costs(name: str, design: hw.Design) -> None:
    made = network(name)
    assert set(design.run(images(name))["exit"]) == set(range(made.exits))
    assert design.costs() == made.costs()


@pytest.mark.parametrize(
    ("name", "on"),
    [
        pytest.param(name, on, marks=[] if on == "software" or name in IN_CPP else CAMPAIGN)
        for name in NETWORKS
        for on in ("software", "csim")
    ],
    indirect=["name"],
)
def test_every_tensor_and_record_is_brevitas(on: str, name: str, design: hw.Design) -> None:
    reference = brevitas_outputs(network(name), images(name))
    require_equal(compare_outputs(on, design.segment_outputs(images(name), on), reference, "brevitas"))
    records = brevitas_records(design, network(name).logits(images(name)))
    require_equal([compare_records(on, design.run(images(name), on=on), records, "brevitas", "records")])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in IN_RTL else CAMPAIGN) for name in NETWORKS], indirect=True
)
def test_in_rtl_too_however_streams_stall(name: str, design: hw.Design) -> None:
    expected = design.run(images(name))
    outputs, exits = design.segment_outputs(images(name)), expected["exit"]
    simulation = RtlSimulation(design.accelerator, design.rtl_project, checked=True)
    for stalls in (Stalls(), Stalls(0.5, 0.6, seed=2)):
        run = simulation.run(images(name), exit_control(design.policy), stalls=stalls, outputs=True)
        records = np.sort(run.records, order="sample_id")
        require_equal([compare_records("rtl", records, expected, "software", "records")])
        for output, codes in run.outputs.items():
            stage = int(output.removeprefix("stage").removeprefix("head"))
            assert np.array_equal(codes, outputs[output][exits >= stage]), output
    for exit_ in measure_exits(simulation, design.manifest["cycles"], images(name)):
        assert exit_.latency[0] == exit_.latency[1]
        assert exit_.interval[0] == exit_.interval[1]


@pytest.mark.parametrize("name", ["sequence", pytest.param("vectors", marks=CAMPAIGN)], indirect=True)
def test_sequences_and_vectors_run_on_a_board_and_after_loading(name: str, design: hw.Design) -> None:
    again = hw.load(design.folder)
    assert again.accelerator.input_shape == network(name).input_shape
    expected = again.run(images(name))
    require_equal(
        [compare_records("board-sim", again.run(images(name), on="board-sim"), expected, "software", "records")]
    )


def one_stage(stage: nn.Module, features: int, shape: tuple[int, ...]) -> hw.MultiExitNetwork:
    return calibrated([stage, of_two(features)], [head(features), head(4)], shape)


def of_two(features: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), of(qnn.QuantLinear, features, 4), relu())


class Turned(nn.Module):
    """A sequence whose positions become its channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.end = of(qnn.QuantConv1d, 2, 3, 1), relu()

    def forward(self, x: Any) -> Any:
        return self.end(value_of(self.conv(x)).transpose(1, 2))


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        (
            lambda: nn.Sequential(of(qnn.QuantConv1d, 2, 3, 1), relu(), of(qnn.QuantLinear, 8, 8), relu()),
            r"layer 'stages.0.2' \(MatMul\) works on sequences \(C, L\), .*: flatten before a linear layer, or write",
        ),
        (Turned, r"\(Transpose\) works on sequences"),
    ],
    ids=["linear layer along a sequence", "positions for channels"],
)
def test_what_sequences_cannot_have_is_refused_by_its_name(stage: Callable[[], nn.Module], message: str) -> None:
    with pytest.raises(UnsupportedLayerError, match=message):
        check_compiles(one_stage(stage(), 24, (2, 8)), hw.CompileSettings())


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (
            lambda: signed(float_to_int_impl_type=FloatToIntImplType.CEIL),
            "stage 0 ends in a quantiser that rounds by CEIL, .* give it float_to_int_impl_type ROUND or FLOOR or",
        ),
        (
            lambda: relu(narrow_range=True),
            "stage 0 ends in an unsigned quantiser of narrow range, .*: leave narrow_range at False, or use a signed",
        ),
    ],
)
def test_a_boundary_that_no_type_holds_is_refused_where_the_network_is_made(
    end: Callable[[], nn.Module], message: str
) -> None:
    with pytest.raises(NetworkError, match=message):
        one_stage(nn.Sequential(of(qnn.QuantConv1d, 2, 3, 1), end()), 24, (2, 8))


def test_a_sum_that_brevitas_refuses_is_told_a_way_out() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other, self.end = signed(3), signed(8), relu()

        def forward(self, x: Any) -> Any:
            return self.end(self.one(x) + self.other(x))

    message = r"Scaling factors are different. Add values, and quantise the sum: quantiser\(value_of\(x\) \+"
    with pytest.raises(NetworkError, match=message):
        one_stage(Sum(), 16, (2, 8))


def test_an_image_that_is_made_larger_keeps_its_format(name: str, design: hw.Design) -> None:
    larger = [k for s in design.accelerator.segments for k in s.kernels if isinstance(k, Upsample2D)]
    assert len(larger) == {"larger": 4, "larger_sequence": 2}.get(name, 0)
    assert all(kernel.result.width <= 5 for kernel in larger)


def test_constants_take_the_fewest_bits_that_hold_them() -> None:
    assert fewest_bits(np.array([0.75, -0.5, 0.0])) == (3, -2)
    assert fewest_bits(np.array([4.0, -8.0])) == (3, 2)  # codes 1 and -2, which two bits hold and hls4ml takes for 1
    assert fewest_bits(np.array([2.0, -2.0])) == (2, 1)
    assert fewest_bits(np.zeros(3)) == (2, 0)
    assert fewest_bits(np.array([1.0, 2.0**-20])) == (22, -20)
