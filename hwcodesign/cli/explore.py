"""This command searches designs of a recipe's network on a board."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwcodesign.cli import completion
from hwcodesign.cli.app import Data, Json, Out, RecipeName, opened, show, verb

if TYPE_CHECKING:
    from hwcodesign.networks.network import MultiExitNetwork
    from hwcodesign.pipeline import Run
    from hwcodesign.search.evaluation import Evaluated
    from hwcodesign.search.space import Space

#: Below the recipe's results; a folder for each board.
_FOLDER = "explore"
#: Fraction of the fastest throughput of a board at which the search begins.
_SLOWEST = 300


@verb
def explore(
    recipe: RecipeName,
    board: Annotated[
        str | None, typer.Option(help="board; by default the recipe's", autocompletion=completion.boards)
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="designs to try, those of earlier calls included")] = 100,
    criteria: Annotated[
        str,
        typer.Option(
            help="exit criteria, with commas between; none: no early exits", autocompletion=completion.criteria_list
        ),
    ] = "margin,max_softmax,entropy,none",
    drop: Annotated[float, typer.Option(help="largest accuracy drop of early exits, as a fraction")] = 0.02,
    best: Annotated[
        str,
        typer.Option(
            help="images_per_second, accuracy, mean_us or share: what is chosen by",
            autocompletion=completion.objectives,
        ),
    ] = "images_per_second",
    accuracy: Annotated[float | None, typer.Option(help="least accuracy, as a fraction")] = None,
    images_per_second: Annotated[float | None, typer.Option(help="least throughput")] = None,
    mean_us: Annotated[float | None, typer.Option(help="most microseconds of an image, on average")] = None,
    p99_us: Annotated[float | None, typer.Option(help="most microseconds of 99 % of the images")] = None,
    share: Annotated[float | None, typer.Option(help="largest fraction of the board's scarcest resource")] = None,
    build: Annotated[int | None, typer.Option(help="compile the design with this number")] = None,
    seed: Annotated[int, typer.Option(help="seed of the search")] = 1,
    out: Out = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Search criterion, thresholds, units and buffers for a board. A search that was stopped goes on.

    The best designs are listed: no other is more accurate, faster, sooner and smaller. `--build N` compiles one.
    """
    from hwcodesign.designs.boards import board_named

    named = board_named(board) if board else None
    job = opened(recipe, out, data, writes=True)
    from hwcodesign import pipeline
    from hwcodesign.cli.job import trained
    from hwcodesign.progress import task
    from hwcodesign.search.front import Wishes, best_design, check_objective, pareto_front
    from hwcodesign.search.page import write_study_page
    from hwcodesign.search.space import Space
    from hwcodesign.search.study import Study
    from hwcodesign.search.subject import subject_of

    target = named or job.recipe.compile.target
    check_objective(best)
    space = Space(tuple(criteria.split(",")), drop, 1.0, _SLOWEST)  # refuses what is not known before long work
    wishes = Wishes(accuracy, images_per_second, mean_us, p99_us, share)
    folder = job.folder / _FOLDER / target.name

    def study_of(network: MultiExitNetwork) -> Study:
        return Study.opened(folder, f"{job.recipe.name} {network.digest()[:16]} on {target.name}")

    if build is not None:
        network = pipeline.read_network(job)
        _build(job, network, study_of(network).designs, build, target.name)
        return
    network, splits = trained(job)
    study = study_of(network)
    study.check(space.criteria, trials)
    subject = subject_of(network, splits.fitting, target, folder / "kernels")
    with task("finding the fastest design for the board"):
        fastest = subject.fastest()
    study.search(
        dataclasses.replace(space, slowest=fastest / _SLOWEST, fastest=fastest), subject.evaluate, trials, seed
    )
    front = pareto_front(study.designs)
    chosen = best_design(front, wishes, best)
    arguments = f"{recipe} --board {target.name}" + (f" --out {out}" if out else "")
    command = f"hwcodesign explore {arguments} --build"
    page = write_study_page(
        study, front, chosen, (wishes, best), (job.recipe.name, target, command), _origin(job, network, space, seed)
    )
    if json:
        designs = [{"number": number, **_listed(found)} for number, found in sorted(front.items())]
        show({"board": target.name, "best": chosen, "refused": len(study.refused), "designs": designs}, True, "")
        return
    _print(front, chosen, target.name)
    show(None, False, f"{command} {chosen} compiles number {chosen}\npage: {page}")


def _origin(job: Run, network: MultiExitNetwork, space: Space, seed: int) -> dict[str, str]:
    """Returns where the results of a search come from."""
    from hwcodesign.report.provenance import surroundings

    return {
        **surroundings(job.file),
        "network, SHA-256": network.digest(),
        "criteria": ", ".join(space.criteria),
        "largest accuracy drop": f"{space.largest_drop:g}",
        "seed of the search": str(seed),
    }


def _build(job: Run, network: MultiExitNetwork, designs: dict[int, Evaluated], number: int, board: str) -> None:
    """Compiles a design that was found."""
    from hwcodesign.compilation import compile
    from hwcodesign.errors import SettingsError

    if number not in designs:
        known = ", ".join(map(str, sorted(designs))) or "none: search first"
        raise SettingsError(f"--build {number} is no design that was found; there are {known}")
    found, name = designs[number], f"{job.recipe.name}_{number}"
    folder = job.folder / _FOLDER / board / f"design{number}"
    compile(network, found.policy, board=board, fit=found.point.fit, out=folder, name=name)
    show(None, False, f"design {number}: {folder}")


def _listed(found: Evaluated) -> dict[str, Any]:
    """Returns a design's point and figures as plain data."""
    point, figures = dataclasses.asdict(found.point), dataclasses.asdict(found.figures)
    return {**point, "images_per_second_wished": point["images_per_second"], **figures}


def _print(front: dict[int, Evaluated], chosen: int, board: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    title = f"predicted for {board}; exits: % of the images that leave there; board: of its scarcest resource"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0), title=title, title_justify="left")
    headings = ("#", "criterion", "accuracy", "exits", "images/s", "mean us", "99% us", "LUT", "board")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in {"criterion", "exits"} else "right", no_wrap=True)
    for number, found in sorted(front.items(), key=lambda item: -item[1].figures.images_per_second):
        figures = found.figures
        table.add_row(
            f"{number}",
            found.point.criterion,
            f"{figures.accuracy:.2%}",
            "/".join(f"{100 * rate:.0f}" for rate in figures.exit_rate),
            f"{figures.images_per_second:,.0f}",
            f"{figures.mean_us:,.1f}",
            f"{figures.p99_us:,.1f}",
            f"{figures.resources.lut:,.0f}",
            f"{figures.share:.0%}",
            style="bold" if number == chosen else "",
        )
    Console().print(table)
