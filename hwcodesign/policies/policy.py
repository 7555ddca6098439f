"""This module holds the exit policy: a criterion, its parameters and its thresholds in one JSON file.

Everything that decides is in the file as integers, so that every reader decides alike.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.cplusplus import Config
from hwcodesign.errors import FieldError, FormatError, PolicyError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies import class_offsets
from hwcodesign.policies.criterion import (
    ALWAYS,
    NEVER,
    Criterion,
    History,
    ScoreInputs,
    Threshold,
    agreements_after,
    criterion_named,
    criterion_of,
)
from hwcodesign.policies.exit_decision import ExitDecision, FittedOn
from hwcodesign.policies.heads import Heads
from hwcodesign.policies.score_unit import ScoreUnit
from hwcodesign.policies.tables import Integers
from hwcodesign.policies.threshold_path import ThresholdPath
from hwcodesign.storage.fields import Field, shown

POLICY_VERSION = 4
_ROUNDING = "table entries are rounded half to even; differences beyond a table read its last entry"
#: Of a stored policy.
_MOST_CLASSES, _MOST_EXITS, _TEMPERATURES = 2**16, 256, (2.0**-64, 2.0**64)


@dataclass(frozen=True)
class ExitPolicy:
    """An exit policy decides, bit for bit, at which exit samples leave.

    It reads the heads' outputs: integers (N, C), the logits of C classes; of a gated network (N, C + 1), with the
    gate's value last. The label is the class of the largest logit, whatever the gate's value is.

    Attributes:
        criterion_name: key into `CRITERIA`.
        classes: number of logits at every exit.
        exits: decisions of the exits, first exit first.
        fitted_on: where the thresholds came from.
        gated: whether heads give a gate value behind the logits; a criterion may ignore it.
        path: thresholds from the cheapest to the most expensive, for controllers that change them at run time; None:
            none were fitted.
    """

    criterion_name: str
    classes: int
    exits: tuple[ExitDecision, ...]
    fitted_on: FittedOn = field(default_factory=lambda: FittedOn("given"))
    gated: bool = False
    path: ThresholdPath | None = None

    @classmethod
    def build(
        cls,
        criterion: str | Criterion[Any],
        logits: Sequence[FixedPoint],
        classes: int,
        thresholds: Sequence[Threshold] | None = None,
        *,
        temperature: float | Sequence[float] = 1.0,
        gated: bool = False,
    ) -> ExitPolicy:
        """Makes a policy: the criterion's parameters and thresholds (None: samples never leave early).

        Args:
            criterion: its name, or the criterion with its settings.
            logits: format of each exit's logits.
            classes: number of classes.
            thresholds: thresholds in the criterion's unit, one per exit but the last.
            temperature: one number for all exits, or one per exit.
            gated: whether heads give a gate value behind the logits.

        Raises:
            PolicyError: the criterion is unknown, must be fitted first, has settings that do not go with the exits, or
                reads gates where there are none; a temperature is not positive; a threshold is out of range; or the
                number of thresholds is not the number of exits minus one.
        """
        policy = cls.on(criterion_of(criterion), Heads.of(logits, classes, temperature, gated=gated))
        return policy if thresholds is None else policy.with_thresholds(thresholds)

    @classmethod
    def on(cls, criterion: Criterion[Any], heads: Heads) -> ExitPolicy:
        """Makes a policy without thresholds for such heads; raises `PolicyError` as `build` does.

        Args:
            criterion: the criterion, with nothing left to fit.
            heads: heads that it decides on.
        """
        criterion.check_heads(heads)
        exits = map(ExitDecision, heads.formats, heads.temperatures, criterion.parameters(heads))
        return cls(criterion.name, heads.classes, tuple(exits), gated=heads.gated)

    @property
    def criterion(self) -> Criterion[Any]:
        """Returns the criterion with default settings; the effect of other settings is in the exits' parameters."""
        return criterion_named(self.criterion_name)

    @property
    def heads(self) -> Heads:
        """Returns the description of the heads that it decides on."""
        return Heads(tuple(exit_.logits for exit_ in self.exits), self.classes, self.temperatures, self.gated)

    @property
    def columns(self) -> int:
        """Returns the number of outputs of a head: one per class, and one more if there are gates."""
        return self.classes + int(self.gated)

    def class_logits(self, outputs: Integers) -> Integers:
        """Returns the logits of the classes, (N, C), from a head's outputs.

        Raises:
            PolicyError: outputs are not (N, C), or (N, C + 1) with gates.
        """
        if outputs.ndim != 2 or outputs.shape[1] != self.columns:
            gate = " and a gate" if self.gated else ""
            raise PolicyError(
                f"outputs of shape {outputs.shape}: this policy reads {self.classes} logits{gate} of each sample"
            )
        return outputs[:, : self.classes]

    def labels(self, outputs: Integers) -> Integers:
        """Returns the classes that a head's outputs choose, (N,): the one with the largest logit, of several the
        lowest.
        """
        return np.asarray(self.class_logits(outputs).argmax(axis=1))

    @property
    def temperatures(self) -> tuple[float, ...]:
        """Returns the temperature of each exit."""
        return tuple(exit_.temperature for exit_ in self.exits)

    @property
    def thresholds(self) -> tuple[Threshold, ...]:
        """Returns the thresholds in the criterion's unit, one per exit but the last."""
        return tuple(exit_.threshold for exit_ in self.exits[:-1])

    @property
    def threshold_codes(self) -> tuple[int, ...]:
        """Returns the threshold codes, one per exit; the last one is `NEVER`."""
        return tuple(exit_.threshold_code for exit_ in self.exits)

    def codes_of(self, thresholds: Sequence[Threshold]) -> tuple[int, ...]:
        """Converts thresholds in the criterion's unit to integers, one per exit.

        Raises:
            PolicyError: the wrong number of thresholds, or one out of range.
        """
        thresholds = listed_thresholds(thresholds)
        early = len(self.exits) - 1
        if len(thresholds) != early:
            raise PolicyError(
                f"{len(thresholds)} thresholds for {len(self.exits)} exits: give one per exit but the last, so {early}"
            )
        codes = []
        for k, threshold in enumerate(thresholds):
            if threshold is not None:
                self.criterion.check(threshold, self.classes)
            codes.append(NEVER if threshold is None else self.criterion.threshold_code(threshold, self._inputs(k)))
        return (*codes, NEVER)

    def with_thresholds(self, thresholds: Sequence[Threshold]) -> ExitPolicy:
        """Returns the same policy with other thresholds, in the criterion's unit."""
        thresholds = listed_thresholds(thresholds)
        codes = self.codes_of(thresholds)
        exits = tuple(
            dataclasses.replace(exit_, threshold=value, threshold_code=code)
            for exit_, value, code in zip(self.exits, (*thresholds, None), codes, strict=True)
        )
        return dataclasses.replace(self, exits=exits)

    def thresholds_of(self, codes: Sequence[int]) -> tuple[Threshold, ...]:
        """Converts integer thresholds, one per exit but the last, to the criterion's unit.

        Args:
            codes: integer thresholds.
        """
        return tuple(
            None if code == NEVER else self.criterion.threshold_value(code, self._inputs(k))
            for k, code in enumerate(codes)
        )

    def with_codes(self, codes: Sequence[int]) -> ExitPolicy:
        """Returns the same policy with other integer thresholds, one per exit but the last.

        Args:
            codes: integer thresholds.
        """
        return self.with_thresholds(self.thresholds_of(codes))

    def with_class_codes(self, codes: Sequence[Sequence[int]]) -> ExitPolicy:
        """Returns the same policy with integer thresholds for each predicted class, C for each exit but the last.

        Raises:
            PolicyError: an offset cannot lower the criterion's score, or codes differ by too much.
        """
        class_offsets.require_offsets(self.criterion, self.classes)
        registers, offsets = zip(*map(class_offsets.split, codes), strict=True) if codes else ((), ())
        policy = self.with_codes(registers)
        exits = tuple(
            dataclasses.replace(exit_, class_offsets=own)
            for exit_, own in zip(policy.exits, (*offsets, None), strict=True)
        )
        return dataclasses.replace(policy, exits=exits, path=None)  # which is one of other scores

    def class_codes(self, exit_index: int) -> tuple[int, ...]:
        """Returns the threshold code of each predicted class at one exit.

        Args:
            exit_index: the exit, from 0.
        """
        exit_ = self.exits[exit_index]
        return class_offsets.joined(exit_.threshold_code, exit_.class_offsets or (0,) * self.classes)

    def scores(
        self, exit_index: int, outputs: Integers, agreements: Integers, history: History | None = None
    ) -> Integers:
        """Computes the scores, (N,), of a head's integer outputs at one exit; some criteria read `history`.

        Args:
            exit_index: the exit, from 0.
            outputs: (N, C) integers, in a gated network (N, C + 1).
            agreements: (N,) as `agreements_after` counts them.
            history: labels and scores of earlier exits.
        """
        scores = self.criterion.score(self._inputs(exit_index, outputs, agreements, history))
        offsets = self.exits[exit_index].class_offsets
        return scores if offsets is None else scores - np.asarray(offsets, np.int64)[self.labels(outputs)]

    def score_exits(self, outputs: Sequence[Integers]) -> tuple[Integers, Integers]:
        """Computes labels and scores, (K, N) each, at all exits for all samples, from the heads' integer outputs."""
        labels = [self.labels(z) for z in outputs]
        history, scores = History.empty(len(labels[0])), []
        for k, (z, agreements) in enumerate(zip(outputs, agreements_after(labels), strict=True)):
            scores.append(self.scores(k, z, agreements, history))
            if self.criterion.reads_past:
                history = history.then(labels[k], scores[k])
        return np.stack(labels), np.stack(scores)

    def float_leaves(
        self, exit_index: int, outputs: Integers, agreements: Integers, history: History | None = None
    ) -> NDArray[np.bool_]:
        """Decides by the float formula at this exit's threshold, (N,); `history` holds the formula's own earlier
        scores.

        Args:
            exit_index: the exit, from 0.
            outputs, agreements: as for `scores`.
            history: labels of earlier exits, and the formula's own scores there.
        """
        leaves, threshold = np.zeros(len(outputs), dtype=np.bool_), self.exits[exit_index].threshold
        if threshold is None:
            return leaves
        inputs = self._inputs(exit_index, outputs, agreements, history)
        if self.exits[exit_index].class_offsets is None:
            return self.criterion.float_leaves(inputs, threshold)
        labels = self.labels(outputs)
        for label, code in enumerate(self.class_codes(exit_index)):
            if code != NEVER:
                own = self.criterion.threshold_value(code, inputs)
                leaves |= (labels == label) & self.criterion.float_leaves(inputs, own)
        return leaves

    def float_decisions(self, outputs: Sequence[Integers]) -> NDArray[np.bool_]:
        """Decides by the float formula at all exits but the last for all samples, (K - 1, N).

        Args:
            outputs: (N, C) integers of each exit, in a gated network (N, C + 1).
        """
        labels = [self.labels(z) for z in outputs]
        history, decisions = History.empty(len(labels[0])), []
        for k, (z, agreements) in enumerate(zip(outputs[:-1], agreements_after(labels)[:-1], strict=True)):
            decisions.append(self.float_leaves(k, z, agreements, history))
            if self.criterion.reads_past:
                inputs = self._inputs(k, z, agreements, history)
                history = history.then(labels[k], self.criterion.float_score(inputs))
        return np.array(decisions, np.bool_).reshape(len(outputs) - 1, len(labels[0]))

    def _inputs(
        self,
        k: int,
        outputs: Integers | None = None,
        agreements: Integers | None = None,
        history: History | None = None,
    ) -> ScoreInputs[Any]:
        """Of samples; or, without any, what a threshold is converted by."""
        exit_ = self.exits[k]
        if outputs is None:
            outputs, agreements = np.zeros((1, self.columns), np.int64), np.zeros(1, np.int64)
            before = np.zeros((1, k if self.criterion.reads_past else 0), np.int64)
            history = History(before, before)
        return ScoreInputs(
            self.class_logits(outputs),
            np.zeros(len(outputs), np.int64) if agreements is None else agreements,
            History.empty(len(outputs)) if history is None else history,
            exit_.logits.scale,
            exit_.temperature,
            exit_.parameters,
            outputs[:, self.classes] if self.gated else None,
        )

    def score_unit(self, exit_index: int) -> ScoreUnit:
        """Returns the hardware that computes an exit's score.

        Args:
            exit_index: the exit, from 0.
        """
        return self.criterion.score_unit(self.heads, exit_index, self.exits[exit_index].parameters)

    def config(self, exit_index: int) -> Config:
        """Returns what the criterion's C++ reads of an exit's config.

        Args:
            exit_index: the exit, from 0.
        """
        return self.criterion.config(self.heads, exit_index, self.exits[exit_index].parameters)

    def to_json(self) -> dict[str, Any]:
        """Returns plain data; `temperature` is one number if all exits share it, else a list with one per exit."""
        shared = len(set(self.temperatures)) == 1
        return {
            "policy_version": POLICY_VERSION,
            "criterion": self.criterion_name,
            "unit": self.criterion.unit,
            "classes": self.classes,
            **({"gated": True} if self.gated else {}),
            "temperature": self.temperatures[0] if shared else list(self.temperatures),
            "rounding": _ROUNDING,
            "parameters": self.criterion.to_json([exit_.parameters for exit_ in self.exits]),
            "exits": [exit_.to_json() for exit_ in self.exits],
            "fitted_on": self.fitted_on.to_json(),
            **({"path": self.path.to_json()} if self.path else {}),
        }

    @classmethod
    def from_json(cls, data: Any) -> ExitPolicy:
        """Reads what `to_json` wrote.

        Args:
            data: the plain data.

        Raises:
            PolicyError: the version is another, the criterion is unknown, or a field is missing, of another type, out
                of range or of another length; or the parameters are not those of criterion, formats and temperatures,
                or the thresholds are not those of their codes.
        """
        if not isinstance(data, dict):
            raise PolicyError(f"a policy file holds an object, not {type(data).__name__}: fit the policy again")
        version = data.get("policy_version")
        if version != POLICY_VERSION:
            raise PolicyError(f"policy version {shown(version)} is not {POLICY_VERSION}: fit the policy again")
        try:
            policy = cls._from_fields(Field(data, ""))
            policy._check_stored()
        except (FieldError, FormatError) as error:
            raise PolicyError(f"the policy file is incomplete or damaged: {error}: fit the policy again") from None
        return policy

    @classmethod
    def _from_fields(cls, stored: Field) -> ExitPolicy:
        required = ("policy_version", "criterion", "unit", "classes", "temperature", "rounding", "parameters", "exits")
        fields = stored.fields((*required, "fitted_on"), ("gated", "path"))
        fields["policy_version"].integer(POLICY_VERSION, POLICY_VERSION)
        known = criterion_named(fields["criterion"].text())
        for name, text in (("unit", known.unit), ("rounding", _ROUNDING)):
            if fields[name].value != text:
                raise fields[name].wrong(f"{text!r} for criterion {known.name}")
        classes, gated = fields["classes"].integer(2, _MOST_CLASSES), "gated" in fields and fields["gated"].flag()
        if known.reads_gate and not gated:
            raise FieldError(f"'gated' is missing: criterion {known.name} reads a gate")
        listed = fields["exits"].items(1, _MOST_EXITS)
        heat, count = fields["temperature"], len(listed)
        several = isinstance(heat.value, list | tuple)
        temperatures = heat.numbers(*_TEMPERATURES, count, count) if several else (heat.number(*_TEMPERATURES),) * count
        exits = [
            ExitDecision.from_json(item, known, classes, temperature)
            for item, temperature in zip(listed, temperatures, strict=True)
        ]
        heads = Heads(tuple(exit_.logits for exit_ in exits), classes, temperatures, gated)
        parameters = known.from_json(fields["parameters"], heads)
        return cls(
            known.name,
            classes,
            tuple(dataclasses.replace(exit_, parameters=own) for exit_, own in zip(exits, parameters, strict=True)),
            FittedOn.from_json(fields["fitted_on"], count),
            gated,
            ThresholdPath.from_json(fields["path"], count) if "path" in fields else None,
        )

    def _check_stored(self) -> None:
        """Hold codes to thresholds.

        Raises:
            FieldError: naming the first that differs.
            PolicyError: a threshold out of range, or too many classes for thresholds by class.
        """
        if any(exit_.class_offsets for exit_ in self.exits):
            class_offsets.require_offsets(self.criterion, self.classes)
        last = self.exits[-1]
        if last.threshold is not None or last.class_offsets:
            raise FieldError("the last exit has a threshold or class_offsets: every sample that comes there leaves")
        for k, (exit_, code) in enumerate(zip(self.exits, self.codes_of(self.thresholds), strict=True)):
            if exit_.threshold_code != code:
                raise FieldError(
                    f"exits[{k}].threshold_code is {exit_.threshold_code}, and must be {code}, that of its threshold "
                    f"{shown(exit_.threshold)}"
                )


def listed_thresholds(thresholds: Any) -> list[Threshold]:
    """Returns thresholds as a list of numbers and Nones, from a list, a tuple, an array or a tensor.

    Raises:
        PolicyError: it is of another type, for example a set, which has no order; or an element is no number.
    """
    if isinstance(thresholds, np.ma.MaskedArray):
        raise PolicyError("thresholds are a masked array: give a list, with None where an exit is never to be left at")
    given = thresholds.tolist() if hasattr(thresholds, "tolist") else thresholds
    if not isinstance(given, list | tuple):
        raise PolicyError(
            f"thresholds={thresholds!r} is a {type(thresholds).__name__}: give a list, one number per exit but the last"
        )
    for value in given:
        known = value is None or (isinstance(value, int | float | np.number) and not isinstance(value, bool))
        if not known:
            raise PolicyError(f"threshold {value!r} is no number: give a number, or None to leave at that exit never")
    return list(given)


def subnet_codes(exits: int, leave_at: int) -> tuple[int, ...]:
    """Returns the threshold codes of subnet mode, by which all samples leave at exit `leave_at`.

    Raises:
        PolicyError: there is no such exit.
    """
    if isinstance(leave_at, bool) or not isinstance(leave_at, int | np.integer):
        raise PolicyError(f"leave_at={leave_at!r} is no exit: give its number, a whole one from 0 to {exits - 1}")
    if not 0 <= leave_at < exits:
        raise PolicyError(f"exit {leave_at} does not exist: the network has exits 0 to {exits - 1}")
    return tuple(ALWAYS if k == leave_at else NEVER for k in range(exits))
