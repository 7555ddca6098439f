"""What a multi-exit network must be, said by name where it is not; its integers, costs and digest."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

import brevitas.nn as qnn
import torch
from brevitas.quant import Uint8ActPerTensorFixedPoint, Uint8ActPerTensorFloat
from torch import nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.data import Dataset
from hwcodesign.errors import ImagesError, NetworkError, SettingsError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.images import channels_last, encode_images, lane_bits, pack_words, words_per_sample
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.recipes import load_recipe

PRECISION = layers.Precision()
INPUT = FixedPoint(4, 2, signed=False)


def stage(inputs: int, outputs: int, end: nn.Module | None = None) -> nn.Module:
    return nn.Sequential(
        layers.conv2d(inputs, outputs, 3, padding=1, precision=PRECISION), end or layers.relu(precision=PRECISION)
    )


def head(channels: int, classes: int = 3, *, end: nn.Module | None = None, pixels: int = 16) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(),
        layers.linear(channels * pixels, classes, precision=PRECISION),
        end or layers.logits(precision=PRECISION),
    )


def network(stages: list[nn.Module], heads: list[nn.Module], shape: tuple[int, ...] = (1, 4, 4)) -> MultiExitNetwork:
    return MultiExitNetwork(stages, heads, INPUT, shape)


@pytest.mark.parametrize(("width", "bits"), [(1, 8), (8, 8), (9, 16), (16, 16), (17, 32), (32, 32)])
def test_elements_travel_in_the_narrowest_lanes_that_hold_them(width: int, bits: int) -> None:
    fmt = FixedPoint(width, width)
    codes = np.random.default_rng(width).integers(fmt.min_code, fmt.max_code, (2, 3, 1, 5), endpoint=True)
    words = pack_words(codes, fmt)
    assert lane_bits(fmt) == bits
    assert words.shape == (2, words_per_sample(fmt, (3, 1, 5))) == (2, -(-15 * bits // 64))
    for sample, packed in zip(codes, words, strict=True):
        whole = sum(int(word) << 64 * n for n, word in enumerate(packed))
        lanes = [whole >> bits * n & (1 << bits) - 1 for n in range(64 // bits * len(packed))]
        wanted = [int(code) % (1 << bits) for code in sample.transpose(1, 2, 0).reshape(-1)]
        assert lanes == wanted + [0] * (len(lanes) - 15)


def test_a_network_that_fits_is_taken_and_knows_its_boundaries() -> None:
    fits = network([stage(1, 2), stage(2, 3)], [head(2), head(3)])
    stages, heads = fits.boundaries()
    assert (fits.exits, fits.classes) == (2, 3)
    assert [[b.shape for b in tensors] for tensors in stages] == [[(2, 4, 4)], [(3, 4, 4)]]
    assert [b.shape for b in heads] == [(3,), (3,)]
    for (boundary,) in stages:
        assert (boundary.format.width, boundary.format.signed) == (5, False)
    for boundary in heads:
        assert (boundary.format.width, boundary.format.signed) == (8, True)
    for boundary in [*(boundary for (boundary,) in stages), *heads]:
        assert (boundary.format.rounding.value, boundary.format.overflow.value) == ("RND_CONV", "SAT")


@pytest.mark.parametrize(("stages", "heads"), [(2, 1), (1, 2), (0, 0)])
def test_numbers_of_stages_and_heads_that_do_not_fit_are_refused(stages: int, heads: int) -> None:
    with pytest.raises(NetworkError, match=f"{stages} stages and {heads} heads: .* one head per stage, and one stage"):
        network([stage(1, 2), stage(2, 3)][:stages], [head(2), head(3)][:heads])


def test_a_single_stage_makes_a_network_without_early_exits() -> None:
    assert network([stage(1, 2)], [head(2)]).exits == 1


@pytest.mark.parametrize("shape", [(), (4, 0), (1, 0, 4), (1, 1, 4, 4)])
def test_an_input_shape_that_is_no_image_sequence_or_vector_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(NetworkError, match=re.escape(f"input_shape {shape} is not (C, H, W), (C, L), (F,)")):
        network([stage(1, 2), stage(2, 3)], [head(2), head(3)], shape)


def test_a_stage_that_cannot_take_its_input_is_named_with_the_shape() -> None:
    with pytest.raises(NetworkError, match=r"stage 1 cannot take its input of shape \(2, 4, 4\)"):
        network([stage(1, 2), stage(5, 3)], [head(2), head(3)])
    with pytest.raises(NetworkError, match=r"stage 0 cannot take its input of shape \(1, 4, 4\)"):
        network([stage(3, 2), stage(2, 3)], [head(2), head(3)])


def test_a_head_that_cannot_take_its_input_is_named_with_the_shape() -> None:
    with pytest.raises(NetworkError, match=r"head 0 cannot take its input of shape \(2, 4, 4\)"):
        network([stage(1, 2), stage(2, 3)], [head(2, pixels=9), head(3)])


def test_a_boundary_that_is_a_plain_tensor_is_refused_with_the_way_out() -> None:
    plain = nn.Sequential(nn.Flatten(), nn.Linear(32, 3))
    with pytest.raises(
        NetworkError, match=r"head 0 ends in a plain tensor: .*return_quant_tensor=True.*layers\.relu or \.logits"
    ):
        network([stage(1, 2), stage(2, 3)], [plain, head(3)])
    with pytest.raises(NetworkError, match=r"stage 1 ends in a plain tensor"):
        network([stage(1, 2), stage(2, 3, nn.ReLU())], [head(2), head(3)])


def test_a_scale_that_is_no_power_of_two_is_refused_with_the_scale() -> None:
    end = qnn.QuantReLU(act_quant=Uint8ActPerTensorFloat, return_quant_tensor=True)
    with torch.no_grad():
        scale = float(end.eval()(torch.zeros(1)).scale)
    assert np.log2(scale) % 1 != 0
    with pytest.raises(
        NetworkError, match=rf"stages?[ .]1\S* has scale {scale:.6g}, which is not a power of two: use a fixed-point"
    ):
        network([stage(1, 2), stage(2, 3, end)], [head(2), head(3)])


def test_one_scale_per_channel_is_refused_at_a_boundary() -> None:
    end = qnn.QuantReLU(
        act_quant=Uint8ActPerTensorFixedPoint,
        scaling_per_output_channel=True,
        per_channel_broadcastable_shape=(1, 2, 1, 1),
        scaling_stats_permute_dims=(1, 0, 2, 3),
        return_quant_tensor=True,
    )
    with pytest.raises(NetworkError, match="stage 0 has 2 scales, one a channel: a boundary needs one scale"):
        network([stage(1, 2, end), stage(2, 3)], [head(2), head(3)])


def test_heads_with_different_numbers_of_classes_are_refused_with_their_shapes() -> None:
    with pytest.raises(NetworkError, match=r"heads give \(3,\), \(4,\) a sample: each must give the same number"):
        network([stage(1, 2), stage(2, 3)], [head(2, 3), head(3, 4)])
    with pytest.raises(NetworkError, match=r"heads give \(1,\), \(1,\) a sample: .* two or more"):
        network([stage(1, 2), stage(2, 3)], [head(2, 1), head(3, 1)])
    with pytest.raises(NetworkError, match=r"heads give \(3, 4, 4\), \(3,\) a sample"):
        network([stage(1, 2), stage(2, 3)], [stage(2, 3, layers.logits(precision=PRECISION)), head(3)])


@pytest.mark.parametrize(
    ("name", "bits", "most"), [("weights", 9, 8), ("activations", 1, 8), ("bias", 17, 16), ("logits", 0, 16)]
)
def test_a_precision_out_of_range_is_refused_by_name(name: str, bits: int, most: int) -> None:
    with pytest.raises(SettingsError, match=rf"{name}={bits} bits is not in 2\.\.{most}"):
        layers.Precision(**{name: bits})


# --- images at the door ---

FORMAT = FixedPoint(4, 2)  # -2 to 1.75 in quarters


def images(dtype: str = "float64", count: int = 3) -> np.ndarray[Any, Any]:
    return np.zeros((count, 2, 3, 3), dtype)


@pytest.mark.parametrize("shape", [(3, 2, 3), (3, 2, 3, 4), (3, 3, 3, 2), (2, 3, 3), (18,), (1, 3, 2, 3, 3)])
def test_images_of_another_shape_are_refused_with_both_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImagesError, match=re.escape(f"images have shape {shape}, not (N, 2, 3, 3)")):
        encode_images(np.zeros(shape), FORMAT, (2, 3, 3))


@pytest.mark.parametrize("dtype", ["bool", "complex64", "object", "U1"])
def test_images_that_are_no_numbers_of_a_kind_are_refused_with_their_dtype(dtype: str) -> None:
    with pytest.raises(ImagesError, match=r"images have dtype .*: give floats \(values\) or integers \(codes\)"):
        encode_images(images(dtype), FORMAT, (2, 3, 3))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize(
    ("value", "printed"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf"), (2.0, "2.0"), (-2.25, "-2.25")]
)
def test_a_value_that_does_not_fit_is_refused_with_value_and_index(value: float, printed: str, dtype: str) -> None:
    batch = images(dtype)
    batch[1, 0, 2, 1] = batch[2, 0, 0, 0] = value
    with pytest.raises(
        ImagesError, match=rf"value {printed} at index \(1, 0, 2, 1\) does not fit fixed<4,2.*-2 to 1.75"
    ):
        encode_images(batch, FORMAT, (2, 3, 3))


@pytest.mark.parametrize("dtype", ["int8", "int16", "int64", "uint8", "uint64"])
def test_a_code_that_does_not_fit_is_refused_with_code_and_index(dtype: str) -> None:
    batch = images(dtype)
    code = -9 if np.dtype(dtype).kind == "i" else 8
    batch[2, 1, 0, 1] = code
    with pytest.raises(
        ImagesError, match=rf"code {code} at index \(2, 1, 0, 1\) does not fit fixed<4,2.*codes are -8 to 7"
    ):
        encode_images(batch, FORMAT, (2, 3, 3))


def test_floats_are_values_rounded_half_to_even_and_integers_are_codes() -> None:
    values = np.array([-2.0, -0.625, -0.375, -0.125, 0.125, 0.375, 1.75, 1.8]).reshape(-1, 1, 1, 1)
    codes = [-8, -2, -2, 0, 0, 2, 7, 7]
    assert encode_images(values, FORMAT, (1, 1, 1)).reshape(-1).tolist() == codes
    learning = torch.from_numpy(values).requires_grad_()
    assert encode_images(learning, FORMAT, (1, 1, 1)).reshape(-1).tolist() == codes  # type: ignore[arg-type]
    for dtype in ("int8", "int32", "int64"):
        given = np.array(codes, dtype).reshape(-1, 1, 1, 1)
        assert encode_images(given, FORMAT, (1, 1, 1)).reshape(-1).tolist() == codes
    assert encode_images(images("uint8", 0), FORMAT, (2, 3, 3)).shape == (0, 2, 3, 3)


def test_channels_go_last_in_raster_order() -> None:
    batch = np.arange(24).reshape(1, 2, 3, 4)
    assert channels_last(batch)[0, 2, 1].tolist() == [batch[0, 0, 2, 1], batch[0, 1, 2, 1]]
    assert channels_last(batch).flags.c_contiguous


# --- integers, references, costs, digest ---


def test_float32_and_float64_give_the_same_integer_logits(
    trained_network: MultiExitNetwork, digits_data: Dataset
) -> None:
    codes = digits_data.test.images
    exact = trained_network.logits(codes)
    _, heads = trained_network.boundaries()
    with torch.no_grad():
        single = trained_network(torch.from_numpy(codes.astype(np.float32)) * trained_network.input_format.scale)
        double = trained_network.reference()(torch.from_numpy(codes / 16.0))
    for z32, z64, integers, boundary in zip(single, double, exact, heads, strict=True):
        assert (z32.dtype, z64.dtype) == (torch.float32, torch.float64)
        assert np.array_equal(z32.numpy() / boundary.format.scale, integers)
        assert np.array_equal(z64.numpy() / boundary.format.scale, integers)
        assert len(np.unique(integers)) > 20  # not all zero


def test_a_reference_is_a_copy_that_leaves_the_network_as_it_was(
    small_network: Callable[[int], MultiExitNetwork],
) -> None:
    net = small_network(3)
    net.train()
    before = net.digest()
    net.reference()
    net.logits(np.zeros((2, 1, 8, 8), np.uint8))
    net.boundaries()
    assert net.digest() == before
    assert all(module.training for module in net.modules())
    assert {p.dtype for p in net.parameters()} == {torch.float32}


def test_values_and_their_codes_give_the_same_integers(trained_network: MultiExitNetwork, digits_data: Dataset) -> None:
    codes = digits_data.test.images[:20]
    features, logits = trained_network.integers(codes)
    same_features, same_logits = trained_network.integers(codes / 16.0)
    for a, b in zip([*features, *logits], [*same_features, *same_logits], strict=True):
        assert np.array_equal(a, b)
    assert [f.shape for (f,) in features] == [(20, 4, 4, 3), (20, 4, 4, 6), (20, 2, 2, 12)]


@pytest.mark.parametrize("recipe", ["blenet_mnist", "blenet_fashion"])
def test_b_lenet_costs_what_atheena_says(recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(os.environ, "HWCODESIGN_DATA", raising=False)  # a network needs no data
    costs = load_recipe(recipe).build().costs()
    assert costs.at_exit == (249_600, 1_476_800)
    assert costs.full == 1_355_200
    assert costs.stages == (128_000, 1_220_000)
    assert costs.stages[0] + 115_200 == 243_200  # convolutions up to the first exit, the paper's count


def test_costs_count_padding_groups_strides_and_shared_layers() -> None:
    first = nn.Sequential(
        layers.conv2d(2, 4, 3, padding=1, stride=2, precision=PRECISION), layers.relu(precision=PRECISION),
        layers.conv2d(4, 4, 3, padding=1, groups=4, precision=PRECISION), layers.relu(precision=PRECISION),
    )  # fmt: skip
    net = MultiExitNetwork([first, stage(4, 1)], [head(4, pixels=9), head(1, pixels=9)], INPUT, (2, 5, 6))
    assert net.costs().stages == (9 * (9 * 2 * 4) + 9 * (9 * 1 * 4), 9 * (9 * 4 * 1))
    assert net.costs().heads == (4 * 9 * 3, 9 * 3)


def test_the_digest_changes_with_one_weight_and_with_nothing_else(
    trained_network: MultiExitNetwork, small_network: Callable[[int], MultiExitNetwork]
) -> None:
    net = copy.deepcopy(trained_network)
    digest = net.digest()
    assert digest == trained_network.digest()
    for name, parameter in net.named_parameters():
        with torch.no_grad():
            flat = parameter.reshape(-1)
            kept = flat[-1].clone()
            flat[-1] = torch.nextafter(kept, torch.tensor(torch.inf))
            assert net.digest() != digest, name
            flat[-1] = kept
        assert net.digest() == digest
    net.train()
    assert net.digest() == digest
    other = MultiExitNetwork(list(net.stages), list(net.heads), FixedPoint(6, 2, signed=False), (1, 8, 8))
    assert other.digest() != digest
    assert small_network(5).digest() == small_network(5).digest() != small_network(6).digest()


def test_a_network_that_has_seen_no_data_is_refused_by_the_names_of_its_quantisers(tmp_path: Path) -> None:
    network = uncalibrated()
    with pytest.raises(
        NetworkError, match=r"^quantiser 'stages.0.1' and 3 more was never calibrated: .*; train the network, load its"
    ):
        hw.fit_policy(network, None, criterion="margin", thresholds=[1.0])
    network.train()
    network(torch.rand(4, 1, 4, 4))
    network.eval()
    policy = hw.fit_policy(network, None, criterion="margin", thresholds=[1.0])
    with pytest.raises(NetworkError, match="was never calibrated"):
        hw.compile(uncalibrated(), policy, out=tmp_path / "design")
    loaded = uncalibrated()
    loaded.load_state_dict(network.state_dict())
    loaded.check_calibrated()


def test_a_scale_that_is_no_number_is_refused_by_name() -> None:
    network = uncalibrated()
    network.train()
    network(torch.rand(4, 1, 4, 4))
    for name, part in network.named_modules():
        if name.endswith("scaling_impl") and name.startswith("stages.0.1") and hasattr(part, "buffer"):
            part.buffer.fill_(float("nan"))
    with pytest.raises(
        NetworkError, match=r"stages.0.1.* has scale nan: training diverged, or the quantiser was never"
    ):
        network.check()


def uncalibrated() -> hw.MultiExitNetwork:
    precision = layers.Precision()
    stages = [
        nn.Sequential(layers.conv2d(1, 2, 3, precision=precision), layers.relu(precision=precision)) for _ in range(1)
    ]
    stages.append(nn.Sequential(layers.conv2d(2, 2, 1, precision=precision), layers.relu(precision=precision)))
    heads = [layers.linear_head(8, 3, precision=precision) for _ in range(2)]
    return hw.MultiExitNetwork(stages, heads, hw.FixedPoint(4, 0, signed=False), (1, 4, 4))


@pytest.mark.parametrize("softmax", [nn.Softmax(1), nn.LogSoftmax(1)])
def test_a_softmax_at_the_end_of_a_head_is_refused_or_left_off_when_asked(softmax: nn.Module) -> None:
    stages = [stage(1, 2), stage(2, 2)]
    heads = [head(2), nn.Sequential(head(2), softmax)]
    with pytest.raises(NetworkError, match=r"^head 1 ends in \w*Softmax: stop at its logits.*leave_off_softmax=True"):
        network(stages, heads)
    made = MultiExitNetwork(stages, heads, INPUT, (1, 4, 4), leave_off_softmax=True)
    assert not any(isinstance(part, type(softmax)) for part in made.modules())
    plain = network(stages, [head(2), heads[1][0]])
    codes = np.random.default_rng(0).integers(0, 16, (4, 1, 4, 4))
    assert np.array_equal(made.logits(codes)[1], plain.logits(codes)[1])
