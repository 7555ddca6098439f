"""This module writes the page of a study: what was found, in the words of the report."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from hwcodesign.backends.streamrtl.choosing import SHARE
from hwcodesign.designs.boards import Board
from hwcodesign.report.exploration_charts import Explored
from hwcodesign.report.exploration_page import EXPLORATION, Exploration, write_exploration_page
from hwcodesign.search.evaluation import Evaluated
from hwcodesign.search.front import Wishes
from hwcodesign.search.study import Study


def write_study_page(
    study: Study,
    front: Mapping[int, Evaluated],
    chosen: int,
    wished: tuple[Wishes, str],
    made: tuple[str, Board, str],
    origin: Mapping[str, str],
    exits: int,
) -> Path:
    """Writes the page beside the study's file, and returns its path.

    Args:
        study: the study.
        front: designs that no other is better than, by number.
        chosen: number of the chosen one.
        wished: bounds that it meets, and the objective that it has the best of.
        made: name of the network, board, and the command that compiles a design, but for its number.
        exits: number of exits of the network, those that are left out in some designs included.
        origin: where all this comes from, by name.
    """
    (wishes, by), (name, board, command) = wished, made
    shown = {*front, chosen}  # which need not be on the front
    designs = tuple(_explored(number, found, number in shown, exits) for number, found in sorted(study.designs.items()))
    found = Exploration(
        name=name,
        board=board.name,
        capacity=board.capacity.to_json(),
        limit=SHARE,
        clock_mhz=board.clock_mhz,
        designs=designs,
        refused=len(study.refused),
        chosen=chosen,
        wishes=tuple((key, f"{value:g}") for key, value in wishes.given.items()),
        best=by,
        command=command,
        origin=tuple(origin.items()),
    )
    return write_exploration_page(found, study.folder / EXPLORATION)


def _explored(number: int, found: Evaluated, on_front: bool, exits: int) -> Explored:
    figures, early = found.figures, found.point.early_exits
    rates = found.rates(exits)
    thresholds = dict(zip(early, found.policy.thresholds, strict=True))
    settings = dataclasses.asdict(found.point)
    criterion = settings.pop("criterion")
    return Explored(
        number=number,
        on_front=on_front,
        criterion=criterion,
        settings=tuple((_words(name), _text(value)) for name, value in settings.items()),
        thresholds=tuple(_threshold(thresholds[k]) if k in thresholds else "left out" for k in range(exits - 1)),
        accuracy=figures.accuracy,
        exit_rate=tuple(rates.get(k, 0.0) for k in range(exits)),
        macs_fraction=figures.macs_fraction,
        images_per_second=figures.images_per_second,
        mean_us=figures.mean_us,
        p99_us=figures.p99_us,
        resources={**figures.resources.to_json()},
        share=figures.share,
    )


def _threshold(value: float | None) -> str:
    return "never" if value is None else f"{value:.6g}"


def _words(name: str) -> str:
    """Returns "images_per_second" as what it is in a point: a wish."""
    return {"images_per_second": "wished images per second"}.get(name, name.replace("_", " "))


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    if isinstance(value, tuple):
        return ", ".join(map(_text, value)) or "none"
    return "-" if value is None else str(value)
