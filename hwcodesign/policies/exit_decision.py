"""This module holds one exit's part of a policy, and the origin of its thresholds."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies.class_offsets import FAR
from hwcodesign.policies.criterion import ALWAYS, NEVER, Criterion, Threshold
from hwcodesign.storage.fields import Field

#: Of a stored policy: images of a fitting split, and a cost over the full one.
_MOST_SAMPLES, _LARGEST_COST = 2**40, 2.0**10


@dataclass(frozen=True)
class ExitDecision:
    """An exit decision is one exit's part of the policy: its logits' format, its criterion's parameters and its
    threshold.

    Attributes:
        logits: format of the logits.
        temperature: number by which logits are divided before a softmax; it is contained in the tables.
        parameters: integers of the criterion; None for criteria that have none.
        threshold: threshold in the criterion's unit; None at the last exit, and where no sample ever leaves.
        threshold_code: integer that a score is compared with; `NEVER` at the last exit.
        class_offsets: by how much the score of a sample of each predicted class is lowered; None: by nothing.
    """

    logits: FixedPoint
    temperature: float
    parameters: Any
    threshold: Threshold = None
    threshold_code: int = NEVER
    class_offsets: tuple[int, ...] | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns plain data without temperature and parameters, which the policy writes."""
        return {
            "logits": self.logits.to_json(),
            "threshold": self.threshold,
            "threshold_code": self.threshold_code,
            **({"class_offsets": list(self.class_offsets)} if self.class_offsets else {}),
        }

    @classmethod
    def from_json(cls, stored: Field, criterion: Criterion[Any], classes: int, temperature: float) -> ExitDecision:
        """Reads what `to_json` wrote, without parameters.

        Raises:
            FieldError: a field is missing, out of range or of another length, or not one of this criterion.
        """
        fields = stored.fields(
            ("logits", "threshold", "threshold_code"),
            ("class_offsets",) if criterion.takes_class_thresholds() else (),
        )
        threshold, offsets = fields["threshold"], fields.get("class_offsets")
        return cls(
            FixedPoint.from_json(fields["logits"]),
            temperature,
            None,
            None if threshold.is_null else threshold.number(ALWAYS, -ALWAYS),
            fields["threshold_code"].integer(ALWAYS, NEVER),
            offsets.integers(-FAR, FAR, classes, classes) if offsets else None,
        )


@dataclass(frozen=True)
class FittedOn:
    """It says where the thresholds came from; its figures are those of the fitting split.

    Attributes:
        method: what was asked for, for example "accuracy_drop=0.005".
        samples: number of images in the fitting split; zero if thresholds were given.
        data_sha256: hash of its image codes and labels.
        accuracy, last_exit_accuracy: accuracy with the policy, and of the last exit alone.
        cost_fraction: average cost divided by the full cost.
        exit_rate: fraction of samples that leave at each exit.
        float_disagreement: fraction of samples at all early exits that the float formula decides otherwise.
        network_sha256: hash of the network's quantised state, so that a policy is not used with another network.
        note: what the user must know, for example that patience cannot leave.
        calibration_error, calibration_error_before: expected calibration error of each exit's softmax at its own
            temperature and at the temperature that was asked for; empty if no temperature was fitted.
    """

    method: str
    samples: int = 0
    data_sha256: str = ""
    accuracy: float | None = None
    last_exit_accuracy: float | None = None
    cost_fraction: float | None = None
    exit_rate: tuple[float, ...] = ()
    float_disagreement: float | None = None
    network_sha256: str = ""
    note: str = ""
    calibration_error: tuple[float, ...] = ()
    calibration_error_before: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Returns plain data; results of a calibration only if there was one."""
        data = dataclasses.asdict(self)
        return {key: value for key, value in data.items() if value or not key.startswith("calibration")}

    @classmethod
    def from_json(cls, stored: Field, exits: int) -> FittedOn:
        """Reads what `to_json` wrote, of a policy with `exits` exits; raises `FieldError`."""
        names = [field.name for field in dataclasses.fields(cls)]
        calibration = [name for name in names if name.startswith("calibration")]
        fields = stored.fields([name for name in names if name not in calibration], calibration)

        def each(name: str) -> tuple[float, ...]:
            if name not in fields or fields[name].value in ([], ()):
                return ()
            return fields[name].numbers(0, 1, exits, exits)

        def fraction(name: str, most: float = 1) -> float | None:
            return None if fields[name].is_null else fields[name].number(0, most)

        return cls(
            method=fields["method"].note(),
            samples=fields["samples"].integer(0, _MOST_SAMPLES),
            data_sha256=_digest(fields["data_sha256"]),
            accuracy=fraction("accuracy"),
            last_exit_accuracy=fraction("last_exit_accuracy"),
            cost_fraction=fraction("cost_fraction", _LARGEST_COST),
            exit_rate=each("exit_rate"),
            float_disagreement=fraction("float_disagreement"),
            network_sha256=_digest(fields["network_sha256"]),
            note=fields["note"].note(),
            calibration_error=each("calibration_error"),
            calibration_error_before=each("calibration_error_before"),
        )


def _digest(stored: Field) -> str:
    return "" if stored.value == "" else stored.sha256()
