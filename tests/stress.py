"""Deadlock campaign: whole accelerators with the least buffers, fed with every order of exits at every pace.

Images say at which exit each sample leaves, so that orders of exits can be chosen: all at the first exit, none before
the last, in bursts, in turns, sorted, at random. Every record is compared with the software backend's.

python -m tests.stress                        # ten million samples, 2 to 5 exits
python -m tests.stress --samples 20000 --exits 3
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.project_files import write_accelerator
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.interface.modes import ExitControl, Mode, exit_control
from hwcodesign.interface.records import RECORD_DTYPE, Records, final_records
from hwcodesign.runtime import software
from hwcodesign.simulation.rtl import FOLDER, RtlRun, RtlSimulation, Stalls
from rtl_sim.tb.small_accelerators import steered, steered_images

Leaves = NDArray[np.int64]

SAMPLES = 10_000_000
EXITS = (2, 3, 4, 5)
MODES = (Mode.ADAPTIVE, Mode.ANYTIME)
#: (valid rate, ready rate): chances that a word is offered, and a record word taken, in a cycle.
RATES = ((1.0, 1.0), (1.0, 0.5), (0.5, 1.0), (0.3, 0.3), (1.0, 0.1), (0.02, 1.0), (1.0, 0.02))
_PACKETS = (0, 1, 5)


def _bursts(exits: int, samples: int, rng: np.random.Generator) -> Leaves:
    lengths = rng.geometric(0.06, samples)
    return np.repeat(rng.integers(0, exits, samples), lengths)[:samples]


def _classes(exits: int, samples: int, rng: np.random.Generator) -> Leaves:
    """Sorted by class, each class having its own exit rates, as where a test set is stored class by class."""
    rates = rng.dirichlet(np.full(exits, 0.5), 10)
    return np.concatenate([rng.choice(exits, -(-samples // 10), p=rate) for rate in rates])[:samples]


#: (number of exits, number of samples, generator) to the exit at which each sample leaves.
PATTERNS: dict[str, Callable[[int, int, np.random.Generator], Leaves]] = {
    "all at the first": lambda exits, samples, rng: np.zeros(samples, np.int64),  # noqa: ARG005
    "none early": lambda exits, samples, rng: np.full(samples, exits - 1),  # noqa: ARG005
    "first, last in turn": lambda exits, samples, rng: np.arange(samples) % 2 * (exits - 1),  # noqa: ARG005
    "all exits in turn": lambda exits, samples, rng: np.arange(samples) % exits,  # noqa: ARG005
    "bursts": _bursts,
    "sorted by class": _classes,
    "sorted by exit": lambda exits, samples, rng: np.sort(rng.integers(0, exits, samples)),
    "random": lambda exits, samples, rng: rng.integers(0, exits, samples),
}


@dataclass(frozen=True)
class StressLine:
    """One run.

    Attributes:
        exits: of the accelerator.
        pattern: key into `PATTERNS`.
        mode: of inference.
        valid_rate, ready_rate: of its input and output.
        samples, records, cycles: counted.
    """

    exits: int
    pattern: str
    mode: Mode
    valid_rate: float
    ready_rate: float
    samples: int
    records: int
    cycles: int


def stress_lines(
    samples: int = SAMPLES, exits: Sequence[int] = EXITS, folder: Path | None = None, seed: int = 1
) -> Iterator[StressLine]:
    """Run the campaign; one build per number of exits.

    Args:
        samples: at least so many in all, shared evenly by all runs.
        folder: for sources and compiled models; a temporary one by default.

    Raises:
        SimulationError: an accelerator hangs, or loses or duplicates a sample.
        AssertionError: a record is not the software backend's.
    """
    runs = list(itertools.product(PATTERNS, MODES, RATES))
    each = -(-samples // (len(exits) * len(runs)))
    with tempfile.TemporaryDirectory() as scratch:
        for count in exits:
            accelerator = steered(f"steered{count}", count)
            simulation = written(accelerator, (folder or Path(scratch)) / accelerator.name)
            for number, (pattern, mode, rates) in enumerate(runs):
                rng = np.random.default_rng([seed, count, number])
                leaves = PATTERNS[pattern](count, each, rng)
                run = _run(simulation, leaves, exit_control(accelerator.policy, mode), rates, rng)
                yield StressLine(count, pattern, mode, *rates, len(leaves), len(run.records), run.cycles)


def written(accelerator: Accelerator, folder: Path) -> RtlSimulation:
    """The simulation of an accelerator whose sources are written into a folder."""
    return RtlSimulation(accelerator, write_accelerator(Hardware.of(accelerator), folder / FOLDER))


def _run(
    simulation: RtlSimulation,
    leaves: Leaves,
    control: ExitControl,
    rates: tuple[float, float],
    rng: np.random.Generator,
) -> RtlRun:
    accelerator = simulation.accelerator
    codes = steered_images(accelerator, leaves, int(rng.integers(1 << 30)))
    stalls = Stalls(*rates, seed=int(rng.integers(1 << 30)))
    run = simulation.run(codes, control, stalls=stalls, records_per_packet=int(rng.choice(_PACKETS)))
    expected = np.concatenate(list(software.stream_records(accelerator, codes, control)))
    require_same(run.records, expected)
    assert np.array_equal(final_records(run.records)["exit"], leaves)
    return run


def require_same(records: Records, expected: Records) -> None:
    """Every record is there once with every field but `cycles`, and each sample's in the order of exits.

    Args:
        records: as they left.
        expected: of the software backend, in any order.
    """
    by_sample = records[np.argsort(records["sample_id"], kind="stable")]
    wanted = np.sort(expected, order=["sample_id", "exit"])
    assert len(by_sample) == len(wanted), f"{len(by_sample)} records instead of {len(wanted)}"
    for name in RECORD_DTYPE.names or ():
        if name != "cycles":
            differs = np.flatnonzero(by_sample[name] != wanted[name])
            assert not differs.size, f"{name}: {by_sample[differs[:3]]} instead of {wanted[differs[:3]]}"


def table(lines: Sequence[StressLine]) -> str:
    """The campaign as Markdown: a row for each number of exits and pattern."""
    rows = [
        "| exits | samples leave | samples | records | cycles | cycles a sample | input and output rates |",
        "|---|---|---|---|---|---|---|",
    ]
    for (exits, pattern), group in itertools.groupby(lines, key=lambda line: (line.exits, line.pattern)):
        found = list(group)
        samples, records, cycles = (sum(getattr(line, name) for line in found) for name in _COUNTS)
        paces = [line.cycles / line.samples for line in found]
        low, high = min(line.ready_rate for line in found), max(line.ready_rate for line in found)
        rows.append(
            f"| {exits} | {pattern} | {samples:,} | {records:,} | {cycles:,} | {min(paces):.1f} to {max(paces):.1f} "
            f"| {low:.0%} to {high:.0%} |"
        )
    totals = [sum(getattr(line, name) for line in lines) for name in _COUNTS]
    return "\n".join([*rows, f"| all | | {totals[0]:,} | {totals[1]:,} | {totals[2]:,} | | |"])


_COUNTS = ("samples", "records", "cycles")


def main() -> None:
    parser = argparse.ArgumentParser(description="Deadlock campaign of whole accelerators.")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--exits", type=int, nargs="+", default=list(EXITS))
    parser.add_argument("--folder", type=Path, help="keeps sources and compiled models")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    start = time.perf_counter()
    lines = []
    for line in stress_lines(options.samples, options.exits, options.folder, options.seed):
        lines.append(line)
        print(
            f"{line.exits} exits, {line.pattern}, {line.mode.value}, valid {line.valid_rate:.0%}, "
            f"ready {line.ready_rate:.0%}: {line.samples:,} samples, {line.records:,} records, {line.cycles:,} cycles",
            flush=True,
        )
    print(f"\n{table(lines)}\n\n{time.perf_counter() - start:.0f} s, builds included")


if __name__ == "__main__":
    main()
