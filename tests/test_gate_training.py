"""Gates learn what their formulas say, alone where they shall, and a killed training of them resumes to the bit."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

import torch
from torch import Tensor, nn

from hwcodesign import layers
from hwcodesign.data import Dataset
from hwcodesign.errors import CheckpointError, SettingsError
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.recipe_files import recipe_names
from hwcodesign.recipes import load_recipe
from hwcodesign.training import JointGates, OracleExits, RewardedGates, TrainingSettings, VariationalGates, train
from hwcodesign.training.checkpoint import network_state
from hwcodesign.training.strategies.gates import GateBatch
from tests.marks import CAMPAIGN

PRECISION = layers.Precision(weights=4, activations=4, logits=7)
CLASSES = 10
COSTS = (0.25, 0.5, 1.125)
ALONE = (RewardedGates(), VariationalGates())
PHASE = {"epochs": 2, "batch_size": 125, "learning_rate": 0.01, "seed": 3}


def gated(network: MultiExitNetwork, seed: int = 0) -> MultiExitNetwork:
    """The same network, with a gate at each head."""
    torch.manual_seed(seed)
    heads = [layers.GatedHead(head, CLASSES, precision=PRECISION) for head in copy.deepcopy(list(network.heads))]
    stages = copy.deepcopy(list(network.stages))
    return MultiExitNetwork(stages, heads, network.input_format, network.input_shape, gates=True)


@pytest.fixture(scope="module")
def network(trained_network: MultiExitNetwork, digits_data: Dataset) -> MultiExitNetwork:
    """Trained without its gates; not to be changed."""
    made = gated(trained_network)
    train(made, digits_data, epochs=6, batch_size=50, learning_rate=0.02, seed=1)
    return made


def state_bytes(network: MultiExitNetwork) -> dict[str, bytes]:
    return {name: tensor.detach().numpy().tobytes() for name, tensor in network_state(network).items()}


# --- formulas, in Python's own floats ---


def batch(seed: int = 0, samples: int = 6) -> GateBatch:
    draw = torch.Generator().manual_seed(seed)
    logits = [torch.randn(samples, 4, generator=draw, dtype=torch.float64) * 2 for _ in COSTS]
    gates = torch.randn(samples, len(COSTS), generator=draw, dtype=torch.float64) * 2
    labels = torch.randint(0, 4, (samples,), generator=draw)
    return GateBatch(logits, gates, labels, torch.tensor(COSTS, dtype=torch.float64))


def leaving(gates: Sequence[float]) -> list[float]:
    """Chance of leaving at each exit."""
    found, left = [], 1.0
    for gate in gates[:-1]:
        sure = 1 / (1 + math.exp(-gate))
        found.append(left * sure)
        left *= 1 - sure
    return [*found, left]


def likelihood(logits: Sequence[float], label: int) -> float:
    return math.exp(logits[label]) / sum(map(math.exp, logits))


def rows(b: GateBatch) -> list[tuple[list[list[float]], list[float], int]]:
    """Of each sample the logits of all exits, gates and label."""
    return [([z[n].tolist() for z in b.logits], b.gates[n].tolist(), int(b.labels[n])) for n in range(len(b.labels))]


def same(got: Tensor, wanted: float) -> bool:
    return f"{float(got):.9f}" == f"{wanted:.9f}"


def test_a_sample_leaves_where_its_gates_say_and_somewhere() -> None:
    b = batch()
    got = b.log_leaving.exp()
    for n, (_, gates, _) in enumerate(rows(b)):
        assert [f"{p:.9f}" for p in got[n].tolist()] == [f"{p:.9f}" for p in leaving(gates)]
    assert all(f"{total:.9f}" == "1.000000000" for total in got.sum(dim=1).tolist())


def test_joint_gates_mix_the_exits_answers_from_the_last_one_back() -> None:
    b, total = batch(), 0.0
    for logits, gates, label in rows(b):
        each = [likelihood(z, label) for z in logits]
        mixed = each[-1]
        for k in reversed(range(len(COSTS) - 1)):
            sure = 1 / (1 + math.exp(-gates[k]))
            mixed = sure * each[k] + (1 - sure) * mixed
        cost = sum(p * c for p, c in zip(leaving(gates), COSTS, strict=True))
        total += -math.log(mixed) + 0.7 * cost - 0.2 * sum(map(math.log, each))
        total += 0.05 * sum(gate**2 for gate in gates[:-1])
    assert same(JointGates(cost=0.7, exits=0.2, calm=0.05).gate_loss(b), total / len(b.labels))


def test_a_reward_is_a_right_answer_less_its_cost() -> None:
    b, total = batch(), 0.0
    for logits, gates, label in rows(b):
        for p, c, z in zip(leaving(gates), COSTS, logits, strict=True):
            total -= p * ((z.index(max(z)) == label) - 0.3 * c) - 0.05 * p * math.log(p)
    assert same(RewardedGates(cost=0.3, exploration=0.05).gate_loss(b), total / len(b.labels))


def test_the_oracle_stops_where_loss_and_cost_are_small_and_gates_are_held_to_it() -> None:
    b, predicted, distance = batch(), 0.0, 0.0
    for logits, gates, label in rows(b):
        losses = [-math.log(likelihood(z, label)) for z in logits]
        weights = [math.exp(-(loss + 0.4 * c) / 0.5) for loss, c in zip(losses, COSTS, strict=True)]
        q = [w / sum(weights) for w in weights]
        predicted += sum(p * loss for p, loss in zip(q, losses, strict=True))
        distance += sum(a * math.log(a / p) for a, p in zip(q, leaving(gates), strict=True))
    assert same(OracleExits(cost=0.4, beta=0.5).gate_loss(b), predicted / len(b.labels))
    assert same(VariationalGates(cost=0.4, beta=0.5).gate_loss(b), distance / len(b.labels))


def test_gates_that_stop_as_the_oracle_does_are_no_distance_from_it() -> None:
    b = batch(1)
    with torch.no_grad():
        log_q = torch.log_softmax(-(b.losses + 0.4 * b.costs) / 0.5, dim=1)
        later = torch.stack([log_q[:, k + 1 :].logsumexp(dim=1) for k in range(len(COSTS) - 1)], dim=1)
    gates = torch.cat([log_q[:, :-1] - later, b.gates[:, -1:]], dim=1).requires_grad_()  # odds of stopping, each exit's
    loss = VariationalGates(cost=0.4, beta=0.5).gate_loss(GateBatch(b.logits, gates, b.labels, b.costs))
    loss.backward()
    assert same(abs(loss), 0.0)
    assert gates.grad is not None
    assert same(gates.grad.abs().max(), 0.0)


def test_no_way_of_leaving_is_rewarded_more_than_the_best_exits() -> None:
    b, way = batch(1), RewardedGates(cost=0.3, exploration=0.0)
    best = float((b.right - 0.3 * b.costs).max(dim=1).values.mean())
    shut, open_ = -60.0, 60.0
    every = itertools.product([shut, open_], repeat=len(COSTS) - 1)
    found = []
    for early in every:
        gates = torch.tensor([[*early, 0.0]] * len(b.labels), dtype=torch.float64)
        each = [
            -float(way.gate_loss(GateBatch([z[n : n + 1] for z in b.logits], gates[:1], b.labels[n : n + 1], b.costs)))
            for n in range(len(b.labels))
        ]
        found.append(each)
    assert same(torch.tensor([max(each) for each in zip(*found, strict=True)], dtype=torch.float64).mean(), best)


# --- networks ---


def gates_own(network: MultiExitNetwork) -> set[str]:
    """Names of the parameters that early exits' gates alone have."""
    early = tuple(f"heads.{k}.gate." for k in range(network.exits - 1))
    return {name for name, _ in network.named_parameters() if name.startswith(early)}


@pytest.mark.parametrize(
    "way", [pytest.param(way, marks=CAMPAIGN if way == ALONE[0] else [], id=type(way).__name__) for way in ALONE]
)
def test_gates_that_learn_alone_leave_every_answer_as_it_is(
    way: Any, network: MultiExitNetwork, digits_data: Dataset
) -> None:
    learned = copy.deepcopy(network)
    history = train(learned, digits_data, strategy=way, **PHASE)
    assert history[-1]["loss"] < history[0]["loss"]
    before, after = network.integers(digits_data.test.images[:100]), learned.integers(digits_data.test.images[:100])
    for (old,), (new,) in zip(before[0], after[0], strict=True):
        assert np.array_equal(old, new)
    for k, (old, new) in enumerate(zip(before[1], after[1], strict=True)):
        assert np.array_equal(old[:, :CLASSES], new[:, :CLASSES])
        assert np.array_equal(old[:, CLASSES], new[:, CLASSES]) == (k == network.exits - 1)
    old_state, new_state = state_bytes(network), state_bytes(learned)
    changed = {name for name in old_state if old_state[name] != new_state[name]}
    assert changed & {name for name, _ in network.named_parameters()} == gates_own(network)
    assert {name.split(".gate.")[0] for name in changed} == {"heads.0", "heads.1"}


@pytest.mark.parametrize("way", [JointGates(), OracleExits()], ids=lambda way: type(way).__name__)
def test_what_trains_the_whole_network_learns_in_every_part(
    way: Any, network: MultiExitNetwork, digits_data: Dataset
) -> None:
    learned = copy.deepcopy(network)
    train(learned, digits_data, strategy=way, **PHASE)
    before, after = network.head_outputs, learned.head_outputs
    x = torch.from_numpy(network.input_format.decode(digits_data.test.images[:50]).astype(np.float32))
    for old, new in zip(before(x), after(x), strict=True):
        assert not torch.equal(old[:, :CLASSES], new[:, :CLASSES])
    for stage, other in zip(network.stages, learned.stages, strict=True):
        assert not torch.equal(next(stage.parameters()), next(other.parameters()))


@pytest.mark.parametrize("way", [RewardedGates, VariationalGates, JointGates])
def test_the_dearer_the_cost_the_earlier_samples_leave(
    way: Any, network: MultiExitNetwork, digits_data: Dataset
) -> None:
    averages = []
    costs = torch.tensor(network.costs().fractions)
    x = torch.from_numpy(network.input_format.decode(digits_data.test.images).astype(np.float32))
    for cost in (0.0, 5.0):
        learned = copy.deepcopy(network)
        train(learned, digits_data, strategy=way(cost=cost), epochs=4, batch_size=125, learning_rate=0.02, seed=3)
        with torch.no_grad():
            outputs = learned.head_outputs(x)
        gates = torch.stack([z[:, -1] for z in outputs], dim=1)
        b = GateBatch([z[:, :-1] for z in outputs], gates, torch.zeros(len(x), dtype=torch.int64), costs)
        averages.append(float((b.log_leaving.exp() * costs).sum(dim=1).mean()))
    assert averages[1] < averages[0]
    assert averages[1] < float(costs[1])


class Killed(Exception):  # noqa: N818
    """What stands for a kill between two steps."""


class KillAtSecondEpoch:
    """An observer."""

    def __init__(self) -> None:
        self.epochs = 0

    def epoch(self, number: int, epochs: int, steps: int) -> None:  # noqa: ARG002
        self.epochs += 1

    def step(self, loss: float, accuracy: Sequence[float]) -> None:  # noqa: ARG002
        if self.epochs == 2:
            raise Killed


@pytest.mark.parametrize("way", [*ALONE, JointGates()], ids=lambda way: type(way).__name__)
def test_a_killed_training_of_gates_resumes_to_the_bit(
    way: Any, network: MultiExitNetwork, digits_data: Dataset, tmp_path: Path
) -> None:
    phase = TrainingSettings(strategy=way, **PHASE)  # type: ignore[arg-type]
    unbroken, broken, resumed = (copy.deepcopy(network) for _ in range(3))
    train(unbroken, digits_data, phase)
    with pytest.raises(Killed):
        train(broken, digits_data, phase, checkpoint=tmp_path, observer=KillAtSecondEpoch())
    train(resumed, digits_data, phase, checkpoint=tmp_path)
    assert state_bytes(resumed) == state_bytes(unbroken)


def test_a_checkpoint_is_of_one_way_with_its_settings(
    network: MultiExitNetwork, digits_data: Dataset, tmp_path: Path
) -> None:
    made = TrainingSettings(strategy=OracleExits(cost=0.3, beta=0.5), epochs=1, batch_size=500)
    train(copy.deepcopy(network), digits_data, made, checkpoint=tmp_path)
    for other in (OracleExits(cost=0.3, beta=0.6), VariationalGates(cost=0.3, beta=0.5)):
        phase = TrainingSettings(strategy=other, epochs=1, batch_size=500)
        with pytest.raises(CheckpointError, match="made with another network, data set or training settings"):
            train(copy.deepcopy(network), digits_data, phase, checkpoint=tmp_path)


# --- what cannot be ---


@pytest.mark.parametrize("way", [*ALONE, JointGates(), OracleExits()], ids=lambda way: type(way).__name__)
def test_a_network_without_gates_is_refused_before_anything_is_trained(
    way: Any, trained_network: MultiExitNetwork, digits_data: Dataset
) -> None:
    before = state_bytes(trained_network)
    with pytest.raises(SettingsError, match=rf"{type(way).__name__} trains gates, and this network has none: build it"):
        train(trained_network, digits_data, TrainingSettings(epochs=1), TrainingSettings(strategy=way, epochs=1))
    assert state_bytes(trained_network) == before


def test_gates_alone_need_layers_of_their_own(network: MultiExitNetwork, digits_data: Dataset) -> None:
    other = copy.deepcopy(network)
    features = math.prod(network.boundaries()[0][1][0].shape)
    other.heads[1] = nn.Sequential(
        nn.Flatten(), layers.linear(features, CLASSES + 1, precision=PRECISION), layers.logits(precision=PRECISION)
    )
    with pytest.raises(SettingsError, match=r"head 1 has no layers that only its gate uses.*layers\.GatedHead"):
        train(other, digits_data, strategy=RewardedGates(), epochs=1)


def test_settings_out_of_range_are_refused() -> None:
    for make, message in (
        (lambda: JointGates(cost=-1.0), r"cost=-1\.0 is not a non-negative number"),
        (lambda: JointGates(exits=math.nan), "exits=nan is not a non-negative number"),
        (lambda: JointGates(calm=-0.1), r"calm=-0\.1 is not a non-negative number"),
        (lambda: RewardedGates(cost=math.inf), "cost=inf is not a non-negative number"),
        (lambda: RewardedGates(exploration=-0.1), r"exploration=-0\.1 is not a non-negative number"),
        (lambda: OracleExits(beta=0.0), r"beta=0\.0 is not a positive number"),
        (lambda: VariationalGates(beta=math.nan), "beta=nan is not a positive number"),
        (
            lambda: TrainingSettings(strategy=JointGates(), exit_weights=(1.0, 1.0)),
            "JointGates has weights of its own: leave out exit_weights",
        ),
    ):
        with pytest.raises(SettingsError, match=message):
            make()


@pytest.mark.parametrize("name", [name for name in recipe_names() if load_recipe(name).policy.criterion == "gate"])
def test_recipes_of_gates_leave_by_them(name: str) -> None:
    recipe = load_recipe(name.split("_", maxsplit=1)[0])
    network = recipe.build()
    assert (recipe.name, recipe.policy.criterion, network.gates, network.classes) == (name, "gate", True, CLASSES)
    assert not all(isinstance(phase.strategy, str) for phase in recipe.training)
    assert load_recipe("digits").name == "digits"
