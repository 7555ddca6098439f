"""A search by several workers: processes of this machine, and a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import LocalCluster

from hwcodesign.errors import DesignError, ToolError
from hwcodesign.policies import ExitPolicy
from hwcodesign.search import workers as of_workers
from hwcodesign.search.space import Point, Space
from hwcodesign.search.storage import FILE
from hwcodesign.search.study import Study
from hwcodesign.search.workers import Team, executor, result_of, workers
from tests.evaluating import Made

SPACE = Space(("margin",), 0.05, 1_000.0, 100_000.0, early_exits=1)


@pytest.mark.parametrize("size", [1, 2])
def test_workers_share_a_search(fitted_policy: ExitPolicy, tmp_path: Path, size: int) -> None:
    """All trials are done and told: by this process, or by this one and others at the same time."""
    study = Study.opened(tmp_path / "study", "a network")
    with workers(Made(fitted_policy, tmp_path, size), size, None) as team:
        study.search(SPACE, team, 10, seed=1)
    assert len(study.designs) == 10
    processes = {path.name for path in tmp_path.glob("process*")}
    assert len(processes) == size
    assert f"process{os.getpid()}" in processes


def test_a_worker_that_dies_loses_its_points_alone(fitted_policy: ExitPolicy, tmp_path: Path) -> None:
    study = Study.opened(tmp_path, "a network")
    study.search(SPACE, Team(Made(fitted_policy)), 4, seed=1)
    before = study.designs
    with (
        pytest.raises(ToolError, match=r"a worker of the search died \(BrokenProcessPool\).*call again to go on"),
        workers(Made(fitted_policy, seconds=0.1, deadly=1e9), 2, None) as team,
    ):
        study.search(SPACE, team, 12, seed=1)
    assert {number: study.designs[number] for number in before} == before
    assert len(study.designs) < 12, "this process may have found some more"
    study.search(SPACE, Team(Made(fitted_policy)), 12, seed=1)
    assert len(study.designs) == 12


def test_storage_that_vanishes_is_an_error(fitted_policy: ExitPolicy, tmp_path: Path) -> None:
    class Removes(Made):
        def evaluate(self, point: Point):  # type: ignore[no-untyped-def]  # noqa: ANN202
            (tmp_path / FILE).unlink()
            return super().evaluate(point)

    study = Study.opened(tmp_path, "a network")
    with pytest.raises(DesignError, match=r"study\.db cannot be used any more: .*; put it back and call again to go"):
        study.search(SPACE, Team(Removes(fitted_policy)), 4, seed=1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as made:  # type: ignore[no-untyped-call]
        yield made.scheduler_address


def test_a_dask_cluster_searches(fitted_policy: ExitPolicy, tmp_path: Path, cluster: str) -> None:
    study = Study.opened(tmp_path / "study", "a network")
    with workers(Made(fitted_policy), 1, cluster) as team:
        assert team.size == 2
        study.search(SPACE, team, 8, seed=1)
    assert len(study.designs) == 8


def test_functions_are_called_in_workers(cluster: str) -> None:
    """Verification needs the same: in another process, in a cluster, or where one process is wanted, in this one."""
    for processes, address in ((2, None), (1, cluster)):
        with executor(processes, address) as pool:
            assert pool is not None
            assert result_of(pool.submit(divmod, 17, 5)) == (3, 2)
            with pytest.raises(ZeroDivisionError):
                result_of(pool.submit(divmod, 17, 0))
    with executor(1, None) as pool:
        assert pool is None


def test_a_cluster_that_is_not_there_is_an_error(fitted_policy: ExitPolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_workers, "_PATIENCE", 1)
    with (
        pytest.raises(ToolError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:9': .*`dask scheduler`"),
        workers(Made(fitted_policy), 1, "tcp://127.0.0.1:9"),
    ):
        pass
