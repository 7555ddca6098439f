"""These commands generate results: the main job, and its steps one by one."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwcodesign.cli import completion
from hwcodesign.cli.app import Data, Json, Out, RecipeName, opened, show, verb
from hwcodesign.errors import SettingsError

if TYPE_CHECKING:
    from hwcodesign.data import Dataset
    from hwcodesign.networks.network import MultiExitNetwork
    from hwcodesign.pipeline import Run


def trained(job: Run, device: str = "cpu") -> tuple[MultiExitNetwork, Dataset]:
    """Returns the trained network and its data. Errors of later steps are looked for before, the quickest first."""
    from hwcodesign import pipeline

    network = job.recipe.build()
    pipeline.check_settings(job, network)
    splits = job.recipe.data()
    pipeline.check_before_training(job, network)
    return pipeline.trained_network(job, splits, device), splits


@verb
def run(recipe: RecipeName, out: Out = None, data: Data = None, json: Json = False) -> None:
    """Run all steps: train, fit, generate, simulate, compare every bit, and report."""
    job = opened(recipe, out, data, writes=True)
    from hwcodesign import pipeline
    from hwcodesign.report.page import write_report_page  # what it needs may be missing

    network, splits = trained(job)
    policy = pipeline.fitted_policy(job, network, splits)
    design = pipeline.compiled_design(job, network, policy)
    verified = pipeline.verify(job, network, design, splits.test.images)
    report, results = pipeline.measure(job, network, design, splits, verified)
    pipeline.write_report(job, report, results)
    with job.step("page", "drawing"):
        write_report_page(report, job.folder)
    if json:
        show(report, True, "")
    else:
        from rich.console import Console

        from hwcodesign.report.summary import written_files
        from hwcodesign.report.terminal import print_report

        print_report(report, Console(), written_files(job.folder))


@verb
def train(
    recipe: RecipeName,
    out: Out = None,
    data: Data = None,
    device: Annotated[str, typer.Option(help="what computes, by torch's name: cpu, cuda, cuda:1")] = "cpu",
    published: Annotated[
        bool, typer.Option("--published", help="train nothing: take the trained weights that come with hwcodesign")
    ] = False,
    json: Json = False,
) -> None:
    """Train the recipe's network. An interrupted training continues after its last finished epoch."""
    job = opened(recipe, out, data, writes=True)
    from hwcodesign.training.device import device_named

    device_named(device)  # before what takes long
    if published:
        from hwcodesign.pipeline import take_published

        take_published(job)
    network, splits = trained(job, device)
    logits = network.logits(splits.fitting.images)
    classes = network.classes  # behind their logits there may be a gate
    accuracy = [float((z[:, :classes].argmax(axis=1) == splits.fitting.labels).mean()) for z in logits]
    figures = "  ".join(f"exit {k} {fraction:.2%}" for k, fraction in enumerate(accuracy))
    show({"fitting_accuracy": accuracy, "folder": str(job.folder)}, json, f"on the fitting split: {figures}")


@verb
def fit(
    recipe: RecipeName,
    out: Out = None,
    data: Data = None,
    criterion: Annotated[
        str | None,
        typer.Option(help="exit criterion; the default is that of the recipe", autocompletion=completion.criteria),
    ] = None,
    accuracy_drop: Annotated[
        float | None,
        typer.Option(
            help="allowed loss of accuracy against the last exit, a fraction; instead of the recipe's request"
        ),
    ] = None,
    budget: Annotated[
        float | None, typer.Option(help="average cost, as a fraction of the full cost; instead of the recipe's request")
    ] = None,
    json: Json = False,
) -> None:
    """Fit the exit policy of a trained network."""
    from hwcodesign.policies.criterion import criterion_named

    if criterion is not None:
        criterion_named(criterion)
    job = opened(recipe, out, data, writes=True)
    from hwcodesign import pipeline

    settings = job.recipe.policy
    if accuracy_drop is not None or budget is not None:
        confidence = settings.confidence if accuracy_drop is not None else None
        settings = dataclasses.replace(
            settings, accuracy_drop=accuracy_drop, budget=budget, thresholds=None, confidence=confidence
        )
    if criterion is not None:
        settings = settings.of(criterion)
    job.recipe = dataclasses.replace(job.recipe, policy=settings)
    before = pipeline.former_policy(job)
    policy = pipeline.fitted_policy(job, pipeline.read_network(job), job.recipe.data())
    fitted, stale = policy.fitted_on, [str(path) for path in pipeline.stale_results(job, policy)]
    text = f"{policy.criterion_name}: thresholds {list(policy.thresholds)}"
    if fitted.samples:
        text += f"; on the fitting split {fitted.accuracy:.2%} at {fitted.cost_fraction:.3f} of the full cost"
    replaced = None if before == policy else before
    if replaced is not None:
        text += (
            f"\nthis replaces the earlier policy {replaced.criterion_name} with thresholds {list(replaced.thresholds)}"
        )
    if stale:
        text += f"\ngenerated with another policy: {' and '.join(stale)}; hwcodesign run {recipe} generates them again"
    result = {"thresholds": policy.thresholds, "replaces": replaced is not None, "stale": stale}
    show(dataclasses.asdict(fitted) | result, json, text)


@verb
def compile(
    recipe: RecipeName,
    out: Out = None,
    data: Data = None,
    build: Annotated[bool, typer.Option("--build", help="also build every project with Vitis HLS")] = False,
    resources: Annotated[
        bool, typer.Option("--resources", help="also synthesise the RTL with Yosys, for the board's family")
    ] = False,
    route: Annotated[
        bool,
        typer.Option(
            "--route", help="also place and route the RTL on a Lattice device, which finds its critical path (minutes)"
        ),
    ] = False,
    device: Annotated[
        str,
        typer.Option(
            help="device of --route: ecp5 (40 nm, up to 84,000 LUTs) or nexus (28 nm, up to 32,000)",
            autocompletion=completion.devices,
        ),
    ] = "ecp5",
    fit: Annotated[
        str | None,
        typer.Option(
            help="choose how layers are built: 'images_per_second=8000' for the least hardware of that throughput, or "
            "'board' for the fastest that the board has room for",
            autocompletion=completion.fits,
        ),
    ] = None,
    oversize: Annotated[
        bool,
        typer.Option("--oversize", help="write a design, for simulation, that is estimated not to fit the board"),
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(help="time limit of --resources and of --route in seconds; run the command again to continue"),
    ] = 3600.0,
    json: Json = False,
) -> None:
    """Generate the hardware sources of a trained and fitted network."""
    from hwcodesign.backends.streamrtl.hardware import Hardware
    from hwcodesign.backends.streamrtl.levels import levels_of, text_of
    from hwcodesign.backends.streamrtl.resources import AcceleratorEstimate
    from hwcodesign.backends.vitis.tool import build_projects, require_vitis
    from hwcodesign.frontend.settings import Fit
    from hwcodesign.synthesis.accelerator import (
        accelerator_resources,
        accelerator_route,
        check_timeout,
        require_routing,
        require_synthesis,
    )
    from hwcodesign.synthesis.lattice import device_named

    wish, routed_on = Fit.parse(fit) if fit is not None else None, device_named(device)
    if build:
        require_vitis()
    if resources:
        require_synthesis()
    if route:
        require_routing(routed_on)
    check_timeout(timeout)
    job = opened(recipe, out, data, writes=True)
    if (resources or route) and not job.recipe.compile.has_rtl:
        raise SettingsError(
            f"--resources and --route need RTL, which backend={job.recipe.compile.backend!r} does not write: set "
            "backend='streamrtl' in the recipe"
        )
    settings = job.recipe.compile
    settings = dataclasses.replace(settings, fit=wish or settings.fit, oversize=oversize or settings.oversize)
    job.recipe = dataclasses.replace(job.recipe, compile=settings)
    from hwcodesign import pipeline

    design = pipeline.compiled_design(job, pipeline.read_network(job), pipeline.read_policy(job))
    if build:
        build_projects(design.sources, design.manifest["projects"])
    result: dict[str, Any] = {"folder": str(design.folder), "projects": design.manifest["projects"]}
    text = f"{design.folder}: {', '.join(design.manifest['projects'])}"
    if design.has_rtl:
        hardware = Hardware.of(design.accelerator)
        estimate = AcceleratorEstimate.of(hardware)
        board = design.board
        result["estimate"], text = estimate.to_json(board), f"{text}\n{estimate.text(board)}"
        levels = levels_of(hardware, board)
        if levels:
            result["levels"], text = [level.to_json() for level in levels], f"{text}\n\n{text_of(levels)}"
    if resources:
        with job.timed("resources"):
            found = accelerator_resources(design, timeout)
        result["resources"], text = found.to_json(), f"{text}\n{found.text}"
        from hwcodesign.report.synthesis import write_synthesis

        write_synthesis(job.folder, design.accelerator.configuration_hash, found.to_json())
    if route:
        with job.timed("route"):
            routed = accelerator_route(design, timeout, routed_on)
        result["route"], text = dataclasses.asdict(routed), f"{text}\n{routed.text}"
    show(result, json, text)


@verb
def deploy(
    recipe: RecipeName,
    out: Out = None,
    data: Data = None,
    vivado: Annotated[
        bool,
        typer.Option(
            "--vivado", help="write the Vivado project, and run Vivado to build the bitstream (minutes to hours)"
        ),
    ] = False,
    bitstream: Annotated[
        Path | None,
        typer.Option(help="use this .bit file; its .hwh file must be in the same folder"),
    ] = None,
    archive: Annotated[
        str,
        typer.Option(
            help="archive of the bundle, written beside its folder: tar.gz, zip or none",
            autocompletion=completion.archives,
        ),
    ] = "tar.gz",
    wheel: Annotated[
        bool, typer.Option(help="put the driver's wheel into the bundle; this needs the source code of hwcodesign")
    ] = True,
    json: Json = False,
) -> None:
    """Write the bundle of a compiled design, the folder that is copied to a PYNQ board.

    Without a bitstream the bundle runs in software only.
    """
    from hwcodesign.deployment.bundle import check_archive, check_bitstream, write_bundle
    from hwcodesign.deployment.vivado import build_bitstream, write_vivado

    kind = None if archive == "none" else archive
    check_archive(kind)
    if vivado and bitstream is not None:
        raise SettingsError("--vivado builds a bitstream, and --bitstream names an existing one: give only one of them")
    check_bitstream(bitstream)
    job = opened(recipe, out, data, writes=True)
    from hwcodesign.pipeline import read_design

    design = read_design(job)
    if vivado:
        project = job.folder / "vivado"
        write_vivado(design, project)
        bitstream = build_bitstream(project, jobs=os.cpu_count() or 1).bit
    test = job.recipe.data().test
    bundle = write_bundle(
        design,
        test.images,
        job.folder / f"{design.accelerator.name}-{design.manifest['board']['name']}",
        labels=test.labels,
        bitstream=bitstream,
        wheel=wheel,
        archive=kind,
    )
    where = "on the board and in software" if bundle.bitstream else "in software only, because it has no bitstream"
    result = {
        "folder": str(bundle.folder),
        "archive": str(bundle.archive) if bundle.archive else None,
        "bitstream": bundle.bitstream,
        "driver": bundle.driver,
    }
    text = f"{bundle.archive or bundle.folder} runs {where}; its README.md has the instructions"
    show(result, json, text)
