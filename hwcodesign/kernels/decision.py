"""The exit decision as hardware: its cycles, and how it appears in generated SystemVerilog.

What it computes is the policy's (hwcodesign.policies); here is what that takes. It is no kernel of a segment: it reads
integers, and writes no tensor.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.errors import FormatError, PolicyError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies import ExitPolicy
from hwcodesign.policies.scoring_function import WEIGHT_BITS, ScoringFunction
from hwcodesign.policies.tables import ExponentialTable, MantissaTable
from hwcodesign.systemverilog import Bits, Instance, Parameter, Rom

#: Widest logits: a score of them fits 32 signed bits, clear of the threshold code that means never.
WIDEST_LOGITS = 30


@dataclass(frozen=True)
class ScoreTiming:
    """Registers between the start of a criterion's second pass and its score.

    Attributes:
        depth: of a pipeline that needs the maximum alone, or beyond the pass over the classes.
        passes_over_classes: whether the criterion reads every logit again once the maximum is known.
    """

    depth: int
    passes_over_classes: bool


#: As in the headers of rtl_sim/rtl/score_<name>.sv.
SCORE_TIMINGS = {
    "margin": ScoreTiming(1, passes_over_classes=False),
    "patience": ScoreTiming(1, passes_over_classes=False),
    "max_softmax": ScoreTiming(5, passes_over_classes=True),
    "entropy": ScoreTiming(18, passes_over_classes=True),
    "eenet": ScoreTiming(18, passes_over_classes=True),
    "gate": ScoreTiming(1, passes_over_classes=False),
    "cdln": ScoreTiming(2, passes_over_classes=False),
}
#: Criteria that read the logarithm and reciprocal tables.
_LOGARITHMIC = ("entropy", "eenet")


@dataclass(frozen=True)
class Decision:
    """The decision unit of one exit (exit_decision).

    Attributes:
        classes: logits a sample, all in one beat; a gate comes behind them in the same beat.
        logits: their format.
        per_cycle: logits handled a cycle.
        exit_index: position of the exit, from 0.
        is_last: whether every sample leaves here.
        criterion: its name.
        exponential, mantissa: its tables, where it has any.
        scoring: its weights, where it is learned.
        class_offsets: by which scores are lowered, where classes have thresholds of their own.
        gated: whether a beat has a gate behind the logits.
        activation: integer logit from which a class is active, where the criterion reads one.

    Raises:
        PolicyError: the criterion has no hardware, or misses its tables.
        FormatError: a number is outside what the hardware holds.
    """

    classes: int
    logits: FixedPoint
    per_cycle: int
    exit_index: int
    is_last: bool
    criterion: str
    exponential: ExponentialTable | None = None
    mantissa: MantissaTable | None = None
    scoring: ScoringFunction | None = None
    class_offsets: tuple[int, ...] | None = None
    gated: bool = False
    activation: int | None = None

    def __post_init__(self) -> None:
        if self.criterion not in SCORE_TIMINGS:
            known = ", ".join(sorted(SCORE_TIMINGS))
            raise PolicyError(f"criterion {self.criterion!r} has no hardware: there is some for {known}")
        missing = self.exponential is None if self._timing.passes_over_classes else False
        if missing or (self.criterion in _LOGARITHMIC and self.mantissa is None):
            raise PolicyError(f"criterion {self.criterion!r} misses its tables at exit {self.exit_index}")
        if self.criterion == "eenet" and self.scoring is None:
            raise PolicyError(f"criterion 'eenet' misses its weights at exit {self.exit_index}")
        if self.criterion == "gate" and not self.gated:
            raise PolicyError(f"criterion 'gate' has no gate behind the logits of exit {self.exit_index}")
        if self.criterion == "cdln" and self.activation is None:
            raise PolicyError(f"criterion 'cdln' misses its activation at exit {self.exit_index}")
        if self.exponential and self.mantissa and self.exponential.fraction != self.mantissa.fraction:
            raise PolicyError(f"the tables of exit {self.exit_index} have different fractions: fit the policy again")
        for name, value, low, high in (
            ("width of the logits", self.logits.width, 1, WIDEST_LOGITS),
            ("number of classes", self.classes, 2, 1 << 16),
            ("number of logits handled a cycle", self.per_cycle, 1, self.classes),
            ("index of the exit", self.exit_index, 0, 255),
        ):
            if not low <= value <= high:
                raise FormatError(f"exit {self.exit_index}: the {name} is {value}, outside {low} to {high}")

    @classmethod
    def of(cls, policy: ExitPolicy, exit_index: int, per_cycle: int) -> Decision:
        """The unit of one exit of a policy; `per_cycle` above the number of classes means all of them."""
        exit_ = policy.exits[exit_index]
        return cls(
            classes=policy.classes,
            logits=exit_.logits,
            per_cycle=min(per_cycle, policy.classes),
            exit_index=exit_index,
            is_last=exit_index == len(policy.exits) - 1,
            criterion=policy.criterion_name,
            exponential=exit_.exponential,
            mantissa=policy.mantissa,
            scoring=exit_.scoring,
            class_offsets=exit_.class_offsets,
            gated=policy.gated,
            activation=exit_.activation,
        )

    @property
    def interval(self) -> int:
        """Cycles between decisions while nothing stalls; in anytime mode at least 2."""
        return -(-self.classes // self.per_cycle)

    @property
    def latency(self) -> int:
        """Cycles from the one in which logits are accepted to the one in which the record is first offered."""
        return self.interval + self._levels + 4 + self.score_latency

    @property
    def score_latency(self) -> int:
        """Of them, those from the known maximum to the score."""
        again = self.interval + self._levels if self._timing.passes_over_classes else 0
        return again + self._timing.depth + int(self.class_offsets is not None)

    @property
    def samples(self) -> int:
        """Samples that it can hold between the acceptance of their logits and that of their information."""
        return -(-(self.latency - 2) // self.interval)

    @property
    def instance(self) -> Instance:
        """The module exit_decision with its tables."""
        parameters: list[tuple[str, Parameter]] = [
            ("Classes", self.classes),
            ("Logits", self.logits),
            ("PerCycle", self.per_cycle),
            ("ExitIndex", self.exit_index),
            ("IsLast", self.is_last),
            ("Criterion", self.criterion),
        ]
        if self.gated:
            parameters.append(("Gated", True))
        if self.activation is not None:
            parameters.append(("Activation", self.activation))
        roms: list[Rom] = []
        if self.exponential is not None and self._timing.passes_over_classes:
            table = self.exponential
            parameters += [("Length", table.length), ("Fraction", table.fraction), ("Shift", table.shift)]
            roms.append(Rom("exponential", "ExponentialFile", table.fraction + 1, table.exponential))
            if self.mantissa is not None and self.criterion in _LOGARITHMIC:
                roms.append(Rom("weighted", "WeightedFile", max(1, table.fraction - 1), table.weighted))
                parameters += [("MantissaBits", self.mantissa.mantissa_bits), ("Ln2", self.mantissa.ln2)]
                roms.append(Rom("logarithm", "LogarithmFile", table.fraction, self.mantissa.logarithm))
                roms.append(Rom("reciprocal", "ReciprocalFile", table.fraction + 1, self.mantissa.reciprocal))
            if self.scoring is not None:
                parameters += _weights(self.scoring, table.fraction)
        if self.class_offsets is not None:
            parameters += [("ByClass", True), ("ClassOffsets", Bits.pack(self.class_offsets, 32))]
        return Instance("exit_decision", tuple(parameters), tuple(roms))

    @property
    def _timing(self) -> ScoreTiming:
        return SCORE_TIMINGS[self.criterion]

    @property
    def _levels(self) -> int:
        """Of the compare tree, and of the adder tree: ceil(log2(per_cycle))."""
        return (self.per_cycle - 1).bit_length()


def _weights(scoring: ScoringFunction, table_fraction: int) -> list[tuple[str, Parameter]]:
    """Parameters of score_eenet and past_scores."""
    return [
        ("ClassWeights", Bits.pack(scoring.classes, WEIGHT_BITS)),
        ("TopWeight", scoring.top),
        ("NatsWeight", scoring.nats),
        ("Votes", Bits.pack(scoring.votes, 32)),
        ("Drop", scoring.drop(table_fraction)),
        ("EarlierWeights", Bits.pack((*scoring.earlier, 0), WEIGHT_BITS)),  # a parameter cannot be empty
        ("EarlierFraction", scoring.earlier_fraction),
    ]
