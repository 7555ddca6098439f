"""What scores a sample in hardware, as plain values: one module of SystemVerilog, and what it needs around it."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.systemverilog import Parameter, Rom


@dataclass(frozen=True)
class ScoreUnit:
    """The module that computes a criterion's score at one exit.

    Attributes:
        module: its name; `docs/criteria.md` says which ports and parameters all such modules have.
        parameters: beside those that all have.
        roms: images of its tables.
        depth: enabled cycles from the known maximum to the score; of a second pass over the classes, those beyond it.
        second_pass: whether it reads every logit again once the maximum is known.
        second: whether it needs the second largest logit, too.
        gate: whether it needs the head's gate.
        past: whether it needs what the exits before have left of the sample.
    """

    module: str
    parameters: tuple[tuple[str, Parameter], ...] = ()
    roms: tuple[Rom, ...] = ()
    depth: int = 1
    second_pass: bool = False
    second: bool = False
    gate: bool = False
    past: bool = False

    def latency(self, folds: int, levels: int) -> int:
        """Enabled cycles from the known maximum to the score.

        Args:
            folds: cycles over which a sample's logits are spread.
            levels: of a tree that adds up one cycle's.
        """
        return self.depth + (folds + levels if self.second_pass else 0)
