"""A design folder: whole or refused, the same bytes every time, and run by NumPy alone in three modes."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

import hwcodesign as hw
from hwcodesign.data import Dataset
from hwcodesign.design import Design, load
from hwcodesign.designs.stored import MANIFEST, WEIGHTS
from hwcodesign.errors import DesignError, HwcodesignError, ImagesError, MissingExtraError, PolicyError, SettingsError
from hwcodesign.images import encode_images
from hwcodesign.interface.modes import ExitControl
from hwcodesign.interface.records import FLAG_FINAL, RECORD_DTYPE
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.policies import ExitPolicy
from hwcodesign.runtime import software

Files = Callable[[Path], dict[str, bytes]]
Images = np.ndarray[Any, Any]


@pytest.fixture
def copied(compiled_design: Design, tmp_path: Path) -> Path:
    """A copy of the design's folder, to harm."""
    return Path(shutil.copytree(compiled_design.folder, tmp_path / "copied"))


@pytest.fixture(scope="module")
def images(digits_data: Dataset) -> Images:
    """More than one software batch, and not a whole number of them."""
    return digits_data.test.images[:150]


# --- loading ---


def test_a_loaded_design_is_the_compiled_one(compiled_design: Design, copied: Path, images: Images) -> None:
    loaded = load(copied)
    assert loaded.accelerator.configuration_hash == compiled_design.accelerator.configuration_hash
    assert loaded.policy == compiled_design.policy
    assert json.dumps(loaded.manifest) == json.dumps(compiled_design.manifest)
    assert loaded.run(images).tobytes() == compiled_design.run(images).tobytes()
    for a, b in zip(loaded.logits(images), compiled_design.logits(images), strict=True):
        assert np.array_equal(a, b)
    assert loaded.costs() == compiled_design.costs()


def test_a_folder_that_is_no_design_is_refused(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(
            DesignError,
            match=rf"{re.escape(str(folder))} has no design.json: it is not a design, or .* compile it again",
        ):
            load(folder)


def test_missing_or_altered_weights_are_refused(copied: Path) -> None:
    weights = copied / WEIGHTS
    data = weights.read_bytes()
    message = rf"{re.escape(str(weights))} is missing or was altered: compile the design again"
    for harmed in (data[:-1], data[:200] + bytes([data[200] ^ 1]) + data[201:], b""):
        weights.write_bytes(harmed)
        with pytest.raises(DesignError, match=message):
            load(copied)
    weights.unlink()
    with pytest.raises(DesignError, match=message):
        load(copied)


def test_other_weights_under_a_corrected_digest_are_refused_by_the_configuration_hash(copied: Path) -> None:
    from hwcodesign.storage.files import sha256_file

    with np.load(copied / WEIGHTS, allow_pickle=False) as stored:
        arrays = dict(stored)
    name = next(key for key in arrays if key.endswith("bias"))
    arrays[name] = arrays[name].copy()
    arrays[name][0] += 1
    np.savez(copied / WEIGHTS, **arrays)  # type: ignore[arg-type]
    manifest = json.loads((copied / MANIFEST).read_text())
    manifest["weights_sha256"] = sha256_file(copied / WEIGHTS)
    (copied / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(
        DesignError,
        match="configuration hash is .*… its file says .*a file was altered; compile the design again".replace(
            "… its", "…, its"
        ),
    ):
        load(copied)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("[]", "is not a design of version 10"),
        ("null", "is not a design of version 10"),
        ("{}", "is not a design of version 10"),
        ('{"design_version": 3}', "is not a design of version 10"),
        ('{"design_version": 10}', "is missing or was altered"),
        ('{"design_version": NaN}', "it has NaN, which is not a number"),
    ],
)
def test_a_foreign_manifest_is_refused(text: str, message: str, copied: Path) -> None:
    (copied / MANIFEST).write_text(text)
    with pytest.raises(DesignError, match=message + ".*compile the design again"):
        load(copied)


#: What does not decide anything: thresholds are registers, the rest is said for people.
_FREE = re.compile(r"^policy\.(unit|rounding|fitted_on\..*|exits\.\d+\.threshold(_code)?)$")


def leaves(data: Any) -> dict[str, list[str | int]]:
    """Keys to one leaf of each kind of field: of a list the first, and of segments and kernels every one."""
    found: dict[str, list[str | int]] = {}

    def walk(value: Any, keys: list[str | int]) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                walk(item, [*keys, key])
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, dict) or index in (0, len(value) - 1):
                    walk(item, [*keys, index])
        else:
            found[".".join(map(str, keys))] = keys

    walk(data, [])
    return found


def other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return f"{value}x"


def test_any_altered_field_of_the_accelerator_is_refused(copied: Path) -> None:
    manifest = json.loads((copied / MANIFEST).read_text())
    fields = {name: keys for name, keys in leaves(manifest["accelerator"]).items() if not _FREE.search(name)}
    assert len(fields) > 200
    accepted = []
    for name, keys in fields.items():
        altered = json.loads(json.dumps(manifest))
        place = altered["accelerator"]
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = other(place[keys[-1]])
        (copied / MANIFEST).write_text(json.dumps(altered))
        try:
            load(copied)
        except HwcodesignError:
            continue
        accepted.append(name)
    assert accepted == []
    (copied / MANIFEST).write_text(json.dumps(manifest))
    load(copied)


def test_any_missing_field_of_the_accelerator_is_refused_with_the_way_out(copied: Path) -> None:
    manifest = json.loads((copied / MANIFEST).read_text())
    for key in manifest["accelerator"]:
        altered = json.loads(json.dumps(manifest))
        del altered["accelerator"][key]
        (copied / MANIFEST).write_text(json.dumps(altered))
        with pytest.raises(HwcodesignError, match=rf"'{key}'.*compile the design again"):
            load(copied)
    del manifest["accelerator"]
    (copied / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(DesignError, match="compile the design again"):
        load(copied)


# --- compiling ---


def test_two_compilations_give_the_same_bytes_in_every_file(
    compiled_design: Design,
    trained_network: MultiExitNetwork,
    fitted_policy: ExitPolicy,
    tmp_path: Path,
    files_below: Files,
) -> None:
    again = hw.compile(trained_network, fitted_policy, out=tmp_path / "elsewhere" / "small")
    first, second = files_below(compiled_design.folder), files_below(again.folder)
    assert sorted(first) == sorted(second)
    assert [name for name in first if first[name] != second[name]] == []
    assert sum(name.endswith((".cpp", ".h")) for name in first) > 20
    assert {name for name, data in second.items() if str(tmp_path).encode() in data} == set()


def test_what_is_generated_differs_where_one_threshold_table_or_weight_does(
    compiled_design: Design,
    trained_network: MultiExitNetwork,
    fitted_policy: ExitPolicy,
    tmp_path: Path,
    files_below: Files,
) -> None:
    base = compiled_design.accelerator.configuration_hash
    looser = hw.compile(trained_network, fitted_policy.with_thresholds([0.3, 0.2]), out=tmp_path / "looser" / "small")
    assert looser.accelerator.configuration_hash == base  # thresholds are registers
    assert looser.policy.threshold_codes != compiled_design.policy.threshold_codes
    deeper = hw.compile(trained_network, fitted_policy, out=tmp_path / "deeper" / "small", buffer_samples=3)
    assert deeper.accelerator.configuration_hash != base
    named = hw.compile(trained_network, fitted_policy, out=tmp_path / "other", name="small")
    assert named.accelerator.configuration_hash == base
    assert files_below(named.folder).keys() == files_below(looser.folder).keys()


def test_compiling_over_a_design_replaces_it_as_a_whole(
    trained_network: MultiExitNetwork, fitted_policy: ExitPolicy, copied: Path
) -> None:
    (copied / "vitis" / "stale.cpp").write_text("stale")
    hw.compile(trained_network, fitted_policy, out=copied)
    assert not (copied / "vitis" / "stale.cpp").exists()
    assert load(copied).policy == fitted_policy


def test_a_folder_that_is_no_design_is_not_replaced(
    trained_network: MultiExitNetwork, fitted_policy: ExitPolicy, tmp_path: Path, files_below: Files
) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("the only copy")
    file = tmp_path / "file"
    file.write_text("a file")
    before = files_below(tmp_path)
    for out in (precious, file):
        with pytest.raises(
            SettingsError, match=rf"out='{re.escape(str(out))}' exists and is no design: name another folder"
        ):
            hw.compile(trained_network, fitted_policy, out=out)
    assert files_below(tmp_path) == before
    (tmp_path / "empty").mkdir()
    assert hw.compile(trained_network, fitted_policy, out=tmp_path / "empty").folder == tmp_path / "empty"


def foreign_policy() -> ExitPolicy:
    return ExitPolicy.build("margin", [hw.FixedPoint(8, 3)] * 3, 10, [1.0, 1.0])


FAILURES: dict[str, tuple[dict[str, Any], type[HwcodesignError], str]] = {
    "unknown backend": ({"backend": "magic"}, SettingsError, "backend 'magic' is not known. Known: streamrtl, vitis"),
    "unknown board": ({"board": "toaster"}, SettingsError, "toaster"),
    "no buffer": (
        {"buffer_samples": 0},
        SettingsError,
        "buffer_samples=0: a conditional buffer holds one whole sample",
    ),
    "unknown setting": (
        {"boards": "pynq-z2"},
        SettingsError,
        r"setting 'boards' of compile is not known: did you mean 'board'\? Known: backend, board, reuse",
    ),
    "settings twice": (
        {"settings": hw.CompileSettings(reuse=2), "board": "pynq-z1"},
        SettingsError,
        "give settings, or their fields board, not both",
    ),
    "no reuse": ({"reuse": 0}, SettingsError, "reuse 0 is not a positive whole number"),
    "reuse as text": ({"reuse": "4"}, SettingsError, "reuse '4' is not a positive whole number"),
    "reuse of parts": ({"reuse": 2.5}, SettingsError, r"reuse 2\.5 is not a positive whole number"),
    "parts of samples": (
        {"buffer_samples": 1.5},
        SettingsError,
        r"buffer_samples=1\.5: a conditional buffer holds one",
    ),
    "no text as board": ({"board": 3}, SettingsError, "board=3: give a board's name"),
    "a number for layers": ({"layers": 3}, SettingsError, "layers=3: give a dict from layers' names"),
    "unknown strategy": (
        {"strategy": "magic"},
        SettingsError,
        "strategy 'magic' is not known. Known: latency, resource, distributed_arithmetic",
    ),
    "unknown windows": (
        {"windows": "glass"},
        SettingsError,
        "windows 'glass' is not known. Known: registers, memory",
    ),
    "unknown place of weights": (
        {"weights": "glass"},
        SettingsError,
        "weights 'glass' is not known. Known: auto, block",
    ),
    "windows that a strategy does not have": (
        {"strategy": "distributed_arithmetic", "windows": "memory"},
        SettingsError,
        "reads them word by word: use windows='registers', or strategy='latency'",
    ),
    "unknown layer": (
        {"layers": {"stages.9.conv": hw.LayerSettings(2)}},
        SettingsError,
        r"layer 'stages\.9\.conv' is not known: did you mean .* Known: heads\.0\.",
    ),
    "foreign policy": ({}, PolicyError, "the policy decides on 10 logits of .* fit the policy on this network"),
}


@pytest.mark.parametrize(
    ("over", "failure"),
    # the last two fail midway
    [*(("a design", failure) for failure in FAILURES), ("nothing", "unknown layer"), ("nothing", "foreign policy")],
)
def test_a_failed_compilation_leaves_what_was_there_and_nothing_half_made(
    over: str,
    failure: str,
    trained_network: MultiExitNetwork,
    fitted_policy: ExitPolicy,
    copied: Path,
    tmp_path: Path,
    files_below: Files,
) -> None:
    settings, error, message = FAILURES[failure]
    out = copied if over == "a design" else tmp_path / "new"
    before = files_below(tmp_path)
    policy = foreign_policy() if failure == "foreign policy" else fitted_policy
    with pytest.raises(error, match=message):
        hw.compile(trained_network, policy, out=out, **settings)
    assert files_below(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == ["copied"]


def test_a_layer_that_hardware_cannot_hold_is_refused_by_name(fitted_policy: ExitPolicy, tmp_path: Path) -> None:
    import torch
    from torch import nn

    from hwcodesign import layers
    from hwcodesign.errors import UnsupportedLayerError

    precision = layers.Precision(logits=7)

    def stage(inputs: int, outputs: int, *more: nn.Module) -> nn.Module:
        return nn.Sequential(
            layers.conv2d(inputs, outputs, 3, padding=1, precision=precision), *more, layers.relu(precision=precision)
        )

    def head(features: int) -> nn.Module:
        return nn.Sequential(
            nn.Flatten(), layers.linear(features, 10, precision=precision), layers.logits(precision=precision)
        )

    network = MultiExitNetwork(
        [stage(1, 2), stage(2, 2, nn.AvgPool2d(2, divisor_override=3)), stage(2, 2)], [head(128), head(32), head(32)],
        fitted_policy_input(), (1, 8, 8),
    )  # fmt: skip
    network.train()
    network(torch.rand(8, 1, 8, 8))  # calibrates quantisers
    with pytest.raises(UnsupportedLayerError, match=r"layer .stages.1.1. \(AvgPool2d\) has divisor_override=3"):
        hw.compile(network.eval(), fitted_policy, out=tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def fitted_policy_input() -> hw.FixedPoint:
    from hwcodesign.data.digits import INPUT_FORMAT

    return INPUT_FORMAT


# --- running in software ---


def plain_records(
    network: MultiExitNetwork, policy: ExitPolicy, images: Images, codes: tuple[int, ...]
) -> list[list[tuple[int, int, int, int, bool]]]:
    """For each sample the records of every exit it reaches: (id, score, label, exit, final); one sample at a time."""
    logits = network.logits(images)
    records = []
    for n in range(len(images)):
        mine: list[tuple[int, int, int, int, bool]] = []
        agreements, before = 0, None
        for k, z in enumerate(logits):
            row = z[n].tolist()
            label = row.index(max(row))
            agreements = agreements + 1 if label == before else 0
            before = label
            score = int(policy.scores(k, z[n : n + 1], np.array([agreements]))[0])
            final = k == len(logits) - 1 or score >= codes[k]
            mine.append((n, score, label, k, final))
            if final:
                break
        records.append(mine)
    return records


def as_tuples(records: Images) -> list[tuple[int, int, int, int, bool]]:
    assert records.dtype == RECORD_DTYPE
    assert set(records["flags"].tolist()) <= {0, FLAG_FINAL}
    assert not records["cycles"].any()  # software measures none
    return [
        (int(r["sample_id"]), int(r["score"]), int(r["label"]), int(r["exit"]), bool(r["flags"] & FLAG_FINAL))
        for r in records
    ]


def test_records_are_sixteen_bytes_in_the_order_of_the_contract() -> None:
    assert RECORD_DTYPE.itemsize == 16
    assert [(name, RECORD_DTYPE[name].str, RECORD_DTYPE.fields[name][1]) for name in RECORD_DTYPE.names] == [  # type: ignore[union-attr,index]
        ("sample_id", "<u4", 0), ("cycles", "<u4", 4), ("score", "<i4", 8), ("label", "<u2", 12), ("exit", "|u1", 14),
        ("flags", "|u1", 15),
    ]  # fmt: skip


def test_adaptive_mode_leaves_at_the_first_sure_exit(
    compiled_design: Design, trained_network: MultiExitNetwork, images: Images
) -> None:
    policy = compiled_design.policy
    wanted = plain_records(trained_network, policy, images, policy.threshold_codes)
    records = compiled_design.run(images)
    assert as_tuples(records) == [mine[-1] for mine in wanted]
    assert set(records["exit"].tolist()) == {0, 1, 2}
    assert compiled_design.on == "software (native)"
    streamed = np.concatenate(list(compiled_design.stream(images)))
    assert sorted(as_tuples(streamed)) == as_tuples(records)
    assert as_tuples(streamed) != as_tuples(records)  # in the order of completion


@pytest.mark.parametrize("k", [0, 1])
def test_a_sample_leaves_where_its_score_equals_the_threshold_and_goes_on_where_it_is_one_below(
    k: int, compiled_design: Design, images: Images
) -> None:
    accelerator, few = compiled_design.accelerator, images[:20]
    codes = encode_images(few, accelerator.input_format, accelerator.input_shape)
    scores = compiled_design.run(few, mode="subnet", leave_at=k)["score"].tolist()
    assert len(set(scores)) > 10
    for n, score in enumerate(scores):
        for threshold, leaves in ((score, k), (score + 1, 2)):
            control = ExitControl(tuple(threshold if i == k else hw_never() for i in range(3)), anytime=False)
            (record,) = np.concatenate(list(software.stream_records(accelerator, codes[n : n + 1], control)))
            assert record["exit"] == leaves, f"image {n}, score {score}, threshold {threshold}"


def test_patience_counts_agreements_in_a_row_and_begins_anew_after_a_disagreement(
    compiled_design: Design, trained_network: MultiExitNetwork, images: Images
) -> None:
    accelerator = compiled_design.accelerator
    patient = ExitPolicy.build("patience", [exit_.logits for exit_ in accelerator.policy.exits], 10)
    accelerator = dataclasses.replace(accelerator, policy=patient)
    codes = encode_images(images, accelerator.input_format, accelerator.input_shape)
    control = ExitControl((hw_never(),) * 3, anytime=True)
    records = np.sort(np.concatenate(list(software.stream_records(accelerator, codes, control))), order="sample_id")
    labels = [z.argmax(axis=1) for z in trained_network.logits(images)]
    first, second = labels[1] == labels[0], labels[2] == labels[1]
    wanted = [np.zeros(len(images), int), first.astype(int), np.where(second, first + 1, 0)]
    for k in range(3):
        assert records["score"][records["exit"] == k].tolist() == wanted[k].tolist(), f"exit {k}"
    assert (first & ~second).any(), "some agree and then disagree"


@pytest.mark.parametrize("leave_at", [0, 1, 2])
def test_subnet_mode_leaves_everyone_at_one_exit(
    leave_at: int, compiled_design: Design, trained_network: MultiExitNetwork, images: Images
) -> None:
    codes = (hw_never(),) * leave_at + (-(2**31), hw_never(), hw_never())
    wanted = plain_records(trained_network, compiled_design.policy, images, codes)
    records = compiled_design.run(images, mode="subnet", leave_at=leave_at)
    assert as_tuples(records) == [mine[-1] for mine in wanted]
    assert set(records["exit"].tolist()) == {leave_at}
    assert records["label"].tolist() == trained_network.logits(images)[leave_at].argmax(axis=1).tolist()


def hw_never() -> int:
    return 2**31 - 1


def test_anytime_mode_refines_until_the_first_sure_exit(
    compiled_design: Design, trained_network: MultiExitNetwork, images: Images
) -> None:
    policy = compiled_design.policy
    wanted = plain_records(trained_network, policy, images, policy.threshold_codes)
    streamed = as_tuples(np.concatenate(list(compiled_design.stream(images, mode="anytime"))))
    per_sample: dict[int, list[tuple[int, int, int, int, bool]]] = {n: [] for n in range(len(images))}
    for record in streamed:
        per_sample[record[0]].append(record)
    assert list(per_sample.values()) == wanted  # each sample's records in the order of the exits
    for mine in per_sample.values():
        assert [record[3] for record in mine] == list(range(len(mine)))
        assert [record[4] for record in mine] == [False] * (len(mine) - 1) + [True]  # one final, the last
    final = compiled_design.run(images, mode="anytime")
    assert final.tobytes() == compiled_design.run(images, mode="adaptive").tobytes()


@pytest.mark.parametrize("thresholds", [(0.5, 0.5), (0.05, 0.4), (None, 0.2), (0.2, None), (0.0, 0.0), (1.0, None)])
def test_thresholds_given_at_run_time_hold_for_that_run_only(
    thresholds: tuple[float | None, ...], compiled_design: Design, trained_network: MultiExitNetwork, images: Images
) -> None:
    policy = compiled_design.policy
    before = compiled_design.run(images)
    codes = policy.with_thresholds(thresholds).threshold_codes
    wanted = plain_records(trained_network, policy, images, codes)
    records = compiled_design.run(images, thresholds=thresholds)
    assert as_tuples(records) == [mine[-1] for mine in wanted]
    assert compiled_design.run(images).tobytes() == before.tobytes()


def test_thresholds_that_never_leave_send_everyone_to_the_last_exit(compiled_design: Design, images: Images) -> None:
    assert set(compiled_design.run(images, thresholds=[None, None])["exit"].tolist()) == {2}


def test_values_and_codes_give_the_same_records(compiled_design: Design, images: Images) -> None:
    wanted = compiled_design.run(images).tobytes()
    for given in (
        images.astype(np.int64),
        images / 16,
        (images / 16).astype(np.float32),
        (images / 16).astype(np.float16),
    ):
        assert compiled_design.run(given).tobytes() == wanted


@pytest.mark.parametrize("count", [1, 63, 64, 65, 128])
def test_the_batch_a_sample_comes_in_changes_nothing(count: int, compiled_design: Design, images: Images) -> None:
    assert compiled_design.run(images[:count]).tobytes() == compiled_design.run(images)[:count].tobytes()


@pytest.mark.parametrize("mode", ["adaptive", "anytime", "subnet"])
def test_no_images_give_no_records(mode: str, compiled_design: Design, images: Images) -> None:
    extra: dict[str, Any] = {"leave_at": 1} if mode == "subnet" else {}
    for empty in (images[:0], images[:0].astype(np.float32)):
        records = compiled_design.run(empty, mode=mode, **extra)
        assert (len(records), records.dtype) == (0, RECORD_DTYPE)
        assert list(compiled_design.stream(empty, mode=mode, **extra)) == []
    assert [z.shape for z in compiled_design.logits(images[:0])] == [(0, 10)] * 3


def test_an_unknown_place_to_run_is_refused_with_those_there_are(compiled_design: Design, images: Images) -> None:
    for call in (compiled_design.run, compiled_design.stream, compiled_design.logits):
        with pytest.raises(
            SettingsError, match=r"on='moon' is not known\. Known: software, native, numpy, csim, rtl, board-sim, board"
        ):
            call(images, on="moon")  # type: ignore[operator]
        with pytest.raises(SettingsError, match=r"on=None is not known\. Known: software"):
            call(images, on=None)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "magic"}, "mode 'magic' is not known. Known: adaptive, subnet, anytime"),
        ({"mode": "subnet"}, "subnet mode takes leave_at"),
        ({"mode": "subnet", "leave_at": 1, "thresholds": [0.1, 0.1]}, "subnet mode takes leave_at.*no thresholds"),
        ({"mode": "subnet", "leave_at": 3}, "exit 3 does not exist: the network has exits 0 to 2"),
        ({"leave_at": 1}, "leave_at belongs to subnet mode, not to adaptive"),
        ({"mode": "anytime", "leave_at": 1}, "leave_at belongs to subnet mode, not to anytime"),
        ({"thresholds": [0.1]}, "1 thresholds for 3 exits: give one per exit but the last, so 2"),
        ({"thresholds": [0.1, 7.0]}, "threshold 7.0 is outside entropy's range"),
    ],
)
def test_what_a_mode_does_not_take_is_refused_before_the_first_record(
    settings: dict[str, Any], message: str, compiled_design: Design, images: Images
) -> None:
    for call in (compiled_design.run, compiled_design.stream):
        with pytest.raises(PolicyError, match=message):
            call(images, **settings)


def test_images_that_do_not_fit_are_refused_before_the_first_record(compiled_design: Design, images: Images) -> None:
    with pytest.raises(ImagesError, match=r"code 17|code 99"):
        compiled_design.stream(np.full_like(images, 99))
    with pytest.raises(ImagesError, match=r"images have shape \(150, 8, 8\), not \(N, 1, 8, 8\)"):
        compiled_design.run(images[:, 0])


def test_auto_says_that_it_runs_in_software(compiled_design: Design, images: Images) -> None:
    with pytest.warns(UserWarning, match="on='auto' runs in software"):
        records = compiled_design.run(images, on="auto")
    assert compiled_design.on == "software (native)"
    assert records.tobytes() == compiled_design.run(images).tobytes()


# --- NumPy alone ---

_BLOCKED = [
    "torch",
    "brevitas",
    "hls4ml",
    "qonnx",
    "onnx",
    "safetensors",
    "sklearn",
    "jinja2",
    "vl_convert",
    "matplotlib",
    "rich",
    "typer",
    "scipy",
    "numba",
]
_ALONE = """\
import sys
for name in {blocked}:
    sys.modules[name] = None
import numpy as np
import hwcodesign as hw
design = hw.load({folder!r})
images = np.load({images!r})
for settings in ({{}}, {{"mode": "anytime"}}, {{"mode": "subnet", "leave_at": 1}}, {{"thresholds": [0.5, None]}}):
    print(design.run(images, on="software", **settings).tobytes().hex())
names = hw.ExitPolicy.__name__, hw.fit_policy.__name__
print(hw.FixedPoint(8, 3), *names, hw.Mode("anytime").value, design.costs().full)
for verb in {verbs}:
    try:
        getattr(hw, verb)
    except hw.MissingExtraError as error:
        print(error)
loaded = {{name.split(".")[0] for name, module in sys.modules.items() if module is not None}}
print(sorted(loaded & set({blocked})))
"""
_VERBS = ["train", "compile", "MultiExitNetwork", "load_recipe", "Recipe", "TrainingSettings"]


def test_numpy_alone_loads_and_runs_a_design_and_other_verbs_name_their_extra(
    compiled_design: Design, images: Images, tmp_path: Path
) -> None:
    np.save(tmp_path / "images.npy", images)
    script = _ALONE.format(
        blocked=_BLOCKED, folder=str(compiled_design.folder), images=str(tmp_path / "images.npy"), verbs=_VERBS
    )
    root = Path(hw.__file__).resolve().parent.parent
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    runs: list[dict[str, Any]] = [
        {},
        {"mode": "anytime"},
        {"mode": "subnet", "leave_at": 1},
        {"thresholds": [0.5, None]},
    ]
    assert lines[:4] == [compiled_design.run(images, **settings).tobytes().hex() for settings in runs]
    assert lines[4] == f"fixed<8,3,TRN,WRAP> ExitPolicy fit_policy anytime {compiled_design.costs().full}"
    assert len(lines) == 5 + len(_VERBS) + 1, lines[5:]
    for verb, line in zip(_VERBS, lines[5:-1], strict=True):
        assert re.fullmatch(
            rf"hwcodesign\.{verb} needs \w+, which the extra 'design' installs: pip install 'hwcodesign\[design\]'",
            line,
        )
    assert lines[-1] == "[]"
    assert issubclass(MissingExtraError, ImportError)


def test_a_name_that_does_not_exist_is_an_ordinary_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'hwcodesign' has no attribute 'magic'"):
        hw.magic  # noqa: B018
    assert set(hw.__all__) <= set(dir(hw))


def test_compile_replaces_a_design_behind_a_link_and_leaves_the_link(
    trained_network: MultiExitNetwork, fitted_policy: ExitPolicy, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for _ in range(2):
        hw.compile(trained_network, fitted_policy, out=tmp_path / "link")
        assert (tmp_path / "link").is_symlink()
        load(tmp_path / "real")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


@pytest.mark.parametrize("name", ["dense", "rom", "module"])
def test_an_accelerator_is_not_called_like_a_module_that_it_is_made_of(
    name: str, trained_network: MultiExitNetwork, fitted_policy: ExitPolicy, tmp_path: Path
) -> None:
    design = hw.compile(trained_network, fitted_policy, out=tmp_path / name)
    assert design.accelerator.name == f"design_{name}"
    assert (design.folder / "rtl" / f"design_{name}.sv").exists()


def test_a_name_that_files_could_not_have_is_refused(
    trained_network: MultiExitNetwork, fitted_policy: ExitPolicy, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=r"name 'a+'… has 300 letters: give one of at most 64"):
        hw.compile(trained_network, fitted_policy, out=tmp_path / "design", name="a" * 300)
    assert not (tmp_path / "design").exists()
