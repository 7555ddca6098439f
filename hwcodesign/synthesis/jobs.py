"""This module runs jobs that wait for tools, as many at once as there are cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from hwcodesign.tools.yowasp import OutOfTimeError, TimeLimit


@dataclass(frozen=True)
class Job:
    """A job is work to be done on a thread of its own.

    Attributes:
        run: function that does the work and keeps the result; its tools run under the limit that `run_jobs` is given.
        done: function that reports its end, on the thread that called `run_jobs`.
    """

    run: Callable[[], None]
    done: Callable[[], None]


def run_jobs(jobs: Sequence[Job], limit: TimeLimit) -> None:
    """Runs jobs in their order; jobs for which there is no time are not started.

    Raises:
        Exception: error of the first job that failed, or Ctrl-C; all tools have then ended.
    """
    with ThreadPoolExecutor(_cores()) as pool:
        waiting = {pool.submit(job.run): job for job in jobs}
        try:
            for future in as_completed(waiting):
                try:
                    future.result()
                except OutOfTimeError:
                    continue
                waiting[future].done()
        except BaseException:
            limit.stop()
            pool.shutdown(cancel_futures=True)
            raise


def _cores() -> int:
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
