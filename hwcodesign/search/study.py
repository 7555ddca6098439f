"""This module searches a space with Optuna, and keeps every finished trial in a storage, so that a search can go on.

A worker that is killed loses the trial that it was at. The sampler of a trial is seeded by the number of those that
were finished before, so that one worker finds the same points with or without a stop. Several processes may search on
one storage: trials that others are at since this one began are counted, too.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from json import JSONDecodeError
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import StorageInternalError
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from hwcodesign.errors import DesignError, PolicyError, SettingsError
from hwcodesign.hardware.resources.figures import Resources
from hwcodesign.policies import ExitPolicy
from hwcodesign.progress import Task, task
from hwcodesign.search.effort import Effort
from hwcodesign.search.evaluation import Evaluated, Figures
from hwcodesign.search.space import Space, point_of
from hwcodesign.search.storage import check_storage, opened_storage, place_of
from hwcodesign.search.workers import Team

#: Of the study in it; the number changes with the parameters and figures of a trial.
_NAME = "designs_3"
#: What is searched for: figures of a point, and whether more is better.
OBJECTIVES = {"accuracy": True, "images_per_second": True, "mean_us": False, "share": False}
#: Trials that are drawn at random before the sampler learns from them.
_RANDOM = 12
#: States of trials that are done: there is a design, or there is none.
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
_MORE, _LESS = StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE
_SUBJECT, _CRITERIA = "subject", "criteria"
#: What to do about a storage that cannot be used: of one that was named, and of the file in the folder.
_WAY_OUT = ("name another storage", "remove it, or name another folder")
_POLICY, _FIGURES, _REFUSED = "policy", "figures", "refused"

#: Makes the sampler of a trial from the seed of the search, the number of trials before it, and whether it is to keep
#: away from points that are being evaluated.
Samplers = Callable[[int, int, bool], BaseSampler]


def learning(seed: int, number: int, counts_running: bool) -> TPESampler:
    """Returns a sampler that learns from the trials before.

    Args:
        seed: of the search.
        number: of trials before it.
        counts_running: whether it keeps away from points that are being evaluated. A trial of a killed process is one
            of these for ever, so that one worker, which does without, finds what it would have found.
    """
    (own,) = np.random.SeedSequence((seed, number)).generate_state(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return TPESampler(seed=int(own), n_startup_trials=_RANDOM, multivariate=True, constant_liar=counts_running)


@dataclass(frozen=True)
class Study:
    """A study is a search of one network on one board.

    Attributes:
        folder: of its results.
        place: where its trials are kept.
        study: Optuna's.
    """

    folder: Path
    place: str
    study: optuna.Study

    @classmethod
    def opened(cls, folder: Path, subject: str, storage: str | None = None, name: str = "") -> Study:
        """Opens the study in a folder, which is made if it is not there.

        Args:
            folder: of its results.
            subject: what is searched, as text; a study is of one subject.
            storage: where its trials are kept: a journal or a URL, of several studies; None for a file in the folder.
            name: of the study in the storage.

        Raises:
            SettingsError: the storage has the study of another subject, or is none.
            DesignError: the storage is damaged, or cannot be reached.
        """
        check_storage(storage)
        place = place_of(folder, storage)
        folder.mkdir(parents=True, exist_ok=True)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        directions = [_MORE if more else _LESS for more in OBJECTIVES.values()]
        try:
            study = optuna.create_study(
                storage=opened_storage(folder, storage),
                study_name=" ".join(filter(None, (_NAME, name))),
                directions=directions,
                load_if_exists=True,
            )
            known = study.user_attrs.get(_SUBJECT)
            if known is None:
                study.set_user_attr(_SUBJECT, subject)
        except Exception as error:  # Optuna and SQLAlchemy have many
            raise DesignError(f"{place} cannot be used: {_reason(error)}; {_WAY_OUT[storage is None]}") from None
        if known not in {None, subject}:
            raise SettingsError(
                f"{folder if storage is None else place} has a search of {known}, and this is one of {subject}: name "
                f"another {'folder, --out' if storage is None else 'storage'}"
            )
        return cls(folder, place, study)

    def search(self, space: Space, team: Team, trials: int, seed: int, samplers: Samplers = learning) -> None:
        """Searches until so many trials are finished or other processes are at them, those of earlier calls included.

        Args:
            space: what is searched.
            team: predicts points' figures; PolicyError and SettingsError say that there is no such design.
            trials: number of trials.
            seed: of the samplers.
            samplers: makes the sampler of each trial.

        Raises:
            SettingsError: trials are wanted, and earlier ones were of other criteria.
            ToolError: a worker died.
            DesignError: the storage cannot be used any more.
        """
        since = datetime.now()  # as Optuna's own
        self.check(space.criteria, trials)
        with self._stored():
            done = len(self._finished)
            if done < trials:
                self.study.set_user_attr(_CRITERIA, space.criteria)
        running: dict[Future[Evaluated], Trial] = {}
        text = f"searching {trials} designs" + (f", of which {min(done, trials)} are known" if done else "")
        with task(text, trials, "designs") as reported:
            reported.advance(min(done, trials))
            while True:
                if len(running) == team.size:
                    self._finish(running, team, reported)
                with self._stored():
                    number = self._begun(since)
                if number >= trials:
                    break
                with self._stored():
                    self.study.sampler = samplers(seed, number, team.size > 1)
                    trial = self.study.ask()
                    point = space.suggested(trial)
                reported.advance(0, point.text)
                running[team.start(point)] = trial
            while running:
                self._finish(running, team, reported)

    def _finish(self, running: dict[Future[Evaluated], Trial], team: Team, reported: Task) -> None:
        """Waits for one evaluation or more, and keeps what was found."""
        finished, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in sorted(finished, key=lambda future: running[future].number):
            trial = running.pop(future)
            try:
                found = team.result(future)
            except (PolicyError, SettingsError) as error:
                with self._stored():
                    trial.set_user_attr(_REFUSED, str(error))
                    self.study.tell(trial, state=TrialState.PRUNED)
            else:
                with self._stored():
                    trial.set_user_attr(_POLICY, found.policy.to_json())
                    trial.set_user_attr(_FIGURES, dataclasses.asdict(found.figures))
                    self.study.tell(trial, [getattr(found.figures, name) for name in OBJECTIVES])
            reported.advance()

    @contextmanager
    def _stored(self) -> Iterator[None]:
        """Says what to do where the storage cannot be read or written any more."""
        try:
            yield
        except (StorageInternalError, SQLAlchemyError, KeyError, OSError, JSONDecodeError) as error:
            raise DesignError(
                f"{self.place} cannot be used any more: {_reason(error)}; put it back and call again to go on, or "
                "remove it and search anew"
            ) from None

    def check(self, criteria: tuple[str, ...], trials: int) -> None:
        """Refuses other criteria than those of earlier trials: Optuna's samplers cannot learn from both.

        Args:
            criteria: names of criteria to search.
            trials: number of trials that are wanted, those of earlier calls included.

        Raises:
            SettingsError: further trials are needed, and earlier ones were of other criteria.
        """
        with self._stored():
            known = tuple(self.study.user_attrs.get(_CRITERIA, criteria))
            if len(self._finished) < trials and known != criteria:
                raise SettingsError(
                    f"{self.place} has a search of the criteria {','.join(known)}, and this is one of "
                    f"{','.join(criteria)}: give --criteria {','.join(known)}, or name another folder, --out"
                )

    @property
    def designs(self) -> dict[int, Evaluated]:
        """Returns the designs that were found, by the numbers of their trials."""
        return {trial.number: _evaluated(trial) for trial in self._finished if trial.state == TrialState.COMPLETE}

    @property
    def refused(self) -> list[str]:
        """Returns why points were no designs."""
        return [str(trial.user_attrs[_REFUSED]) for trial in self._finished if trial.state == TrialState.PRUNED]

    def _begun(self, since: datetime) -> int:
        """The number of trials that are finished, or that a process is at which began them since a time."""
        trials = self.study.get_trials(deepcopy=False, states=(*_FINISHED, TrialState.RUNNING))
        return sum(
            trial.state in _FINISHED or (trial.datetime_start is not None and trial.datetime_start >= since)
            for trial in trials
        )

    @property
    def _finished(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=_FINISHED)


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _evaluated(trial: FrozenTrial) -> Evaluated:
    figures: dict[str, Any] = dict(trial.user_attrs[_FIGURES])
    figures["resources"] = Resources(**figures["resources"])
    figures["effort"] = Effort(**figures["effort"])
    figures["exit_rate"] = tuple(figures["exit_rate"])
    return Evaluated(point_of(trial.params), ExitPolicy.from_json(trial.user_attrs[_POLICY]), Figures(**figures))
