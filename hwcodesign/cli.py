"""The command line: each verb is one step of the main job, `run` is all of them."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from hwcodesign.errors import HwcodesignError, MissingExtraError

try:
    import typer
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
except ModuleNotFoundError as error:
    sys.exit(f"the hwcodesign command needs {error.name}: pip install 'hwcodesign[cli]'")

if TYPE_CHECKING:
    from hwcodesign.design import Design
    from hwcodesign.pipeline import Run

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
_error = Console(stderr=True)

RecipeName = Annotated[
    str, typer.Argument(metavar="RECIPE", help="name of a recipe, or path of its file (it is executed)")
]
Out = Annotated[Path | None, typer.Option(help="folder for results; build/<recipe> by default")]
Data = Annotated[Path | None, typer.Option(help="folder with one folder per data set; overrides HWCODESIGN_DATA")]
Json = Annotated[bool, typer.Option("--json", help="print the result as JSON, nothing else")]
On = Annotated[
    str, typer.Option(help="software, csim, rtl, board-sim, board, or auto: the board if there is one, else software")
]


class _Bar:
    """Training's progress: loss and accuracy per exit."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None
        self._number = 0

    def epoch(self, number: int, epochs: int, steps: int) -> None:
        if self._task is None:
            self._task = self._progress.add_task("training", total=epochs * steps, figures="")
        self._number = number + 1
        self._progress.update(
            self._task, total=epochs * steps, completed=number * steps, description=f"epoch {number + 1}/{epochs}"
        )

    def step(self, loss: float, accuracy: Sequence[float]) -> None:
        assert self._task is not None  # an epoch begins before its steps
        exits = "  ".join(f"exit {k} {share:6.1%}" for k, share in enumerate(accuracy))
        self._progress.update(self._task, advance=1, figures=f"loss {loss:.3f}  {exits}")


def _run(recipe: str, out: Path | None, data: Path | None, *, quiet: bool) -> Run:
    from hwcodesign.data.idx import DATA_VARIABLE

    if data is not None:
        os.environ[DATA_VARIABLE] = str(data)
    from hwcodesign import load_recipe
    from hwcodesign.pipeline import Run

    loaded = load_recipe(recipe)

    def say(text: str) -> None:
        if not quiet:
            _error.print(f"[bold cyan]·[/] {text}")

    return Run(loaded, out or Path("build") / loaded.name, say)


def _train(run: Run, *, quiet: bool) -> Any:
    from hwcodesign.pipeline import trained_network

    data = run.recipe.data()
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_error, disable=quiet, transient=True) as progress:
        return trained_network(run, data, _Bar(progress)), data


def _print(result: Any, as_json: bool, text: str) -> None:
    typer.echo(json.dumps(result, indent=2) if as_json else text)


@app.command()
def run(recipe: RecipeName, out: Out = None, data: Data = None, json: Json = False) -> None:
    """Train, fit, generate, simulate, compare every bit, and report."""
    from hwcodesign import pipeline
    from hwcodesign.report.drawing import draw, written_files
    from hwcodesign.report.terminal import print_report

    job = _run(recipe, out, data, quiet=json)
    pipeline.check_before_training(job, job.recipe.build())
    network, splits = _train(job, quiet=json)
    policy = pipeline.fitted_policy(job, network, splits)
    design = pipeline.compiled_design(job, network, policy)
    verified = pipeline.verify(job, network, design, splits.test.images)
    report, results = pipeline.measure(job, network, design, splits, verified)
    with job.step("figures", "drawing"):
        draw(report, results, splits.test, job.folder)
    pipeline.write_report(job, report)
    if json:
        _print(report, True, "")
    else:
        print_report(report, Console(), written_files(job.folder))


@app.command()
def train(recipe: RecipeName, out: Out = None, data: Data = None, json: Json = False) -> None:
    """Train the recipe's network; a killed training goes on from its last epoch."""
    job = _run(recipe, out, data, quiet=json)
    network, splits = _train(job, quiet=json)
    logits = network.logits(splits.fitting.images)
    classes = network.classes  # behind their logits there may be a gate
    accuracy = [float((z[:, :classes].argmax(axis=1) == splits.fitting.labels).mean()) for z in logits]
    figures = "  ".join(f"exit {k} {share:.2%}" for k, share in enumerate(accuracy))
    _print({"fitting_accuracy": accuracy, "folder": str(job.folder)}, json, f"on the fitting split: {figures}")


@app.command()
def fit(
    recipe: RecipeName,
    out: Out = None,
    data: Data = None,
    criterion: Annotated[str | None, typer.Option(help="instead of the recipe's")] = None,
    accuracy_drop: Annotated[float | None, typer.Option(help="request, instead of the recipe's")] = None,
    budget: Annotated[float | None, typer.Option(help="request, instead of the recipe's")] = None,
    json: Json = False,
) -> None:
    """Fit the exit policy of a trained network."""
    import dataclasses

    from hwcodesign import pipeline

    job = _run(recipe, out, data, quiet=json)
    settings = job.recipe.policy
    if criterion is not None:
        settings = dataclasses.replace(settings, criterion=criterion)
    if accuracy_drop is not None or budget is not None:
        confidence = settings.confidence if accuracy_drop is not None else None
        settings = dataclasses.replace(
            settings, accuracy_drop=accuracy_drop, budget=budget, thresholds=None, confidence=confidence
        )
    job.recipe = dataclasses.replace(job.recipe, policy=settings)
    policy = pipeline.fitted_policy(job, pipeline.read_network(job), job.recipe.data())
    fitted = policy.fitted_on
    text = f"{policy.criterion_name}: thresholds {list(policy.thresholds)}"
    if fitted.samples:
        text += f"; on the fitting split {fitted.accuracy:.2%} at {fitted.cost_share:.3f} of the full cost"
    _print(dataclasses.asdict(fitted) | {"thresholds": policy.thresholds}, json, text)


@app.command()
def compile(
    recipe: RecipeName,
    out: Out = None,
    data: Data = None,
    build: Annotated[bool, typer.Option("--build", help="build every project with Vitis HLS")] = False,
    resources: Annotated[
        bool, typer.Option("--resources", help="synthesise the RTL with Yosys, and route it on an ECP5")
    ] = False,
    timeout: Annotated[
        float, typer.Option(help="seconds that --resources may take in all; the same command goes on with the rest")
    ] = 3600.0,
    json: Json = False,
) -> None:
    """Generate the hardware sources of a trained and fitted network."""
    from hwcodesign import pipeline
    from hwcodesign.backends.vitis.project import build_projects, require_vitis
    from hwcodesign.synthesis.accelerator import accelerator_resources, require_synthesis

    if build:
        require_vitis()
    if resources:
        require_synthesis()
    job = _run(recipe, out, data, quiet=json)
    design = pipeline.compiled_design(job, pipeline.read_network(job), pipeline.read_policy(job))
    if build:
        build_projects(design.folder / "vitis", design.manifest["projects"], job.say)
    result: dict[str, Any] = {"folder": str(design.folder), "projects": design.manifest["projects"]}
    text = f"{design.folder}: {', '.join(design.manifest['projects'])}"
    if resources:
        found = accelerator_resources(design, timeout, job.folder / "synthesis")
        result["resources"], text = found.to_json(), f"{text}\n{found.text}"
    _print(result, json, text)


@app.command()
def simulate(
    recipe: RecipeName,
    out: Out = None,
    data: Data = None,
    on: On = "csim",
    waves: Annotated[Path | None, typer.Option(help="VCD file of the first 20 images; needs --on rtl")] = None,
    json: Json = False,
) -> None:
    """Run the test split through a compiled design and show the records' figures."""
    import numpy as np

    from hwcodesign.errors import SettingsError

    if waves is not None and on != "rtl":
        raise SettingsError(f"--waves shows signals of the RTL: add --on rtl, instead of {on}")
    job = _run(recipe, out, data, quiet=json)
    design = _design(job)
    test = job.recipe.data().test
    records = design.run(test.images, on)
    if waves is not None:
        _write_waves(design, test.images[:_TRACED], waves, job)
    share = np.bincount(records["exit"], minlength=design.accelerator.exits) / len(records)
    accuracy = float((records["label"] == test.labels).mean())
    exits = "  ".join(f"exit {k} {part:.1%}" for k, part in enumerate(share))
    result = {"on": design.on, "samples": len(records), "accuracy": accuracy, "exit_share": share.tolist()}
    _print(result, json, f"{len(records)} images on {design.on}: {accuracy:.2%} right, {exits}")


#: Images of a waveform: more would fill disks.
_TRACED = 20


def _write_waves(design: Design, images: Any, waves: Path, job: Run) -> None:
    from hwcodesign.images import encode_images
    from hwcodesign.runtime.modes import exit_control
    from hwcodesign.simulation.waves import write_view

    codes = encode_images(images, design.accelerator.input_format, design.accelerator.input_shape)
    design.rtl.run(codes, exit_control(design.policy), waves=waves)
    job.say(f"{waves}, and {write_view(design.accelerator, waves)} to open it with in GTKWave")


@app.command()
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
    from hwcodesign import pipeline
    from hwcodesign.robustness.deepsloth import AttackSettings
    from hwcodesign.robustness.slowdown import slowdown, table

    settings = AttackSettings(epsilon, steps, seed)
    job = _run(recipe, out, data, quiet=json)
    design, network = _design(job), pipeline.read_network(job)
    with job.step("attack", f"attacking {samples} test images of {job.recipe.name}"):
        found = slowdown(network, design, job.recipe.data(), settings, samples)
    _print(found, json, table(found))


@app.command()
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
    from hwcodesign.errors import DesignError
    from hwcodesign.pipeline import REPORT
    from hwcodesign.report.drawing import written_files
    from hwcodesign.report.terminal import print_report

    job = _run(recipe, out, data, quiet=True)
    path = job.folder / REPORT
    if not path.exists():
        raise DesignError(f"{path} is not there: run hwcodesign run {recipe} first")
    content = _read_report(path)
    if least_accuracy is not None or most_cycles is not None:
        _print_exit(content, least_accuracy, most_cycles, json)
    elif json:
        _print(content, True, "")
    else:
        print_report(content, Console(), written_files(job.folder))


@app.command()
def deploy(
    recipe: RecipeName,
    out: Out = None,
    data: Data = None,
    vivado: Annotated[
        bool, typer.Option("--vivado", help="write the Vivado project, and run it for the bitstream: minutes to hours")
    ] = False,
    bitstream: Annotated[
        Path | None, typer.Option(help="one that is there already: a .bit with its .hwh beside it, as Vivado left them")
    ] = None,
    archive: Annotated[
        str, typer.Option(help="tar.gz, zip or none: the bundle in one file, beside its folder")
    ] = "tar.gz",
    wheel: Annotated[bool, typer.Option(help="build the driver's wheel into the bundle; needs a checkout")] = True,
    json: Json = False,
) -> None:
    """Write the bundle of a compiled design: what a PYNQ user copies to the board.

    Without a bitstream it runs in software alone.
    """
    from hwcodesign.deployment.bundle import write_bundle
    from hwcodesign.deployment.vivado import build_bitstream, write_vivado
    from hwcodesign.errors import SettingsError

    if vivado and bitstream is not None:
        raise SettingsError("--vivado makes a bitstream and --bitstream names one: give one of them")
    job = _run(recipe, out, data, quiet=json)
    design = _design(job)
    if vivado:
        project = job.folder / "vivado"
        with job.step("vivado", f"writing and running {project}"):
            write_vivado(design, project)
            bitstream = build_bitstream(project, jobs=os.cpu_count() or 1).bit
    folder = job.folder / f"{design.accelerator.name}-{design.manifest['board']['name']}"
    with job.step("deploy", f"writing {folder}"):
        test = job.recipe.data().test
        bundle = write_bundle(
            design,
            test.images,
            folder,
            labels=test.labels,
            bitstream=bitstream,
            wheel=wheel,
            archive=None if archive == "none" else archive,
        )
    where = "on the board, and in software" if bundle.bitstream else "in software: there is no bitstream in it"
    result = {
        "folder": str(bundle.folder),
        "archive": str(bundle.archive) if bundle.archive else None,
        "bitstream": bundle.bitstream,
        "driver": bundle.driver,
    }
    text = f"{bundle.archive or bundle.folder} runs {where}; its README.md says how"
    _print(result, json, text)


def _print_exit(report: Any, least_accuracy: float | None, most_cycles: float | None, as_json: bool) -> None:
    """The exit of subnet mode that meets the targets, by a report's figures; latency is simulated."""
    from hwcodesign.errors import DesignError
    from hwcodesign.exploration.subnets import choose_exit

    hardware = report["hardware"]
    if hardware is None:
        raise DesignError("the report has no cycles: the design has no RTL; compile it with backend='streamrtl'")
    accuracy, cycles = report["accuracy"]["each_exit"], [exit_["latency"] for exit_ in hardware["exits"]]
    chosen = choose_exit(accuracy, cycles, least_accuracy=least_accuracy, most_cost=most_cycles)
    text = (
        f'mode="subnet", leave_at={chosen}: {accuracy[chosen]:.2%} right on the test split, {cycles[chosen]:,} cycles'
    )
    _print({"exit": chosen, "accuracy": accuracy[chosen], "cycles": cycles[chosen]}, as_json, text)


def _read_report(path: Path) -> Any:
    from hwcodesign.errors import DesignError

    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise DesignError(f"{path} is not JSON ({error}): run the recipe again") from None
    if not isinstance(content, dict) or "agreement" not in content:
        raise DesignError(f"{path} is no report: run the recipe again")
    return content


def _design(job: Run) -> Design:
    from hwcodesign.design import load
    from hwcodesign.pipeline import DESIGN

    return load(job.folder / DESIGN)


def _fail(text: str) -> None:
    _error.print(f"[bold red]error:[/] {escape(text)}", soft_wrap=True, highlight=False)
    sys.exit(1)


def main() -> None:
    """Entry point: deliberate errors are one line, anything else is a bug and keeps its traceback."""
    warnings.filterwarnings("default", category=UserWarning, module="hwcodesign")
    try:
        app()
    except MissingExtraError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        _fail(f"this command needs {error.name}: pip install 'hwcodesign[all]'")
    except HwcodesignError as error:
        _fail(str(error))
    except OSError as error:
        # a full disk, a folder that may not be written: nothing half-written was moved into place
        _fail(str(error))


if __name__ == "__main__":
    main()
