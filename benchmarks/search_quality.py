"""The search against all points of a small space, random search, and Optuna's default sampler.

python -m benchmarks.search_quality

The space is the digits on a part of a board: all criteria, exits and accuracy drops, each with hardware that fills the
part. Results go to benchmarks/results/search_quality.json, and a chart to docs/pictures/search_quality.svg.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

import optuna

from benchmarks.predictions import exploration
from hwcodesign.backends.streamrtl.choosing import SHARE
from hwcodesign.designs.boards import board_named
from hwcodesign.errors import PolicyError, SettingsError
from hwcodesign.report.chart import SERIES, Chart, Column, quantity, spec
from hwcodesign.report.whatif_charts import write_chart
from hwcodesign.search.evaluation import Evaluated, Subject
from hwcodesign.search.exporting import variants_of
from hwcodesign.search.space import NO_EXITS, Point, Space
from hwcodesign.search.study import Samplers, Study, learning
from hwcodesign.search.workers import Team
from hwcodesign.storage.files import write_json

RESULTS, PICTURES = Path("benchmarks/results/search_quality.json"), Path("docs/pictures")
BOARD, CRITERIA, DROP, STEPS, TRIALS, SEEDS = (
    "pynq-z2@9000",
    ("margin", "max_softmax", NO_EXITS),
    0.02,
    20,
    60,
    (1, 2, 3),
)


@dataclass(frozen=True)
class Filling:
    """It evaluates points with hardware that fills the board, each once.

    Attributes:
        subject: what evaluates them.
        known: what was found, or None where there is no such design.
        order: the points of a search, in their order.
    """

    subject: Subject
    known: dict[Point, Evaluated | None] = field(default_factory=dict)
    order: list[Point] = field(default_factory=list)

    def prepare(self, point: Point) -> None:
        """Makes the kernels of a point."""
        self.subject.prepare(point)

    def evaluate(self, point: Point) -> Evaluated:
        """Evaluates a point, whatever throughput it asks for."""
        point = replace(point, images_per_second=None, accuracy_drop=round(point.accuracy_drop, 6))
        self.order.append(point)
        if point not in self.known:
            try:
                self.known[point] = self.subject.evaluate(point)
            except (PolicyError, SettingsError):
                self.known[point] = None
        found = self.known[point]
        if found is None:
            raise SettingsError("no such design")
        return found


def every(exits: int) -> list[Point]:
    """All points of the space."""
    drops = [round(i * DROP / STEPS, 6) for i in range(STEPS + 1)]
    subsets = [tuple(k for k, stays in enumerate(one) if stays) for one in product((True, False), repeat=exits - 1)]
    found = [Point(c, d, None, early) for c in CRITERIA if c != NO_EXITS for d in drops for early in subsets if early]
    return [*found, Point.without_exits(None)]


def merit(found: Evaluated | None, least: float) -> float:
    """Images/s of a design that is accurate enough."""
    good = found is not None and found.figures.accuracy >= least and found.figures.share <= SHARE
    return found.figures.images_per_second if good and found is not None else 0.0


def curve(evaluator: Filling, space: Space, sampler: str, seed: int, least: float) -> list[float]:
    """The best images/s after each evaluation."""
    shared: dict[int, optuna.samplers.BaseSampler] = {}
    made: dict[str, Samplers] = {
        "this search": learning,
        "at random": lambda seed, number, _running: optuna.samplers.RandomSampler(seed=1000 * seed + number),
        "Optuna's default": lambda seed, *_: shared.setdefault(seed, optuna.samplers.TPESampler(seed=seed)),
    }
    own = replace(evaluator, order=[])
    with tempfile.TemporaryDirectory() as folder:
        Study.opened(Path(folder), "digits").search(space, Team(own), TRIALS, seed, made[sampler])
    best, found = 0.0, []
    for point in own.order:
        best = max(best, merit(evaluator.known[point], least))
        found.append(best)
    return found


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    one = exploration("digits")
    variants = variants_of(one.network, one.data.fitting, board_named(BOARD), Path("build/search_quality"))
    evaluator = Filling(Subject(variants))
    points = every(one.network.exits)
    for point in points:
        with suppress(SettingsError):
            evaluator.evaluate(point)
    least = max(found.figures.accuracy for p, found in evaluator.known.items() if found and p.criterion == NO_EXITS)
    optimum = max(merit(found, least) for found in evaluator.known.values())
    space = Space(CRITERIA, DROP, 1.0, 2.0, one.network.exits - 1)
    rows = [
        {"sampler": name, "evaluations": i + 1, "fraction": best / optimum, "seed": seed}
        for name in ("this search", "at random", "Optuna's default")
        for seed in SEEDS
        for i, best in enumerate(curve(evaluator, space, name, seed, least))
    ]
    write_json(RESULTS, {"points": len(points), "optimum": optimum, "least_accuracy": least, "rows": rows})
    print(write_chart(PICTURES, chart(rows)))
    for name in dict.fromkeys(str(row["sampler"]) for row in rows):
        last = [row["fraction"] for row in rows if row["sampler"] == name and row["evaluations"] == TRIALS]
        print(f"{name}: {', '.join(f'{fraction:.2%}' for fraction in last)} of the optimum of {len(points)} points")


def chart(rows: Sequence[Mapping[str, object]]) -> Chart:
    """A line for each sampler, the mean over seeds."""
    names = list(dict.fromkeys(str(row["sampler"]) for row in rows))
    line = {
        "mark": "line",
        "encoding": {
            "x": quantity("evaluations", "evaluations"),
            "y": {**quantity("fraction", "best images/s, of the optimum", percents=True), "aggregate": "mean"},
            "color": {"field": "sampler", "type": "nominal", "scale": {"domain": names, "range": SERIES[: len(names)]}},
        },
    }
    columns = (
        Column("sampler", "sampler"),
        Column("evaluations", "evaluations"),
        Column("fraction", "best", "percent"),
    )
    text = "The best design that is as accurate as the last exit; the mean of three seeds."
    return Chart(
        "search_quality",
        "The search against others",
        text,
        "Three lines.",
        spec(260, data={"values": rows}, **line),
        columns,
        tuple(rows),
    )


if __name__ == "__main__":
    main()
