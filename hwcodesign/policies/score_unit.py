"""This module describes the hardware that scores a sample: one SystemVerilog module, and what it needs around it."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.systemverilog import Parameter, Rom


@dataclass(frozen=True)
class ScoreUnit:
    """A score unit is the module that computes a criterion's score at one exit.

    Attributes:
        module: name of the module; `docs/criteria.md` says which ports and parameters all such modules have.
        parameters: further parameters, beside those that all have.
        roms: images of its tables.
        depth: enabled cycles from the known maximum to the score; with a second pass, the cycles after that pass.
        second_pass: whether it reads every logit again once the maximum is known.
        second: whether it needs the second largest logit, too.
        gate: whether it needs the head's gate.
        past: whether it needs labels and scores of the earlier exits.
    """

    module: str
    parameters: tuple[tuple[str, Parameter], ...] = ()
    roms: tuple[Rom, ...] = ()
    depth: int = 1
    second_pass: bool = False
    second: bool = False
    gate: bool = False
    past: bool = False

    def latency(self, folds: int, tree_depth: int) -> int:
        """Returns the enabled cycles from the known maximum to the score.

        Args:
            folds: cycles over which a sample's logits are spread.
            tree_depth: depth of the tree that adds up the logits of one cycle.
        """
        return self.depth + (folds + tree_depth if self.second_pass else 0)
