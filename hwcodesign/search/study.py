"""This module searches a space with Optuna, and keeps every finished trial in a file, so that a search can go on.

A worker that is killed loses the trial that it was at. The sampler of a trial is seeded by the number of those that
were finished before, so that one worker finds the same points with or without a stop.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import StorageInternalError
from optuna.samplers import TPESampler
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
from hwcodesign.search.workers import Team

#: The file in the search's folder.
STORAGE = "study.db"
#: Of the study in it; the number changes with the parameters and figures of a trial.
_NAME = "designs_3"
#: What is searched for: figures of a point, and whether more is better.
OBJECTIVES = {"accuracy": True, "images_per_second": True, "mean_us": False, "share": False}
#: Trials that are drawn at random before the sampler learns from them.
_RANDOM = 12
_MORE, _LESS = StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE
_SUBJECT, _CRITERIA = "subject", "criteria"
_POLICY, _FIGURES, _REFUSED = "policy", "figures", "refused"


@dataclass(frozen=True)
class Study:
    """A study is a search in a folder.

    Attributes:
        folder: where its file is.
        study: Optuna's.
    """

    folder: Path
    study: optuna.Study

    @classmethod
    def opened(cls, folder: Path, subject: str) -> Study:
        """Opens the study in a folder, which is made if it is not there.

        Args:
            subject: what is searched, as text; a study is of one subject.

        Raises:
            SettingsError: the folder has the study of another subject.
            DesignError: its file is damaged.
        """
        folder.mkdir(parents=True, exist_ok=True)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        directions = [_MORE if more else _LESS for more in OBJECTIVES.values()]
        try:
            study = optuna.create_study(
                storage=f"sqlite:///{folder / STORAGE}", study_name=_NAME, directions=directions, load_if_exists=True
            )
            known = study.user_attrs.get(_SUBJECT)
            if known is None:
                study.set_user_attr(_SUBJECT, subject)
        except Exception as error:  # Optuna and SQLAlchemy have many
            reason = str(error).splitlines()[0]
            raise DesignError(
                f"{folder / STORAGE} cannot be used: {reason}; remove it, or name another folder"
            ) from None
        if known not in {None, subject}:
            raise SettingsError(
                f"{folder} has a search of {known}, and this is one of {subject}: name another folder, --out"
            )
        return cls(folder, study)

    def search(self, space: Space, team: Team, trials: int, seed: int) -> None:
        """Searches until so many trials are finished, those of earlier calls included.

        Args:
            space: what is searched.
            team: predicts points' figures; PolicyError and SettingsError say that there is no such design.
            trials: number of trials.
            seed: of the samplers.

        Raises:
            SettingsError: trials are wanted, and earlier ones were of other criteria.
            ToolError: a worker died.
            DesignError: the study's file cannot be used any more.
        """
        self.check(space.criteria, trials)
        with self._stored():
            done = len(self._finished)
            if done < trials:
                self.study.set_user_attr(_CRITERIA, space.criteria)
        running: dict[Future[Evaluated], Trial] = {}
        text = f"searching {trials} designs" + (f", of which {min(done, trials)} are known" if done else "")
        with task(text, trials, "designs") as reported:
            reported.advance(min(done, trials))
            for number in range(done, trials):
                with self._stored():
                    self.study.sampler = _sampler(seed, number)
                    trial = self.study.ask()
                    point = space.suggested(trial)
                reported.advance(0, point.text)
                running[team.start(point)] = trial
                if len(running) == team.size:
                    self._finish(running, team, reported)
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
        """Says what to do where the file cannot be read or written any more."""
        try:
            yield
        except (StorageInternalError, SQLAlchemyError, KeyError) as error:
            reason = str(error).splitlines()[0]
            raise DesignError(
                f"{self.folder / STORAGE} cannot be used any more: {reason}; put it back and call again to go on, or "
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
                    f"{self.folder} has a search of the criteria {','.join(known)}, and this is one of "
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

    @property
    def _finished(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _sampler(seed: int, number: int) -> TPESampler:
    """Returns the sampler of a trial."""
    (own,) = np.random.SeedSequence((seed, number)).generate_state(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return TPESampler(seed=int(own), n_startup_trials=_RANDOM, multivariate=True)


def _evaluated(trial: FrozenTrial) -> Evaluated:
    figures: dict[str, Any] = dict(trial.user_attrs[_FIGURES])
    figures["resources"] = Resources(**figures["resources"])
    figures["effort"] = Effort(**figures["effort"])
    figures["exit_rate"] = tuple(figures["exit_rate"])
    return Evaluated(point_of(trial.params), ExitPolicy.from_json(trial.user_attrs[_POLICY]), Figures(**figures))
