"""software == csim == RTL == Brevitas, on a sample of what `make verify` runs whole."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.data import Dataset
from hwcodesign.errors import MismatchError, ToolError
from hwcodesign.fitting.outputs import float_disagreement
from hwcodesign.frontend.settings import LayerSettings
from hwcodesign.images import channels_last
from hwcodesign.interface.modes import exit_control
from hwcodesign.interface.records import RECORD_DTYPE
from hwcodesign.runtime.software import segment_codes
from hwcodesign.simulation.csim import _units, compiled
from hwcodesign.storage.sealed import SealedFiles
from hwcodesign.tools.verilator import find_verilator
from hwcodesign.verification.comparison import (
    Comparison,
    brevitas_outputs,
    brevitas_records,
    compare_outputs,
    compare_records,
    require_equal,
)
from tests.comparisons import UNGATED, VARIANTS, rtl_lines, verify_network
from tests.generated_networks import generate
from tests.marks import CAMPAIGN

needs_gxx = pytest.mark.skipif(
    shutil.which("g++") is None, reason="g++ is not installed: nothing generated is compiled"
)


def _verilator_is_missing() -> str:
    try:
        find_verilator()
    except ToolError as error:
        return str(error)
    return ""


needs_verilator = pytest.mark.skipif(bool(_verilator_is_missing()), reason=_verilator_is_missing() or "-")

#: Five exits with residual and strided stages; three exits with 82 classes; four exits with depthwise stages and gates.
SEEDS = (0, 1, 5)
#: CDLN's rule, a learned criterion, gates, and thresholds by class; folded at random.
RTL_SEEDS = (0, 1, 3, 7)
#: The blocks of a design of three exits, and one of each kind.
BLOCKS = ["fork0", "decision0", "buffer0", "fork1", "decision1", "buffer1", "decision2", "merge"]
ONE_OF_EACH = {"fork0", "decision1", "buffer0", "merge"}


@needs_gxx
@CAMPAIGN
@pytest.mark.parametrize("seed", SEEDS)
def test_every_backend_agrees_on_a_generated_network_under_every_criterion(seed: int, tmp_path: Path) -> None:
    drawn = generate(seed, gates=seed == 5)
    print(f"seed {seed}: {drawn.text}")
    fitting = (drawn.images, drawn.labels)
    backends = ("software", "csim")
    comparisons = list(verify_network(drawn.network, drawn.images, fitting, tmp_path / "design", backends=backends))
    assert [a for a in comparisons if a.mismatches] == []
    compared = {a.what.split(",")[1].strip() for a in comparisons if a.what.startswith("records")}
    assert compared == set(VARIANTS if seed == 5 else UNGATED)
    assert all(a.values > 0 for a in comparisons)


@needs_verilator
@pytest.mark.parametrize("seed", [RTL_SEEDS[0], *(pytest.param(s, marks=CAMPAIGN) for s in RTL_SEEDS[1:])])
def test_the_rtl_of_a_generated_network_agrees_and_takes_the_cycles_that_were_predicted(seed: int) -> None:
    comparisons = [line.comparison for line in rtl_lines(seed)]
    assert [a for a in comparisons if a.mismatches] == []
    assert {a.backends for a in comparisons} == {("prediction", "rtl"), ("brevitas", "rtl")}


@needs_gxx
@needs_verilator
@CAMPAIGN
@pytest.mark.parametrize(
    "settings",
    [{"criterion": "eenet"}, {"criterion": "max_softmax", "class_thresholds": True}, {"criterion": "entropy"}],
    ids=lambda settings: str(settings["criterion"]),
)
def test_a_policy_fitted_to_a_trained_network_decides_alike_everywhere(
    trained_network: hw.MultiExitNetwork, digits_data: Dataset, tmp_path: Path, settings: dict[str, Any]
) -> None:
    fitting, images = digits_data.fitting, digits_data.test.images
    policy = hw.fit_policy(trained_network, (fitting.images, fitting.labels), budget=0.6, calibrate=True, **settings)
    design = hw.compile(trained_network, policy, out=tmp_path / "design", reuse=16)
    expected = brevitas_records(design, trained_network.logits(images))
    assert len(set(expected["exit"].tolist())) >= 2
    disagreement = float_disagreement(policy, trained_network.logits(images))
    print(f"{settings}: {np.bincount(expected['exit'])} leave, float formula differs on {disagreement:.3%}")
    for on in ("software", "csim", "rtl"):
        assert compare_records(on, design.run(images, on), expected, "brevitas", "records").mismatches == 0


@needs_gxx
@pytest.mark.parametrize("mode", ["adaptive", "anytime", "subnet"])
def test_csim_and_software_give_the_same_records_in_every_mode(
    compiled_design: hw.Design, digits_data: Dataset, mode: str
) -> None:
    images = digits_data.test.images[:100]
    leave_at = 1 if mode == "subnet" else None

    def sorted_records(on: str) -> np.ndarray:
        records = np.concatenate(list(compiled_design.stream(images, on, mode=mode, leave_at=leave_at)))
        return np.sort(records, order=["sample_id", "exit"])

    assert np.array_equal(sorted_records("csim"), sorted_records("software"))
    assert compiled_design.on == "software (native)"


@needs_gxx
@pytest.mark.parametrize("count", [1, 2, 25, 26, 51, 52])
@pytest.mark.parametrize("workers", [1, 2])
def test_csim_takes_every_sample_however_many_a_thread_has(
    count: int, workers: int, compiled_design: hw.Design, digits_data: Dataset
) -> None:
    accelerator = compiled_design.accelerator
    codes = digits_data.test.images[:count].astype(np.int64)
    simulation = compiled(compiled_design.accelerator, compiled_design.sources, workers)
    found = simulation.records(codes, exit_control(compiled_design.policy))
    assert np.array_equal(found, compiled_design.run(digits_data.test.images[:count]))
    stage = accelerator.stages[0]
    inputs = [channels_last(codes)]
    assert np.array_equal(simulation.segment_codes(stage, inputs)[0], segment_codes(stage, inputs)[0])


@needs_gxx
def test_thresholds_change_at_run_time_without_compiling_again(
    compiled_design: hw.Design, digits_data: Dataset
) -> None:
    images = digits_data.test.images[:60]
    for thresholds in ([None, None], [1.0, 1.0], [0.1, 0.5], [0.4, 0.2]):
        software = compiled_design.run(images, "software", thresholds=thresholds)
        assert np.array_equal(compiled_design.run(images, "csim", thresholds=thresholds), software)
        if thresholds == [None, None]:
            assert set(software["exit"]) == {2}
        if thresholds == [1.0, 1.0]:
            assert set(software["exit"]) == {0}


@needs_gxx
def test_whatever_a_unit_includes_is_part_of_what_its_object_is_known_by(
    compiled_design: hw.Design, tmp_path: Path
) -> None:
    folder = tmp_path / "design"
    shutil.copytree(compiled_design.folder, folder)
    units = _units(compiled_design.accelerator, SealedFiles.of(folder))

    def digests() -> dict[str, str]:
        files = SealedFiles.of(folder)
        return {unit.name: unit.made_of(files) for unit in units}

    for file, some in (
        ("vitis/stage1/firmware/stage1.cpp", {"stage1"}),
        ("vitis/head2/firmware/parameters.h", {"head2"}),
        ("vitis/stage0/firmware/nnet_utils/nnet_types.h", {"stage0", "accelerator"}),
        ("vitis/hls/exit_decision.h", {"accelerator"}),
        ("vitis/decision0/decision0.h", {"accelerator"}),
        ("vitis/merge/merge.cpp", {"accelerator"}),
        ("csim/accelerator.cpp", {"accelerator"}),
    ):
        before = digests()
        path = folder / file
        path.write_text(path.read_text() + "\n// changed\n")
        after = digests()
        assert some <= {name for name in before if before[name] != after[name]}, file
    assert digests() == after


@pytest.mark.parametrize("on", ["software", pytest.param("csim", marks=CAMPAIGN)])
def test_folded_layers_compute_the_same_integers(
    on: str, trained_network: hw.MultiExitNetwork, compiled_design: hw.Design, digits_data: Dataset, tmp_path: Path
) -> None:
    images = digits_data.test.images[:40]
    folded = hw.compile(
        trained_network,
        compiled_design.policy,
        out=tmp_path / "folded",
        reuse=2,
        layers={"heads.0.1": LayerSettings(reuse=16, strategy="resource"), "stages.1.0": LayerSettings(3, "resource")},
    )
    reuse = {
        f"{segment}.{kernel}": implementation.reuse_factor
        for segment, implementations in folded.accelerator.implementations.items()
        for kernel, implementation in implementations.items()
    }
    assert folded.manifest["settings"]["layers"]["heads.0.1"] == {
        "reuse": 16,
        "strategy": "resource",
        "windows": None,
        "weights": None,
        "pixels": 1,
    }
    assert (reuse["head0.Dense_linear1"], reuse["stage1.Conv2D_conv0"], reuse["head1.Dense_linear1"]) == (16, 3, 2)
    reference = brevitas_outputs(trained_network, images)
    require_equal(compare_outputs(on, folded.segment_outputs(images, on), reference, "brevitas"))


def test_a_reuse_factor_that_hls4ml_changes_is_said(
    trained_network: hw.MultiExitNetwork, compiled_design: hw.Design, tmp_path: Path
) -> None:
    layers = {"stages.1.0": LayerSettings(4, "resource")}
    with pytest.warns(UserWarning, match=r"stages\.1\.0: reuse 4 does not divide .* the Vitis project uses 3"):
        hw.compile(trained_network, compiled_design.policy, out=tmp_path / "folded", layers=layers)


@needs_gxx
def test_every_block_has_a_project(compiled_design: hw.Design) -> None:
    vitis = compiled_design.folder / "vitis"
    assert [name for name in compiled_design.manifest["projects"] if (vitis / name / "block.tcl").exists()] == BLOCKS


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in ONE_OF_EACH else CAMPAIGN) for name in BLOCKS])
def test_every_generated_block_passes_its_own_testbench(name: str, compiled_design: hw.Design, tmp_path: Path) -> None:
    vitis, program = compiled_design.folder / "vitis", tmp_path / name
    firmware = vitis / "stage0" / "firmware"
    includes = [f"-I{path}" for path in (vitis / "hls", vitis / name, firmware, firmware / "ap_types")]
    sources = [str(vitis / name / f"{name}.cpp"), str(vitis / name / f"{name}_tb.cpp")]
    subprocess.run(["g++", "-O1", "-std=c++14", "-w", *includes, *sources, "-o", str(program)], check=True)
    done = subprocess.run([str(program), "200", "7"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "PASS"), done.stdout


def test_a_single_wrong_bit_is_a_mismatch(
    trained_network: hw.MultiExitNetwork, compiled_design: hw.Design, digits_data: Dataset
) -> None:
    images = digits_data.test.images[:30]
    reference = brevitas_outputs(trained_network, images)
    outputs = compiled_design.segment_outputs(images)
    outputs["head1"][3, 4] ^= 1
    wrong = compare_outputs("software", outputs, reference, "brevitas")
    assert [a.mismatches for a in wrong] == [0, 1]
    with pytest.raises(MismatchError, match="brevitas and software disagree on 1 of 900 values"):
        require_equal(wrong)


def test_every_field_of_a_record_but_cycles_is_compared(compiled_design: hw.Design, digits_data: Dataset) -> None:
    images = digits_data.test.images[:30]
    expected = brevitas_records(compiled_design, compiled_design.logits(images))
    for field in RECORD_DTYPE.names or ():
        changed = expected.copy()
        changed[field][7] += 1
        mismatches = compare_records("software", changed, expected, "brevitas", "records").mismatches
        assert mismatches == (0 if field == "cycles" else 1), field
    assert compare_records("software", expected[:-1], expected, "brevitas", "records").mismatches > 0


def test_codes_wider_than_float32_reach_the_first_stage_whole() -> None:
    torch.manual_seed(2)
    precision = layers.Precision()

    def head(features: int) -> nn.Module:
        return nn.Sequential(
            nn.Flatten(), layers.linear(features, 4, precision=precision), layers.logits(precision=precision)
        )

    stages = [
        nn.Sequential(layers.conv2d(channels, 2, 3, precision=precision), layers.relu(precision=precision))
        for channels in (1, 2)
    ]
    network = hw.MultiExitNetwork(stages, [head(32), head(8)], hw.FixedPoint(31, 1, signed=False), (1, 6, 6))
    images = np.random.default_rng(2).integers(0, 2**31, (200, 1, 6, 6))
    network.train()(torch.from_numpy(images * 2.0**-30).float())
    network.eval()
    with tempfile.TemporaryDirectory() as folder:
        policy = hw.fit_policy(network, None, criterion="margin", thresholds=[0.05])
        design = hw.compile(network, policy, out=Path(folder) / "wide")
    expected = brevitas_records(design, network.logits(images))
    assert compare_records("software", design.run(images), expected, "brevitas", "records").mismatches == 0


@needs_gxx
@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="no /proc here to count mapped libraries in")
def test_simulating_again_and_again_leaves_no_library_mapped(compiled_design: hw.Design, digits_data: Dataset) -> None:
    def mapped() -> int:
        return Path("/proc/self/maps").read_text().count("accelerator.so")

    compiled_design.run(digits_data.test.images[:4], "csim")
    before = mapped()
    for _ in range(5):
        compiled_design.run(digits_data.test.images[:4], "csim")
    assert mapped() == before == 0


def test_comparing_nothing_is_no_agreement() -> None:
    with pytest.raises(MismatchError, match="nothing was compared"):
        require_equal([])
    with pytest.raises(MismatchError, match="of 0 values"):
        require_equal([Comparison(("brevitas", "csim"), "records", 0, 0, 0)])
