"""Gates: an output that is no class, in networks, policies, files and hardware; and what has none says so."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
from typing import Any

import numpy as np
import pytest

from hwcodesign.errors import NetworkError, PolicyError, SettingsError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.kernels.decision import Decision
from hwcodesign.policies import ALWAYS, CRITERIA, NEVER, ExitPolicy, ExitStatistics
from rtl_sim.tb import small_accelerators as small
from rtl_sim.tb.drawn_policies import drawn_policy

LOGITS = FixedPoint(6, 4)  # steps of 1/4


def drawn_outputs(seed: int, samples: int, classes: int, exits: int, fmt: FixedPoint = LOGITS) -> list[Any]:
    """Logits and a gate, which is often above all of them."""
    rng = np.random.default_rng(seed)
    return [rng.integers(fmt.min_code, fmt.max_code, (samples, classes + 1), endpoint=True) for _ in range(exits)]


@pytest.mark.parametrize("fmt", [LOGITS, FixedPoint(6, 4, signed=False)], ids=str)
def test_the_score_is_the_gate_and_the_label_is_a_class(fmt: FixedPoint) -> None:
    policy = ExitPolicy.build("gate", [fmt] * 3, 4, gated=True)
    outputs = drawn_outputs(0, 300, 4, 3, fmt)
    labels, scores = policy.score_exits(outputs)
    for k, rows in enumerate(outputs):
        for n, (*logits, gate) in enumerate(rows.tolist()):
            assert labels[k, n] == logits.index(max(logits))
            assert scores[k, n] == gate


def test_a_sample_leaves_from_its_threshold_on_in_log_odds() -> None:
    every = np.array(list(itertools.product([0, 9], [3], range(LOGITS.min_code, LOGITS.max_code + 1))))
    for threshold in (-8.0, -0.3, 0.0, 0.1, 0.25, 7.75, 7.8, 100.0):
        policy = ExitPolicy.build("gate", [LOGITS] * 2, 2, [threshold], gated=True)
        wanted = [gate * LOGITS.scale >= threshold for _, _, gate in every.tolist()]
        scores = policy.scores(0, every, np.zeros(len(every), np.int64))
        assert (scores >= policy.threshold_codes[0]).tolist() == wanted, threshold
        assert policy.float_decisions([every] * 2).tolist() == [wanted], threshold


@pytest.mark.parametrize("criterion", sorted(set(CRITERIA) - {"gate"}))
def test_other_criteria_do_not_see_the_gate(criterion: str) -> None:
    with_gates = drawn_policy(criterion, [LOGITS] * 3, 5, gated=True)
    without = drawn_policy(criterion, [LOGITS] * 3, 5)
    outputs = drawn_outputs(1, 200, 5, 3)
    plain = [rows[:, :5] for rows in outputs]
    assert [a.tolist() for a in with_gates.score_exits(outputs)] == [a.tolist() for a in without.score_exits(plain)]
    codes = [int(np.median(row)) for row in without.score_exits(plain)[1][:-1]]
    if criterion == "patience":
        codes = [1, 1]
    decisions = [
        policy.with_codes(codes).float_decisions(rows).tolist()
        for policy, rows in ((with_gates, outputs), (without, plain))
    ]
    assert decisions[0] == decisions[1]


def test_outputs_of_another_width_and_floats_are_refused() -> None:
    gated, plain = (drawn_policy("margin", [LOGITS] * 2, 4, gated=gated) for gated in (True, False))
    four, five = np.zeros((3, 4), np.int64), np.zeros((3, 5), np.int64)
    nothing = np.zeros(3, np.int64)
    with pytest.raises(PolicyError, match=r"outputs of shape \(3, 4\): this policy reads 4 logits and a gate"):
        gated.scores(0, four, nothing)
    with pytest.raises(PolicyError, match=r"outputs of shape \(3, 5\): this policy reads 4 logits of each sample"):
        plain.scores(0, five, nothing)
    with pytest.raises(PolicyError, match=r"logits of exit 0 have shape \(3, 4\): give 5 for each of 3 labels"):
        ExitStatistics.of(gated, [four] * 2, nothing, [0.5, 1.0])
    with pytest.raises(PolicyError, match=r"logits of exit 1 are float64: a policy decides on integers, and NaN"):
        ExitStatistics.of(gated, [five, np.full((3, 5), math.nan)], nothing, [0.5, 1.0])


@pytest.mark.parametrize("threshold", [math.nan, math.inf, -(2.0**40)])
def test_a_threshold_out_of_range_is_refused(threshold: float) -> None:
    with pytest.raises(PolicyError, match=rf"threshold {re.escape(repr(threshold))} is outside gate's range"):
        ExitPolicy.build("gate", [LOGITS] * 2, 4, [threshold], gated=True)


def test_every_code_stands_for_itself_and_constant_gates_leave_together() -> None:
    policy = ExitPolicy.build("gate", [FixedPoint(30, 8)] * 2, 3, gated=True)
    for code in (ALWAYS, -(2**29), -1, 0, 1, 2**29 - 1, NEVER - 1):
        assert policy.with_codes([code]).threshold_codes == (code, NEVER)
    same = [np.full((50, 4), 7)] * 2
    statistics = ExitStatistics.of(policy, same, np.zeros(50, np.int64), [0.5, 1.0])
    for code, exit_ in ((7, 0), (8, 1), (ALWAYS, 0), (NEVER, 1)):
        assert set(statistics.exits_taken((code,)).tolist()) == {exit_}


def test_what_has_no_gates_is_told_how_to_get_them() -> None:
    with pytest.raises(PolicyError, match=r"criterion gate reads the gate .*: build the network with .*gates=True"):
        ExitPolicy.build("gate", [LOGITS] * 2, 4)
    unit = Decision.of(drawn_policy("gate", [LOGITS] * 2, 4), 0, 2)
    with pytest.raises(PolicyError, match="score_gate reads a gate, and the logits of exit 0 have none"):
        dataclasses.replace(unit, gated=False)
    plain = small.plain("plain", exits=2)
    gated = drawn_policy("margin", [exit_.logits for exit_ in plain.policy.exits], 3, gated=True)
    with pytest.raises(PolicyError, match=r"decides on 3 logits and a gate of .*, the heads give .* \(3,\)"):
        dataclasses.replace(plain, policy=gated)


def test_a_policy_file_says_that_there_are_gates() -> None:
    policy = drawn_policy("gate", [LOGITS] * 3, 4).with_thresholds([None, 0.5])
    text = json.dumps(policy.to_json(), indent=2, allow_nan=False)
    again = ExitPolicy.from_json(json.loads(text))
    assert again == policy
    assert json.dumps(again.to_json(), indent=2, allow_nan=False) == text
    data = json.loads(text)
    del data["gated"]
    with pytest.raises(PolicyError, match=r"policy file is incomplete .*: 'gated' is missing: criterion gate reads"):
        ExitPolicy.from_json(data)
    assert "gated" not in drawn_policy("margin", [LOGITS] * 3, 4).to_json()


# --- networks ---


@pytest.fixture(scope="module")
def drawn() -> Any:
    pytest.importorskip("torch", reason="torch is not installed (extra 'design')")
    from tests.generated_networks import generate

    return generate(5, gates=True)


def test_a_gated_networks_logits_are_its_classes(drawn: Any) -> None:
    import torch

    network = drawn.network
    x = torch.from_numpy(network.input_format.decode(drawn.images[:20]))
    outputs, logits = network.reference().head_outputs(x), network.reference()(x)
    assert network.boundaries()[1][0].shape == (network.classes + 1,)
    for whole, classes, codes in zip(outputs, logits, network.logits(drawn.images[:20]), strict=True):
        assert torch.equal(whole[:, :-1], classes)
        assert codes.shape == (20, network.classes + 1)
    assert len({network.digest(), _without_gates(network).digest()}) == 2


def _without_gates(network: Any) -> Any:
    """The same weights, in which the last output is one more class."""
    from hwcodesign.networks.network import MultiExitNetwork

    return MultiExitNetwork(list(network.stages), list(network.heads), network.input_format, network.input_shape)


def test_heads_must_give_two_classes_beside_the_gate() -> None:
    pytest.importorskip("torch", reason="torch is not installed (extra 'design')")
    from torch import nn

    from hwcodesign import layers
    from hwcodesign.networks.network import MultiExitNetwork

    p = layers.Precision()
    stages = [nn.Sequential(layers.conv2d(1, 2, 1, precision=p), layers.relu(precision=p)) for _ in range(1)]
    stages.append(nn.Sequential(layers.conv2d(2, 2, 1, precision=p), layers.relu(precision=p)))
    heads = [nn.Sequential(nn.Flatten(), layers.linear(8, 2, precision=p), layers.logits(precision=p)) for _ in "ab"]
    with pytest.raises(NetworkError, match=r"heads give \(2,\), \(2,\) .* two or more, and a gate behind them"):
        MultiExitNetwork(stages, heads, FixedPoint(5, 1, signed=False), (1, 2, 2), gates=True)


def test_class_means_have_no_gates(drawn: Any) -> None:
    from hwcodesign.training import with_class_means

    with pytest.raises(SettingsError, match="class means do not support gates: give a network without"):
        with_class_means(drawn.network, drawn.images, drawn.labels)


@pytest.mark.parametrize("criterion", sorted(CRITERIA))
def test_every_criterion_is_fitted_to_a_gated_network(drawn: Any, criterion: str) -> None:
    import warnings

    from hwcodesign.fitting.network import fit_policy

    known = CRITERIA[criterion]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few images that classes are missing
        policy = fit_policy(
            drawn.network, (drawn.images, drawn.labels), criterion=criterion, accuracy_drop=0.5,
            calibrate=known.softmax,
        )  # fmt: skip
    assert policy.gated
    assert policy.classes == drawn.network.classes
    assert ExitPolicy.from_json(json.loads(json.dumps(policy.to_json()))) == policy


def test_a_network_without_gates_is_told_how_to_get_them_before_anything_is_fitted(trained_network: Any) -> None:
    from hwcodesign.fitting.network import fit_policy

    for request in ({"thresholds": [0.0, 0.0]}, {"budget": 0.5}):
        with pytest.raises(PolicyError, match=r"build the network with MultiExitNetwork\(\.\.\., gates=True\)"):
            fit_policy(trained_network, None, criterion="gate", **request)
