"""Where a search keeps its trials: storages of several kinds, several processes, and processes that are killed."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from hwcodesign.errors import DesignError, SettingsError
from hwcodesign.policies import ExitPolicy
from hwcodesign.search.front import pareto_front
from hwcodesign.search.space import Space
from hwcodesign.search.study import Study
from hwcodesign.search.workers import Team
from tests.evaluating import Made
from tests.marks import CAMPAIGN
from tests.postgresql import served, server_programs

SPACE = Space(("margin",), 0.05, 1_000.0, 100_000.0, early_exits=1)
#: Processes that begin with all modules of this one.
FORKED = multiprocessing.get_context("fork")
TRIALS = 14

#: Returns a storage in a folder.
Storage = Callable[[Path], str | None]
#: Of a storage in a folder, by the kind; a server's is anywhere.
STORAGES: dict[str, Storage] = {
    "file": lambda _: None,
    "journal": lambda folder: str(folder / "searches.log"),
    "URL": lambda folder: f"sqlite:///{folder / 'searches.db'}",
}
POSTGRESQL = server_programs()
needs_postgresql = pytest.mark.skipif(
    POSTGRESQL is None or importlib.util.find_spec("psycopg") is None,
    reason="there is no PostgreSQL: apt install postgresql, pip install 'hwcodesign[postgresql]'",
)


@pytest.fixture(params=[*STORAGES, pytest.param("PostgreSQL", marks=needs_postgresql)])
def storage(request: pytest.FixtureRequest) -> Iterator[Storage]:
    if request.param in STORAGES:
        yield STORAGES[request.param]
        return
    assert POSTGRESQL is not None
    with served(POSTGRESQL) as url:
        yield lambda _: url


def searched(folder: Path, storage: str | None, subject: Made, trials: int = TRIALS) -> Study:
    study = Study.opened(folder, "a network", storage, "network board")
    study.search(SPACE, Team(subject), trials, seed=5)
    return study


def test_every_storage_keeps_what_was_found(fitted_policy: ExitPolicy, tmp_path: Path, storage: Storage) -> None:
    """The same points are found, also if the search is called again; another study may be in the same storage."""
    made, kept = Made(fitted_policy), storage(tmp_path)
    searched(tmp_path / "first", kept, made, 7)
    Study.opened(tmp_path / "first", "another", kept, "other board").search(SPACE, Team(made), 3, seed=5)
    found = searched(tmp_path / "first", kept, made)
    whole = searched(tmp_path / "whole", None, made)
    assert [one.point for one in found.designs.values()] == [one.point for one in whole.designs.values()]


def test_two_processes_search_on_one_storage(fitted_policy: ExitPolicy, tmp_path: Path, storage: Storage) -> None:
    kept = storage(tmp_path)
    Study.opened(tmp_path, "a network", kept, "network board")
    made = Made(fitted_policy, tmp_path, together=2, seconds=0.02)
    both = [FORKED.Process(target=searched, args=(tmp_path, kept, made)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert len([*tmp_path.glob("process*")]) == 2
    found = Study.opened(tmp_path, "a network", kept, "network board").designs
    assert TRIALS <= len(found) <= TRIALS + 1


def killed(folder: Path, storage: str | None, made: Made, seconds: float) -> None:
    """Searches in a process that is killed after so many seconds of searching."""
    receiver, sender = FORKED.Pipe(duplex=False)

    def search() -> None:
        sender.send("begun")
        searched(folder, storage, made, 10 * TRIALS)

    process = FORKED.Process(target=search)
    process.start()
    assert receiver.recv() == "begun"
    time.sleep(seconds)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=CAMPAIGN)])
def test_a_killed_search_loses_nothing(fitted_policy: ExitPolicy, tmp_path: Path, storage: Storage, kills: int) -> None:
    """At moments that are drawn: what was finished stays, and the end is that of a search that was not killed."""
    moments = np.random.default_rng(7).uniform(0.1, 0.6, kills).tolist()
    kept, made = storage(tmp_path), Made(fitted_policy, seconds=0.03)
    before: dict[int, object] = {}
    for moment in moments:
        killed(tmp_path, kept, made, moment)
        now = Study.opened(tmp_path, "a network", kept, "network board").designs
        assert {number: now.get(number) for number in before} == before
        before = dict(now)
    trials = max(len(before), TRIALS) + 4  # the sampler learns from trials, of which some were never finished
    found = searched(tmp_path, kept, Made(fitted_policy), trials)
    whole = searched(tmp_path / "whole", None, Made(fitted_policy), trials)
    assert [one.point for one in found.designs.values()] == [one.point for one in whole.designs.values()]
    fronts = [[one.figures for one in pareto_front(study.designs).values()] for study in (found, whole)]
    assert fronts[0] == fronts[1]


def test_a_journal_that_vanishes_is_an_error(fitted_policy: ExitPolicy, tmp_path: Path) -> None:
    journal = tmp_path / "searches.log"

    class Removes(Made):
        def evaluate(self, point):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            journal.unlink()
            return super().evaluate(point)

    with pytest.raises(DesignError, match=r"searches\.log cannot be used any more: .*; put it back and call again to"):
        searched(tmp_path, str(journal), Removes(fitted_policy))


def test_a_storage_of_no_known_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"storage='searches.txt' is neither a journal, a file that ends"):
        Study.opened(tmp_path, "a network", "searches.txt")


def test_a_storage_has_the_search_of_one_network_under_a_name(tmp_path: Path) -> None:
    journal = str(tmp_path / "searches.log")
    Study.opened(tmp_path, "a network", journal, "network board")
    with pytest.raises(SettingsError, match=r"searches\.log has a search of a network, .*: name another storage"):
        Study.opened(tmp_path, "a network that was trained again", journal, "network board")
