"""This module chooses the exit for subnet mode, for a target of accuracy or of cost."""

from __future__ import annotations

from collections.abc import Sequence

from hwcodesign.errors import PolicyError


def choose_exit(
    accuracy: Sequence[float],
    cost: Sequence[float],
    *,
    least_accuracy: float | None = None,
    most_cost: float | None = None,
    unit: str = "cycles",
) -> int:
    """Returns the exit at which every sample should leave; of equally good exits, the earlier one.

    Args:
        accuracy: accuracy of each exit if all samples leave there, as a fraction.
        cost: cost of each exit, in any one unit.
        least_accuracy: lowest allowed accuracy; the result is the cheapest exit that reaches it.
        most_cost: highest allowed cost; the result is the most accurate exit within it. With both targets, the result
            is the most accurate exit that meets both.
        unit: unit of the costs, for errors.

    Raises:
        PolicyError: there is no target, or no exit meets it; the message names the nearest one.
    """
    if least_accuracy is None and most_cost is None:
        raise PolicyError(f"give a target: the lowest accuracy, or the most {unit}")
    exits = range(len(accuracy))
    accurate = [k for k in exits if least_accuracy is None or accuracy[k] >= least_accuracy]
    cheap = [k for k in exits if most_cost is None or cost[k] <= most_cost]
    both = [k for k in accurate if k in cheap]
    if both:
        return min(both, key=lambda k: (cost[k], k) if most_cost is None else (-accuracy[k], k))
    best, least = max(exits, key=lambda k: accuracy[k]), min(exits, key=lambda k: cost[k])
    reasons = []
    if least_accuracy is not None:
        nearest = best if not accurate else min(accurate, key=lambda k: cost[k])
        word = "the most accurate" if not accurate else "the cheapest that is so accurate"
        reasons.append(_reason(f"accuracy {least_accuracy:.2%}", word, nearest, accuracy, cost, unit))
    if most_cost is not None:
        nearest = least if not cheap else max(cheap, key=lambda k: accuracy[k])
        word = "the cheapest" if not cheap else "the most accurate that is so cheap"
        reasons.append(_reason(f"{most_cost:,g} {unit}", word, nearest, accuracy, cost, unit))
    raise PolicyError(f"no exit alone meets the target of {' and '.join(reasons)}")


def _reason(target: str, word: str, nearest: int, accuracy: Sequence[float], cost: Sequence[float], unit: str) -> str:
    return f"{target} ({word} is exit {nearest}: {accuracy[nearest]:.2%} at {cost[nearest]:,g} {unit})"
