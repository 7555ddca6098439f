"""The exit decision: all criteria, formats, numbers of classes and folds, against the policy."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
from tb.drawn_policies import drawn_policy

from hwcodesign.backends.streamrtl.decision_source import decision_source
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.kernels.decision import Decision
from hwcodesign.simulation.cocotb_runner import Bench, run_bench
from hwcodesign.storage.files import write_text

_CAMPAIGN = pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")

#: criterion, classes, logits a cycle, format of the logits, position of the exit, exits, temperature or one an exit
_Case = tuple[str, int, int, FixedPoint, int, int, float | list[float]]

_CASES: dict[str, _Case] = {
    "margin": ("margin", 10, 5, FixedPoint(8, 4), 0, 3, 1.0),
    "max_softmax": ("max_softmax", 10, 3, FixedPoint(9, 4, signed=False), 0, 2, 0.4),  # whose table ends early
    "entropy": ("entropy", 10, 1, FixedPoint(8, 4), 1, 3, [0.4, 1.3, 2.0]),
    "patience": ("patience", 2, 2, FixedPoint(5, 3), 2, 3, 1.0),
    "eenet": ("eenet", 10, 3, FixedPoint(8, 4), 2, 4, [0.4, 1.3, 2.0, 1.0]),
    "gate": ("gate", 10, 3, FixedPoint(8, 4), 1, 3, 1.0),
    "cdln": ("cdln", 10, 3, FixedPoint(8, 4), 0, 3, 1.0),
}
_MORE: dict[str, _Case] = {
    "hundred classes, margin": ("margin", 100, 1, FixedPoint(8, 4), 0, 2, 1.0),
    "hundred classes, entropy": ("entropy", 100, 7, FixedPoint(8, 4), 0, 2, 1.0),
    "all at once, entropy": ("entropy", 10, 10, FixedPoint(10, 5), 0, 2, 1.0),
    "all at once, max_softmax": ("max_softmax", 3, 3, FixedPoint(6, 4, signed=False), 0, 2, 0.5),
    "the last exit": ("max_softmax", 10, 4, FixedPoint(8, 4), 1, 2, 1.0),
    "shifted table": ("entropy", 5, 2, FixedPoint(16, 4), 0, 2, 1.0),
    "eenet at the first exit": ("eenet", 3, 3, FixedPoint(6, 4, signed=False), 0, 2, 1.0),
    "shifted table, eenet": ("eenet", 5, 2, FixedPoint(16, 4), 1, 2, 1.0),
    "hundred classes, eenet": ("eenet", 100, 7, FixedPoint(8, 4), 1, 3, 1.0),
    "all at once, eenet": ("eenet", 10, 10, FixedPoint(10, 5), 3, 5, 1.0),
    "widest logits": ("margin", 4, 3, FixedPoint(30, 8), 0, 2, 1.0),
    "one bit": ("max_softmax", 3, 1, FixedPoint(1, 1, signed=False), 0, 2, 1.0),
    "widest logits, gate": ("gate", 4, 3, FixedPoint(30, 8), 0, 2, 1.0),
    "widest logits, cdln": ("cdln", 4, 3, FixedPoint(30, 8), 0, 2, 1.0),
    "unsigned, all at once, gate": ("gate", 10, 10, FixedPoint(9, 4, signed=False), 0, 2, 1.0),
    "unsigned, all at once, cdln": ("cdln", 10, 10, FixedPoint(9, 4, signed=False), 0, 2, 1.0),
    "hundred classes, gate": ("gate", 100, 1, FixedPoint(8, 4), 0, 2, 1.0),
    "hundred classes, cdln": ("cdln", 100, 50, FixedPoint(8, 4), 0, 2, 1.0),
    "the last exit, gate": ("gate", 10, 4, FixedPoint(8, 4), 1, 2, 1.0),
}
#: Cases whose heads have gates that the criterion ignores.
_GATED: dict[str, _Case] = {
    "max_softmax": ("max_softmax", 10, 3, FixedPoint(9, 4, signed=False), 0, 2, 1.0),
    "eenet": ("eenet", 5, 5, FixedPoint(8, 4), 2, 4, 1.0),
}
#: Cases whose classes have thresholds of their own.
_BY_CLASS: dict[str, _Case] = {
    "margin": ("margin", 10, 3, FixedPoint(8, 4), 0, 3, 1.0),
    "max_softmax": ("max_softmax", 3, 3, FixedPoint(8, 4), 0, 2, 1.0),
    "gate": ("gate", 5, 2, FixedPoint(4, 4, signed=False), 0, 2, 1.0),
    "cdln": ("cdln", 5, 2, FixedPoint(4, 4), 0, 2, 1.0),
}


def _random_case(rng: random.Random) -> _Case:
    criterion = rng.choice(["margin", "max_softmax", "entropy", "patience", "eenet", "gate", "cdln"])
    classes = rng.choice([2, 3, 5, 10, 17, 100])
    width = rng.randint(2, 12)
    exits = rng.randint(2, 4)
    fmt = FixedPoint(width, rng.randint(1, 6), rng.random() < 0.7)
    return criterion, classes, rng.randint(1, classes), fmt, rng.randrange(exits), exits, rng.choice([0.5, 1.0, 3.0])


def _run(case: _Case, folder: Path, *, by_class: bool = False, gated: bool = False) -> None:
    criterion, classes, per_cycle, fmt, exit_index, exits, temperature = case
    policy = drawn_policy(criterion, [fmt] * exits, classes, temperature=temperature, by_class=by_class, gated=gated)
    source = decision_source(Decision.of(policy, exit_index, per_cycle), "decision")
    for file, text in source.texts.items():
        write_text(folder / file, text)
    # the bench builds the same policy again: its tables would not fit into the environment
    numbers = {"classes": classes, "exits": exits, "temperature": temperature}
    numbers |= {"exit_index": exit_index, "per_cycle": per_cycle, "by_class": by_class, "gated": gated}
    values = {"HWC_CASE": json.dumps({"criterion": criterion, "logits": fmt.to_json(), **numbers})}
    bench = Bench("decision", "exit_decision_bench", {}, sources=[folder / "decision.sv"], values=values)
    run_bench(bench, folder)


@pytest.mark.parametrize("name", _CASES)
def test_decisions_are_the_policys(name: str, tmp_path: Path) -> None:
    _run(_CASES[name], tmp_path)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in ("gate", "margin") else _CAMPAIGN) for name in _BY_CLASS]
)
def test_classes_may_have_thresholds_of_their_own(name: str, tmp_path: Path) -> None:
    _run(_BY_CLASS[name], tmp_path, by_class=True)


@pytest.mark.parametrize("name", ["max_softmax", pytest.param("eenet", marks=_CAMPAIGN)])
def test_a_gate_is_no_class(name: str, tmp_path: Path) -> None:
    _run(_GATED[name], tmp_path, gated=True)


@_CAMPAIGN
@pytest.mark.parametrize("name", _MORE)
def test_more_shapes(name: str, tmp_path: Path) -> None:
    _run(_MORE[name], tmp_path)


@_CAMPAIGN
@pytest.mark.parametrize("seed", range(20))
def test_random_shapes(seed: int, tmp_path: Path) -> None:
    case = _random_case(random.Random(seed))  # noqa: S311
    print(f"seed {seed}: {case}")
    _run(case, tmp_path, gated=seed % 3 == 0)
