"""This command searches designs of a recipe's network on one board or several, with its bits or others."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hwcodesign.cli import completion
from hwcodesign.cli.app import Data, Json, Out, RecipeName, opened, show, verb
from hwcodesign.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from hwcodesign.data import Dataset
    from hwcodesign.networks.network import MultiExitNetwork
    from hwcodesign.pipeline import Run
    from hwcodesign.search.evaluation import Evaluated
    from hwcodesign.search.exploring import Exploration
    from hwcodesign.search.front import Wishes
    from hwcodesign.search.retraining import Bits
    from hwcodesign.search.space import Space

#: Below the recipe's results; a folder for each board.
_FOLDER = "explore"
#: In the place of boards: all that are known.
_ALL = "all"


@verb
def explore(
    recipe: RecipeName,
    board: Annotated[
        str | None,
        typer.Option(
            help="boards, files that describe them, or parts (zc706@10000), with commas between; all: every board",
            autocompletion=completion.boards,
        ),
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="designs to try, those of earlier calls included")] = 100,
    criteria: Annotated[
        str,
        typer.Option(
            help="exit criteria, with commas between; none: no early exits", autocompletion=completion.criteria_list
        ),
    ] = "margin,max_softmax,entropy,none",
    drop: Annotated[float, typer.Option(help="largest accuracy drop of early exits, as a fraction")] = 0.02,
    by: Annotated[
        str,
        typer.Option(
            help="images_per_second, accuracy, mean_us, p99_us, stream_p99_us, share or energy_nj: what is chosen by",
            autocompletion=completion.objectives,
        ),
    ] = "images_per_second",
    accuracy: Annotated[float | None, typer.Option(help="least accuracy, as a fraction")] = None,
    images_per_second: Annotated[float | None, typer.Option(help="least throughput")] = None,
    mean_us: Annotated[float | None, typer.Option(help="most microseconds of an image alone, on average")] = None,
    p99_us: Annotated[float | None, typer.Option(help="most microseconds of 99 % of the images, each alone")] = None,
    stream_p99_us: Annotated[
        float | None, typer.Option(help="most microseconds of 99 % of the images of a stream, where they wait")
    ] = None,
    share: Annotated[float | None, typer.Option(help="largest fraction of the board's scarcest resource")] = None,
    energy_nj: Annotated[float | None, typer.Option(help="most nanojoules of an image, counted")] = None,
    best: Annotated[int, typer.Option(min=1, help="how many designs are chosen")] = 1,
    verify: Annotated[bool, typer.Option("--verify", help="compile, simulate and synthesise what is chosen")] = False,
    images: Annotated[int, typer.Option(min=1, help="test images that --verify simulates")] = 200,
    build: Annotated[int | None, typer.Option(help="compile the design with this number")] = None,
    retrain: Annotated[
        str | None,
        typer.Option(
            help="train the network again with these bits of weights x activations, with commas between (4x5,3x4), and "
            "search designs of each"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="seed of the search")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="processes that evaluate and verify designs")] = 1,
    cluster: Annotated[str | None, typer.Option(help="address of a Dask scheduler, whose workers do instead")] = None,
    storage: Annotated[
        str | None,
        typer.Option(help="where designs are kept: a journal (NAME.log), or a URL such as postgresql://host/searches"),
    ] = None,
    out: Out = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Search exits, criterion, thresholds, units and buffers for a board. A search that was stopped goes on.

    The best designs are listed: no other is more accurate, faster, sooner and smaller. `--build N` compiles one.
    """
    from hwcodesign.search.retraining import bits_of
    from hwcodesign.search.storage import check_storage

    check_storage(storage)
    given, bits = _boards(board), bits_of(retrain) if retrain is not None else ()
    if build is not None and len(bits) > 1:
        raise SettingsError(f"--build compiles a design of one network: name its bits, as in --retrain {bits[0].text}")
    job = opened(recipe, out, data, writes=True)
    from hwcodesign.cli.exploring import show_front, show_searches
    from hwcodesign.search.front import Wishes, check_merit
    from hwcodesign.search.space import Space
    from hwcodesign.synthesis.accelerator import require_synthesis

    boards, tried = given or [job.recipe.compile.board], tuple(criteria.split(","))
    check_merit(by)
    Space(tried, drop, 1.0, 2.0, 0)  # refuses what is not known before long work
    wishes = Wishes(accuracy, images_per_second, mean_us, p99_us, share, energy_nj, stream_p99_us)
    if verify:
        require_synthesis()
    searches: list[_Search] = []
    for name, own in _jobs(job, bits):
        command = _command(recipe, {"retrain": name, "out": out, "storage": storage})
        searches += _of_boards(own, boards, storage, command, _network(own, recipe, name, read=build is not None))
    if build is not None:
        for search in searches:
            show(None, False, f"design {build}: {search.one.build(build)}")
        return
    asked = _Asked(tried, drop, trials, seed, wishes, by, best, workers, cluster, job.file)
    results, must = _results(searches, asked), len(searches) == 1
    if verify:
        _verify(searches, results, images, asked, quiet=json)
    if json:
        show(results[0] if must else {"searches": results}, True, "")
    elif must:
        (search,), (number, *_), page = searches, results[0]["best"], results[0]["page"]
        show_front(search.one, results[0]["best"])
        show(None, False, f"{search.command} {number} compiles number {number}\npage: {page}")
    else:
        show_searches([(search.one, search.command) for search in searches], results, by)


@dataclass(frozen=True)
class _Search:
    """This is a search of one network on one board.

    Attributes:
        one: what is searched.
        command: that compiles a design, but for its number.
    """

    one: Exploration
    command: str


@dataclass(frozen=True)
class _Asked:
    """This is asked of every search: the command's options, and the recipe's file."""

    tried: tuple[str, ...]
    drop: float
    trials: int
    seed: int
    wishes: Wishes
    by: str
    most: int
    workers: int
    cluster: str | None
    file: Path | None


def _results(searches: Sequence[_Search], asked: _Asked) -> list[dict[str, Any]]:
    """Searches one after another, and returns what was found as plain data."""
    from hwcodesign.progress import task

    for search in searches:
        search.one.study.check(asked.tried, asked.trials)
    if len(searches) == 1:
        return [_searched(searches[0], asked, must=True)]
    results = []
    for search in searches:
        with task(f"searching designs of {search.one.name} on {search.one.target.name}"):
            results.append(_searched(search, asked, must=False))
    return results


def _searched(search: _Search, asked: _Asked, *, must: bool) -> dict[str, Any]:
    """Searches, and returns what was found as plain data.

    Args:
        must: whether it is an error if there is no design; else the result has the message.
    """
    from hwcodesign.search.space import Space

    one = search.one
    space = _space(one, asked.tried, asked.drop, must=must)
    if not isinstance(space, Space):
        return space
    one.search(space, asked.trials, asked.seed, asked.workers, asked.cluster)
    result = _chosen(one, asked.wishes, asked.by, asked.most, must=must)
    if result["best"]:
        page = one.write_page(result["best"][0], (asked.wishes, asked.by), search.command, _origin(one, asked))
        result["page"] = str(page)
    return result


def _verify(
    searches: Sequence[_Search], results: Sequence[dict[str, Any]], images: int, asked: _Asked, *, quiet: bool
) -> None:
    """Verifies what was chosen in each search, and puts it into the results; prints it, if it is not to be quiet."""
    from hwcodesign.cli.exploring import show_verified

    for search, result in zip(searches, results, strict=True):
        if not result["best"]:
            continue
        found = search.one.verify(result["best"], images, asked.workers, asked.cluster)
        result["verified"] = {number: figures.to_json() for number, figures in found.items()}
        if not quiet:
            show_verified(search.one, found)


def _jobs(job: Run, bits: Sequence[Bits]) -> list[tuple[str, Run]]:
    """Returns the recipe as it is, or as it is with each of some bits, which has a folder of its own."""
    if not bits:
        return [("", job)]
    found = []
    for one in bits:
        recipe, folder = job.recipe.with_bits(one.weights, one.activations), job.folder / one.text
        shared = job.folder if recipe.quantisation is not None else None  # bits are those of the quantisation alone
        found.append((one.text, dataclasses.replace(job, recipe=recipe, folder=folder, trained_in=shared)))
    return found


def _network(job: Run, recipe: str, bits: str, *, read: bool) -> tuple[MultiExitNetwork, Dataset]:
    """Returns the trained network, with its own bits or others, and its data.

    Args:
        read: whether it must have been trained.
    """
    from hwcodesign.cli.job import trained
    from hwcodesign.errors import CheckpointError
    from hwcodesign.pipeline import read_network
    from hwcodesign.progress import task

    if not read:
        with task(f"training with bits {bits}") if bits else nullcontext():
            return trained(job)
    try:
        return read_network(job), job.recipe.data()
    except CheckpointError:
        if not bits:
            raise
        raise CheckpointError(
            f"{job.folder} holds no finished training: run hwcodesign explore {recipe} --retrain {bits} first"
        ) from None


def _of_boards(
    job: Run, boards: Sequence[str], storage: str | None, command: str, trained: tuple[MultiExitNetwork, Dataset]
) -> list[_Search]:
    """Returns the searches of one network on several boards."""
    from hwcodesign.hardware.offers import Catalogue
    from hwcodesign.search.exploring import Exploration

    catalogue, folder = Catalogue(), job.folder / _FOLDER
    return [
        _Search(
            Exploration(job.recipe.name, *trained, board, folder, storage, catalogue),
            f"{command} --board {board} --build",
        )
        for board in boards
    ]


def _origin(one: Exploration, asked: _Asked) -> dict[str, str]:
    """Returns where the results of a search come from."""
    from hwcodesign.report.provenance import surroundings

    origin = {**surroundings(asked.file), "network, SHA-256": one.network.digest(), "criteria": ",".join(asked.tried)}
    return {**origin, "largest accuracy drop": f"{asked.drop:g}", "seed of the search": str(asked.seed)}


def _command(recipe: str, options: Mapping[str, object]) -> str:
    """Returns the command of a search, but for its board."""
    given = "".join(f" --{name} {value}" for name, value in options.items() if value)
    return f"hwcodesign explore {recipe}{given}"


def _boards(board: str | None) -> list[str]:
    """Returns the boards of an option, each of which is known."""
    from hwcodesign.designs.boards import BOARDS, board_named

    given = [*BOARDS] if board == _ALL else board.split(",") if board else []
    for name in given:
        board_named(name)
    return given


def _space(one: Exploration, tried: tuple[str, ...], drop: float, *, must: bool) -> Space | dict[str, Any]:
    """Returns the space of a board, or the result of one on which there is no design.

    Args:
        must: whether it is an error if there is none.
    """
    from hwcodesign.errors import SettingsError

    try:
        return one.space(tried, drop)
    except SettingsError as reason:
        if must:
            raise
        return {**_named(one), "best": [], "error": str(reason), "refused": 0, "designs": []}


def _chosen(one: Exploration, wishes: Wishes, by: str, most: int, *, must: bool) -> dict[str, Any]:
    """Returns what was found on a board as plain data.

    Args:
        must: whether it is an error if no design meets the wishes; else the result has the message.
    """
    from hwcodesign.errors import SettingsError

    error: dict[str, Any] = {}
    try:
        numbers = one.best(wishes, by, most)
    except SettingsError as reason:
        if must:
            raise
        numbers, error = [], {"error": str(reason)}
    shown = one.front | {number: one.design(number) for number in numbers}
    designs = [{"number": number, **_listed(found)} for number, found in sorted(shown.items())]
    return {**_named(one), "best": numbers, **error, "refused": len(one.study.refused), "designs": designs}


def _named(one: Exploration) -> dict[str, str]:
    """Returns what the result of a search is of."""
    return {"network": one.name, "board": one.target.name}


def _listed(found: Evaluated) -> dict[str, Any]:
    """Returns a design's point and figures as plain data."""
    point, figures = dataclasses.asdict(found.point), dataclasses.asdict(found.figures)
    energy = {"energy_nj": found.figures.energy_nj}
    return {**point, "images_per_second_wished": point["images_per_second"], **figures, **energy}
