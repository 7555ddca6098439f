"""The whole verification campaign: every backend, every criterion, whole test sets, generated networks and graphs.

python -m tests.campaign --write docs/verification.md                                # what `make verify` runs
python -m tests.campaign --networks 3 --rtl-networks 3 --graphs 0 --recipes digits   # part of it

Its parts run side by side on all cores. Each part's result is kept in --results under the digest of all sources, so
that a campaign that was stopped goes on where it was, and one after a change begins anew.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from hwcodesign.errors import HwcodesignError
from hwcodesign.storage.files import sha256, sha256_file, write_json, write_text
from hwcodesign.verification.comparison import Comparison, require_equal
from tests.campaign_document import document
from tests.comparisons import CLASS_MEANS, UNGATED, Line, criterion_lines, generated_lines, recipe_lines, rtl_lines
from tests.extreme_sizes import sweep
from tests.generated_graphs import generate_graph, graph_comparisons
from tests.stress import EXITS, SAMPLES, StressLine, stress_lines

RECIPES = ("digits_lenet", "gated_digits", "blenet_mnist", "blenet_fashion", "blenet3_fashion")
#: Those which also run under every criterion, and with class means; they have no gates, and gated_digits leaves by its
#: own.
_EVERY_CRITERION = ("digits_lenet", "blenet3_fashion")
_ROOT = Path(__file__).resolve().parent.parent
#: What a result depends on.
_SOURCES = ("hwcodesign", "hls", "rtl_sim", "models", "tests", "constraints.txt")


@dataclass(frozen=True)
class Part:
    """A share of the campaign that runs in a process of its own.

    Attributes:
        name: of its result's file.
        run: key into `_RUNS`.
        arguments: of that function.
    """

    name: str
    run: str
    arguments: tuple[str | int | bool, ...]


def _graph(seed: int) -> Iterator[Line]:
    for comparison in graph_comparisons(seed, "rtl"):
        yield Line(f"graph {seed}", generate_graph(seed).text, comparison)


def _recipe(name: str, build: str) -> Iterator[Line]:
    return recipe_lines(name, Path(build))


def _criterion(name: str, criterion: str, build: str) -> Iterator[Line]:
    return criterion_lines(name, criterion, Path(build))


def _sizes(number: int) -> Iterator[Line]:
    comparison = sweep()[number]()
    yield Line(f"size {number}", comparison.what, comparison)


def _stress(samples: int, exits: int) -> Iterator[StressLine]:
    return stress_lines(samples, (exits,))


_RUNS: dict[str, Callable[..., Iterator[Line | StressLine]]] = {
    "network": generated_lines,
    "rtl": rtl_lines,
    "graph": _graph,
    "recipe": _recipe,
    "criterion": _criterion,
    "sizes": _sizes,
    "stress": _stress,
}


def parts(options: argparse.Namespace) -> list[Part]:
    """What was asked for, the longest first."""
    build = str(options.build.resolve())
    found = [Part(f"recipe-{name}", "recipe", (name, build)) for name in reversed(options.recipes)]
    each = -(-options.samples // len(EXITS))
    found += [Part(f"stress-{exits}", "stress", (each, exits)) for exits in EXITS if each]
    for run, count in (("network", options.networks), ("rtl", options.rtl_networks), ("graph", options.graphs)):
        found += [Part(f"{run}-{seed}", run, (seed,)) for seed in range(count)]
    found += [Part(f"sizes-{number}", "sizes", (number,)) for number in range(len(sweep()) if options.sizes else 0)]
    found += [
        Part(f"criterion-{recipe}-{name.replace(' ', '-')}", "criterion", (recipe, name, build))
        for recipe in _EVERY_CRITERION
        if recipe in options.recipes
        for name in (*UNGATED, CLASS_MEANS)
    ]
    return found


def run_part(part: Part, results: Path) -> list[Line | StressLine]:
    """A part's lines, from its file where it ran before."""
    place = results / f"{part.name}-{sha256(repr(part.arguments).encode())[:8]}.json"
    kind = StressLine if part.run == "stress" else Line
    if not place.exists():
        warnings.simplefilter("ignore")
        lines = [dataclasses.asdict(line) for line in _RUNS[part.run](*part.arguments)]
        write_json(place, lines)
    return [_read(kind, data) for data in json.loads(place.read_text())]


def _read(kind: type[Line | StressLine], data: dict[str, object]) -> Line | StressLine:
    if kind is StressLine:
        return StressLine(**data)  # type: ignore[arg-type]
    comparison = dict(data["comparison"])  # type: ignore[call-overload]
    comparison["backends"] = tuple(comparison["backends"])
    return Line(str(data["subject"]), str(data["detail"]), Comparison(**comparison))


def _digest() -> str:
    files = subprocess.run(["git", "ls-files", *_SOURCES], cwd=_ROOT, capture_output=True, text=True, check=True)
    return sha256("\n".join(f"{name} {sha256_file(_ROOT / name)}" for name in files.stdout.split()).encode())[:16]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=24, help="generated networks in software and C++")
    parser.add_argument("--rtl-networks", type=int, default=100, help="generated networks in RTL")
    parser.add_argument("--graphs", type=int, default=50, help="generated graphs through hls4ml's Vitis and StreamRTL")
    parser.add_argument("--no-sizes", dest="sizes", action="store_false", help="leave out kernels at extreme sizes")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="samples in search of a deadlock")
    parser.add_argument("--recipes", nargs="*", default=list(RECIPES), help="recipes, each on its whole test split")
    parser.add_argument("--build", type=Path, default=Path("build"), help="where trained recipes are")
    parser.add_argument("--results", type=Path, default=Path("build/verification"), help="where results are kept")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="parts that run at a time")
    parser.add_argument("--write", type=Path, help="document to write the tables to")
    return parser.parse_args()


def main() -> None:
    options = _options()
    start = time.perf_counter()
    results = options.results / _digest()
    wanted = parts(options)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # parts fill the cores; threads that wait for one another would spin
    lines: dict[str, list[Line | StressLine]] = {}
    failed: dict[str, str] = {}
    # new processes, not copies: libraries with threads do not survive being copied
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(run_part, part, results): part for part in wanted}
        for future in as_completed(running):
            part = running[future]
            try:
                lines[part.name] = future.result()
            except HwcodesignError as error:  # the others go on
                lines[part.name], failed[part.name] = [], f"{type(error).__name__}: {error}"
            wrong = sum(line.comparison.mismatches for line in lines[part.name] if isinstance(line, Line))
            print(
                f"{len(lines):4} of {len(wanted)}  {part.name:32} {failed.get(part.name) or f'{wrong} mismatches'}",
                flush=True,
            )
    found = [line for part in wanted for line in lines[part.name]]
    compared = [line for line in found if isinstance(line, Line)]
    stressed = [line for line in found if isinstance(line, StressLine)]
    if options.write:
        command = f"python -m tests.campaign {' '.join(sys.argv[1:])}"
        write_text(options.write, document(compared, stressed, failed, command, time.perf_counter() - start))
    if compared or not stressed:  # a search for deadlocks alone has held every record to software's by itself
        require_equal([line.comparison for line in compared])
    if failed:
        raise SystemExit(f"{len(failed)} parts failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
