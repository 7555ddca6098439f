"""Stored designs and policies under edits: each is what it says, or is refused by a sentence that names the place.

Whoever edits a file can correct the hashes in it as well, so here they are corrected after each edit: what is found is
found by the fields themselves.
"""

from __future__ import annotations

import dataclasses
import io
import json
import re
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hwcodesign.design import load
from hwcodesign.designs.boards import BOARDS
from hwcodesign.designs.stored import DESIGN_VERSION, MANIFEST, WEIGHTS
from hwcodesign.errors import DesignError, FieldError, PolicyError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.kernels import KERNELS, GlobalPool, Segment, serialisation
from hwcodesign.policies import CRITERIA, ExitPolicy, FittedOn, PathPoint, ThresholdPath
from hwcodesign.storage.arrays import open_arrays
from hwcodesign.storage.fields import MOST_BYTES, Field, parse_json, read_json
from hwcodesign.storage.files import sha256, sha256_json
from rtl_sim.tb.drawn_policies import drawn_policy
from rtl_sim.tb.small_accelerators import plain

LOGITS = FixedPoint(8, 5, True, "RND_CONV", "SAT")  # type: ignore[arg-type]
FITTED = FittedOn("budget=0.5", 10, "0" * 64, 0.9, 0.95, 0.5, (0.5, 0.3, 0.2), 0.0, "1" * 64)
PATH = ThresholdPath((PathPoint((-9, -9), (5, 3, 2), 7), PathPoint((-8, -5), (4, 3, 3), 8)))

Arrays = dict[str, Any]
Edit = Callable[[dict[str, Any]], object]


@cache
def policy_text(criterion: str) -> str:
    """A policy file of three exits that has everything that the criterion can have."""
    by_class = criterion in {"max_softmax", "gate"}
    policy = drawn_policy(criterion, [LOGITS] * 3, 4, temperature=[1.0, 0.5, 2.0], by_class=by_class)
    policy = policy if by_class else policy.with_thresholds([None, 1])
    path = dataclasses.replace(policy, fitted_on=FITTED, path=PATH)
    return json.dumps(path.to_json())


@cache
def made(criterion: str) -> tuple[str, dict[str, Any]]:
    """A small design: the text of its manifest, and its arrays."""
    accelerator, arrays = plain("sample", criterion=criterion), {}
    policy = dataclasses.replace(accelerator.policy, fitted_on=FITTED, path=PATH)
    data = dataclasses.replace(accelerator, policy=policy).to_json(arrays)
    pace = {"latency": 30, "interval": 25}
    manifest = {
        "design_version": DESIGN_VERSION,
        "criterion": None,
        "backend": "streamrtl",
        "board": BOARDS["pynq-z2"].to_json(),
        "settings": {
            "reuse": 1,
            "strategy": "latency",
            "windows": "registers",
            "weights": "auto",
            "fit": None,
            "layers": {
                "stage0.conv": {"reuse": 2, "strategy": None, "windows": "memory", "weights": "block", "pixels": 1}
            },
            "buffer_samples": 2,
        },
        "network_sha256": "2" * 64,
        "projects": ["stage0", "head0", "decision0"],
        "cycles": {
            "segments": {f"{kind}{k}": pace for k in range(3) for kind in ("stage", "head")},
            "stages": [25, 25, 25],
            "exits": [{"latency": 60, "interval": 25.5, "settled": 3, "period": 2}] * 3,
        },
        "tools": {"numpy": "1.26", "python": "3.10"},
        "accelerator": data,
        "policy_sha256": "",
        "weights_sha256": "",
        "sources_sha256": "3" * 64,
    }
    return json.dumps(manifest), arrays


def npz(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def sealed(manifest: dict[str, Any], weights: bytes, arrays: Arrays | None = None) -> dict[str, Any]:
    """The manifest with the hashes that its contents have, as far as they have any."""
    manifest["weights_sha256"] = sha256(weights)
    try:
        accelerator, policy = manifest["accelerator"], manifest["accelerator"]["policy"]
        manifest["policy_sha256"] = sha256_json(policy)
        held = {key: value for key, value in accelerator.items() if key != "configuration_hash"}
        exits = [{k: v for k, v in e.items() if not k.startswith("threshold")} for e in policy["exits"]]
        names = [name for name in ("criterion", "gated", "temperature", "parameters") if name in policy]
        held["policy"] = {**{name: policy[name] for name in names}, "exits": exits}
        digests = {
            key: sha256(str(array.shape).encode() + array.astype("<f8").tobytes())
            for key, array in (made("margin")[1] if arrays is None else arrays).items()
        }
        accelerator["configuration_hash"] = sha256_json({"design": held, "weights": digests})
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        pass  # of what has no such fields there is no hash
    return manifest


def own(name: str, file: str) -> dict[str, Any]:
    """What a manifest says of a criterion of one's own."""
    return {"name": name, "defined_in": file, "sha256": {file: "0" * 64}}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Any]:
    """Reads an edited design: (edit of its manifest, arrays or the file of them, criterion)."""

    def reading(edit: Edit = lambda _: None, arrays: Arrays | bytes | None = None, criterion: str = "margin") -> Any:
        text, own = made(criterion)
        manifest = json.loads(text)
        edit(manifest)
        arrays = own if arrays is None else arrays
        weights = arrays if isinstance(arrays, bytes) else npz(arrays)
        (tmp_path / WEIGHTS).write_bytes(weights)
        sealed(manifest, weights, own if isinstance(arrays, bytes) else arrays)
        (tmp_path / MANIFEST).write_text(json.dumps(manifest))
        return load(tmp_path)

    return reading


# --- what is right is read ---


@pytest.mark.parametrize("criterion", ["margin", "max_softmax", "entropy"])
def test_a_design_whose_hashes_are_made_anew_is_read_and_written_again(
    criterion: str, read: Callable[..., Any]
) -> None:
    stored = read(criterion=criterion)
    arrays: Arrays = {}
    text, held = made(criterion)
    again = json.dumps(stored.accelerator.to_json(arrays)) == json.dumps(json.loads(text)["accelerator"])
    assert again
    assert {name: sha256(a.tobytes()) for name, a in arrays.items()} == {
        k: sha256(a.tobytes()) for k, a in held.items()
    }


@pytest.mark.parametrize("criterion", sorted(CRITERIA))
def test_a_policy_with_everything_that_it_can_have_is_read_and_written_again(criterion: str) -> None:
    text = policy_text(criterion)
    again = json.dumps(ExitPolicy.from_json(parse_json(text)).to_json()) == text
    assert again


def test_compressed_arrays_are_read_too(read: Callable[..., Any]) -> None:
    buffer, arrays = io.BytesIO(), made("margin")[1]
    np.savez_compressed(buffer, **arrays)
    assert read(arrays=buffer.getvalue()).accelerator.name == "sample"


def test_every_field_of_every_kernel_has_a_reader() -> None:
    names = {field.name for kernel in KERNELS.values() for field in dataclasses.fields(kernel)}
    assert names == serialisation._READERS.keys() | serialisation._ARRAYS


# --- policy.json, example by example ---


def set_in(*keys: str | int, to: Any) -> Edit:
    """The edit that sets the field at the end of these keys."""

    def edit(data: Any) -> None:
        for key in keys[:-1]:
            data = data[key]
        data[keys[-1]] = to

    return edit


def threshold_and_code(threshold: Any, code: Any) -> Edit:
    return lambda data: data["exits"][1].update(threshold=threshold, threshold_code=code)


CODE = r"exits\[1\]\.threshold_code is {}, and must be a whole number from -2147483648 to 2147483647: fit the policy"


@pytest.mark.parametrize(
    ("criterion", "edit", "message"),
    [
        ("margin", set_in("exits", 1, "threshold_code", to=2**31), CODE.format(2**31)),
        ("margin", set_in("exits", 1, "threshold_code", to=1.5), CODE.format("1.5")),
        ("margin", set_in("exits", 1, "threshold_code", to=8.0), CODE.format("8.0")),
        ("margin", set_in("exits", 1, "threshold_code", to=True), CODE.format("true")),
        ("margin", set_in("exits", 1, "threshold_code", to=float("nan")), CODE.format("nan")),
        ("margin", set_in("exits", 1, "threshold_code", to=[[[]]]), CODE.format("a list of 1")),
        ("margin", set_in("exits", 1, "threshold_code", to=10**5000), CODE.format("a whole number of 16610 bits")),
        ("margin", set_in("exits", 1, "threshold", to=2), r"threshold_code is 8, and must be 16, that of its threshol"),
        ("margin", set_in("exits", 1, "threshold", to=None), r"code is 8, and must be 2147483647, .*threshold null"),
        ("margin", set_in("exits", 0, "threshold_code", to=0), r"exits\[0\]\.threshold_code is 0, and must be 2147483"),
        ("margin", set_in("exits", 2, "threshold_code", to=0), r"exits\[2\]\.threshold_code is 0, and must be 2147483"),
        ("margin", threshold_and_code(-1, -8), "threshold -1 is outside margin's range 0 to"),
        ("margin", threshold_and_code(1e300, 8), r"exits\[1\]\.threshold is 1e\+300, and must be a number from"),
        ("max_softmax", set_in("criterion", to="margin"), "unit is 'probability', and must be 'difference of logits'"),
        (
            "max_softmax",
            lambda d: d.update(criterion="margin", unit="difference of logits"),
            r"parameters is an object of 1, and must be null for criterion margin",
        ),
        (
            "margin",
            lambda d: d.update(criterion="max_softmax", unit="probability"),
            r"parameters is null, and must be an object",
        ),
        (
            "entropy",
            lambda d: d.update(criterion="max_softmax", unit="probability"),
            r"parameters has \'mantissa\', which is none of exponential",
        ),
        (
            "max_softmax",
            set_in("parameters", "exponential", 0, "exponential", 3, to=-1),
            r"parameters\.exponential\[0\]\.exponential\[3\] is -1, and must be a whole number from 0 to 1048576",
        ),
        (
            "max_softmax",
            set_in("parameters", "exponential", 0, "exponential", 3, to=5),
            r"parameters\.exponential\[0\] has entries that are not those of fixed<8,5,RND_CONV,SAT> at temperature 1",
        ),
        ("max_softmax", set_in("temperature", 1, to=0.25), r"exponential\[1\] has entries .* at temperature 0\.25"),
        ("max_softmax", set_in("temperature", to=[1.0]), r"temperature is a list of 1, and must be a list of 3"),
        ("max_softmax", set_in("temperature", to=0), r"temperature is 0, and must be a number from"),
        ("max_softmax", set_in("exits", 0, "class_offsets", to=[1]), r"class_offsets is a list of 1, .* a list of 4"),
        ("entropy", set_in("parameters", "mantissa", "ln2", to=7), "mantissa has entries that are not those of its"),
        ("entropy", set_in("parameters", "mantissa", "reciprocal", to=[]), r"reciprocal is a list of 0, .* of 1024"),
        ("eenet", set_in("parameters", "scoring", 1, "votes", to=[1]), r"scoring\[1\]\.votes is a list of 1, .* of "),
        ("eenet", set_in("parameters", "scoring", 1, "top", to=1), r"scoring\[1\] has integers that are not those of"),
        ("cdln", set_in("parameters", "activation", 1, to=128), r"activation\[1\] is 128, .* from -127 to 127"),
        ("gate", lambda d: d.pop("gated"), "'gated' is missing: criterion gate reads a gate"),
        ("margin", set_in("classes", to=1), "classes is 1, and must be a whole number from 2 to 65536"),
        ("margin", set_in("exits", to=[]), "exits is a list of 0, and must be a list of 1 to 256"),
        ("margin", set_in("exits", 0, "logits", "integer", to=2**31), r"logits\.integer is 2147483648, .* -128 to 128"),
        ("margin", set_in("exits", 0, "logits", "width", to=99), r"exits\[0\]\.logits\.width is 99, .* from 1 to 53"),
        ("margin", set_in("exits", 0, "logits", "rounding", to="UP"), r"rounding 'UP' is not known.*RND_CONV"),
        ("margin", set_in("path", "leaving", 0, 0, to=-1), r"path\.leaving\[0\]\[0\] is -1, and must be a whole numbe"),
        ("margin", set_in("path", "codes", 1, 0, to=-10), "codes fall from point 0 to 1 of the path"),
        ("margin", set_in("fitted_on", "exit_rate", to=[1, 0]), r"exit_rate is a list of 2, and must be a list of 3"),
        ("margin", set_in("fitted_on", "data_sha256", to="12"), r"data_sha256 is '12', and must be a SHA-256"),
        ("margin", set_in("fitted_on", "accuracy", to=1.5), r"fitted_on\.accuracy is 1\.5, and must be a number from "),
        ("margin", set_in("colour", to=1), "the file has 'colour', which is none of policy_version"),
        ("margin", set_in("policy_version", to=[2]), r"policy version a list of 1 is not 4: fit the policy again"),
    ],
)  # fmt: skip
def test_an_edited_policy_is_refused_by_its_place_and_range(criterion: str, edit: Edit, message: str) -> None:
    data = json.loads(policy_text(criterion))
    edit(data)
    with pytest.raises(PolicyError, match=message):
        ExitPolicy.from_json(data)


def test_a_policy_file_that_is_no_good_is_named_with_the_way_out(tmp_path: Path) -> None:
    from hwcodesign.pipeline import Run, read_policy

    run = Run(SimpleNamespace(name="blenet"), tmp_path)  # type: ignore[arg-type]
    path = tmp_path / "policy.json"
    data = json.loads(policy_text("margin"))
    data["exits"][1]["threshold_code"] = 1.5
    for text, message in (
        (json.dumps(data), r"exits\[1\]\.threshold_code is 1\.5, and must be a whole number"),
        ("{", "it is not JSON: Expecting property name"),
        ("[" * 100_000, "it is nested more than 32 deep"),
    ):
        path.write_text(text)
        wanted = rf"{re.escape(str(path))} is not a policy file \(.*{message}.*\): run hwcodesign fit blenet again"
        with pytest.raises(PolicyError, match=wanted):
            read_policy(run)


# --- JSON itself ---


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NaN", "it has NaN, which is not a number"),
        ('{"a": -Infinity}', "it has -Infinity, which is not a number"),
        ("1e999", "it has the number '1e999', which is beyond what 64 bits hold"),
        ("1" * 5000, "it has a whole number of 5000 digits"),
        ("[" * 33 + "]" * 33, "it is nested more than 32 deep"),
        ('{"a":' * 50_000 + "1" + "}" * 50_000, "it is nested more than 32 deep"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "it has 'c' twice in an object"),
        ("{'a': 1}", "it is not JSON: Expecting property name"),
        ("", "it is not JSON: Expecting value"),
    ],
)
def test_json_that_no_stored_file_has_is_refused(text: str, message: str) -> None:
    with pytest.raises(FieldError, match=message):
        parse_json(text)


def test_a_json_file_is_read_up_to_its_largest_size_only(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as stream:
        stream.truncate(2**40)  # takes no space
    with pytest.raises(FieldError, match=f"it has more than {MOST_BYTES} bytes"):
        read_json(path)
    path.write_bytes(b'"\xff"')
    with pytest.raises(FieldError, match="it is not a text in UTF-8"):
        read_json(path)
    with pytest.raises(FieldError, match="it cannot be read: "):
        read_json(tmp_path)
    path.write_text("[" * 31 + '"deep"' + "]" * 31)
    assert read_json(path) == parse_json("[" * 31 + '"deep"' + "]" * 31)


def test_text_that_cannot_be_shown_and_values_that_are_long_do_not_reach_a_message() -> None:
    for value in ("\ud800", "a\nb", "", "x" * 257):
        with pytest.raises(FieldError, match="and must be a text of 1 to 256 characters that can be shown") as refused:
            Field(value, "name").text()
        assert len(str(refused.value)) < 120
        assert str(refused.value).isprintable()


# --- design.json, example by example ---


def dig(data: Any, *keys: str | int) -> Any:
    for key in keys:
        data = data[key]
    return data


CONV = ("accelerator", "stages", 0, "kernels", 0)
DENSE = ("accelerator", "heads", 0, "kernels", 1)
BUILT = ("accelerator", "implementations", "stage0")
BUILD = {"reuse_factor": 1, "strategy": "latency", "windows": "registers", "weights": "auto", "pixels": 1}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda d: d.pop("board"), "board is missing: 'board' must be there; compile the design again"),
        (set_in("board", to=None), "board is null, and must be an object with name, part, clock_mhz, processor"),
        (set_in("board", "clock_mhz", to=0), r"board\.clock_mhz is 0, and must be a number from 1 to 1000"),
        (set_in("board", "clock_mhz", to=True), r"board\.clock_mhz is true, and must be a number"),
        (set_in("criterion", to=7), "criterion is 7, and must be an object"),
        (set_in("criterion", to=own("leap", "../x.py")), r"criterion names '../x.py', which is no file of its own"),
        (set_in("design_version", to=10.0), "design_version is 10.0, and must be a whole number from 10 to 10"),
        (set_in("backend", to="streamrt"), "backend 'streamrt' is not known: did you mean 'streamrtl'"),
        (set_in("tools", to={"numpy": 1}), r"tools\.numpy is 1, and must be a text"),
        (set_in("colour", to=1), "the file has 'colour', which is none of design_version"),
        (set_in("cycles", "stages", to=[25]), r"cycles\.stages is a list of 1, and must be a list of 3"),
        (set_in("cycles", "exits", 1, "latency", to="60"), r"cycles\.exits\[1\]\.latency is '60', and must be a whole"),
        (set_in("accelerator", "name", to="../../etc"), r"accelerator\.name is '../../etc', and must be a name of"),
        (set_in("accelerator", "buffer_samples", to=0), r"buffer_samples is 0, and must be a whole number from 1"),
        (set_in("accelerator", "input_shape", to=[1, 5]), r"input_shape is \(1, 5\), but stage0 reads \(5, 5, 1"),
        (set_in("accelerator", "input_shape", to=[1] * 4), r"input_shape is a list of 4, and must be a list of 1 to 3"),
        (set_in(*CONV, "dilation", to=[3, 1]), r"reads 11 rows or columns by windows of \(7, 3\), and there are 7"),
        (set_in("accelerator", "input_shape", to=[5, 5, 1]), r"input_shape is \(5, 5, 1\), but stage0 reads \(5, 5, 1"),
        (set_in("accelerator", "heads", to=[]), r"accelerator\.heads is a list of 0, and must be a list of 3"),
        (set_in("accelerator", "stages", 1, "name", to="stage0"), r"stages\[1\]\.name is 'stage0', and must be 'stage"),
        (
            set_in("accelerator", "stages", 0, "inputs", 0, "format", "integer", to=2147483648),
            r"stages\[0\]\.inputs\[0\]\.format\.integer is 2147483648, and must be a whole number from -128 to 128",
        ),
        (set_in(*CONV, "kind", to="conv"), r"kernels\[0\]\.kind 'conv' is not known: did you mean 'conv2d'"),
        (set_in(*CONV, "result", to={"array": "x"}), r"kernels\[0\]\.result\.fixed_point is missing"),
        (set_in(*CONV, "weights", to={"array": "x"}), r"weights is array 'x', which is missing from the file of array"),
        (set_in(*CONV, "bias", "array", to="stage0.conv.weights"), "is array 'stage0.conv.weights', .* or used twice"),
        (set_in(*CONV, "stride", to=[0, 1]), r"stride\[0\] is 0, and must be a whole number from 1 to 1048576"),
        (set_in(*CONV, "padding", to=[0, 0, 0, 0]), r"reads 7 rows or columns by windows of \(3, 3\), and there are 5"),
        (set_in(*CONV, "output_shape", to=[5, 5, 3]), r"shape of weights is \(3, 3, 1, 2\), and must be \(3, 3, 1, 3"),
        (set_in(*CONV, "output_shape", to=[2**20] * 3), r"is a list of 3, and must be a shape of at most 67108864"),
        (set_in(*CONV, "inputs", to=["input", "input"]), "inputs has 2 items: a kernel of kind conv2d has 1"),
        (set_in(*CONV, "inputs", to=["later"]), "stage0: conv reads 'later', which no earlier kernel writes"),
        (set_in(*CONV, "name", to="input"), "stage0 gives 'conv', which no kernel writes"),
        (set_in(*CONV, "reuse_factor", to=1), r"kernels\[0\] has 'reuse_factor', which is none of kind, name"),
        (set_in(*BUILT, "conv", "reuse_factor", to=0), r"conv\.reuse_factor is 0, and must be a whole number from 1"),
        (set_in(*BUILT, "conv", "windows", to="glass"), r"conv\.windows 'glass' is not known\. Known: memory"),
        (set_in(*BUILT, "conv", "pixels", to=0), r"conv\.pixels is 0, .* from 1 to 1048576"),
        (set_in("accelerator", "image_pixels", to=0), r"accelerator\.image_pixels is 0, .* from 1 to 1048576"),
        (set_in("accelerator", "image_pixels", to=3), r"image_pixels is 3: images of .* have rows of"),
        (set_in("settings", "layers", "stage0.conv", "pixels", to="2"), r"stage0\.conv\.pixels is '2', .* whole"),
        (set_in(*BUILT, "conv", "strategy", to=None), r"conv\.strategy is null, and must be a text"),
        (set_in(*BUILT, "conv", "strategy", to="magic"), r"conv\.strategy 'magic' is not known\. Known: d"),
        (set_in(*BUILT, "cnv", to=BUILD), "stage0: kernel 'cnv' of an implementation is not known: did you mean 'con"),
        (set_in(*BUILT, to=None), r"implementations\.stage0 is null, and must be an object"),
        (set_in("accelerator", "implementations", to={}), r"implementations\.stage0 is missing"),
        (set_in(*CONV, "weight_format", "fixed_point", "width", to=2), r"weights has values that are no codes of fixe"),
        (set_in(*CONV, "accumulator", "fixed_point", "width", to=3), "conv: the accumulator fixed<3,.* could round"),
        (set_in(*DENSE, "input_shapes", to=[[49]]), r"shape of weights is \(50, 3\), and must be \(49, 3\)"),
        (
            lambda d: dig(d, *DENSE, "input_formats", 0, "fixed_point").update(width=5, integer=2),
            r"head0: dense reads ufixed<5,2,RND_CONV,SAT> \(50,\), but flat is ufixed<6,3,RND_CONV,SAT> \(50,\)",
        ),
    ],
)  # fmt: skip
def test_an_edited_design_is_refused_by_its_place_and_range(edit: Edit, message: str, read: Callable[..., Any]) -> None:
    with pytest.raises(DesignError, match=message) as refused:
        read(edit)
    assert str(refused.value).endswith("compile the design again")


def test_an_edited_policy_in_a_design_is_a_fault_of_the_design(read: Callable[..., Any]) -> None:
    with pytest.raises(DesignError, match=r"exits\[1\]\.threshold_code is true, and must be a whole number"):
        read(set_in("accelerator", "policy", "exits", 1, "threshold_code", to=True))


def test_a_pooling_of_more_pixels_than_memory_takes_none() -> None:
    tracemalloc.start()
    fmt = FixedPoint(4, 4)
    for count in (3, 2**20):
        wide = FixedPoint(40, 40)
        pool = GlobalPool("all", ("input",), (fmt,), ((count, 32, 1),), fmt, (1,), maximum=False, accumulator=wide)
        assert Segment.chain("head0", fmt, (count, 32, 1), (pool,)).results[0].shape == (1,)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


# --- weights.npz, example by example ---


def npy(descr: str, shape: str, data: bytes = b"", *, version: int = 1) -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H", len(text)) + text + data


def with_member(name: str, content: bytes, *, claimed: int | None = None) -> bytes:
    """The sample design's arrays, one of them replaced by other bytes, or one more; its size may be claimed."""
    arrays = made("margin")[1]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for key, array in arrays.items():
            if key != name:
                plain_bytes = io.BytesIO()
                np.save(plain_bytes, array)
                file.writestr(f"{key}.npy", plain_bytes.getvalue())
        file.writestr(f"{name}.npy", content)
    data = bytearray(buffer.getvalue())
    if claimed is not None:
        place = data.rindex(b"PK\x01\x02")
        data[place + 20 : place + 28] = struct.pack("<II", len(content), claimed)
    return bytes(data)


BIAS = "stage0.conv.bias"


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (lambda: with_member(BIAS, npy("'|O'", "(2,)", b"\x80\x04N." * 4)), rf"'{BIAS}' is of type 'object', and must"),
        (lambda: with_member(BIAS, npy("'<c16'", "(2,)", bytes(32))), "is of type 'complex128'"),
        (lambda: with_member(BIAS, npy("'|b1'", "(2,)", bytes(2))), "is of type 'bool'"),
        (lambda: with_member(BIAS, npy("'<U1'", "(2,)", bytes(8))), "is of type '<U1'"),
        (lambda: with_member(BIAS, npy("[('a', '<f8')]", "(2,)", bytes(16))), "is of type .*, and must be of float32"),
        (lambda: with_member(BIAS, npy("'<f8'", f"({2**27},)"), claimed=2**30 + 128), "take more than 268435456 bytes"),
        (lambda: with_member(BIAS, npy("'<f8'", f"({2**27},)")), r"of shape \(134217728,\) takes 76 bytes"),
        (lambda: with_member(BIAS, npy("'<f8'", "(2**40,)")), "has a damaged header"),
        (lambda: with_member(BIAS, npy("'<f8'", "(-2,)", bytes(16))), "which is not its size"),
        (lambda: with_member(BIAS, npy("'<f8'", "(" * 400 + ")" * 400)), "has a damaged header"),
        (lambda: with_member(BIAS, npy("'<f8'", "-" * 900 + "1")), "has a damaged header"),
        (lambda: with_member(BIAS, npy("'<f8'", "(2,)", bytes(16), version=3)), "has another header than arrays of nu"),
        (lambda: with_member(BIAS, b""), "has another header than arrays of numbers have"),
        (lambda: with_member(BIAS, npy("'<f8'", "(3,)", bytes(24))), r"shape of bias is \(3,\), and must be \(2,\)"),
        (lambda: with_member(BIAS, npy("'<f8'", "()", bytes(8))), r"shape of bias is \(\), and must be \(2,\)"),
        (lambda: with_member(BIAS, npy("'<f8'", "(2,)", struct.pack("<2d", 1, np.nan))), "has values that are no code"),
        (lambda: with_member(BIAS, npy("'<f8'", "(2,)", struct.pack("<2d", 1, 0.5))), "has values that are no codes"),
        (lambda: with_member(BIAS, npy("'<f8'", "(2,)", struct.pack("<2d", 1, 2.0**60))), "has values that are no cod"),
        (lambda: with_member("extra", npy("'<f8'", "(2,)", bytes(16))), "array 'extra' is in the file of arrays, but "),
        (lambda: npz({k: v for k, v in made("margin")[1].items() if k != BIAS}), f"bias is array '{BIAS}', which is m"),
        (lambda: b"", "it is not a file of arrays"),
        (lambda: npz(made("margin")[1])[:-1], "its end is not that of a file that NumPy wrote"),
        (lambda: npz(made("margin")[1])[:-10] + b"\xff\xff\xff\x7f" + bytes(6), "its list of arrays has 2147483647 by"),
    ],
)  # fmt: skip
def test_edited_arrays_are_refused_before_memory_is_taken(
    weights: Callable[[], bytes], message: str, read: Callable[..., Any]
) -> None:
    data = weights()
    tracemalloc.start()
    with pytest.raises(DesignError, match=message) as refused:
        read(arrays=data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 2**20
    assert str(refused.value).endswith("compile the design again")


def test_a_file_of_arrays_that_is_huge_is_not_even_hashed(tmp_path: Path) -> None:
    manifest = json.loads(made("margin")[0])
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    with (tmp_path / WEIGHTS).open("wb") as stream:
        stream.truncate(2**40)  # takes no space
    with pytest.raises(DesignError, match=r"weights\.npz is missing or was altered: compile the design again"):
        load(tmp_path)
    with pytest.raises(FieldError, match="it has 1099511627776 bytes: at most"), open_arrays(tmp_path / WEIGHTS):
        pass


# --- any edit ---

EXTREMES: list[Any] = [
    *(None, True, False, -1, 0, 1, 2, 3, 255, 1.5, 2**31 - 1, 2**31, -(2**31) - 1, 2**53, 2**63, 10**30, 1e308),
    *(float("nan"), float("inf"), "", "x", "margin", "input", "\ud800", "a\nb", "../x", [], {}, [[[[]]]], [0] * 10_000),
    *({"array": BIAS}, {"fixed_point": {}}, {"width": 8, "integer": 2147483648}, "y" * 100_000),
]  # fmt: skip


def deep() -> Any:
    value: Any = 1
    for _ in range(200):
        value = [value]
    return value


def edited_at_random(data: Any, rng: Random) -> None:
    """Replace, delete or duplicate one value, which is as likely at any depth."""
    while True:
        keys = list(data) if isinstance(data, dict) else list(range(len(data)))
        key = rng.choice(keys)
        if not (isinstance(data[key], dict | list) and data[key]) or rng.random() < 0.15:
            break
        data = data[key]
    match rng.randrange(6):
        case 0:
            del data[key]
        case 1 if isinstance(data, list):
            data.append(data[key])
        case 1:
            data[f"{key}x"] = data[key]
        case 2:
            data[key] = data[rng.choice(keys)]
        case 3 if type(data[key]) in {int, float}:
            data[key] = rng.choice([-data[key], data[key] + 1, data[key] * 2, float(data[key]), str(data[key])])
        case 4 if rng.random() < 0.1:
            data[key] = deep()
        case _:
            data[key] = rng.choice(EXTREMES)


@pytest.mark.parametrize("criterion", sorted(CRITERIA))
def test_a_policy_edited_at_random_is_read_or_refused(criterion: str) -> None:
    rng, refused = Random(f"policy {criterion}"), list[str]()  # noqa: S311  # the same edits every time
    for _ in range(100):
        data = json.loads(policy_text(criterion))
        edited_at_random(data, rng)
        try:
            policy = ExitPolicy.from_json(data)  # as they are, NaN and all
        except PolicyError as error:
            refused.append(str(error))
            continue
        assert ExitPolicy.from_json(policy.to_json()) == policy
        zeros = [np.zeros((2, policy.columns), np.int64)] * 3
        assert policy.score_exits(zeros)[1].shape == (3, 2)
    assert len(refused) > 50
    assert all(len(text) < 1000 and text.isprintable() for text in refused)


@pytest.mark.parametrize("criterion", ["margin", "entropy"])
def test_a_design_edited_at_random_is_read_or_refused(criterion: str, read: Callable[..., Any]) -> None:
    rng, refused = Random(f"design {criterion}"), list[str]()  # noqa: S311  # the same edits every time
    for _ in range(300):
        try:
            design = read(lambda data: edited_at_random(data, rng), criterion=criterion)
        except DesignError as error:
            refused.append(str(error))
            continue
        stage = design.accelerator.stages[0]
        (given,) = stage.run(np.zeros((1, *stage.inputs[0].shape), np.float32))
        assert given.shape == (1, *stage.results[0].shape)
    assert len(refused) > 150
    assert all(len(text) < 1000 and text.isprintable() and "again" in text for text in refused)


def edited_array(array: Any, rng: Random) -> Any:
    changed = array.copy()
    changed.flat[rng.randrange(array.size)] = rng.choice([np.nan, np.inf, 0.5, 1e300, -1e9, 1.0, 9.0])
    return rng.choice(
        [
            changed,
            array.reshape(-1),
            array[..., None],
            array[..., :0],
            array.astype(rng.choice(["f4", "i1", "u8", "c16", "O", "?", "U5", ">f8", "f2", "g", "M8[s]"])),
            np.zeros(rng.choice([(), (0,), (2**12, 2**8), (1,) * 8])),
            np.asfortranarray(array),
            np.concatenate([array, array]),
        ]
    )


def test_arrays_edited_at_random_are_read_or_refused(read: Callable[..., Any]) -> None:
    rng, refused = Random("arrays"), 0  # noqa: S311  # the same edits every time
    for count in range(200):
        arrays: Arrays = dict(made("margin")[1])
        name = rng.choice(sorted(arrays))
        if count % 4 == 0:  # any byte of the file
            data = bytearray(npz(arrays))
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            given: Arrays | bytes = bytes(data)
        elif count % 4 == 1:
            arrays[rng.choice([name, f"{name}x", "../../x"])] = arrays.pop(name)
            given = arrays
        else:
            arrays[name] = edited_array(arrays[name], rng)
            given = npz(arrays)
        try:
            read(arrays=given)
        except DesignError:
            refused += 1
    assert refused > 100
