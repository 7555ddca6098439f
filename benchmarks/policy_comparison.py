"""Outcomes of exit policies, their paired differences, and the tables of both."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

EENET, PATIENCE, PATIENCE_RIVAL = "eenet", "patience", "eenet at patience's costs"


@dataclass(frozen=True)
class Outcome:
    """What one policy gave at one budget.

    Attributes:
        budget: asked for, as a fraction of the full cost; where none can be asked for, what was planned.
        planned: cost on the samples that its thresholds were fitted to, as a fraction of the full cost.
        fitted_on: how many samples these were.
        costs: (N,) of each test image, as fractions of the full cost.
        correct: (N,) whether each test image is answered rightly.
        disagreement: fraction of decisions on the test split that the float formula would make otherwise.
    """

    budget: float
    planned: float
    fitted_on: int
    costs: NDArray[np.float64]
    correct: NDArray[np.bool_]
    disagreement: float

    @property
    def accuracy(self) -> float:
        return float(self.correct.mean())

    @property
    def cost(self) -> float:
        return float(self.costs.mean())


#: Of one recipe and precision: each contender's outcomes, seed by seed, budget by budget.
Group = Mapping[str, Sequence[Sequence[Outcome]]]


@dataclass(frozen=True)
class Difference:
    """A mean and the half width of its 95 % interval."""

    mean: float
    half: float

    def __str__(self) -> str:
        return f"{100 * self.mean:+.2f} ({100 * (self.mean - self.half):+.2f}…{100 * (self.mean + self.half):+.2f})"


def paired(ours: Sequence[NDArray[np.bool_]], theirs: Sequence[NDArray[np.bool_]]) -> Difference:
    """Mean difference of two policies on the same S networks and N images, (N,) of each network.

    Both networks and images are drawn, so that neither alone is the sample: the variance is that of means clustered
    both ways (Cameron, Gelbach and Miller 2011: that by images plus that by networks less that of single answers, and
    no less than either), the quantile Student's with S - 1 degrees of freedom.
    """
    d = np.stack(ours).astype(np.float64) - np.stack(theirs)
    seeds, images = d.shape
    by_image = d.mean(axis=0).var(ddof=1) / images
    by_seed = d.mean(axis=1).var(ddof=1) / seeds if seeds > 1 else 0.0
    variance = max(by_image, by_seed, by_image + by_seed - d.var(ddof=1) / d.size)
    quantile = float(student.ppf(0.975, seeds - 1)) if seeds > 1 else 1.96
    return Difference(float(d.mean()), quantile * math.sqrt(variance))


@dataclass(frozen=True)
class Spending:
    """Whether budgets are kept by one contender at one budget.

    Attributes:
        planned: least and most of the budget that is planned over the seeds, as fractions of it.
        realised: mean cost on the test split over the budget.
        two_sigma: of sampling, over the budget.
    """

    planned: tuple[float, float]
    realised: float
    two_sigma: float

    @property
    def kept(self) -> bool:
        return abs(self.realised - 1) <= max(0.01, self.two_sigma)


def spending(outcomes: Sequence[Outcome]) -> Spending:
    """Of one contender's outcomes at one budget, one per seed.

    Fitting and test images are drawn from one population, and are the same for all seeds: the difference of the two
    mean costs has the variance of an image's cost, meaned over the seeds, times 1/N of either.
    """
    budget = statistics.fmean(outcome.budget for outcome in outcomes)
    plans = [outcome.planned / outcome.budget for outcome in outcomes]
    each = np.mean([outcome.costs for outcome in outcomes], axis=0)
    sigma = float(each.std(ddof=1)) * math.sqrt(1 / len(each) + 1 / outcomes[0].fitted_on)
    return Spending((min(plans), max(plans)), float(each.mean()) / budget, 2 * sigma / budget)


def document(groups: Mapping[tuple[str, str], Group], ways: Sequence[float]) -> str:
    """The document, with the command that repeats it."""
    seeds = len(next(iter(next(iter(groups.values())).values())))
    parts = [_group(recipe, precision, group, ways) for (recipe, precision), group in groups.items()]
    return f"""# Exit policies side by side

    HWCODESIGN_DATA=… python -m benchmarks.policies --write docs/policies.md

{seeds} networks of each kind were trained, once each. All policies are fitted to the same fitting images. All figures
are of the 10,000 test images, to which nothing was fitted. The budgets lie {", ".join(f"{way:.0%}" for way in ways)} of
the way from the cost of the first exit to the cost of the last exit.

- *accuracy*: the mean over the networks, in percent.
- *EENet minus it*: EENet's accuracy minus that of the row, in percentage points, with a 95 % confidence interval. It is
  paired over images and networks.
- *cost*: the mean cost on the test split divided by the budget, with two standard deviations of sampling. (!) marks a
  cost that differs from the budget by more than these two standard deviations and by more than 1 %.
- *float*: the fraction of decisions in which the floating-point formula differs from the integers, on the same logits.
  The first number is the mean over networks and budgets, the second the maximum.

[choosing_a_policy.md](choosing_a_policy.md) explains the results.

Patience cannot be fitted to a budget. EENet is therefore compared with it at the costs that patience has. The softmax
of each exit is calibrated. Class means have early heads of their own, which cost less.

{_verdict(groups)}
{"".join(parts)}"""


def _group(recipe: str, precision: str, group: Group, ways: Sequence[float]) -> str:
    head = "| policy | " + " | ".join(f"{way:.0%}: accuracy | EENet minus it | cost" for way in ways) + " | float |\n"
    head += "|---|" + "---:|" * (3 * len(ways) + 1) + "\n"
    names = [name for name in group if name not in (PATIENCE, PATIENCE_RIVAL)]
    rows = "".join(_row(name, group[name], group[EENET]) for name in names)
    text = f"\n## {recipe}, {precision}\n\n{head}{rows}"
    count = len(group[PATIENCE][0])
    for t in range(count):
        own = [seed[t] for seed in group[PATIENCE]]
        rival = [seed[t] for seed in group[PATIENCE_RIVAL]]
        cost = statistics.fmean(outcome.cost for outcome in own)
        text += (
            f"\nPatience of {t + 1}: {_accuracy(own)} at {cost:.3f} of the full cost; EENet at that cost "
            f"{_accuracy(rival)}, the difference {_difference(rival, own)}.\n"
        )
    return text


def _row(name: str, seeds: Sequence[Sequence[Outcome]], eenet: Sequence[Sequence[Outcome]]) -> str:
    cells = []
    for b in range(len(seeds[0])):
        own, rival = [seed[b] for seed in seeds], [seed[b] for seed in eenet]
        spent = spending(own)
        mark = "" if spent.kept else " (!)"
        difference = "" if name == EENET else str(_difference(rival, own))
        cells.append(f"{_accuracy(own)} | {difference} | {spent.realised:.3f} ± {spent.two_sigma:.3f}{mark}")
    others = [outcome.disagreement for seed in seeds for outcome in seed]
    return f"| {name} | {' | '.join(cells)} | {statistics.fmean(others):.2%}, {max(others):.2%} |\n"


def _accuracy(outcomes: Sequence[Outcome]) -> str:
    return f"{100 * statistics.fmean(outcome.accuracy for outcome in outcomes):.2f}"


def _difference(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> Difference:
    return paired([outcome.correct for outcome in ours], [outcome.correct for outcome in theirs])


def _verdict(groups: Mapping[tuple[str, str], Group]) -> str:
    """How many intervals lie wholly below and above zero; how many plans and costs keep their budgets."""
    below, above, total = [], 0, 0
    plans, kept, budgets = 0, 0, 0
    for (recipe, precision), group in groups.items():
        for name, seeds in group.items():
            if name in (EENET, PATIENCE_RIVAL):
                continue
            rivals = group[PATIENCE_RIVAL if name == PATIENCE else EENET]
            for b in range(len(seeds[0])):
                found = _difference([seed[b] for seed in rivals], [seed[b] for seed in seeds])
                total += 1
                above += found.mean - found.half > 0
                if found.mean + found.half < 0:
                    below.append(f"{recipe}, {precision}, {name}, budget {b + 1}: {found}")
        for name, seeds in group.items():
            for b in range(len(seeds[0]) if name != PATIENCE else 0):
                spent = spending([seed[b] for seed in seeds])
                budgets += 1
                kept += spent.kept
                plans += spent.planned[0] > 0.99 and spent.planned[1] <= 1
    lines = "".join(f"- {line}\n" for line in below)
    return (
        f"Of {total} confidence intervals {above} lie completely above zero and {len(below)} completely below"
        f"{':' if below else '.'}\n{lines}\n"
        f"On the fitting split, the cost is 99 to 100 % of the budget for every network in {plans} of {budgets} cases. "
        "On the test split, the cost\ndiffers from the budget by at most 1 % or two standard deviations of sampling in "
        f"{kept} cases.\n"
    )
