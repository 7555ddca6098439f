"""Exit policies side by side: the same networks, the same fitting data, an equally careful search, three budgets.

    HWCODESIGN_DATA=… python -m benchmarks.policies --write docs/policies.md

Every network is trained once (`benchmarks.policy_networks`). Policies are fitted to its answers on the fitting split,
and then held to the test split, which nothing was fitted to. What was measured is kept beside each network.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks import policy_gates, policy_networks
from benchmarks.policy_comparison import EENET, PATIENCE, PATIENCE_RIVAL, Outcome, document
from benchmarks.policy_gates import learned_gates
from benchmarks.policy_networks import (
    PRECISIONS,
    RECIPES,
    Answers,
    Setting,
    answers,
    class_means_answers,
    costs,
    gated_costs,
)
from hwcodesign import fitting, policies
from hwcodesign.fitting.outputs import fit_to_outputs, float_disagreement
from hwcodesign.fitting.request import PolicyRequest
from hwcodesign.policies import CRITERIA, ExitPolicy, ExitStatistics, criteria
from hwcodesign.policies.criteria import eenet
from hwcodesign.storage.files import sha256, write_bytes
from hwcodesign.training import RewardedGates
from hwcodesign.training import class_means as class_means_module
from hwcodesign.training.strategies import rewarded_gates

#: How far from the first exit's cost to the last's the budgets lie.
BUDGETS = (0.10, 0.25, 0.50)
#: Of the full cost, in right answers, that gates are trained for.
PRICES = (0.03, 0.1, 0.3)
CRITERIA_ALONE = ("entropy", "max_softmax", "margin")
#: Packages and modules that decide the figures; kept ones are used as long as these are the same.
_SOURCES = (policies, criteria, eenet, fitting, class_means_module, rewarded_gates, policy_gates, policy_networks)

Contender = Callable[[Setting, Sequence[float]], list[Outcome]]


def by_criterion(name: str) -> Contender:
    """A criterion on the network's own logits, calibrated where it looks at a softmax."""

    def outcomes(setting: Setting, budgets: Sequence[float]) -> list[Outcome]:
        return _outcomes(name, *answers(setting), costs(setting), budgets)

    return outcomes


def class_means(setting: Setting, budgets: Sequence[float]) -> list[Outcome]:
    """The largest softmax of (minus) distances to class means, in the place of the early heads."""
    fitting, test, fractions = class_means_answers(setting)
    return _outcomes("max_softmax", fitting, test, fractions, budgets)


def patience(setting: Setting, _: Sequence[float]) -> list[Outcome]:
    """Each number of agreements that lets any sample leave early: patience meets no other costs."""
    (fitting, test), fractions = answers(setting), costs(setting)
    found = []
    for agreements in range(1, len(fractions) - 1):
        thresholds = [float(agreements)] * (len(fractions) - 1)
        request = PolicyRequest("patience", thresholds=tuple(thresholds))
        policy = fit_to_outputs(fitting.logits, fitting.labels, fitting.formats, fractions, request)
        found.append(_outcome(policy, test, fractions, policy.fitted_on.cost_fraction or 0.0))
    return found


def eenet_like_patience(setting: Setting, _: Sequence[float]) -> list[Outcome]:
    """EENet with what patience costs as its budgets."""
    return by_criterion("eenet")(setting, [outcome.budget for outcome in patience(setting, ())])


def gate(setting: Setting, budgets: Sequence[float]) -> list[Outcome]:
    """Gates learned by reward on one half of the fitting images, for each price of cost; thresholds, and the price, are
    fitted to the other half."""
    (fitting, test), fractions = answers(setting), gated_costs(setting)
    order = np.random.default_rng(0).permutation(len(fitting.labels))
    learning, choosing = (fitting.part(half) for half in np.array_split(order, 2))
    quantised = setting.precision == "quantised"
    found: list[list[tuple[float, Outcome]]] = [[] for _ in budgets]
    for price in PRICES:
        gates = learned_gates(
            learning.logits,
            learning.formats,
            learning.labels,
            fractions,
            RewardedGates(cost=price),
            quantised=quantised,
            seed=setting.seed,
        )
        for b, budget in enumerate(budgets):
            own = choosing.gated(gates)
            request = PolicyRequest("gate", budget=budget)
            policy = fit_to_outputs(own.logits, own.labels, own.formats, fractions, request, gated=True)
            found[b].append((policy.fitted_on.accuracy or 0.0, _outcome(policy, test.gated(gates), fractions, budget)))
    return [max(tried, key=lambda one: one[0])[1] for tried in found]


CONTENDERS: dict[str, Contender] = {
    **{name: by_criterion(name) for name in CRITERIA_ALONE},
    "class means": class_means,
    "gate": gate,
    EENET: by_criterion("eenet"),
    PATIENCE: patience,
    PATIENCE_RIVAL: eenet_like_patience,
}


def _outcomes(
    criterion: str, fitting: Answers, test: Answers, fractions: Sequence[float], budgets: Sequence[float]
) -> list[Outcome]:
    found = []
    for budget in budgets:
        request = PolicyRequest(criterion, budget=budget, calibrate=CRITERIA[criterion].softmax)
        policy = fit_to_outputs(fitting.logits, fitting.labels, fitting.formats, fractions, request)
        found.append(_outcome(policy, test, fractions, budget))
    return found


def _outcome(policy: ExitPolicy, test: Answers, fractions: Sequence[float], budget: float) -> Outcome:
    statistics = ExitStatistics.of(policy, test.logits, test.labels, fractions)
    taken = statistics.exits_taken(policy.threshold_codes[:-1])
    return Outcome(
        budget,
        policy.fitted_on.cost_fraction or 0.0,
        # a learned criterion's thresholds are fitted to the half that its weights have not seen
        policy.fitted_on.samples // (2 if policy.criterion.learned else 1),
        statistics.costs[taken],
        statistics.correct[taken, np.arange(len(taken))],
        float_disagreement(policy, test.logits),
    )


def budgets_of(setting: Setting) -> list[float]:
    """Shares of the full cost; of the network itself, whatever heads a contender puts in."""
    first, *_, last = costs(setting)
    return [first + way * (last - first) for way in BUDGETS]


def measured(setting: Setting, name: str) -> list[Outcome]:
    """A contender's outcomes on one network, measured now or before."""
    path = setting.folder / f"outcomes-{name.replace(' ', '-')}.npz"
    if path.exists():
        with np.load(path) as kept:
            if str(kept["sources"]) == _sources():
                fields = tuple(Outcome.__annotations__)
                return [Outcome(*row) for row in zip(*(kept[field] for field in fields), strict=True)]
    found = CONTENDERS[name](setting, budgets_of(setting))
    buffer = io.BytesIO()
    fields = {field: np.array([getattr(outcome, field) for outcome in found]) for field in Outcome.__annotations__}
    np.savez_compressed(buffer, sources=_sources(), **fields)
    write_bytes(path, buffer.getvalue())
    return found


def _sources() -> str:
    """The digest of this file and of all in `_SOURCES`."""
    own = [Path(str(module.__file__)) for module in _SOURCES]
    files = [
        found for path in own for found in (sorted(path.parent.glob("*.py")) if path.stem == "__init__" else [path])
    ]
    return sha256(b"".join(file.read_bytes() for file in (*files, Path(__file__))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="networks of each kind")
    parser.add_argument("--recipes", nargs="+", default=RECIPES, choices=RECIPES)
    parser.add_argument("--write", type=Path, help="document to write the tables to")
    options = parser.parse_args()
    groups = {}
    for recipe in options.recipes:
        for precision in PRECISIONS:
            settings = [Setting(recipe, precision, seed) for seed in range(1, options.seeds + 1)]
            groups[recipe, precision] = {name: [measured(s, name) for s in settings] for name in CONTENDERS}
            print(f"{recipe}, {precision}: measured", file=sys.stderr, flush=True)
    text = document(groups, BUDGETS)
    print(text)
    if options.write:
        options.write.write_text(text)


if __name__ == "__main__":
    main()
