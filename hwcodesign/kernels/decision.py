"""This module holds the exit decision as hardware: its cycles, and how it appears in generated SystemVerilog.

The policy says what it computes (hwcodesign.policies); this module says what that takes. It is no kernel of a segment:
it reads integers, and writes no tensor.
"""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.errors import FormatError, PolicyError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies import ExitPolicy
from hwcodesign.policies.score_unit import ScoreUnit
from hwcodesign.systemverilog import Bits, Instance, PackedStruct, Parameter

#: Widest logits: a score of them fits 32 signed bits, clear of the threshold code that means never.
WIDEST_LOGITS = 30


@dataclass(frozen=True)
class Decision:
    """A decision is the decision unit of one exit (exit_decision).

    Attributes:
        classes: logits per sample, all in one beat; a gate comes behind them in the same beat.
        logits: format of the logits.
        per_cycle: number of logits that are read per cycle.
        exit_index: position of the exit, from 0.
        is_last: whether every sample leaves here.
        unit: hardware that scores its samples.
        class_offsets: by how much scores are lowered, if thresholds differ by class.
        gated: whether a beat has a gate behind the logits.

    Raises:
        PolicyError: the score is computed from a gate, and there is none.
        FormatError: a number is outside what the hardware holds.
    """

    classes: int
    logits: FixedPoint
    per_cycle: int
    exit_index: int
    is_last: bool
    unit: ScoreUnit
    class_offsets: tuple[int, ...] | None = None
    gated: bool = False

    def __post_init__(self) -> None:
        if self.unit.gate and not self.gated:
            raise PolicyError(f"{self.unit.module} reads a gate, and the logits of exit {self.exit_index} have none")
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
        """Returns the unit of one exit of a policy; if `per_cycle` is above the number of classes, all are read in one
        cycle.
        """
        exit_ = policy.exits[exit_index]
        return cls(
            classes=policy.classes,
            logits=exit_.logits,
            per_cycle=min(per_cycle, policy.classes),
            exit_index=exit_index,
            is_last=exit_index == len(policy.exits) - 1,
            unit=policy.score_unit(exit_index),
            class_offsets=exit_.class_offsets,
            gated=policy.gated,
        )

    @property
    def interval(self) -> int:
        """Returns the cycles between decisions while nothing stalls; in anytime mode the interval is at least 2."""
        return -(-self.classes // self.per_cycle)

    @property
    def latency(self) -> int:
        """Returns the cycles from the one that accepts the logits to the one in which the record is first offered."""
        return self.interval + self._tree_depth + 4 + self.score_latency

    @property
    def score_latency(self) -> int:
        """Returns the part of `latency` from the known maximum to the score."""
        return self.unit.latency(self.interval, self._tree_depth) + int(self.class_offsets is not None)

    @property
    def samples(self) -> int:
        """Returns how many samples it can hold between the acceptance of their logits and that of their information."""
        return -(-(self.latency - 2) // self.interval)

    @property
    def instance(self) -> Instance:
        """Returns the instance of the module exit_decision, which stands beside its score unit."""
        parameters: list[tuple[str, Parameter]] = [
            ("Classes", self.classes),
            ("Logits", self.logits),
            ("PerCycle", self.per_cycle),
            ("ExitIndex", self.exit_index),
            ("IsLast", self.is_last),
            ("ScoreUnit", self._score_unit),
        ]
        if self.gated:
            parameters.append(("Gated", True))
        if self.class_offsets is not None:
            parameters += [("ByClass", True), ("ClassOffsets", Bits.pack(self.class_offsets, 32))]
        return Instance("exit_decision", tuple(parameters))

    @property
    def score_instance(self) -> Instance:
        """Returns the instance of the score unit, with its tables."""
        parameters: list[tuple[str, Parameter]] = [
            ("Classes", self.classes),
            ("CodeWidth", self.logits.width),
            ("PerCycle", self.per_cycle),
        ]
        if self.unit.past:
            parameters.append(("ExitIndex", self.exit_index))
        return Instance(self.unit.module, (*parameters, *self.unit.parameters), self.unit.roms)

    @property
    def _score_unit(self) -> PackedStruct:
        """The score_unit_t of exit_decision."""
        return PackedStruct(
            "score_unit_t",
            (
                ("latency", self.unit.latency(self.interval, self._tree_depth)),
                ("second", self.unit.second),
                ("gate", self.unit.gate),
                ("past", self.unit.past),
            ),
        )

    @property
    def _tree_depth(self) -> int:
        """Returns the depth of the compare tree and of the adder tree: ceil(log2(per_cycle))."""
        return (self.per_cycle - 1).bit_length()
