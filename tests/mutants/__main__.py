"""Plants each fault of tests/mutants in a copy of the checkout, and runs the tests that must catch it.

python -m tests.mutants --write docs/mutants.md                 # what `make mutants` runs
python -m tests.mutants policy_exit_taken_tie rtl_find_top_tie  # some of them

Each core has a copy of its own. The named tests run once without any fault, where all of them must pass.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from hwcodesign.storage.files import write_text
from tests.mutants.checkout import Checkout
from tests.mutants.faults import PlantedFault, planted_faults

_HEAD = """\
# Planted faults

`make mutants` writes this page. It plants each fault alone in a copy of the source code (the patches are in
`tests/mutants`). Then it runs the tests that are named in the same row. A fault is caught if one of them fails. Without
a fault, all of them pass.

"""


@dataclass(frozen=True)
class Verdict:
    """Of one fault.

    Attributes:
        caught_by: the first test that failed; empty where none did.
        problem: why nothing can be said of it.
    """

    fault: PlantedFault
    caught_by: str = ""
    problem: str = ""

    @property
    def text(self) -> str:
        return self.problem or (f"caught by {self.caught_by}" if self.caught_by else "SURVIVED")


class Workers:
    """As many copies of the checkout as processes may run side by side."""

    def __init__(self, folder: Path, count: int) -> None:
        self._free: SimpleQueue[Checkout] = SimpleQueue()
        self._all = [Checkout.copied_to(folder / str(number)) for number in range(count)]
        for checkout in self._all:
            self._free.put(checkout)

    def stop(self) -> None:
        """End all that runs."""
        for checkout in self._all:
            checkout.stop()

    @contextmanager
    def one(self) -> Iterator[Checkout]:
        checkout = self._free.get()
        try:
            yield checkout
        finally:
            self._free.put(checkout)


def try_fault(workers: Workers, fault: PlantedFault) -> Verdict:
    """Plant it and run its tests."""
    with workers.one() as checkout, checkout.planted(fault) as refused:
        if refused:
            return Verdict(fault, problem=f"the patch does not apply: {refused}")
        ran = checkout.run(fault.tests, "--exitfirst")
    failed = ran.failed()
    return Verdict(fault, failed[0] if failed and not ran.problem else "", ran.problem)


def without_faults(workers: Workers, tests: Sequence[str]) -> list[str]:
    """Tests of one file that do not exist or do not pass as the checkout is."""
    with workers.one() as checkout:
        ran = checkout.run(tests)
        alone = dict.fromkeys(tests, ran)
        if not ran.outcomes and len(tests) > 1:  # pytest runs nothing where one does not exist
            alone = {test: checkout.run([test]) for test in tests}
    bad = [test for test in tests if not alone[test].passed(test)]
    return [f"{test} does not pass without any fault. {alone[test].problem}" for test in bad]


def by_file(faults: Sequence[PlantedFault]) -> list[list[str]]:
    """All named tests, once each, in a list for each test file."""
    files: dict[str, dict[str, None]] = {}
    for test in (test for fault in faults for test in fault.tests):
        files.setdefault(test.partition("::")[0], {})[test] = None
    return [list(tests) for tests in files.values()]


def document(verdicts: Sequence[Verdict]) -> str:
    """docs/mutants.md."""
    caught = sum(bool(verdict.caught_by) for verdict in verdicts)
    rows = ["| file | fault | tests that must catch it | caught by |", "|---|---|---|---|"]
    for verdict in verdicts:
        fault = verdict.fault
        cells = [", ".join(fault.files), fault.says, ", ".join(fault.tests), verdict.caught_by or verdict.text]
        cells = [cell.replace("|", "\\|").replace("\n", " ") for cell in cells]
        cells[0], cells[2] = f"`{cells[0]}`", ", ".join(f"`{test}`" for test in fault.tests)
        rows.append(f"| {' | '.join(cells)} |")
    return f"{_HEAD}{caught} of {len(verdicts)} are caught.\n\n" + "\n".join(rows) + "\n"


def try_all(faults: Sequence[PlantedFault], count: int, say: Callable[[str], None]) -> tuple[list[str], list[Verdict]]:
    """What is wrong with the named tests, and a verdict on each fault, in their order.

    Args:
        count: of copies that are used side by side.
        say: is told what is found, as it is.
    """
    broken: list[str] = []
    verdicts: dict[str, Verdict] = {}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(count) as pool:
        workers = Workers(Path(folder), count)
        try:
            for files in as_completed([pool.submit(without_faults, workers, tests) for tests in by_file(faults)]):
                broken += files.result()
            say("\n".join(broken) or "without a fault, every named test passes")
            for tried in as_completed([pool.submit(try_fault, workers, fault) for fault in faults]):
                verdict = tried.result()
                verdicts[verdict.fault.name] = verdict
                say(f"{len(verdicts)}/{len(faults)} {verdict.fault.name}: {verdict.text}")
        except BaseException:  # somebody does not want to wait
            pool.shutdown(wait=False, cancel_futures=True)
            workers.stop()
            raise
    return broken, [verdicts[fault.name] for fault in faults]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="of faults; all unless given")
    parser.add_argument("--write", type=Path, help="write the table here")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="copies that are used side by side")
    options = parser.parse_args(arguments)
    broken, verdicts = try_all(planted_faults(options.names), options.workers, lambda text: print(text, flush=True))
    if options.write:
        write_text(options.write, document(verdicts))
    survivors = [verdict.fault.name for verdict in verdicts if not verdict.caught_by]
    print(f"{len(verdicts) - len(survivors)} of {len(verdicts)} faults are caught", flush=True)
    sys.exit("\n".join([*broken, *(f"not caught: {name}" for name in survivors)]) or 0)


if __name__ == "__main__":
    main()
