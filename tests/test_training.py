"""Training repeats, resumes to the bit, freezes what it says, and its checkpoints survive kills and full disks."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

import torch

from hwcodesign.data import Dataset
from hwcodesign.errors import CheckpointError, ImagesError, SettingsError, TrainingError
from hwcodesign.networks import layers
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.training import TrainingSettings, train
from hwcodesign.training.checkpoint import CHECKPOINT, network_state

Build = Callable[[int], MultiExitNetwork]

#: 20 steps an epoch: ranges are observed for five of them.
EPOCH_STEPS = 20
SHORT = TrainingSettings(
    epochs=3, batch_size=250, learning_rate=0.02, shift=1, seed=4
)  # 12 steps: observing throughout
LONG = TrainingSettings(epochs=6, batch_size=50, learning_rate=0.02, shift=1, seed=4)  # 120 steps
HEADS = TrainingSettings(strategy="heads_only", epochs=2, batch_size=125, learning_rate=0.01, seed=5)


class Killed(Exception):  # noqa: N818
    """What stands for a kill between two steps."""


class KillAt:
    """An observer that kills training at a step of an epoch; epochs count on through phases."""

    def __init__(self, epoch: int, step: int) -> None:
        self.at, self.epochs, self.steps = (epoch, step), -1, 0

    def epoch(self, number: int, epochs: int, steps: int) -> None:  # noqa: ARG002
        self.epochs, self.steps = self.epochs + 1, 0

    def step(self, loss: float, accuracy: Sequence[float]) -> None:  # noqa: ARG002
        self.steps += 1
        if (self.epochs, self.steps) == self.at:
            raise Killed


def state_bytes(network: MultiExitNetwork) -> dict[str, bytes]:
    return {name: tensor.detach().numpy().tobytes() for name, tensor in network_state(network).items()}


def without_seconds(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in entry.items() if key != "seconds"} for entry in history]


@pytest.fixture(scope="module")
def unbroken(
    small_network: Build, digits_data: Dataset
) -> Callable[..., tuple[dict[str, bytes], list[dict[str, Any]]]]:
    """State and history of a run that nothing interrupts, by its phases; trained once each."""
    known: dict[tuple[TrainingSettings, ...], tuple[dict[str, bytes], list[dict[str, Any]]]] = {}

    def run(*phases: TrainingSettings) -> tuple[dict[str, bytes], list[dict[str, Any]]]:
        if phases not in known:
            network = small_network(1)
            history = train(network, digits_data, *phases)
            known[phases] = state_bytes(network), without_seconds(history)
        return known[phases]

    return run


def test_observation_ends_within_the_long_run_and_not_within_the_short_one() -> None:
    assert 1000 // SHORT.batch_size * SHORT.epochs < layers._OBSERVED_STEPS < 1000 // LONG.batch_size * LONG.epochs
    assert 1000 // LONG.batch_size == EPOCH_STEPS


def test_the_same_seed_gives_the_same_weights_and_another_seed_does_not(
    small_network: Build, digits_data: Dataset, unbroken: Callable[..., Any]
) -> None:
    first, history = unbroken(SHORT)
    torch.manual_seed(99)  # nothing of the outside may matter
    again = small_network(1)
    assert without_seconds(train(again, digits_data, SHORT)) == history
    assert state_bytes(again) == first
    other = small_network(1)
    train(other, digits_data, dataclasses.replace(SHORT, seed=5))
    assert state_bytes(other) != first


def test_training_learns_and_its_history_says_so(unbroken: Callable[..., Any]) -> None:
    _, history = unbroken(LONG)
    assert [(entry["phase"], entry["epoch"]) for entry in history] == [(0, epoch) for epoch in range(6)]
    assert history[-1]["loss"] < history[0]["loss"]
    for first, last in zip(history[0]["accuracy"], history[-1]["accuracy"], strict=True):
        assert first < 0.5 < last


@pytest.mark.parametrize(
    ("phases", "epoch", "step"),
    [
        pytest.param((SHORT,), 0, 2, id="in the first epoch, before any checkpoint"),
        pytest.param((SHORT,), 1, 2, id="while ranges are observed"),
        pytest.param((LONG,), 3, 7, id="while ranges are observed, resumed beyond"),
        pytest.param((LONG,), 5, 20, id="after observation, in the very last step"),
        pytest.param((SHORT, HEADS), 4, 3, id="in the second phase"),
        pytest.param((SHORT, HEADS), 3, 1, id="in the second phase's first step"),
    ],
)
def test_a_killed_run_resumes_to_the_bit(
    phases: tuple[TrainingSettings, ...],
    epoch: int,
    step: int,
    small_network: Build,
    digits_data: Dataset,
    unbroken: Callable[..., Any],
    tmp_path: Path,
) -> None:
    with pytest.raises(Killed):
        train(small_network(1), digits_data, *phases, checkpoint=tmp_path, observer=KillAt(epoch, step))
    # where there is a checkpoint, everything is in it: another start must not matter
    resumed = small_network(1 if epoch == 0 else 77)
    history = train(resumed, digits_data, *phases, checkpoint=tmp_path)
    state, unbroken_history = unbroken(*phases)
    assert without_seconds(history) == unbroken_history
    assert state_bytes(resumed) == state


def test_a_run_killed_after_every_epoch_still_ends_at_the_same_bits(
    small_network: Build, digits_data: Dataset, unbroken: Callable[..., Any], tmp_path: Path
) -> None:
    for _ in range(SHORT.epochs - 1):
        with pytest.raises(Killed):
            train(small_network(1), digits_data, SHORT, checkpoint=tmp_path, observer=KillAt(1, 1))
    last = small_network(1)
    train(last, digits_data, SHORT, checkpoint=tmp_path)
    assert state_bytes(last) == unbroken(SHORT)[0]


def test_a_complete_checkpoint_is_loaded_and_nothing_trained(
    small_network: Build, digits_data: Dataset, unbroken: Callable[..., Any], tmp_path: Path
) -> None:
    train(small_network(1), digits_data, SHORT, checkpoint=tmp_path)
    loaded = small_network(2)
    history = train(loaded, digits_data, SHORT, checkpoint=tmp_path, observer=KillAt(0, 1))
    assert (state_bytes(loaded), without_seconds(history)) == unbroken(SHORT)
    assert not loaded.training


def test_heads_only_leaves_the_backbone_and_the_last_head_as_they_are(
    small_network: Build, digits_data: Dataset
) -> None:
    network = small_network(1)
    train(network, digits_data, SHORT)
    before = state_bytes(network)
    logits = network.logits(digits_data.test.images[:50])
    train(network, digits_data, HEADS)
    after = state_bytes(network)
    changed = {name for name in before if before[name] != after[name]}
    assert changed
    assert {".".join(name.split(".")[:2]) for name in changed} == {"heads.0", "heads.1"}
    assert any(name.endswith("weight") for name in changed)
    now = network.logits(digits_data.test.images[:50])
    assert np.array_equal(now[-1], logits[-1])
    assert not np.array_equal(now[0], logits[0])


# --- damaged and foreign checkpoints ---


@pytest.fixture(scope="module")
def stopped(small_network: Build, digits_data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint after the first epoch; to be copied."""
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.raises(Killed):
        train(small_network(1), digits_data, SHORT, checkpoint=folder, observer=KillAt(1, 1))
    return folder


@pytest.fixture
def checkpoint(stopped: Path, tmp_path: Path) -> Path:
    for path in stopped.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def tensors_of(folder: Path) -> Path:
    return folder / str(json.loads((folder / CHECKPOINT).read_text())["tensors"])


def edit(folder: Path, **fields: object) -> None:
    data = json.loads((folder / CHECKPOINT).read_text())
    (folder / CHECKPOINT).write_text(json.dumps({**data, **fields}))


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (
        lambda f: os.truncate(tensors_of(f), tensors_of(f).stat().st_size - 1),
        "missing, truncated or altered",
    ),
    "emptied": (lambda f: os.truncate(tensors_of(f), 0), "missing, truncated or altered"),
    "altered at its end": (lambda f: flip(tensors_of(f), -1), "missing, truncated or altered"),
    "altered in its head": (lambda f: flip(tensors_of(f), 20), "missing, truncated or altered"),
    "without its tensors": (lambda f: tensors_of(f).unlink(), "missing, truncated or altered"),
    "pointing elsewhere": (lambda f: edit(f, tensors="../../etc/passwd"), "passwd is missing, truncated or altered"),
    "not JSON": (lambda f: (f / CHECKPOINT).write_text("phase: 1"), "is not a checkpoint"),
    "binary": (lambda f: (f / CHECKPOINT).write_bytes(b"\xff\xfe\x00"), "is not a checkpoint"),
    "empty": (lambda f: (f / CHECKPOINT).write_text(""), "is not a checkpoint"),
    "cut in half": (lambda f: os.truncate(f / CHECKPOINT, 80), "is not a checkpoint"),
    "other JSON": (lambda f: (f / CHECKPOINT).write_text("[1, 2]"), "is not a checkpoint"),
    "null": (lambda f: (f / CHECKPOINT).write_text("null"), "is not a checkpoint"),
    "without a field": (
        lambda f: (f / CHECKPOINT).write_text('{"tensors": "x"}'),
        "is not a checkpoint .*tensors_sha256",
    ),
    "of another version": (lambda f: edit(f, checkpoint_version=9), "checkpoint version 9, not 1"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_refused_with_the_way_out(
    damage: str, checkpoint: Path, small_network: Build, digits_data: Dataset
) -> None:
    harm, message = DAMAGES[damage]
    harm(checkpoint)
    network = small_network(1)
    before = state_bytes(network)
    with pytest.raises(CheckpointError, match=message) as refusal:
        train(network, digits_data, SHORT, checkpoint=checkpoint)
    assert str(refusal.value).startswith(str(checkpoint))
    assert f"remove {checkpoint} to train from the start" in str(refusal.value)
    assert state_bytes(network) == before


@pytest.mark.parametrize(
    "phases",
    [
        (dataclasses.replace(SHORT, learning_rate=0.03),),
        (dataclasses.replace(SHORT, seed=6),),
        (dataclasses.replace(SHORT, epochs=4),),
        (SHORT, HEADS),
    ],
    ids=["learning rate", "seed", "epochs", "phases"],
)
def test_a_checkpoint_of_other_settings_is_refused(
    phases: tuple[TrainingSettings, ...], checkpoint: Path, small_network: Build, digits_data: Dataset
) -> None:
    with pytest.raises(
        CheckpointError, match=r"made with another network, data set or training settings; remove .* to train"
    ):
        train(small_network(1), digits_data, *phases, checkpoint=checkpoint)


def test_a_checkpoint_of_another_network_or_data_set_is_refused(
    checkpoint: Path, small_network: Build, digits_data: Dataset
) -> None:
    fewer = dataclasses.replace(digits_data, training=digits_data.training.take(999))
    with pytest.raises(CheckpointError, match="made with another network, data set or training settings"):
        train(small_network(1), fewer, SHORT, checkpoint=checkpoint)
    network = small_network(1)
    two = MultiExitNetwork(list(network.stages)[:2], list(network.heads)[:2], network.input_format, (1, 8, 8))
    with pytest.raises(CheckpointError, match="made with another network, data set or training settings"):
        train(two, digits_data, SHORT, checkpoint=checkpoint)


# --- writes that fail ---


class FullDisk:
    """A system call that fails at its n-th use."""

    def __init__(self, call: Callable[..., Any], fails_at: int) -> None:
        self.call, self.left, self.failed = call, fails_at, False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            self.failed = True
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.call(*args, **kwargs)


@pytest.mark.parametrize("write", [1, 2, 3, 4], ids=["tensors", "JSON", "next tensors", "next JSON"])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_former_checkpoint_and_no_temporary_files(
    call: str,
    write: int,
    checkpoint: Path,
    small_network: Build,
    digits_data: Dataset,
    unbroken: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After one epoch: the writes of the second and third epoch fail, one at a time."""
    with monkeypatch.context() as patch:
        if call == "fsync":
            failing = FullDisk(os.fsync, write)
            patch.setattr(os, "fsync", failing)
        else:
            failing = FullDisk(Path.replace, write)
            patch.setattr(Path, "replace", lambda self, target: failing(self, target))  # noqa: PLW0108  # binds self
        with pytest.raises(OSError, match="No space left on device"):
            train(small_network(1), digits_data, SHORT, checkpoint=checkpoint)
        assert failing.failed
    recorded = json.loads((checkpoint / CHECKPOINT).read_text())
    assert recorded["epoch"] == (1 if write <= 2 else 2)
    assert list(checkpoint.glob(".*")) == []
    resumed = small_network(77)
    train(resumed, digits_data, SHORT, checkpoint=checkpoint)
    assert state_bytes(resumed) == unbroken(SHORT)[0]
    assert [path.name for path in checkpoint.glob("*.safetensors")] == [tensors_of(checkpoint).name]
    assert len(list(checkpoint.iterdir())) == 2


# --- settings ---


@pytest.mark.parametrize(
    "field", [{"epochs": 0}, {"batch_size": 0}, {"shift": -1}, {"learning_rate": 0.0}, {"learning_rate": np.nan}]
)
def test_settings_out_of_range_are_refused_by_name(field: dict[str, Any]) -> None:
    ((name, value),) = field.items()
    with pytest.raises(
        SettingsError, match=f"{name}={value}.* the first three must be positive, the others not negative"
    ):
        TrainingSettings(**field)


def test_what_does_not_fit_network_or_data_is_refused_before_training(
    small_network: Build, digits_data: Dataset
) -> None:
    network = small_network(1)
    before = state_bytes(network)
    with pytest.raises(
        SettingsError,
        match=r"training strategy 'magic' is not known\. Known: adversarial, distilled, equilibrium, heads_only",
    ):
        train(network, digits_data, strategy="magic")
    with pytest.raises(SettingsError, match="2 exit_weights for 3 exits: give one per exit"):
        train(network, digits_data, exit_weights=(1.0, 2.0))
    with pytest.raises(SettingsError, match="batch_size=1001 is more than the 1000 training images"):
        train(network, digits_data, batch_size=1001)
    with pytest.raises(SettingsError, match="give phases, or the fields of one phase, not both"):
        train(network, digits_data, SHORT, epochs=2)
    other = MultiExitNetwork(
        list(network.stages), list(network.heads), dataclasses.replace(network.input_format, width=6), (1, 8, 8)
    )
    with pytest.raises(
        ImagesError, match=r"digits has images \(1, 8, 8\) of ufixed<5,1.*the network takes \(1, 8, 8\) of ufixed<6,1"
    ):
        train(other, digits_data, SHORT)
    assert state_bytes(network) == before


def test_training_that_diverges_is_an_error(small_network: Build, digits_data: Dataset, tmp_path: Path) -> None:
    network = small_network(1)
    with torch.no_grad():
        next(iter(network.heads[0].parameters())).fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"the loss is nan at step 1 of epoch 1: training diverged; lower learning"):
        train(network, digits_data, epochs=1, batch_size=50, learning_rate=0.01, seed=1, checkpoint=tmp_path)
    assert not (tmp_path / CHECKPOINT).exists()
