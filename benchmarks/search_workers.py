"""How much sooner two workers are through with a search than one.

HWCODESIGN_DATA=… python -m benchmarks.search_workers

Both search the same space from the beginning, with the network's kernels at hand; the start of the workers counts. The
result goes to benchmarks/results/search_workers.json; `python -m benchmarks.exploration_page` writes it into
docs/exploration.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from hwcodesign.search.space import NO_EXITS
from hwcodesign.storage.fields import read_json
from hwcodesign.storage.files import write_json

RESULTS, KEPT = Path("benchmarks/results/search_workers.json"), Path("build/search_workers")
TRIALS, CRITERIA, DROP, SEED, WORKERS = 100, ("margin", "max_softmax", "entropy", NO_EXITS), 0.02, 1, (1, 2)


@dataclass(frozen=True)
class Timed:
    """It holds the time of a search.

    Attributes:
        recipe, board: what was searched.
        trials: designs that were evaluated.
        seconds: that it took, by the number of workers.
    """

    recipe: str
    board: str
    trials: int
    seconds: dict[str, float]

    @property
    def ratio(self) -> float:
        """How many times as fast two workers are."""
        return self.seconds["1"] / self.seconds["2"]


def timed(recipe: str, trials: int) -> Timed:
    """Searches with each number of workers, one after another."""
    from benchmarks import predictions  # not above: the other process imports this file, and does without PyTorch
    from hwcodesign.search.exploring import Exploration

    known = predictions.exploration(recipe)
    prepared = dataclasses.replace(known, results=KEPT / recipe / "prepared")
    early = range(prepared.network.exits - 1)
    for count in range(len(early) + 1):
        for some in itertools.combinations(early, count):
            prepared.subject.variants.with_exits(some)
    space, seconds = prepared.space(CRITERIA, DROP), {}
    for workers in WORKERS:
        folder = KEPT / recipe / f"workers{workers}"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(prepared.results, folder)
        begun = time.perf_counter()
        fresh = Exploration(recipe, known.network, known.data, known.board, folder)
        fresh.search(space, trials, SEED, workers)
        seconds[str(workers)] = time.perf_counter() - begun
        print(f"{recipe}: {trials} designs with {workers} workers in {seconds[str(workers)]:.1f} s", flush=True)
    return Timed(recipe, known.board, trials, seconds)


def results() -> list[Timed]:
    """All that were kept."""
    return [Timed(**row) for row in read_json(RESULTS)] if RESULTS.exists() else []


def table() -> str:
    """Returns what was measured, as a table."""
    lines = [
        "| network | board | designs | one worker | two workers | times as fast |",
        "|---|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| `{one.recipe}` | {one.board} | {one.trials} | {one.seconds['1']:.0f} s | {one.seconds['2']:.0f} s | "
        f"{one.ratio:.2f} |"
        for one in results()
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", default=["blenet_mnist"])
    parser.add_argument("--trials", type=int, default=TRIALS)
    arguments = parser.parse_args()
    for recipe in arguments.recipes:
        one = timed(recipe, arguments.trials)
        others = [old for old in results() if old.recipe != recipe]
        write_json(RESULTS, [dataclasses.asdict(row) for row in sorted([*others, one], key=lambda row: row.recipe)])
    print(table())


if __name__ == "__main__":
    main()
