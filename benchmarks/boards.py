"""The fastest designs of one network on every board: without early exits, and with them.

HWCODESIGN_DATA=… python -m benchmarks.boards

The same search as `hwcodesign explore RECIPE --board all`, and the same figures. Results go to
benchmarks/results/boards.json; `python -m benchmarks.exploration_page` writes them into docs/exploration.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import predictions
from hwcodesign.designs.boards import BOARDS
from hwcodesign.hardware.offers import Catalogue
from hwcodesign.search.evaluation import Evaluated
from hwcodesign.search.exploring import Exploration
from hwcodesign.search.front import Wishes, best_designs, fitting_designs
from hwcodesign.search.space import NO_EXITS
from hwcodesign.storage.fields import read_json
from hwcodesign.storage.files import write_json

RECIPE, RESULTS, KEPT = "resnet8_cifar_w4a4", Path("benchmarks/results/boards.json"), Path("build/boards")
TRIALS, SEED, DROP = 100, 1, 0.02
CRITERIA = ("margin", "max_softmax", "entropy", NO_EXITS)
#: Accuracy that early exits may cost in the table.
COST = 0.01


@dataclass(frozen=True)
class Row:
    """It holds the fastest design of a kind on a board.

    Attributes:
        board, clock_mhz: the board.
        number: of the design.
        criterion: its exit criterion, or that it has none.
        accuracy: on the fitting split.
        exit_rate: of all exits of the network; 0 where one is left out.
        images_per_second, mean_us, share: as predicted.
        lut, dsp, bram18: as estimated.
    """

    board: str
    clock_mhz: float
    number: int
    criterion: str
    accuracy: float
    exit_rate: tuple[float, ...]
    images_per_second: float
    mean_us: float
    share: float
    lut: int
    dsp: int
    bram18: int

    @classmethod
    def of(cls, board: str, number: int, found: Evaluated, exits: int) -> Row:
        figures, taken = found.figures, found.figures.resources
        rates = found.rates(exits)
        return cls(
            board,
            BOARDS[board].clock_mhz,
            number,
            found.point.criterion,
            figures.accuracy,
            tuple(rates.get(k, 0.0) for k in range(exits)),
            figures.images_per_second,
            figures.mean_us,
            figures.share,
            int(taken.lut),
            int(taken.dsp),
            int(taken.bram18),
        )


def rows(trials: int) -> Iterator[Row]:
    """Searches on one board after another."""
    known, catalogue = predictions.exploration(RECIPE), Catalogue()
    for board in BOARDS:
        begun = time.perf_counter()
        one = Exploration(RECIPE, known.network, known.data, board, KEPT, catalogue=catalogue)
        one.search(one.space(CRITERIA, DROP), trials, SEED)
        print(f"{board}: {trials} designs in {time.perf_counter() - begun:.0f} s", flush=True)
        designs = fitting_designs(one.study.designs)
        alone = {number: found for number, found in designs.items() if found.point.criterion == NO_EXITS}
        least = Wishes(accuracy=max(found.figures.accuracy for found in alone.values()) - COST)
        for some, wishes in ((alone, Wishes()), (designs, least)):
            (number,) = best_designs(some, wishes, "images_per_second")
            yield Row.of(board, number, designs[number], one.network.exits)


def table() -> str:
    """Returns the kept rows as a table."""
    lines = [
        "| board | MHz | criterion | accuracy | exits | images/s | mean us | LUT | DSP | BRAM18 | of board |",
        "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for one in (Row(**row) for row in read_json(RESULTS)["rows"]):
        rates = "/".join(f"{rate:.0%}" for rate in one.exit_rate)
        lines.append(
            f"| {one.board} | {one.clock_mhz:g} | {one.criterion} | {one.accuracy:.2%} | {rates} | "
            f"{one.images_per_second:,.0f} | {one.mean_us:,.0f} | {one.lut:,} | {one.dsp:,} | {one.bram18:,} | "
            f"{one.share:.0%} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=TRIALS, help="on each board")
    arguments = parser.parse_args()
    found = [dataclasses.asdict(row) for row in rows(arguments.trials)]
    write_json(RESULTS, {"trials": arguments.trials, "rows": found})
    print(table())


if __name__ == "__main__":
    main()
