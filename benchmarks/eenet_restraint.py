"""How far EENet's weights should be held back to the largest probability: other settings of its training, tried.

    HWCODESIGN_DATA=… python -m benchmarks.eenet_restraint --write docs/eenet_restraint.md

Networks and budgets are those of `benchmarks.policies`, on Fashion-MNIST. Settings were chosen by the fitting images
that weights were not learned on; figures of the test images stand beside them.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.policies import budgets_of
from benchmarks.policy_networks import PRECISIONS, Setting, answers, costs
from hwcodesign.fitting.outputs import fit_to_outputs
from hwcodesign.fitting.request import PolicyRequest
from hwcodesign.fitting.search import evaluate
from hwcodesign.policies import ExitStatistics
from hwcodesign.policies.criteria.eenet import EENet
from hwcodesign.policies.criterion import Criterion

RECIPES = ("blenet3_fashion", "blenet5_fashion")
CHOSEN = EENet()
_FREE = dataclasses.replace(CHOSEN, restraint=0.0)
TRIED = {
    "none": _FREE,
    "none, decay 100 times": dataclasses.replace(_FREE, decay=100 * CHOSEN.decay),
    "none, decay 1,000 times": dataclasses.replace(_FREE, decay=1000 * CHOSEN.decay),
    "none, four times the steps, half the rate": dataclasses.replace(
        _FREE, steps=4 * CHOSEN.steps, rate=CHOSEN.rate / 2
    ),
    "0.01": dataclasses.replace(CHOSEN, restraint=0.01),
    f"{CHOSEN.restraint:g} (chosen)": CHOSEN,
    "1": dataclasses.replace(CHOSEN, restraint=1.0),
}


@dataclasses.dataclass(frozen=True)
class Gain:
    """Accuracy less that of max_softmax, mean over the budgets: on what thresholds were fitted to, and on test images.

    The largest softmax's thresholds are fitted to all fitting images, EENet's to the half that its weights have not
    seen: differences of the former kind mean something beside each other only.
    """

    fitting: float
    test: float


def gains(setting: Setting) -> dict[str, Gain]:
    """Of every setting of training, on one network."""
    (fitting, test), fractions = answers(setting), costs(setting)

    def accuracies(criterion: str | Criterion) -> Gain:
        known, new = [], []
        for budget in budgets_of(setting):
            request = PolicyRequest(criterion, budget=budget, calibrate=True)
            policy = fit_to_outputs(fitting.logits, fitting.labels, fitting.formats, fractions, request)
            seen = ExitStatistics.of(policy, test.logits, test.labels, fractions)
            known.append(policy.fitted_on.accuracy or 0.0)
            new.append(evaluate(seen, policy.threshold_codes[:-1]).accuracy)
        return Gain(statistics.fmean(known), statistics.fmean(new))

    base = accuracies("max_softmax")
    found = {name: accuracies(training) for name, training in TRIED.items()}
    return {name: Gain(gain.fitting - base.fitting, gain.test - base.test) for name, gain in found.items()}


def document(found: dict[Setting, dict[str, Gain]], seeds: int) -> str:
    """The table, with the command that repeats it."""
    groups = [(recipe, precision) for recipe in RECIPES for precision in PRECISIONS]
    head = "| restraint | " + " | ".join(f"{recipe}, {precision}" for recipe, precision in groups) + " | all |\n"
    head += "|---|" + "---:|" * (len(groups) + 1) + "\n"

    def rows(part: str) -> str:
        text = head
        for name in TRIED:
            values = [
                [getattr(found[Setting(*group, seed)][name], part) for seed in range(1, seeds + 1)] for group in groups
            ]
            cells = [
                f"{100 * statistics.fmean(group):+.2f}" for group in [*values, [v for group in values for v in group]]
            ]
            text += f"| {name} | {' | '.join(cells)} |\n"
        return text

    return f"""# The L2 penalty on EENet's weights

    HWCODESIGN_DATA=… python -m benchmarks.eenet_restraint --write docs/eenet_restraint.md

The tables show EENet's accuracy minus that of max_softmax, in percentage points: the mean over three budgets and
{seeds} networks of each kind. `restraint` is the factor of an L2 penalty in the loss: the sum of the squares of all
weights of the score except the weight of the largest probability (`hwcodesign.policies.criteria.eenet.training`). With
a large penalty the score is close to the largest probability.

The first table is measured on the fitting images to which thresholds were fitted. The setting was chosen by this table.
EENet's thresholds are fitted to only half of these images. Therefore the rows can be compared with each other, but the
values cannot be compared with zero.

{rows("fitting")}
The second table is measured on the test images:

{rows("test")}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="networks of each kind")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="networks at a time")
    parser.add_argument("--write", type=Path, help="document to write the table to")
    options = parser.parse_args()
    settings = [
        Setting(recipe, precision, seed)
        for recipe in RECIPES
        for precision in PRECISIONS
        for seed in range(1, options.seeds + 1)
    ]
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        found = dict(zip(settings, pool.map(gains, settings), strict=True))
    text = document(found, options.seeds)
    print(text)
    if options.write:
        options.write.write_text(text)


if __name__ == "__main__":
    main()
