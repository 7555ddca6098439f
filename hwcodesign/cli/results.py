"""These commands use a compiled design, or the report of an earlier run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwcodesign.cli import completion
from hwcodesign.cli.app import Data, Json, Out, RecipeName, opened, results_folder, show, verb
from hwcodesign.errors import DesignError, SettingsError
from hwcodesign.places import PLACES, place_named

if TYPE_CHECKING:
    from hwcodesign.design import Design
    from hwcodesign.simulation.waves import Views

_On = Annotated[
    str,
    typer.Option(
        help="; ".join(f"{place.name}: {place.text}" for place in PLACES.values()), autocompletion=completion.places
    ),
]
#: Images of a waveform: more would fill disks.
_TRACED = 20


@verb
def simulate(
    recipe: RecipeName,
    out: Out = None,
    data: Data = None,
    on: _On = "csim",
    waves: Annotated[
        Path | None,
        typer.Option(
            help="write a waveform of the first 20 images, .fst or .vcd, and views of it for GTKWave and Surfer; this "
            "needs --on rtl",
            autocompletion=completion.waves,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Run the test images through a compiled design, and print accuracy and exit rates."""
    import numpy as np

    place = place_named(on)
    if waves is not None and on != "rtl":
        raise SettingsError(f"--waves records signals of the RTL and cannot be used with --on {on}: use --on rtl")
    if waves is not None:
        _check_waves(waves)
    if not place.is_choice:
        place.load().check()
    job = opened(recipe, out, data)
    from hwcodesign.pipeline import read_design

    design = read_design(job)
    test = job.recipe.data().test
    records = design.run(test.images, on)
    rates = np.bincount(records["exit"], minlength=design.accelerator.exits) / len(records)
    accuracy = float((records["label"] == test.labels).mean())
    exits = "  ".join(f"exit {k} {rate:.1%}" for k, rate in enumerate(rates))
    result = {"on": design.on, "samples": len(records), "accuracy": accuracy, "exit_rate": rates.tolist()}
    text = f"{len(records)} images on {design.on}: accuracy {accuracy:.2%}; exit rates: {exits}"
    if waves is not None:
        views = _write_waves(design, test.images[:_TRACED], waves)
        result |= {"waves": str(waves), "gtkwave": str(views.gtkwave), "surfer": str(views.surfer)}
        result["first_decision"] = views.cycle
        text += (
            f"\nwaveform {waves}, in cycles; the first exit decides in cycle {views.cycle}. To open it there:"
            f"\n  gtkwave {views.gtkwave}\n  surfer --command-file {views.surfer}"
        )
    show(result, json, text)


def _check_waves(waves: Path) -> None:
    """Refuses a wave file that could not be written after the simulation."""
    from hwcodesign.simulation.wave_format import require_writer, wave_format
    from hwcodesign.storage.paths import check_writable

    require_writer(wave_format(waves))
    check_writable(waves.parent, "--waves")


def _write_waves(design: Design, images: Any, waves: Path) -> Views:
    from hwcodesign.images import encode_images
    from hwcodesign.interface.modes import exit_control
    from hwcodesign.simulation.waves import write_views

    codes = encode_images(images, design.accelerator.input_format, design.accelerator.input_shape)
    run = design.rtl.run(codes, exit_control(design.policy), waves=waves, activity=True)
    return write_views(design.accelerator, waves, run)


@verb
def attack(
    recipe: RecipeName,
    out: Out = None,
    data: Data = None,
    epsilon: Annotated[
        float, typer.Option(help="largest change of any value of an image, in the unit of the values")
    ] = 0.125,
    steps: Annotated[int, typer.Option(help="steps of gradient descent")] = 30,
    samples: Annotated[int, typer.Option(help="number of test images that are attacked")] = 400,
    seed: Annotated[int, typer.Option(help="random seed of the attack and of the noise that it is compared with")] = 1,
    json: Json = False,
) -> None:
    """Perturb images so that they go to the last exit (DeepSloth), and measure what this costs a compiled design."""
    from hwcodesign.robustness.deepsloth import AttackSettings
    from hwcodesign.robustness.slowdown import slowdown, table

    settings = AttackSettings(epsilon, steps, seed)
    job = opened(recipe, out, data)
    from hwcodesign import pipeline

    design, network = pipeline.read_design(job), pipeline.read_network(job)
    found = slowdown(network, design, job.recipe.data(), settings, samples)
    show(found, json, table(found))


@verb
def report(
    recipe: RecipeName,
    out: Out = None,
    data: Data = None,
    least_accuracy: Annotated[
        float | None,
        typer.Option(help="choose the cheapest exit for subnet mode with at least this accuracy, a fraction"),
    ] = None,
    most_cycles: Annotated[
        float | None, typer.Option(help="choose the most accurate exit for subnet mode within this latency, in cycles")
    ] = None,
    json: Json = False,
) -> None:
    """Show the report of an earlier run, or choose from it the exit for subnet mode."""
    from hwcodesign.recipe_files import RecipeFile, find_recipe
    from hwcodesign.report.reading import read_report
    from hwcodesign.report.schema import REPORT

    # what a recipe does not say of itself is known when it is executed, which takes seconds
    name = RecipeFile(find_recipe(recipe)).name
    folder = opened(recipe, out, data).folder if name is None else results_folder(out, name)
    path = folder / REPORT
    if not path.exists():
        raise DesignError(f"{path} does not exist: run hwcodesign run {recipe} first")
    content = read_report(path)
    if least_accuracy is not None or most_cycles is not None:
        _show_exit(content, least_accuracy, most_cycles, json)
    elif json:
        show(content, True, "")
    else:
        from rich.console import Console

        from hwcodesign.report.page import write_report_page
        from hwcodesign.report.summary import written_files
        from hwcodesign.report.terminal import print_report

        write_report_page(content, folder)
        print_report(content, Console(), written_files(folder))


def _show_exit(report: Any, least_accuracy: float | None, most_cycles: float | None, as_json: bool) -> None:
    """Prints the exit for subnet mode that meets the targets, by the figures of a report. Latency is simulated."""
    from hwcodesign.exploration.subnets import choose_exit

    hardware = report["hardware"]
    if hardware is None:
        raise DesignError("the report has no cycles: the design has no RTL; compile it with backend='streamrtl'")
    accuracy, cycles = report["accuracy"]["each_exit"], [exit_["latency"] for exit_ in hardware["exits"]]
    chosen = choose_exit(accuracy, cycles, least_accuracy=least_accuracy, most_cost=most_cycles)
    figures = f"accuracy {accuracy[chosen]:.2%} on the test split, {cycles[chosen]:,} cycles"
    text = f'mode="subnet", leave_at={chosen}: {figures}'
    show({"exit": chosen, "accuracy": accuracy[chosen], "cycles": cycles[chosen]}, as_json, text)


@verb
def compare(
    builds: Annotated[
        list[str],
        typer.Argument(
            metavar="BUILD BUILD...",
            help="folders of results, or names of recipes in build/",
            autocompletion=completion.builds,
        ),
    ],
    out: Annotated[Path, typer.Option(help="file for the page")] = Path("build/comparison.html"),
    json: Json = False,
) -> None:
    """Compare the reports of several runs: figures side by side, and what differs between them."""
    if len(builds) < 2:
        raise SettingsError("give at least two builds to compare")
    from hwcodesign.report.comparing import Build, comparison_json, differences_table, figures_table
    from hwcodesign.report.reading import read_report

    reports = [read_report(_report_of(name)) for name in builds]
    names = [report["name"] for report in reports]
    unique = len(set(names)) == len(names)
    found = [Build(name if unique else given, r) for name, given, r in zip(names, builds, reports, strict=True)]
    if json:
        show(comparison_json(found), True, "")
        return
    from rich.console import Console

    from hwcodesign.report.comparison_page import write_comparison_page
    from hwcodesign.report.terminal import print_files, print_table

    console = Console()
    for table in (figures_table(found), differences_table(found)):
        print_table(table, console)
    print_files({"page": write_comparison_page(found, out)}, console)


def _report_of(build: str) -> Path:
    """Returns the report of a folder of results, or of a recipe's folder in build/."""
    from hwcodesign.report.schema import REPORT

    places = [Path(build) / REPORT, Path("build") / build / REPORT]
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        raise DesignError(f"there is no report of {build}: neither {places[0]} nor {places[1]} exists")
    return found
