"""Small decisions in C++, one at least for each criterion, written as designs' are, to test the HLS blocks on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hwcodesign.backends.vitis.blocks import decision_block
from hwcodesign.designs.boards import BOARDS
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies import ExitPolicy
from hwcodesign.policies.criteria.cdln import CDLN
from rtl_sim.tb.drawn_policies import drawn_policy

#: A policy, the exit, and the cycles over which its logits are spread.
_Instance = tuple[ExitPolicy, int, int]


def _logits(width: int, integer: int, *, signed: bool = True) -> FixedPoint:
    return FixedPoint(width, integer, signed, "RND_CONV", "SAT")  # type: ignore[arg-type]


_L = _logits(8, 4)


def _cdln(logits: FixedPoint, classes: int, code: int) -> ExitPolicy:
    return ExitPolicy.build(CDLN(activation=code * logits.scale), [logits] * 2, classes)


def _eenet() -> ExitPolicy:
    return drawn_policy("eenet", [_L] * 4, 10, temperature=0.8)


_INSTANCES: dict[str, Callable[[], _Instance]] = {
    "decision_margin": lambda: (drawn_policy("margin", [_L] * 2, 10), 0, 1),
    "decision_patience": lambda: (drawn_policy("patience", [_logits(6, 6)] * 3, 10), 1, 4),
    # whose table ends before the largest difference
    "decision_max_softmax": lambda: (drawn_policy("max_softmax", [_L] * 3, 10, temperature=0.5), 1, 5),
    "decision_last": lambda: (drawn_policy("max_softmax", [_L] * 3, 10), 2, 16),
    "decision_by_class": lambda: (drawn_policy("max_softmax", [_L] * 3, 6, temperature=0.8, by_class=True), 1, 2),
    # three folds of four lanes, two of them behind the last class; and logits finer than the table
    "decision_entropy": lambda: (drawn_policy("entropy", [_L] * 2, 10), 0, 3),
    "decision_entropy_100": lambda: (drawn_policy("entropy", [_logits(16, 6)] * 4, 100), 2, 16),
    "decision_eenet_first": lambda: (_eenet(), 0, 1),
    "decision_eenet": lambda: (_eenet(), 2, 4),
    "decision_eenet_last": lambda: (_eenet(), 3, 10),
    "decision_gate": lambda: (drawn_policy("gate", [_L] * 2, 10), 0, 2),
    "decision_gate_ignored": lambda: (drawn_policy("margin", [_L] * 2, 5, gated=True), 0, 1),
    "decision_gate_unsigned": lambda: (drawn_policy("gate", [_logits(7, 3, signed=False)] * 4, 3), 2, 1),
    "decision_cdln": lambda: (_cdln(_L, 10, 20), 0, 3),
    "decision_cdln_negative": lambda: (_cdln(_logits(6, 3), 2, -3), 0, 1),
}
GENERATED = tuple(_INSTANCES)


def write_instance(name: str, folder: Path) -> None:
    """Write the header, the top function and the testbench of an instance."""
    policy, exit_index, folds = _INSTANCES[name]()
    for file, text in decision_block(policy, exit_index, BOARDS["pynq-z2"], name, folds).files.items():
        if file.endswith((".h", ".cpp")):
            (folder / file).write_text(text)


def criteria_covered() -> set[str]:
    """Criteria that an instance decides by."""
    return {make()[0].criterion_name for make in _INSTANCES.values()}
