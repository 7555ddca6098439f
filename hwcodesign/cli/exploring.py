"""This module shows what an exploration found as tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from hwcodesign.search.evaluation import Evaluated
from hwcodesign.search.exploring import Exploration
from hwcodesign.search.front import merit
from hwcodesign.search.verifying import Pair, Verified

_LEFT = {"criterion", "exits", "network", "board", ""}
_FIGURES = ("criterion", "accuracy", "exits", "images/s", "mean us", "99% us", "LUT", "of board", "nJ")


def show_front(one: Exploration, chosen: Sequence[int]) -> None:
    """Prints the designs that nothing is better than, and those that were chosen."""
    board = one.target.name
    title = f"predicted for {board}; exits: % that leave there, - left out; of board: of what is scarcest; nJ: counted"
    table = _table(title, ("#", *_FIGURES))
    shown = one.front | {number: one.design(number) for number in chosen}
    for number, found in sorted(shown.items(), key=lambda item: -item[1].figures.images_per_second):
        table.add_row(str(number), *_cells(found, one.network.exits), style="bold" if number in chosen else "")
    Console().print(table)


def show_searches(searches: Sequence[tuple[Exploration, str]], results: Sequence[Mapping[str, Any]], by: str) -> None:
    """Prints the best design of each search, or why it has none, and the best of all on each board.

    Args:
        searches: each with the command that compiles a design, but for its number.
        results: of each.
        by: figure that the best has most of, or least.
    """
    found = [
        (one, command, result["best"][0])
        for (one, command), result in zip(searches, results, strict=True)
        if result["best"]
    ]
    best: dict[str, tuple[Exploration, str, int]] = {}
    for one, command, number in found:
        before = best.setdefault(one.target.name, (one, command, number))
        if merit(one.design(number).figures, by) > merit(before[0].design(before[2]).figures, by):
            best[one.target.name] = (one, command, number)
    table = _table("predicted; the best design of each search", ("network", "board", "#", *_FIGURES))
    for one, command, number in found:
        style = "bold" if best[one.target.name] == (one, command, number) else ""
        table.add_row(
            one.name, one.target.name, str(number), *_cells(one.design(number), one.network.exits), style=style
        )
    console = Console()
    console.print(table)
    for result in results:
        if "error" in result:
            named = f"{result['network']} on {result['board']}"
            console.print(f"{named}: {result['error']}", soft_wrap=True, highlight=False)
    for _, command, number in best.values():
        console.print(f"{command} {number} compiles the best", soft_wrap=True, highlight=False)


def show_verified(one: Exploration, found: Mapping[int, Verified]) -> None:
    """Prints predicted beside measured figures."""
    for number, verified in found.items():
        title = f"design {number} on {one.target.name}: {verified.images} test images in RTL, resources by Yosys"
        table = _table(title, ("", "predicted", "measured", "error"))
        rows = {"cycles per image": verified.cycles_per_image}
        rows |= {"latency in the stream": verified.stream_mean, "latency of 99 % of it": verified.stream_p99}
        rows |= {f"cycles alone, exit {k}": pair for k, pair in enumerate(verified.latency)}
        rows |= {f"interval, exit {k}": pair for k, pair in enumerate(verified.interval)}
        rows |= {name.upper(): pair for name, pair in verified.resources.items()}
        for name, pair in rows.items():
            table.add_row(name, f"{pair.predicted:,.7g}", f"{pair.measured:,.7g}", f"{pair.error:+.1%}")
        for name, pair in _fractions(verified).items():
            table.add_row(name, f"{pair.predicted:.2%}", f"{pair.measured:.2%}", "")
        Console().print(table)


def _fractions(verified: Verified) -> dict[str, Pair]:
    """Of the fitting split, and of the images that were simulated."""
    return {"accuracy": verified.accuracy} | {f"leave at exit {k}": pair for k, pair in enumerate(verified.exit_rate)}


def _table(title: str, headings: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0), title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in _LEFT else "right", no_wrap=True)
    return table


def _cells(found: Evaluated, exits: int) -> tuple[str, ...]:
    figures = found.figures
    rates = found.rates(exits)
    return (
        found.point.criterion,
        f"{figures.accuracy:.2%}",
        "/".join(f"{100 * rates[k]:.0f}" if k in rates else "-" for k in range(exits)),
        f"{figures.images_per_second:,.0f}",
        f"{figures.mean_us:,.1f}",
        f"{figures.p99_us:,.1f}",
        f"{figures.resources.lut:,.0f}",
        f"{figures.share:.0%}",
        f"{figures.energy_nj:,.0f}",
    )
