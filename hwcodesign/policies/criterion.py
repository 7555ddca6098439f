"""This module says what an exit criterion is, and holds the registry of all criteria.

A criterion gives each sample at each exit one signed 32-bit score, from integer logits alone. A larger score means a
more certain answer; the sample leaves when score >= threshold code. The same integers decide in Python, C++ and
SystemVerilog.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from hwcodesign.choices import not_known
from hwcodesign.cplusplus import Config
from hwcodesign.errors import PolicyError
from hwcodesign.policies.heads import Heads
from hwcodesign.policies.score_unit import ScoreUnit
from hwcodesign.policies.tables import Integers
from hwcodesign.storage.fields import Field
from hwcodesign.storage.files import sha256_file
from hwcodesign.systemverilog import Parameter, Rom

#: Threshold code that no score reaches; the reset value of the threshold registers.
NEVER = 2**31 - 1
#: Threshold code that every score reaches: leave here, always.
ALWAYS = -(2**31)

#: A threshold in a criterion's own unit; None means never.
Threshold = float | None

#: What a criterion keeps of one exit: integers that its score reads, or None.
P = TypeVar("P")


@dataclass(frozen=True)
class History:
    """A history holds the labels and scores that the k earlier exits gave N samples, the first exit first.

    Attributes:
        labels: (N, k) classes that they chose.
        scores: (N, k) their scores, integers; floats in a float formula.
    """

    labels: Integers
    scores: NDArray[Any]

    @classmethod
    def empty(cls, samples: int) -> History:
        """Returns the history of samples before the first exit: arrays of shape (N, 0)."""
        return cls(np.zeros((samples, 0), np.int64), np.zeros((samples, 0), np.int64))

    @classmethod
    def concatenate(cls, parts: Sequence[History]) -> History:
        """Returns the history of the samples of all parts, one part after the other."""
        labels, scores = [part.labels for part in parts], [part.scores for part in parts]
        return cls(np.concatenate(labels), np.concatenate(scores))

    def then(self, labels: Integers, scores: NDArray[Any]) -> History:
        """Returns this history with one more exit, whose labels and scores are (N,)."""
        return History(np.column_stack([self.labels, labels]), np.column_stack([self.scores, scores]))

    def where(self, kept: NDArray[np.bool_]) -> History:
        """Returns the history of the samples for which `kept` (N,) is true."""
        return History(self.labels[kept], self.scores[kept])


@dataclass(frozen=True)
class ScoreInputs(Generic[P]):
    """The score inputs are everything from which the score of one exit may be computed.

    Attributes:
        logits: (N, C) integer logits of the classes.
        agreements: (N,) how many exits in a row, up to this one, gave the same label as the exit before them.
        history: labels and scores of the earlier exits; empty for criteria that do not read it.
        scale: real value of one logit step.
        temperature: number by which logits are divided before a softmax.
        parameters: parameters of the criterion at this exit.
        gate: (N,) integer gate values, if the network has gates.
    """

    logits: Integers
    agreements: Integers
    history: History
    scale: float
    temperature: float
    parameters: P
    gate: Integers | None = None


@dataclass(frozen=True)
class Candidate:
    """A candidate is a criterion that was fitted to samples.

    Attributes:
        criterion: the criterion, with nothing left to fit.
        exit_rates: function from the exits' logits (N, C) of other samples to the exit rates (K,) that spend the budget
            which the criterion was fitted to; None: the criterion gives none.
    """

    criterion: Criterion[Any]
    exit_rates: Callable[[Sequence[Integers]], NDArray[np.float64]] | None = None


@dataclass(frozen=True)
class Criterion(Generic[P]):
    """The criterion is the base of all exit criteria; a subclass is a frozen dataclass whose fields are settings with
    defaults.

    `docs/criteria.md` says how to write one. `P` is the type of the parameters that it keeps of an exit.

    Attributes:
        name: name as users and policy files spell it; score_<name>.sv and <name>.h are its modules.
        unit: unit of a threshold, for tables and axis labels.
        softmax: whether it reads a softmax, so that it has a temperature.
        shared_threshold: whether all exits share one threshold by definition.
        reads_gate: whether its score is computed from the gate values of a network that has them.
        reads_past: whether its score reads labels and scores of earlier exits, which then travel with each sample.
        learned: whether it is fitted to other samples than its thresholds are.
    """

    name: ClassVar[str]
    unit: ClassVar[str]
    softmax: ClassVar[bool] = False
    shared_threshold: ClassVar[bool] = False
    reads_gate: ClassVar[bool] = False
    reads_past: ClassVar[bool] = False
    learned: ClassVar[bool] = False

    @classmethod
    def takes_class_thresholds(cls) -> bool:
        """Returns whether an offset may lower its score by class; it may not if later exits compute their scores from
        it.
        """
        return not (cls.shared_threshold or cls.reads_past)

    # --- its settings and what they become ---

    @property
    def is_fitted(self) -> bool:
        """Returns whether nothing is left to `fit`."""
        return True

    def check_heads(self, heads: Heads) -> None:
        """Refuses heads that it cannot decide on.

        Raises:
            PolicyError: the heads lack something; the message says what.
        """
        if self.reads_gate and not heads.gated:
            raise PolicyError(
                f"criterion {self.name} reads the gate that each head gives beside its logits, and these heads give "
                "none: build the network with MultiExitNetwork(..., gates=True), one output more in each head, and "
                "train its gates (hwcodesign.training.strategies.gates)"
            )

    def fit(
        self, heads: Heads, logits: Sequence[Integers], truth: Integers, costs: Sequence[float], budget: float | None
    ) -> list[Candidate]:
        """Fits to samples what is not given, and returns the candidates; of equally good ones, the first is taken.

        It is not called if `is_fitted`.

        Args:
            heads: heads that the logits come from.
            logits: (N, C) integers of each exit.
            truth: (N,) true classes.
            costs: (K,) cost of leaving at each exit, as a fraction of the full cost.
            budget: mean cost to spend, if one was asked for.
        """
        raise NotImplementedError

    def parameters(self, heads: Heads) -> tuple[P, ...]:
        """Returns its parameters (integers) for each exit.

        Raises:
            PolicyError: it is not fitted, or its settings do not go with the heads.
        """
        raise NotImplementedError

    def note(self, heads: Heads) -> str:
        """Returns what a user must know about it with such heads; often an empty string."""
        return ""

    def to_json(self, parameters: Sequence[P]) -> Any:
        """Returns the parameters of all exits as plain data; None if it has none."""
        return None

    def from_json(self, stored: Field, heads: Heads) -> tuple[P, ...]:
        """Reads what `to_json` wrote.

        Args:
            stored: the plain data, as read from a policy file.
            heads: heads that the policy decides on.

        Raises:
            FieldError: a field is missing, out of range or of another length, or integers are impossible.
        """
        if not stored.is_null:
            raise stored.wrong(f"null for criterion {self.name}")
        return self.parameters(heads)

    # --- the score ---

    def score(self, inputs: ScoreInputs[P]) -> Integers:
        """Computes the integer scores, (N,), each in the signed 32-bit range.

        Args:
            inputs: integer logits (N, C) of one exit, and what else the criterion reads.
        """
        raise NotImplementedError

    def float_leaves(self, inputs: ScoreInputs[P], threshold: float) -> NDArray[np.bool_]:
        """Decides by the float formula on the same logits, (N,), for the report of disagreement.

        Args:
            inputs: as for `score`.
            threshold: in the criterion's unit.
        """
        raise NotImplementedError

    def float_score(self, inputs: ScoreInputs[P]) -> NDArray[np.float64]:
        """Computes the score by the float formula, (N,), in steps of the integer score; later exits may read it.

        Args:
            inputs: as for `score`.
        """
        raise NotImplementedError

    # --- thresholds ---

    def threshold_code(self, threshold: float, inputs: ScoreInputs[P]) -> int:
        """Returns the least score that leaves at a threshold in the criterion's unit.

        Args:
            threshold: in the criterion's unit.
            inputs: what belongs to the exit; it has no samples.
        """
        raise NotImplementedError

    def threshold_value(self, code: int, inputs: ScoreInputs[P]) -> float:
        """Returns a threshold in the criterion's unit whose code is `code`.

        Args:
            code: a score.
            inputs: what belongs to the exit; it has no samples.
        """
        raise NotImplementedError

    def check(self, threshold: float, classes: int) -> None:
        """Refuses a threshold outside the criterion's range.

        Args:
            threshold: in the criterion's unit.
            classes: number of classes.

        Raises:
            PolicyError: it is outside; the message names the threshold and the range.
        """
        raise NotImplementedError

    # --- hardware ---

    def score_unit(self, heads: Heads, exit_index: int, parameters: P) -> ScoreUnit:
        """Returns the module that computes its score at an exit, as `unit_of` makes it.

        Args:
            heads: heads of all exits.
            exit_index: the exit, from 0.
            parameters: its parameters at that exit.
        """
        raise NotImplementedError

    def config(self, heads: Heads, exit_index: int, parameters: P) -> Config:
        """Returns what its C++ header reads of an exit's config.

        Args:
            heads: heads of all exits.
            exit_index: the exit, from 0.
            parameters: its parameters at that exit.
        """
        return Config()

    def unit_of(
        self,
        *,
        depth: int = 1,
        second_pass: bool = False,
        second: bool = False,
        parameters: Sequence[tuple[str, Parameter]] = (),
        roms: Sequence[Rom] = (),
    ) -> ScoreUnit:
        """Returns a score unit of this criterion's module.

        Args:
            depth: enabled cycles from `start_i` to the score; with `second_pass`, folds + clog2(PerCycle) more.
            second_pass: whether it reads all logits again when the largest is known.
            second: whether it reads the second largest logit.
            parameters: parameters of the module beyond `Classes`, `CodeWidth` and `PerCycle`.
            roms: images of read-only memories that it reads.
        """
        return ScoreUnit(
            f"score_{self.name}",
            tuple(parameters),
            tuple(roms),
            depth,
            second_pass,
            second,
            gate=self.reads_gate,
            past=self.reads_past,
        )


@dataclass(frozen=True)
class WithoutParameters(Criterion[None]):
    """A criterion without parameters computes its score from logits, agreements or gates alone."""

    def parameters(self, heads: Heads) -> tuple[None, ...]:
        return (None,) * heads.exits


CRITERIA: dict[str, type[Criterion[Any]]] = {}
#: Files in which they are defined, by name.
SOURCES: dict[str, Path] = {}

_C = TypeVar("_C", bound=type[Criterion[Any]])


def register(criterion: _C) -> _C:
    """Decorates a class so that the criterion is known by its name. The same file, or a copy of it, may register it
    again.

    Raises:
        PolicyError: its name is missing, or belongs to another criterion; or a setting has no default.
    """
    name, source = criterion.name, _source(criterion)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise PolicyError(f"criterion name {name!r} is no name of files and modules: use a-z, 0-9 and _")
    if name in SOURCES and SOURCES[name] != source and sha256_file(SOURCES[name]) != sha256_file(source):
        raise PolicyError(f"there is a criterion {name!r} already, of {SOURCES[name]}: give yours another name")
    try:
        criterion()
    except TypeError as error:
        raise PolicyError(f"criterion {name!r} cannot be asked for by its name alone: {error}") from None
    CRITERIA[name], SOURCES[name] = criterion, source
    return criterion


def _source(criterion: type[Criterion[Any]]) -> Path:
    """The file that defines a class, which a design carries."""
    source = getattr(sys.modules.get(criterion.__module__), "__file__", None)
    if source is None:
        raise PolicyError(f"criterion {criterion.name!r} is defined in no file, which a design could carry: write one")
    return Path(source).resolve()


def criterion_named(name: str) -> Criterion[Any]:
    """Returns the criterion of a name, with default settings.

    Raises:
        PolicyError: there is no such criterion; the message lists all names.
    """
    try:
        return CRITERIA[name]()
    except KeyError:
        raise PolicyError(not_known(f"criterion {name!r}", name, sorted(CRITERIA))) from None


def criterion_of(criterion: str | Criterion[Any]) -> Criterion[Any]:
    """Returns the criterion that is given, or the one of that name; raises the errors of `criterion_named`."""
    return criterion if isinstance(criterion, Criterion) else criterion_named(criterion)


def require_range(threshold: float, low: float, high: float, name: str, unit: str) -> None:
    """Checks for `Criterion.check` that a threshold is between `low` and `high`; raises `PolicyError`."""
    if not low <= threshold <= high:
        raise PolicyError(
            f"threshold {threshold!r} is outside {name}'s range {low:g} to {high:g} ({unit}); None means never leave"
        )


def clamp_code(code: int) -> int:
    """Limits a threshold code to the range of the register, without the code that means never."""
    return int(min(max(code, ALWAYS), NEVER - 1))


def agreements_after(labels: Sequence[Integers]) -> list[Integers]:
    """Counts the agreements in a row at each exit, from the labels (N,) of every exit; the count stops at 255."""
    counts = [np.zeros_like(labels[0])]
    for before, now in pairwise(labels):
        counts.append(np.where(now == before, np.minimum(counts[-1] + 1, 255), 0))
    return counts
