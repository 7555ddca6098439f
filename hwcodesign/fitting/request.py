"""What a policy is asked for, held by recipes and by whoever fits: checked once, where it is made."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from hwcodesign.choices import not_known
from hwcodesign.errors import PolicyError
from hwcodesign.fitting.calibration import require_softmax
from hwcodesign.fitting.search import SPENT, OperatingPoint, check_request
from hwcodesign.policies import ExitPolicy, Threshold, listed_thresholds
from hwcodesign.policies.class_offsets import require_offsets
from hwcodesign.policies.criterion import Criterion, criterion_named, criterion_of
from hwcodesign.policies.heads import Heads


@dataclass(frozen=True)
class PolicyRequest:
    """A policy request is a criterion, and one of an accuracy drop, a budget, or the thresholds themselves.

    Attributes:
        criterion: a key of `CRITERIA`, or a criterion with settings of its own, such as `CDLN(activation=1.0)`.
        accuracy_drop: largest loss against the last exit, as a fraction; least cost within it.
        budget: average cost to spend, as a fraction of the full cost: never more, above 99 % of it wherever ties allow,
            and the highest accuracy among those.
        thresholds: in the criterion's unit, one per exit but the last; None never leaves.
        confidence: with accuracy_drop: probability with which the drop holds on new samples; None takes the
            fitting split at its word.
        temperature: divides logits before a softmax.
        calibrate: fit each exit's temperature on the fitting split (temperature scaling, Guo et al. 2017).
        class_thresholds: fit a threshold to each class that an exit may predict (Bonato and Bouganis 2021).

    Raises:
        PolicyError: no such criterion, not exactly one request, a number out of range, or what the criterion cannot
            have.
    """

    criterion: str | Criterion[Any] = "max_softmax"
    accuracy_drop: float | None = None
    budget: float | None = None
    confidence: float | None = None
    thresholds: tuple[Threshold, ...] | None = None
    temperature: float = 1.0
    calibrate: bool = False
    class_thresholds: bool = False

    def __post_init__(self) -> None:
        known = self.known
        if self.thresholds is not None:  # given as a list, an array, a tensor
            object.__setattr__(self, "thresholds", tuple(listed_thresholds(self.thresholds)))
        check_request(self.accuracy_drop, self.budget, self.thresholds, self.confidence)
        if self.calibrate:
            require_softmax(known)
        if self.class_thresholds:
            require_offsets(known)
            if self.thresholds is not None:
                raise PolicyError("class_thresholds are fitted to an accuracy drop or a budget, not given")

    @classmethod
    def asked(cls, **asked: Any) -> PolicyRequest:
        """Makes a request from keywords.

        Args:
            asked: fields of the request and their values.

        Raises:
            PolicyError: one of them is no field of a request; or as when one is made.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        for name in asked:
            if name not in names:
                raise PolicyError(
                    f"{not_known(f'setting {name!r} of a policy', name, names)}; a criterion's own settings go with "
                    "it, such as criterion=CDLN(activation=1.0)"
                )
        return cls(**asked)

    @property
    def known(self) -> Criterion[Any]:
        """Returns the criterion, with its settings."""
        return criterion_of(self.criterion)

    @property
    def text(self) -> str:
        """Returns what thresholds are fitted to, for the policy file; empty if they are given."""
        names = ("accuracy_drop", "budget", "confidence")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names if getattr(self, name) is not None)

    def merit(self, point: OperatingPoint) -> tuple[float, ...]:
        """Returns the value of a point that meets the request: a budget spent, then accuracy; or a small cost."""
        if self.budget is None:
            return (-point.cost,)
        return (float(point.cost > SPENT * self.budget), point.accuracy)

    def given(self, heads: Heads) -> ExitPolicy | None:
        """Returns the policy on such heads as far as it is known without any answers; None if the criterion must be
        fitted.

        Raises:
            PolicyError: the criterion cannot decide on them, or thresholds are not those of such heads.
        """
        known = self.known
        known.check_heads(heads)
        if self.class_thresholds:
            require_offsets(known, heads.classes)
        if not known.is_fitted and (known.learned or self.thresholds is None):
            return None
        policy = ExitPolicy.on(known, heads)
        return policy if self.thresholds is None else policy.with_thresholds(self.thresholds)

    def of(self, criterion: str) -> PolicyRequest:
        """Returns the same request to another criterion, without what that criterion cannot have.

        Raises:
            PolicyError: the criterion does not exist, or the request is thresholds, which are this criterion's own.
        """
        if criterion == self.known.name:
            return self
        known = criterion_named(criterion)
        if self.thresholds is not None:
            raise PolicyError(
                f"thresholds={self.thresholds} are {self.known.name}'s: ask {criterion} for an accuracy drop or a "
                "budget"
            )
        return dataclasses.replace(
            self,
            criterion=criterion,
            calibrate=self.calibrate and known.softmax,
            class_thresholds=self.class_thresholds and known.takes_class_thresholds(),
        )
