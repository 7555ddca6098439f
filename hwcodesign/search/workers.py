"""This module evaluates points in several processes, of this machine or of a Dask cluster."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from hwcodesign.errors import HwcodesignError, ToolError
from hwcodesign.search.evaluation import Evaluated
from hwcodesign.search.space import Point

T = TypeVar("T")

#: Seconds in which a scheduler must answer.
_PATIENCE = 20
#: Of a worker process: what it evaluates points of.
_subject: Evaluator | None = None


class Evaluator(Protocol):
    """It evaluates points."""

    def evaluate(self, point: Point) -> Evaluated:
        """Predicts a point's figures.

        Raises:
            PolicyError, SettingsError: there is no such design.
        """

    def prepare(self, point: Point) -> None:
        """Does once, before workers are given the point, what all of them need."""


class OwnThread:
    """A thread of this process evaluates points, one at a time, while the process waits for others. It knows the
    subject and has imported all, which takes another process seconds.

    Args:
        subject: what points are of.
    """

    def __init__(self, subject: Evaluator) -> None:
        self._subject, self._executor = subject, ThreadPoolExecutor(1)
        self._latest: Future[Evaluated] | None = None

    @property
    def is_free(self) -> bool:
        """Returns whether it evaluates nothing."""
        return self._latest is None or self._latest.done()

    def start(self, point: Point) -> Future[Evaluated]:
        """Starts the evaluation of a point."""
        self._latest = self._executor.submit(self._subject.evaluate, point)
        return self._latest

    def stop(self) -> None:
        """Waits for what it evaluates."""
        self._executor.shutdown()


@dataclass(frozen=True)
class Team:
    """A team evaluates points, some of them at a time.

    Attributes:
        subject: what points are of.
        size: how many points are begun at a time.
        executor: where; None evaluates in this process, when a point is given.
        given: what of the subject is sent with each point; None where workers have it.
        own: a thread of this process, which is given a point whenever it is free; None where there is none.
    """

    subject: Evaluator
    size: int = 1
    executor: Executor | None = None
    given: Any = None
    own: OwnThread | None = None

    def start(self, point: Point) -> Future[Evaluated]:
        """Starts the evaluation of a point."""
        if self.executor is None:
            future: Future[Evaluated] = Future()
            try:
                future.set_result(self.subject.evaluate(point))
            except HwcodesignError as error:
                future.set_exception(error)
            return future
        self.subject.prepare(point)
        if self.own is not None and self.own.is_free:
            return self.own.start(point)
        if self.given is None:
            return self.executor.submit(_evaluate, point)
        return self.executor.submit(_evaluate_of, self.given, point)

    def result(self, future: Future[Evaluated]) -> Evaluated:
        """Returns what was found.

        Raises:
            PolicyError, SettingsError: there is no such design.
            ToolError: the worker died.
        """
        return result_of(future)


def result_of(future: Future[T]) -> T:
    """Returns what a worker found, and raises what it raised.

    Raises:
        ToolError: the worker died.
    """
    try:
        return future.result()
    except HwcodesignError:
        raise
    except Exception as error:
        if isinstance(error, BrokenProcessPool) or type(error).__name__ in {"KilledWorker", "CommClosedError"}:
            raise ToolError(
                f"a worker of the search died ({type(error).__name__}), perhaps for want of memory: what was "
                "finished is kept; call again to go on, with fewer workers"
            ) from None
        raise


@contextmanager
def workers(subject: Evaluator, processes: int, cluster: str | None) -> Iterator[Team]:
    """Gives a team for the time of a search.

    Args:
        subject: what points are of; workers elsewhere read its folder, too.
        processes: on this machine, this one among them.
        cluster: address of a Dask scheduler, for example "tcp://10.0.0.1:8786", whose workers are taken instead.

    Raises:
        ToolError: Dask is missing, or the scheduler does not answer or has no workers.
    """
    if cluster is not None:
        with _clustered(subject, cluster) as team:
            yield team
    elif processes == 1:
        yield Team(subject)
    else:
        context = multiprocessing.get_context("spawn")  # threads of numerical libraries do not survive a fork
        pool = ProcessPoolExecutor(processes - 1, context, initializer=_learn, initargs=(subject,))
        own = OwnThread(subject)
        try:
            yield Team(subject, processes + 1, pool, own=own)  # one point waits, so that no process does
        finally:
            pool.shutdown(cancel_futures=True)
            own.stop()


@contextmanager
def executor(processes: int, cluster: str | None) -> Iterator[Executor | None]:
    """Gives what calls functions in workers, for a time; None where this process should.

    Args:
        processes: on this machine; one is this process itself.
        cluster: address of a Dask scheduler, whose workers are taken instead.

    Raises:
        ToolError: as `workers`.
    """
    if cluster is not None:
        with _client(cluster) as client:
            yield client.get_executor(pure=False)
    elif processes == 1:
        yield None
    else:
        pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"))
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _clustered(subject: Evaluator, address: str) -> Iterator[Team]:
    with _client(address) as client:
        (given,) = client.scatter([subject], broadcast=True, hash=False)
        yield Team(subject, sum(client.nthreads().values()), client.get_executor(pure=False), given)


@contextmanager
def _client(address: str) -> Iterator[Any]:
    """A client of a Dask scheduler that has workers."""
    try:
        from distributed import Client  # noqa: PLC0415  # of an extra
    except ImportError:
        raise ToolError("--cluster needs Dask: pip install 'hwcodesign[cluster]'") from None
    try:
        client: Any = Client(address, timeout=_PATIENCE, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ToolError(f"no Dask scheduler answers at {address!r}: {error}; start one with `dask scheduler`") from None
    with client:
        if not client.nthreads():
            raise ToolError(
                f"the Dask scheduler at {address!r} has no workers: start some with `dask worker {address}`"
            )
        yield client


def _learn(subject: Evaluator) -> None:
    global _subject  # noqa: PLW0603  # of a process that evaluates nothing else
    _subject = subject


def _evaluate(point: Point) -> Evaluated:
    assert _subject is not None
    return _subject.evaluate(point)


def _evaluate_of(subject: Evaluator, point: Point) -> Evaluated:
    return subject.evaluate(point)
