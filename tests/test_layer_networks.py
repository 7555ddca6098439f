"""Layers and quantisers of all kinds: everywhere the integers of the network, in RTL the cycles that were predicted."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import hwcodesign as hw
from hwcodesign.interface.modes import exit_control
from hwcodesign.simulation.measurement import measure_exits
from hwcodesign.simulation.rtl import RtlSimulation, Stalls
from hwcodesign.verification.comparison import (
    brevitas_outputs,
    brevitas_records,
    compare_outputs,
    compare_records,
    require_equal,
)
from tests.layer_networks import NETWORKS, images_of


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


@pytest.mark.parametrize("on", ["software", "csim"])
def test_every_tensor_and_record_is_brevitas(on: str, name: str, design: hw.Design) -> None:
    reference = brevitas_outputs(network(name), images(name))
    require_equal(compare_outputs(on, design.segment_outputs(images(name), on), reference, "brevitas"))
    records = brevitas_records(design, network(name).logits(images(name)))
    require_equal([compare_records(on, design.run(images(name), on=on), records, "brevitas", "records")])


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


@pytest.mark.parametrize("name", ["sequence", "vectors"], indirect=True)
def test_sequences_and_vectors_run_on_a_board_and_after_loading(name: str, design: hw.Design) -> None:
    again = hw.load(design.folder)
    assert again.accelerator.input_shape == network(name).input_shape
    expected = again.run(images(name))
    require_equal(
        [compare_records("board-sim", again.run(images(name), on="board-sim"), expected, "software", "records")]
    )
