"""What an exit criterion is, and the registry of all of them.

A criterion gives each sample at each exit one signed 32-bit score, larger is surer, from integer
logits alone; the sample leaves when score >= threshold code. The same integers decide in
Python, C++ and SystemVerilog.
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
    """What k exits before this one left of N samples, the first exit first.

    Attributes:
        labels: (N, k) classes that they chose.
        scores: (N, k) their scores; floats in a float formula.
    """

    labels: Integers
    scores: NDArray[Any]

    @classmethod
    def empty(cls, samples: int) -> History:
        """Before the first exit."""
        return cls(np.zeros((samples, 0), np.int64), np.zeros((samples, 0), np.int64))

    @classmethod
    def concatenate(cls, parts: Sequence[History]) -> History:
        """Of the samples of all parts, one after the other."""
        labels, scores = [part.labels for part in parts], [part.scores for part in parts]
        return cls(np.concatenate(labels), np.concatenate(scores))

    def then(self, labels: Integers, scores: NDArray[Any]) -> History:
        """With one more exit, its labels and scores (N,)."""
        return History(np.column_stack([self.labels, labels]), np.column_stack([self.scores, scores]))

    def where(self, kept: NDArray[np.bool_]) -> History:
        """Of some of the samples."""
        return History(self.labels[kept], self.scores[kept])


@dataclass(frozen=True)
class ScoreInputs(Generic[P]):
    """What one exit's score may be computed from.

    Attributes:
        logits: (N, C) integer logits of the classes.
        agreements: (N,) how many exits in a row, up to this one, gave the same label as the exit before them.
        history: of the exits before; empty for criteria that do not read it.
        scale: real value of one logit step.
        temperature: divides the logits before a softmax.
        parameters: the criterion's own of this exit.
        gate: (N,) integer gate values, where the network has gates.
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
    """A criterion that was fitted to samples.

    Attributes:
        criterion: with nothing left to fit.
        shares: of samples that each exit should take for the budget that it was fitted to, (K,), told from the exits'
            logits (N, C) of other samples; None: it does not say.
    """

    criterion: Criterion[Any]
    shares: Callable[[Sequence[Integers]], NDArray[np.float64]] | None = None


@dataclass(frozen=True)
class Criterion(Generic[P]):
    """Base of the exit criteria; a subclass is a frozen dataclass whose fields are its settings, all with defaults.

    `docs/criteria.md` says how to write one. `P` is the type of what it keeps of an exit.

    Attributes:
        name: as users and policy files spell it: score_<name>.sv and <name>.h are its modules.
        unit: what a threshold counts, for tables and axis labels.
        softmax: whether it looks at a softmax, so that it has a temperature.
        shared_threshold: whether all exits share one threshold by definition.
        reads_gate: whether its score is made of the gate values of a network that has them.
        reads_past: whether its score reads labels and scores of the exits before, which then travel with each sample.
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
        """Whether an offset of the class may lower its score: not where other exits' scores are made of it."""
        return not (cls.shared_threshold or cls.reads_past)

    # --- its settings and what they become ---

    @property
    def is_fitted(self) -> bool:
        """Whether nothing is left to `fit`."""
        return True

    def check_heads(self, heads: Heads) -> None:
        """Refuse heads that it cannot decide on.

        Raises:
            PolicyError: saying what they miss.
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
        """Fit what is not given to samples; returns what is worth trying, the first on ties. Not for what `is_fitted`.

        Args:
            heads: that the logits come from.
            logits: (N, C) integers of each exit.
            truth: (N,) true classes.
            costs: (K,) of leaving at each exit, as shares of the full cost.
            budget: mean cost to spend, where one is asked for.
        """
        raise NotImplementedError

    def parameters(self, heads: Heads) -> tuple[P, ...]:
        """Its integers for each exit.

        Raises:
            PolicyError: it is not fitted, or its settings do not go with the heads.
        """
        raise NotImplementedError

    def note(self, heads: Heads) -> str:
        """What a user must know of it with such heads; empty mostly."""
        return ""

    def to_json(self, parameters: Sequence[P]) -> Any:
        """Parameters of all exits as plain data; None where it has none."""
        return None

    def from_json(self, stored: Field, heads: Heads) -> tuple[P, ...]:
        """Read what `to_json` wrote.

        Raises:
            FieldError: a field is missing, out of range or of another length, or integers that it cannot have.
        """
        if not stored.is_null:
            raise stored.wrong(f"null for criterion {self.name}")
        return self.parameters(heads)

    # --- the score ---

    def score(self, inputs: ScoreInputs[P]) -> Integers:
        """(N,) integer scores, each in the signed 32-bit range."""
        raise NotImplementedError

    def float_leaves(self, inputs: ScoreInputs[P], threshold: float) -> NDArray[np.bool_]:
        """(N,) the float formula's own verdict on the same logits, for the report of disagreement."""
        raise NotImplementedError

    def float_score(self, inputs: ScoreInputs[P]) -> NDArray[np.float64]:
        """(N,) the float formula's score in steps of the integer one; needed where later exits read it."""
        raise NotImplementedError

    # --- thresholds ---

    def threshold_code(self, threshold: float, inputs: ScoreInputs[P]) -> int:
        """Least score that a threshold in the criterion's unit lets leave."""
        raise NotImplementedError

    def threshold_value(self, code: int, inputs: ScoreInputs[P]) -> float:
        """A threshold in the criterion's unit whose code is `code`."""
        raise NotImplementedError

    def check(self, threshold: float, classes: int) -> None:
        """Refuse a threshold outside the criterion's range.

        Raises:
            PolicyError: naming the threshold and the range.
        """
        raise NotImplementedError

    # --- hardware ---

    def score_unit(self, heads: Heads, exit_index: int, parameters: P) -> ScoreUnit:
        """The module that computes its score at an exit, as `unit` makes it."""
        raise NotImplementedError

    def config(self, heads: Heads, exit_index: int, parameters: P) -> Config:
        """What its C++ header reads of an exit's config."""
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
        """A score unit of this criterion's module."""
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
    """Base of criteria whose score reads logits, agreements or gates alone."""

    def parameters(self, heads: Heads) -> tuple[None, ...]:
        return (None,) * heads.exits


CRITERIA: dict[str, type[Criterion[Any]]] = {}
#: Files in which they are defined, by name.
SOURCES: dict[str, Path] = {}

_C = TypeVar("_C", bound=type[Criterion[Any]])


def register(criterion: _C) -> _C:
    """Class decorator: make a criterion known by its name. The same file, or a copy of it, may register it again.

    Raises:
        PolicyError: its name is none, or another criterion's; or a setting has no default.
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
    """Look a criterion up; its settings are its defaults.

    Raises:
        PolicyError: no such criterion; lists those there are.
    """
    try:
        return CRITERIA[name]()
    except KeyError:
        raise PolicyError(not_known(f"criterion {name!r}", name, sorted(CRITERIA))) from None


def criterion_of(criterion: str | Criterion[Any]) -> Criterion[Any]:
    """A criterion that is given, or the one of a name; raises as `criterion_named`."""
    return criterion if isinstance(criterion, Criterion) else criterion_named(criterion)


def require_range(threshold: float, low: float, high: float, name: str, unit: str) -> None:
    """Shared range check of `Criterion.check`."""
    if not low <= threshold <= high:
        raise PolicyError(
            f"threshold {threshold!r} is outside {name}'s range {low:g} to {high:g} ({unit}); None means never leave"
        )


def clamp_code(code: int) -> int:
    """A threshold code inside the register, clear of the code that means never."""
    return int(min(max(code, ALWAYS), NEVER - 1))


def agreements_after(labels: Sequence[Integers]) -> list[Integers]:
    """Agreements in a row at each exit, from the labels of every exit up to it (each (N,)); saturates at 255."""
    counts = [np.zeros_like(labels[0])]
    for before, now in pairwise(labels):
        counts.append(np.where(now == before, np.minimum(counts[-1] + 1, 255), 0))
    return counts
