"""Early exits that are left out of a network: what stays computes the same, in Brevitas and in hardware."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hwcodesign as hw
from hwcodesign.compilation import compile
from hwcodesign.data import Dataset
from hwcodesign.errors import NetworkError
from hwcodesign.fitting.network import fit_policy
from hwcodesign.networks.attach import attach_exits
from hwcodesign.networks.export import export_network
from hwcodesign.networks.leaving_out import with_early_exits
from hwcodesign.networks.network import MultiExitNetwork
from tests.several_tensors import two_scales
from tests.test_attach_exits import SHAPE, Residual, seeded
from tests.test_zoo_quantised import SMALL, quantised


@pytest.mark.parametrize("kept", [(), (0,), (1,), (0, 1)])
def test_logits_of_exits_that_stay_are_the_same(
    trained_network: MultiExitNetwork, digits_data: Dataset, kept: tuple[int, ...]
) -> None:
    images = digits_data.test.images[:100]
    whole, part = trained_network.logits(images), with_early_exits(trained_network, kept).logits(images)
    assert len(part) == len(kept) + 1
    for k, logits in zip((*kept, 2), part, strict=True):
        assert np.array_equal(logits, whole[k])


@pytest.mark.parametrize("kept", [(2,), (1, 0), (0, 0), (-1,)])
def test_exits_that_are_not_there_are_refused(trained_network: MultiExitNetwork, kept: tuple[int, ...]) -> None:
    with pytest.raises(NetworkError, match=r"early exits .* cannot stay: give numbers of 0 to 1, ascending, each once"):
        with_early_exits(trained_network, kept)


@pytest.mark.parametrize("kept", [(), (1,), (0, 2)])
def test_stages_of_several_tensors_are_joined(kept: tuple[int, ...], tmp_path: Path) -> None:
    """Tensors that a stage hands on as they came pass through joined stages, and so does a concatenation's format."""
    network = two_scales()
    part = with_early_exits(network, kept)
    images = np.random.default_rng(1).integers(0, 16, (24, 1, 8, 8))
    whole = network.logits(images)
    design = compile(part, fit_policy(part, None, criterion="margin", thresholds=(None,) * len(kept)), out=tmp_path)
    for k, logits in zip((*kept, 3), design.logits(images), strict=True):
        assert np.array_equal(logits, whole[k])


@pytest.mark.parametrize("kept", [(), (0,)])
def test_stages_of_a_quantised_network_that_add_channels_to_what_they_are_given_are_joined(
    kept: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next stage concatenates tensors of the one before, which pass between them as plain values."""
    network, data = quantised("msdnet_cifar", SMALL["msdnet_cifar"][0], monkeypatch)
    part, images = with_early_exits(network, kept), data.test.images[:8]
    policy = fit_policy(part, None, criterion="margin", thresholds=(None,) * len(kept))
    design, whole = compile(part, policy, out=tmp_path / "design", backend="vitis"), network.logits(images)
    for k, logits in zip((*kept, 2), design.logits(images), strict=True):
        assert np.array_equal(logits, whole[k])
    assert len(np.unique(whole[2], axis=0)) > 1


def test_joined_stages_of_a_traced_network_keep_the_names_of_their_layers(tmp_path: Path) -> None:
    """Every layer is called after its module, so that settings and messages can name it."""
    network = attach_exits(seeded(Residual), at=["layer1", "layer2"], input_shape=SHAPE)
    quantised = hw.quantise(network, calibration=np.random.default_rng(1).integers(0, 256, (32, *SHAPE)))
    part = with_early_exits(quantised, ())
    exported = {module for segment in export_network(part, tmp_path) for module in segment.modules.values()}
    known = {name for name, _ in part.named_modules()}
    layers = {name for name in exported if name.startswith("stages.0.parts.")}
    assert {name.split(".")[3] for name in layers} == {"0", "1", "2"}
    assert layers <= known
