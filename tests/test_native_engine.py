"""The native engine computes what NumPy computes, on every kernel, and is built once for a machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hwcodesign.data import Dataset
from hwcodesign.design import Design
from hwcodesign.errors import ToolError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.images import encode_images
from hwcodesign.interface.modes import exit_control
from hwcodesign.kernels import INPUT, KERNELS, Conv2D, Kernel, MaxPool2D, Segment, TensorType
from hwcodesign.native import library
from hwcodesign.native.engine import run_segment
from hwcodesign.native.library import build_library, native_library
from hwcodesign.native.plan import Multiply, Products
from hwcodesign.native.planning import plan_segment
from hwcodesign.runtime.arithmetic import NATIVE, NUMPY, NativeArithmetic, NumpyArithmetic, chosen, threads
from hwcodesign.runtime.software import stream_records
from tests.drawn_kernels import DRAWS, drawn_segment, random_codes


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And no engine that was built when there was one."""
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


# --- every kernel ---


def test_kernels_of_every_kind_are_drawn() -> None:
    assert sorted(DRAWS) == sorted(KERNELS)


@pytest.mark.parametrize("kind", sorted(KERNELS))
def test_it_computes_what_numpy_computes(kind: str) -> None:
    """On segments that begin with the kernel; others follow, so that kernels are fused."""
    for seed in range(60):
        rng = np.random.default_rng([seed, *kind.encode()])
        segment = drawn_segment(rng, kind)
        samples = int(rng.choice([1, 2, 7, 70]))
        codes = random_codes(rng, segment.inputs[0].format, (samples, *segment.inputs[0].shape))
        wanted = segment.run(codes)
        for number in (1, 3):
            found = run_segment(segment, [codes], number)
            for i, (a, b) in enumerate(zip(found, wanted, strict=True)):
                assert np.array_equal(a, b), f"seed {seed}, {[k.kind for k in segment.kernels]}, output {i}"


@pytest.mark.parametrize("block", [2, 3])
@pytest.mark.parametrize("behind", ["nothing", "cast", "thresholds", "affine"])
def test_a_maximum_behind_a_convolution_is_that_of_its_results(behind: str, block: int) -> None:
    """The largest sum has the largest result, unless a step reverses their order or wraps; both are drawn."""
    fused = set()
    for seed in range(20):
        rng = np.random.default_rng([seed, block, *behind.encode()])
        source = FixedPoint(int(rng.integers(2, 9)), 4, signed=bool(rng.integers(2)))
        weights = random_codes(rng, FixedPoint(6, 6), (3, 3, 4, 5))
        accumulator = FixedPoint(24, 24 - source.fraction)
        conv = convolution(source, weights, accumulator, side=6 * block + 2).kernels[0]
        kernels: list[Kernel] = [conv]
        if behind != "nothing":
            drawn = {"cast": "activation"}.get(behind, behind)
            kernels.append(DRAWS[drawn](rng, "behind", TensorType(conv.result, conv.output_shape), "conv"))
        last, (rows, columns, filters) = kernels[-1], conv.output_shape
        pool = MaxPool2D(
            name="pool",
            inputs=(last.name,),
            input_formats=(last.result,),
            input_shapes=(last.output_shape,),
            result=last.result,
            output_shape=(rows // block, columns // block, filters),
            pool=(block, block),
            stride=(block, block),
        )
        kernels.append(pool)
        segment = Segment("stage0", (TensorType(source, conv.input_shapes[0]),), tuple(kernels), ("pool",))
        codes = random_codes(rng, source, (3, *conv.input_shapes[0]))
        assert np.array_equal(run_segment(segment, [codes])[0], segment.run(codes)[0]), f"seed {seed}"
        fused.add(len(plan_segment(segment, native_library()).operations) < 3)
    assert fused == {"nothing": {True}, "affine": {False}}.get(behind, {True, False})


def test_of_no_samples_it_gives_none() -> None:
    segment = drawn_segment(np.random.default_rng(0), "conv2d")
    codes = np.zeros((0, *segment.inputs[0].shape))
    assert [found.shape for found in run_segment(segment, [codes])] == [(0, *one.shape) for one in segment.results]


def convolution(source: FixedPoint, weights: NDArray[Any], accumulator: FixedPoint, side: int = 6) -> Segment:
    """A segment of one convolution without padding, on so many rows and columns of pixels."""
    rows, columns, channels, filters = weights.shape
    conv = Conv2D(
        name="conv",
        inputs=(INPUT,),
        input_formats=(source,),
        input_shapes=((side, side, channels),),
        result=accumulator,
        output_shape=(side + 1 - rows, side + 1 - columns, filters),
        weights=weights,
        bias=np.zeros(filters),
        weight_format=FixedPoint(16, 16),
        accumulator=accumulator,
        stride=(1, 1),
        padding=(0, 0, 0, 0),
    )
    return Segment.chain("stage0", source, (side, side, channels), [conv])


@pytest.mark.parametrize(
    ("source", "most", "step", "multiply"),
    [
        pytest.param(FixedPoint(8, 8, signed=False), 127, 1, Multiply.BYTES, id="bytes"),
        pytest.param(FixedPoint(8, 8), 127, 1, Multiply.BYTES, id="signed bytes"),
        pytest.param(FixedPoint(8, 8, signed=False), 127, 8, Multiply.BYTES, id="bytes and zeros"),
        pytest.param(FixedPoint(8, 8, signed=False), 128, 1, Multiply.WORDS, id="weights of nine bits"),
        pytest.param(FixedPoint(9, 9), 127, 1, Multiply.WORDS, id="inputs of nine bits"),
        pytest.param(FixedPoint(15, 15, signed=False), 30_000, 1, Multiply.LONGS, id="long sums"),
    ],
)
def test_it_multiplies_the_narrowest_integers_that_hold_every_sum(
    source: FixedPoint, most: int, step: int, multiply: Multiply
) -> None:
    """Weights that all end in zeros are shorter by these; sums of 54 products of 30 bits need 64."""
    rng = np.random.default_rng(most)
    weights = rng.integers(-most, most, (3, 3, 6, 7), endpoint=True).astype(np.float64)
    weights[0, 0, 0] = most
    segment = convolution(source, weights * step, FixedPoint(40, 40))
    found = native_library()
    operations = plan_segment(segment, found).operations
    (products,) = (operation for operation in operations if isinstance(operation, Products))
    narrower = Multiply.WORDS if multiply == Multiply.BYTES and not found.has_bytes else multiply
    assert products.multiply == narrower
    extremes = np.where(rng.random((5, 6, 6, 6)) < 0.5, source.min_code, source.max_code).astype(np.float64)
    assert np.array_equal(run_segment(segment, [extremes])[0], segment.run(extremes)[0])


# --- designs ---


@pytest.mark.parametrize("mode", ["adaptive", "anytime"])
@pytest.mark.parametrize("number", ["1", "2"])
def test_records_and_segments_are_those_of_numpy(
    compiled_design: Design, digits_data: Dataset, monkeypatch: pytest.MonkeyPatch, mode: str, number: str
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", number)
    images = digits_data.test.images
    found, wanted = (np.concatenate(list(compiled_design.stream(images, on, mode=mode))) for on in ("native", "numpy"))
    assert compiled_design.on == "software (numpy)"
    assert len({*found["exit"]}) == compiled_design.accelerator.exits
    assert sorted(found.tolist()) == sorted(wanted.tolist())
    native, numpy = (compiled_design.segment_outputs(images, on) for on in ("native", "numpy"))
    assert [*native] == [*numpy]
    assert all(np.array_equal(native[name], numpy[name]) for name in numpy)


@pytest.mark.parametrize("size", [1, 7, 100, 400])
def test_records_do_not_depend_on_how_many_samples_are_computed_together(
    compiled_design: Design, digits_data: Dataset, size: int
) -> None:
    """The 400 images fill four batches of 100, and one of 400."""
    accelerator, images = compiled_design.accelerator, digits_data.test.images
    codes = encode_images(images, accelerator.input_format, accelerator.input_shape)
    control, wanted = exit_control(compiled_design.policy), compiled_design.run(images, on="numpy")
    for arithmetic in (NumpyArithmetic(samples=size), NativeArithmetic(samples=size)):
        found = np.concatenate(list(stream_records(accelerator, codes, control, arithmetic)))
        assert np.array_equal(np.sort(found, order="sample_id"), wanted)


def test_a_batch_holds_no_tensor_of_more_than_16_mib(compiled_design: Design) -> None:
    assert NATIVE.batch(compiled_design.accelerator) == NATIVE.samples
    few = NativeArithmetic(bytes=960)
    assert few.batch(compiled_design.accelerator) == 10  # stage 1 reads 16 pixels of 6 channels


def test_it_takes_as_many_threads_as_openmp_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads() == 3
    for text in ("", "0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", text)
        assert threads() == len(os.sched_getaffinity(0))


# --- how it is chosen and built ---


def test_software_is_native_where_a_compiler_is() -> None:
    assert chosen() is NATIVE


@pytest.mark.usefixtures("no_compiler")
def test_software_is_numpy_where_no_compiler_is() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert chosen() is NUMPY


def test_an_engine_that_cannot_be_built_is_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(library, "_FLAGS", ["-fno-such-flag"])
    native_library.cache_clear()
    with pytest.warns(UserWarning, match=r"NumPy computes instead: .*-fno-such-flag.* failed"):
        assert chosen() is NUMPY
    with pytest.raises(ToolError, match="failed; on='numpy' does not need it:"):
        native_library()


@pytest.mark.usefixtures("no_compiler")
def test_asked_for_by_name_it_needs_a_compiler(
    compiled_design: Design, digits_data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "native_library", build_library)  # as in a process that has not loaded it
    with pytest.raises(ToolError, match=r"on='native' needs g\+\+ .*; on='numpy' does not"):
        compiled_design.run(digits_data.test.images[:1], on="native")
    assert len(compiled_design.run(digits_data.test.images[:1], on="numpy")) == 1


def test_it_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    built = build_library()
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("it was compiled again"))
    assert build_library() == built


@pytest.mark.usefixtures("no_compiler")
def test_an_engine_that_another_machine_compiled_needs_no_compiler(tmp_path: Path) -> None:
    compiled = tmp_path / "compiled.so"
    compiled.write_bytes(b"an engine")
    assert not library.is_available()
    assert build_library(compiled).read_bytes() == b"an engine"
    assert library.is_available()
    build_library().write_bytes(b"another")
    with pytest.raises(ToolError, match=r"needs g\+\+"):
        build_library()


def test_flags_follow_from_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of ARM machines name no processor of the machine that compiles."""
    found = {name: set(library.flags(name)) for name in ("x86_64", "aarch64", "arm64", "armv7l")}
    assert found["x86_64"] == {*library._FLAGS, "-march=native"}
    assert found["aarch64"] == found["arm64"] == {*library._FLAGS, "-march=armv8-a", "-mtune=cortex-a53"}
    assert found["armv7l"] == {*library._FLAGS, "-march=armv7-a", "-mfpu=neon", "-mtune=cortex-a9"}
    cases = (("aarch64", 64, "aarch64"), ("aarch64", 32, "armv7l"), ("armv8l", 32, "armv7l"), ("x86_64", 64, "x86_64"))
    for name, bits, machine in cases:
        monkeypatch.setattr(library.platform, "machine", lambda name=name: name)
        monkeypatch.setattr(library.sys, "maxsize", 2 ** (bits - 1) - 1)
        assert library.machine() == machine
        assert library.flags() == library.flags(machine)
