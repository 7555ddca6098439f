"""Each strategy learns with what it says, by its formula, resumes to the bit, and does what it is for."""

from __future__ import annotations

import copy
import dataclasses
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

import hwcodesign as hw
from hwcodesign.data import Dataset, Split
from hwcodesign.data.handwriting import Handwriting
from hwcodesign.errors import CheckpointError, ImagesError, SettingsError
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.recipe_files import recipe_names
from hwcodesign.training import (
    STRATEGIES,
    Adversarial,
    Attack,
    Batch,
    Distilled,
    GateTraining,
    GradientEquilibrium,
    HeadsOnly,
    Hierarchical,
    Joint,
    LastExit,
    LearnedWeights,
    Personalised,
    Strategy,
    TrainingSettings,
    attack,
    attacked_codes,
    train,
)
from hwcodesign.training.strategies.equilibrium import gradients_in_equilibrium
from hwcodesign.training.strategies.hierarchical import coarse_cross_entropy
from hwcodesign.training.strategies.learned_weights import LOG_VARIANCE, uncertainty_weighted
from hwcodesign.training.strategies.losses import distillation, weighted_cross_entropy
from tests.test_training import Build, KillAt, Killed, state_bytes, without_seconds

#: Loops, straight strokes, open curves.
COARSE = (0, 1, 2, 2, 1, 2, 0, 1, 0, 0)
QUICK = TrainingSettings(epochs=2, batch_size=200, learning_rate=0.02, shift=1, seed=3)
#: That of the trained network, to compare with it.
AS_TRAINED = TrainingSettings(epochs=10, batch_size=50, learning_rate=0.02, seed=1)
ATTACK = Attack(epsilon=2, steps=2, step=1)

EVERYTHING = {f"{part}.{k}" for part in ("stages", "heads") for k in range(3)}
EARLY_HEADS = {"heads.0", "heads.1"}
#: A strategy of each kind, and what of the network learns.
LEARNING: dict[str, tuple[Strategy, set[str]]] = {
    "joint": (Joint(), EVERYTHING),
    "heads_only": (HeadsOnly(), EARLY_HEADS),
    "last_exit": (LastExit(), EVERYTHING - EARLY_HEADS),
    "learned_weights": (LearnedWeights(), EVERYTHING),
    "equilibrium": (GradientEquilibrium(), EVERYTHING),
    "distilled from the last": (Distilled("last"), EVERYTHING),
    "distilled from every later": (Distilled("later"), EVERYTHING),
    "personalised with labels": (Personalised("labels"), EARLY_HEADS),
    "personalised by the last": (Personalised("last"), EARLY_HEADS),
    "hierarchical": (Hierarchical(COARSE), EVERYTHING),
    "adversarial, average": (Adversarial(ATTACK), EVERYTHING),
    "adversarial, max_average": (Adversarial(dataclasses.replace(ATTACK, form="max_average")), EVERYTHING),
}
each_strategy = pytest.mark.parametrize(("strategy", "learning"), LEARNING.values(), ids=LEARNING)


@pytest.fixture(scope="module")
def user_data(digits_data: Dataset) -> Dataset:
    """Everybody's 800 training images; 200 personal, and test images, of a user who slants to the left."""
    user, training = Handwriting(slant=-0.3), digits_data.training
    return dataclasses.replace(
        digits_data,
        training=Split(training.images[200:], training.labels[200:]),
        personal=user.written(training.take(200)),
        test=user.written(digits_data.test),
    )


def accuracy(logits: list[NDArray[np.int64]], split: Split) -> list[float]:
    return [float((z.argmax(axis=1) == split.labels).mean()) for z in logits]


def test_every_registered_strategy_is_tested_here_or_with_the_gates() -> None:
    others = {name for name, strategy in STRATEGIES.items() if not issubclass(strategy, GateTraining)}
    assert {strategy.name for strategy, _ in LEARNING.values()} == others


# --- what learns ---


@each_strategy
def test_a_strategy_trains_what_it_says_and_leaves_the_rest_to_the_bit(
    strategy: Strategy, learning: set[str], small_network: Build, user_data: Dataset
) -> None:
    network = small_network(1)
    before = state_bytes(network)
    few = dataclasses.replace(user_data, training=user_data.training.take(200))
    train(network, few, dataclasses.replace(QUICK, strategy=strategy, epochs=1))
    after = state_bytes(network)
    parts = {".".join(name.split(".")[:2]) for name in before if before[name] != after[name]}
    assert parts == learning
    assert all(parameter.requires_grad for parameter in network.parameters())
    learned = {id(p) for module in strategy.trained(network) for p in module.parameters()}
    assert all(p.grad is None for p in network.parameters() if id(p) not in learned)


@each_strategy
def test_a_killed_run_of_any_strategy_resumes_to_the_bit(
    strategy: Strategy,
    learning: set[str],  # noqa: ARG001
    small_network: Build,
    user_data: Dataset,
    tmp_path: Path,
) -> None:
    """The first phase's epochs come first, so that the second one's state is what is resumed."""
    few = dataclasses.replace(user_data, training=user_data.training.take(200))  # two steps an epoch
    phases = (
        dataclasses.replace(QUICK, epochs=1, batch_size=100),
        dataclasses.replace(QUICK, strategy=strategy, batch_size=100),
    )
    unbroken = small_network(1)
    history = train(unbroken, few, *phases)
    with pytest.raises(Killed):
        train(small_network(1), few, *phases, checkpoint=tmp_path, observer=KillAt(2, 1))
    resumed = small_network(77)
    assert without_seconds(train(resumed, few, *phases, checkpoint=tmp_path)) == without_seconds(history)
    assert state_bytes(resumed) == state_bytes(unbroken)


def test_a_checkpoint_is_of_a_strategys_settings_and_of_the_users_images(
    small_network: Build, user_data: Dataset, tmp_path: Path
) -> None:
    quick = dataclasses.replace(QUICK, epochs=1, strategy="distilled")
    trained = small_network(1)
    train(trained, user_data, quick, checkpoint=tmp_path)
    loaded = small_network(2)
    same = dataclasses.replace(quick, strategy=Distilled())  # what the name stands for
    train(loaded, user_data, same, checkpoint=tmp_path, observer=KillAt(0, 1))
    assert state_bytes(loaded) == state_bytes(trained)
    refused = "made with another network, data set or training settings"
    for other in (Distilled(alpha=0.25), Distilled("later"), "joint"):
        with pytest.raises(CheckpointError, match=refused):
            train(small_network(1), user_data, dataclasses.replace(quick, strategy=other), checkpoint=tmp_path)
    assert user_data.personal is not None
    fewer = dataclasses.replace(user_data, personal=user_data.personal.take(199))
    with pytest.raises(CheckpointError, match=refused):
        train(small_network(1), fewer, quick, checkpoint=tmp_path)


# --- formulas, by hand ---


def leaf(*rows: list[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64, requires_grad=True)


def gradient(loss: Tensor, of: Tensor) -> list[list[float]]:
    return [pytest.approx(row, rel=1e-12) for row in torch.autograd.grad(loss, of)[0].tolist()]


def test_distillation_is_the_divergence_from_the_softened_teacher_who_is_not_pulled() -> None:
    temperature = 2.0
    student = leaf([temperature * math.log(3), 0.0])  # 3/4, 1/4 at this temperature
    teacher = leaf([5.0, 5.0])  # 1/2, 1/2
    loss = distillation(student, teacher, temperature)
    assert float(loss.detach()) == pytest.approx(temperature**2 * math.log(4 / 3) / 2, rel=1e-12)
    assert gradient(loss, student) == [[temperature * 0.25, temperature * -0.25]]
    assert torch.autograd.grad(distillation(student, teacher, temperature), teacher, allow_unused=True) == (None,)


def test_self_distillation_mixes_teachers_and_labels_at_early_exits_alone() -> None:
    first, second, last = leaf([0.0, 0.0]), leaf([math.log(3), 0.0]), leaf([0.0, math.log(3)])
    logits, labels, weights = [first, second, last], torch.tensor([1]), (1.0, 2.0, 4.0)
    # of softmaxes (1/2, 1/2), (3/4, 1/4), (1/4, 3/4): divergences of the first from the others are equal
    to_first = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    to_second = 0.5 * math.log(3)
    cross_entropies = (math.log(2), math.log(4), math.log(4 / 3))
    expected = (
        (0.75 * cross_entropies[0] + 0.25 * to_first)
        + 2 * (0.75 * cross_entropies[1] + 0.25 * to_second)
        + 4 * cross_entropies[2]
    )
    for teacher in ("last", "later"):
        loss = Distilled(teacher, temperature=1.0, alpha=0.25).of(logits, labels, weights)
        assert float(loss.detach()) == pytest.approx(expected, rel=1e-12)
    # the last exit: pulled to (1, 0, ...) by both; from every later one, the second pulls the other way
    pulls = {
        teacher: torch.autograd.grad(Distilled(teacher, 1.0, 1.0).of(logits, labels, weights), first)[0]
        for teacher in ("last", "later")
    }
    assert pulls["last"].tolist() == [[pytest.approx(0.25), pytest.approx(-0.25)]]
    assert pulls["later"].tolist() == [[pytest.approx(0.0), pytest.approx(0.0)]]


def test_without_teachers_or_coarse_classes_losses_are_the_joint_one() -> None:
    rng = torch.Generator().manual_seed(5)
    logits = [torch.randn((4, 10), generator=rng) for _ in range(3)]
    labels, weights = torch.tensor([0, 3, 9, 3]), (0.5, 1.0, 3.0)
    joint = weighted_cross_entropy(logits, labels, weights)
    assert torch.equal(Distilled("later", alpha=0.0).of(logits, labels, weights), joint)
    assert torch.equal(Hierarchical(COARSE, fine=1.0).of(logits, labels, weights), joint)


def test_learned_weights_are_pulled_to_half_the_inverse_of_their_losses() -> None:
    losses, s = leaf([0.5, 2.0])[0], leaf([0.0, math.log(4)])[0]
    total = uncertainty_weighted(losses, s)
    assert float(total.detach()) == pytest.approx(0.5 + 2.0 / 4 + math.log(4) / 2, rel=1e-12)
    of_losses, of_s = torch.autograd.grad(total, (losses, s))
    assert of_losses.tolist() == pytest.approx([1.0, 0.25], rel=1e-12)
    assert of_s.tolist() == pytest.approx([0.0, 0.0], abs=1e-15)  # 1 = 1 / (2 * 0.5) and 1/4 = 1 / (2 * 2)
    assert torch.autograd.grad(uncertainty_weighted(losses, s + 1), s)[0].min() > 0


def test_learned_weights_start_from_the_exit_weights(small_network: Build) -> None:
    learned = LearnedWeights().learned(small_network(1), (0.25, 1.0, 2.0))
    assert torch.equal(learned[LOG_VARIANCE].detach(), -torch.tensor([0.25, 1.0, 2.0]).log())


def test_the_coarse_loss_is_that_of_the_sum_of_probabilities_within_a_group() -> None:
    logits, labels = leaf([0.0, 0.0, 0.0], [0.0, math.log(2), 0.0]), torch.tensor([0, 2])
    loss = coarse_cross_entropy(logits, labels, (0, 0, 1))
    assert float(loss.detach()) == pytest.approx((math.log(3 / 2) + math.log(4)) / 2, rel=1e-12)
    # p minus p within the label's group, over two samples
    assert gradient(loss, logits) == [[-1 / 12, -1 / 12, 1 / 6], [1 / 8, 1 / 4, -3 / 8]]


def test_the_weight_of_fine_labels_rises_evenly_to_the_last_exit() -> None:
    even = [torch.zeros((1, 10)) for _ in range(3)]  # groups of 4, 3, 3 classes
    losses = [
        float(Hierarchical(COARSE, fine=0.5).of(even, torch.tensor([0]), weights))
        for weights in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    ]
    coarse, fine = math.log(10 / 4), math.log(10)
    assert losses == pytest.approx([(coarse + fine) / 2, (coarse + 3 * fine) / 4, fine], rel=1e-6)


# --- gradient equilibrium ---


def evaluated(network: MultiExitNetwork) -> MultiExitNetwork:
    """A float64 copy in evaluation mode: gradients flow, and nothing is observed."""
    return network.reference()


def parameter_gradients(network: MultiExitNetwork, loss: Tensor) -> dict[str, Tensor]:
    names, parameters = zip(*network.named_parameters(), strict=True)
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    return {
        name: torch.zeros_like(parameter) if gradient is None else gradient
        for name, parameter, gradient in zip(names, parameters, found, strict=True)
    }


@pytest.fixture(scope="module")
def some(digits_data: Dataset) -> tuple[Tensor, Tensor]:
    """64 images as values, and their labels."""
    part = digits_data.test.take(64)
    return torch.from_numpy(part.images.astype(np.float64)) / 16, torch.from_numpy(part.labels)


def batch_of(network: MultiExitNetwork, some: tuple[Tensor, Tensor]) -> Batch:
    return Batch(network, *some, (1.0,) * network.exits, torch.nn.ParameterDict())


def test_equilibrium_leaves_values_and_heads_and_halves_the_first_of_two_stages_to_the_bit(
    trained_network: MultiExitNetwork, some: tuple[Tensor, Tensor]
) -> None:
    """With two exits all factors are powers of two, which round nothing."""
    three = evaluated(trained_network)
    network = MultiExitNetwork(
        list(three.stages)[:2], list(three.heads)[:2], three.input_format, three.input_shape
    ).eval()
    joint, logits = Joint().loss(batch_of(network, some))
    balanced, same_logits = GradientEquilibrium().loss(batch_of(network, some))
    assert all(torch.equal(a, b) for a, b in zip(logits, same_logits, strict=True))
    assert torch.equal(joint, balanced)
    before, after = parameter_gradients(network, joint), parameter_gradients(network, balanced)
    for name, plain in before.items():
        assert torch.equal(after[name], plain / 2 if name.startswith("stages.0.") else plain), name
    assert any(bool(plain.any()) for name, plain in before.items() if name.startswith("stages.0."))


def test_each_stage_learns_from_the_mean_of_the_gradients_of_the_exits_behind_it(
    trained_network: MultiExitNetwork, some: tuple[Tensor, Tensor]
) -> None:
    network = evaluated(trained_network)
    own = [parameter_gradients(network, F.cross_entropy(network(some[0])[k], some[1])) for k in range(3)]
    balanced = parameter_gradients(network, GradientEquilibrium().loss(batch_of(network, some))[0])
    for name, found in balanced.items():
        part, k = name.split(".")[0], int(name.split(".")[1])
        behind = [own[j][name] for j in range(k, 3)] if part == "stages" else [own[k][name]]
        torch.testing.assert_close(found, torch.stack(behind).mean(dim=0), rtol=1e-9, atol=1e-12)
        # what bounds it: no mean is larger than the largest
        assert found.norm() <= max(single.norm() for single in behind) * (1 + 1e-9)


def test_equilibrium_ends_with_its_block(trained_network: MultiExitNetwork, some: tuple[Tensor, Tensor]) -> None:
    network = evaluated(trained_network)
    plain = parameter_gradients(network, Joint().loss(batch_of(network, some))[0])
    with gradients_in_equilibrium(network):
        pass
    after = parameter_gradients(network, Joint().loss(batch_of(network, some))[0])
    assert all(torch.equal(after[name], gradient) for name, gradient in plain.items())


# --- attacks ---


@pytest.mark.parametrize("form", ["average", "max_average"])
def test_an_attack_stays_in_its_ball_on_the_grid_and_does_more_than_noise(
    form: attack.Form, trained_network: MultiExitNetwork, digits_data: Dataset
) -> None:
    test = digits_data.test
    codes = attacked_codes(trained_network, test.images, test.labels, Attack(2, 5, 1, form), seed=1)
    assert codes.dtype == np.int64
    assert np.abs(codes - test.images.astype(np.int64)).max() == 2
    assert codes.min() == 0
    assert codes.max() <= trained_network.input_format.max_code
    noise = np.random.default_rng(1).integers(-2, 3, test.images.shape)
    noisy = np.clip(test.images + noise, 0, trained_network.input_format.max_code)
    under_attack, under_noise = (accuracy(trained_network.logits(images), test) for images in (codes, noisy))
    assert all(attacked < noisy for attacked, noisy in zip(under_attack, under_noise, strict=True))
    again = attacked_codes(trained_network, test.images, test.labels, Attack(2, 5, 1, form), seed=1)
    assert np.array_equal(again, codes)


def test_the_max_average_attack_is_the_worst_for_all_exits_of_those_on_each(
    trained_network: MultiExitNetwork, some: tuple[Tensor, Tensor]
) -> None:
    images, labels = some[0].float(), some[1]
    settings = Attack(2, 2, 1, "max_average")

    def losses(of: Tensor) -> Tensor:
        with torch.no_grad():
            return attack._mean_over_exits(trained_network(of), labels)

    torch.manual_seed(4)
    chosen = attack.attacked(trained_network, images, labels, settings)
    torch.manual_seed(4)
    each = [
        losses(attack._ascended(trained_network, images, labels, settings, attack._of_exit(k)))
        for k in range(trained_network.exits)
    ]
    assert torch.equal(losses(chosen), torch.stack(each).amax(dim=0))
    assert len(set(torch.stack(each).argmax(dim=0).tolist())) > 1  # no exit is the worst for every image


def test_an_attack_leaves_a_network_in_training_as_it_is(
    trained_network: MultiExitNetwork, some: tuple[Tensor, Tensor]
) -> None:
    network = copy.deepcopy(trained_network).train()
    network.stages[0].eval()
    network.zero_grad()
    before, modes = state_bytes(network), [module.training for module in network.modules()]
    attack.attacked(network, some[0].float(), some[1], ATTACK)
    assert state_bytes(network) == before
    assert [module.training for module in network.modules()] == modes
    assert all(parameter.grad is None for parameter in network.parameters())


# --- what strategies are for ---


def test_in_two_stages_early_heads_learn_behind_a_last_exit_that_stays(
    small_network: Build, digits_data: Dataset
) -> None:
    network, test = small_network(1), digits_data.test
    train(network, digits_data, dataclasses.replace(AS_TRAINED, strategy="last_exit", epochs=3))
    first = network.logits(test.images)
    train(network, digits_data, dataclasses.replace(AS_TRAINED, strategy="heads_only", epochs=3))
    second = network.logits(test.images)
    assert np.array_equal(first[-1], second[-1])
    before, after = accuracy(first, test), accuracy(second, test)
    assert max(before[:2]) < 0.3
    assert min(after[:2]) > 0.6


def test_learned_weights_leave_a_bad_start_and_history_tells_them(small_network: Build, digits_data: Dataset) -> None:
    """Losses are between 1/8 and 5 throughout: a weight of 4 is too large for them, one of 1/10 too small."""
    unbalanced = dataclasses.replace(AS_TRAINED, strategy="learned_weights", exit_weights=(4.0, 1.0, 0.1), epochs=3)
    history = train(small_network(1), digits_data, unbalanced)
    log_variances = np.array([[-math.log(4), 0, math.log(10)]] + [entry["learned"][LOG_VARIANCE] for entry in history])
    assert (np.diff(log_variances[:, 0]) > 0).all()
    assert (np.diff(log_variances[:, 2]) < 0).all()
    assert "learned" not in train(small_network(1), digits_data, dataclasses.replace(QUICK, epochs=1))[0]


def test_early_exits_learn_from_the_last_alone_where_they_are_given_no_labels(
    small_network: Build, digits_data: Dataset
) -> None:
    """With alpha = 1 labels reach the last exit only; early ones would stay at one in ten."""
    network, test = small_network(1), digits_data.test
    train(network, digits_data, dataclasses.replace(AS_TRAINED, strategy=Distilled("last", 2.0, 1.0)))
    assert min(accuracy(network.logits(test.images), test)) > 0.6


def test_a_network_trained_under_attack_withstands_another_attack_better_at_every_exit(
    trained_network: MultiExitNetwork, small_network: Build, digits_data: Dataset
) -> None:
    hardened, test = small_network(1), digits_data.test.take(200)
    # in fewer epochs, each of which takes far longer
    train(hardened, digits_data, dataclasses.replace(AS_TRAINED, strategy=Adversarial(ATTACK), epochs=4))
    stronger = Attack(epsilon=2, steps=5, step=1, form="max_average")
    of_hardened, of_joint = (
        accuracy(network.logits(attacked_codes(network, test.images, test.labels, stronger)), test)
        for network in (hardened, trained_network)
    )
    assert all(a > b + 0.05 for a, b in zip(of_hardened, of_joint, strict=True))


@pytest.fixture(scope="module")
def for_everybody() -> tuple[MultiExitNetwork, TrainingSettings, Dataset]:
    """The recipe's network after a first phase that makes its last exit a teacher, the settings of its second, and its
    data.
    """
    recipe = hw.load_recipe("personalised")
    network, data = recipe.build(), recipe.data()
    everybody, own = recipe.training
    train(network, data, dataclasses.replace(everybody, epochs=16))
    return network, own, data


@pytest.mark.parametrize(("teacher", "gain"), [("labels", 0.1), ("last", 0.05)])
def test_personalised_heads_know_the_user_better_and_the_last_exit_answers_everybody_as_before(
    teacher: Any,
    gain: float,
    for_everybody: tuple[MultiExitNetwork, TrainingSettings, Dataset],
    digits_data: Dataset,
) -> None:
    """On images that the user wrote and no head has seen. Labels teach more than a last exit that errs itself."""
    network, own, data = copy.deepcopy(for_everybody[0]), for_everybody[1], for_everybody[2]
    before = network.logits(data.test.images)
    everybody = network.logits(digits_data.test.images)
    train(network, data, dataclasses.replace(own, strategy=Personalised(teacher)))
    after = network.logits(data.test.images)
    was, now = accuracy(before, data.test), accuracy(after, data.test)
    assert now[0] > was[0] + gain
    assert np.array_equal(after[-1], before[-1])
    assert np.array_equal(network.logits(digits_data.test.images)[-1], everybody[-1])
    if teacher == "labels":
        assert now[1] > was[1] + gain
        assert min(now[:2]) > now[2]  # nobody taught the last exit this hand


def test_with_the_last_exit_as_teacher_the_users_labels_are_not_read(
    trained_network: MultiExitNetwork, user_data: Dataset
) -> None:
    assert user_data.personal is not None
    wrong = dataclasses.replace(
        user_data, personal=Split(user_data.personal.images, (user_data.personal.labels + 1) % 10)
    )
    states: dict[str, list[Any]] = {"last": [], "labels": []}
    for teacher, found in states.items():
        for data in (user_data, wrong):
            network = copy.deepcopy(trained_network)
            settings = dataclasses.replace(AS_TRAINED, strategy=Personalised(teacher), epochs=1)  # type: ignore[arg-type]
            train(network, data, settings)
            found.append(state_bytes(network))
    assert states["last"][0] == states["last"][1]
    assert states["labels"][0] != states["labels"][1]


def test_an_exit_with_coarse_labels_alone_tells_groups_apart_and_guesses_within_them(
    small_network: Build, digits_data: Dataset
) -> None:
    network, test, group = small_network(1), digits_data.test, np.array(COARSE)
    train(network, digits_data, dataclasses.replace(AS_TRAINED, strategy=Hierarchical(COARSE, fine=0.0), epochs=5))
    logits = network.logits(test.images)
    fine = accuracy(logits, test)
    coarse = [float((group[z.argmax(axis=1)] == group[test.labels]).mean()) for z in logits]
    assert coarse[0] > 0.75
    assert fine[0] < 0.6
    assert min(fine[1], fine[2]) > 0.75


# --- handwriting ---


def test_a_hand_that_changes_nothing_writes_the_same_images(digits_data: Dataset) -> None:
    written = Handwriting().written(digits_data.test)
    assert np.array_equal(written.images, digits_data.test.images)
    assert written.images.dtype == digits_data.test.images.dtype
    assert np.array_equal(written.labels, digits_data.test.labels)


def test_hands_rotate_slant_and_thicken() -> None:
    image = np.random.default_rng(1).integers(0, 17, (1, 1, 8, 8)).astype(np.uint8)
    split = Split(image, np.zeros(1, np.int64))
    assert np.array_equal(Handwriting(rotation=90).written(split).images, np.rot90(image, axes=(2, 3)))
    line = np.zeros((1, 1, 5, 5), np.uint8)
    line[..., 2] = 16
    stroke = Split(line, np.zeros(1, np.int64))
    assert np.array_equal(Handwriting(slant=1).written(stroke).images[0, 0], 16 * np.eye(5, dtype=np.uint8)[::-1])
    assert Handwriting(thickness=0.5).written(stroke).images[0, 0].tolist() == [[0, 8, 16, 8, 0]] * 5


# --- recipes ---

OF_DIGITS = [name for name in recipe_names() if name.endswith("_digits")]


@pytest.mark.parametrize("name", [name for name in OF_DIGITS if hw.load_recipe(name).policy.criterion != "gate"])
def test_a_recipe_trains_the_digits_network_by_its_strategy(name: str) -> None:
    recipe, digits = hw.load_recipe(name), hw.load_recipe("digits")
    assert recipe.build().digest() == digits.build().digest()
    data, network = recipe.data(), recipe.build()
    few = dataclasses.replace(data, training=data.training.take(100))
    history = train(network, few, *(dataclasses.replace(phase, epochs=1) for phase in recipe.training))
    assert len(history) == len(recipe.training)
    assert digits.name == "digits"


# --- what is refused ---


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Distilled("first"), "teacher='first' is not known. Known: last, later"),
        (lambda: Distilled(temperature=0.0), "temperature=0.0, alpha=0.5: the first must be positive"),
        (lambda: Distilled(alpha=1.5), "temperature=3.0, alpha=1.5: .* the second in 0..1"),
        (lambda: Personalised("user"), "teacher='user' is not known. Known: labels, last"),
        (lambda: Personalised(temperature=math.nan), "temperature=nan is not positive"),
        (lambda: Hierarchical((0,) * 10), "give each class its group, counted from 0 without gaps, and two"),
        (lambda: Hierarchical((0, 2)), r"coarse=\(0, 2\): give each class its group, counted from 0 without gaps"),
        (lambda: Hierarchical((0, 1), fine=-0.1), "fine=-0.1 is not in 0..1"),
        (lambda: Adversarial(attacked_weight=0.0), "attacked_weight=0.0 is not above 0 and at most 1"),
        (lambda: Attack(epsilon=0), "epsilon=0 is not a positive whole number; epsilon and step count codes"),
        (lambda: Attack(step=0.5), "step=0.5 is not a positive whole number"),
        (lambda: Attack(form="max"), "form='max' is not known. Known: average, max_average"),
        (lambda: TrainingSettings(strategy="hierarchical"), r"no default for coarse: give .*Hierarchical\(coarse=…\)"),
        (lambda: TrainingSettings(strategy=3), "strategy=3 is neither a strategy's name nor a strategy"),
        (lambda: TrainingSettings(strategy=Distilled), "is neither a strategy's name nor a strategy, as in"),
        (lambda: TrainingSettings(exit_weights=(1.0, -1.0)), "none may be negative, and at least one must be positive"),
        (lambda: TrainingSettings(exit_weights=(0.0, 0.0)), r"exit_weights=\(0.0, 0.0\): none may be negative"),
    ],
)
def test_settings_that_mean_nothing_are_refused_with_advice(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        make()


def test_what_does_not_fit_network_or_data_is_refused_before_training(
    small_network: Build, digits_data: Dataset, user_data: Dataset
) -> None:
    network = small_network(1)
    before = state_bytes(network)
    with pytest.raises(SettingsError, match="groups of 9 classes, the network has 10: give one group per"):
        train(network, digits_data, strategy=Hierarchical(COARSE[:9]))
    with pytest.raises(SettingsError, match="epsilon=31 codes is the whole range of the input format, 31 codes"):
        train(network, digits_data, strategy=Adversarial(Attack(epsilon=31)))
    with pytest.raises(SettingsError, match="epsilon=31 codes is the whole range"):
        attacked_codes(network, digits_data.test.images, digits_data.test.labels, Attack(epsilon=31))
    with pytest.raises(SettingsError, match=r"exit_weights=\(1.0, 0.0, 1.0\): learned weights .* give positive ones"):
        train(network, digits_data, strategy="learned_weights", exit_weights=(1.0, 0.0, 1.0))
    with pytest.raises(SettingsError, match=re.escape("give Dataset(..., personal=Split(images, labels))")):
        train(network, digits_data, strategy="personalised")
    with pytest.raises(SettingsError, match="batch_size=201 is more than the 200 training images"):
        train(network, user_data, strategy="personalised", batch_size=201)
    assert user_data.personal is not None
    wide = Split(np.zeros((300, 1, 8, 9), np.uint8), np.zeros(300, np.int64))
    with pytest.raises(ImagesError, match=r"personal images \(1, 8, 9\), not \(1, 8, 8\)"):
        train(network, dataclasses.replace(user_data, personal=wide), strategy="personalised")
    assert state_bytes(network) == before
