"""Verbs that ask a finished design, or the report of a former run."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwcodesign.cli.app import Data, Json, Out, RecipeName, opened, results_folder, show, verb
from hwcodesign.errors import DesignError, SettingsError
from hwcodesign.places import PLACES, place_named

if TYPE_CHECKING:
    from hwcodesign.design import Design

_On = Annotated[str, typer.Option(help="; ".join(f"{place.name}: {place.text}" for place in PLACES.values()))]
#: Images of a waveform: more would fill disks.
_TRACED = 20


@verb
def simulate(
    recipe: RecipeName,
    out: Out = None,
    data: Data = None,
    on: _On = "csim",
    waves: Annotated[Path | None, typer.Option(help="VCD file of the first 20 images; needs --on rtl")] = None,
    json: Json = False,
) -> None:
    """Run the test split through a compiled design and show the records' figures."""
    import numpy as np

    place_named(on)
    if waves is not None and on != "rtl":
        raise SettingsError(f"--waves shows signals of the RTL: add --on rtl, instead of {on}")
    job = opened(recipe, out, data)
    from hwcodesign.pipeline import read_design

    design = read_design(job)
    test = job.recipe.data().test
    records = design.run(test.images, on)
    share = np.bincount(records["exit"], minlength=design.accelerator.exits) / len(records)
    accuracy = float((records["label"] == test.labels).mean())
    exits = "  ".join(f"exit {k} {part:.1%}" for k, part in enumerate(share))
    result = {"on": design.on, "samples": len(records), "accuracy": accuracy, "exit_share": share.tolist()}
    text = f"{len(records)} images on {design.on}: {accuracy:.2%} right, {exits}"
    if waves is not None:
        view = _write_waves(design, test.images[:_TRACED], waves)
        result["waves"], text = str(waves), f"{text}\n{waves}, and {view} to open it with in GTKWave"
    show(result, json, text)


def _write_waves(design: Design, images: Any, waves: Path) -> Path:
    from hwcodesign.images import encode_images
    from hwcodesign.interface.modes import exit_control
    from hwcodesign.simulation.waves import write_view

    codes = encode_images(images, design.accelerator.input_format, design.accelerator.input_shape)
    design.rtl.run(codes, exit_control(design.policy), waves=waves)
    return write_view(design.accelerator, waves)


@verb
def attack(
    recipe: RecipeName,
    out: Out = None,
    data: Data = None,
    epsilon: Annotated[float, typer.Option(help="largest change of any value of an image, in its own unit")] = 0.125,
    steps: Annotated[int, typer.Option(help="of gradient descent")] = 30,
    samples: Annotated[int, typer.Option(help="test images that are attacked")] = 400,
    seed: Annotated[int, typer.Option(help="of the attack's start, and of the noise it is compared with")] = 1,
    json: Json = False,
) -> None:
    """Slow a compiled design down: images that stay to the last exit (DeepSloth), and what they cost."""
    job = opened(recipe, out, data)
    from hwcodesign import pipeline
    from hwcodesign.robustness.deepsloth import AttackSettings
    from hwcodesign.robustness.slowdown import slowdown, table

    settings = AttackSettings(epsilon, steps, seed)
    design, network = pipeline.read_design(job), pipeline.read_network(job)
    found = slowdown(network, design, job.recipe.data(), settings, samples)
    show(found, json, table(found))


@verb
def report(
    recipe: RecipeName,
    out: Out = None,
    data: Data = None,
    least_accuracy: Annotated[
        float | None, typer.Option(help="show the exit to use alone for this accuracy, a fraction")
    ] = None,
    most_cycles: Annotated[float | None, typer.Option(help="show the exit to use alone within this latency")] = None,
    json: Json = False,
) -> None:
    """Show the report of a former run, or which exit it says to use alone."""
    from hwcodesign.recipe_files import RecipeFile, find_recipe
    from hwcodesign.report.schema import REPORT

    # what a recipe does not say of itself is known when it is executed, which takes seconds
    name = RecipeFile(find_recipe(recipe)).name
    folder = opened(recipe, out, data).folder if name is None else results_folder(out, name)
    path = folder / REPORT
    if not path.exists():
        raise DesignError(f"{path} is not there: run hwcodesign run {recipe} first")
    content = _read_report(path)
    if least_accuracy is not None or most_cycles is not None:
        _show_exit(content, least_accuracy, most_cycles, json)
    elif json:
        show(content, True, "")
    else:
        from rich.console import Console

        from hwcodesign.report.summary import written_files
        from hwcodesign.report.terminal import print_report

        print_report(content, Console(), written_files(folder))


def _show_exit(report: Any, least_accuracy: float | None, most_cycles: float | None, as_json: bool) -> None:
    """The exit of subnet mode that meets the targets, by a report's figures; latency is simulated."""
    from hwcodesign.exploration.subnets import choose_exit

    hardware = report["hardware"]
    if hardware is None:
        raise DesignError("the report has no cycles: the design has no RTL; compile it with backend='streamrtl'")
    accuracy, cycles = report["accuracy"]["each_exit"], [exit_["latency"] for exit_ in hardware["exits"]]
    chosen = choose_exit(accuracy, cycles, least_accuracy=least_accuracy, most_cost=most_cycles)
    text = (
        f'mode="subnet", leave_at={chosen}: {accuracy[chosen]:.2%} right on the test split, {cycles[chosen]:,} cycles'
    )
    show({"exit": chosen, "accuracy": accuracy[chosen], "cycles": cycles[chosen]}, as_json, text)


def _read_report(path: Path) -> Any:
    try:
        content = json_format.loads(path.read_text())
    except ValueError as error:
        raise DesignError(f"{path} is not JSON ({error}): run the recipe again") from None
    if not isinstance(content, dict) or "agreement" not in content:
        raise DesignError(f"{path} is no report: run the recipe again")
    return content
