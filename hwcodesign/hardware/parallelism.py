"""This module limits the products of a layer per cycle: simulators cannot read more than a few thousand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hwcodesign.errors import SettingsError
from hwcodesign.hardware.dataflow import images_taken, units_of
from hwcodesign.hardware.folding import Folding
from hwcodesign.hardware.implementation import DEFAULTS, DISTRIBUTED, LATENCY, Implementations
from hwcodesign.hardware.unit import Unit
from hwcodesign.hardware.units import unit_of
from hwcodesign.kernels import Segment

#: Products that one layer makes in a cycle: all of the tests' sweep of sizes is within it.
MOST_PRODUCTS = 4096


def check_products(
    segment: Segment, implementations: Implementations = DEFAULTS, named: Callable[[str], str] = str
) -> None:
    """Refuses a layer that multiplies more per cycle than can be simulated.

    Args:
        segment: segment that has the layer.
        implementations: implementations of its kernels.
        named: function from a kernel's name to the user's name of its layer.

    Raises:
        SettingsError: there is such a layer; the message names it, and the least reuse factor that is sufficient.
    """
    for unit in units_of(segment, implementations, images_taken(segment, implementations)):
        if unit.folding is not None and unit.products > MOST_PRODUCTS:
            raise _too_many(segment.name, named(unit.kernel.name), unit, unit.folding)


def _too_many(segment: str, name: str, unit: Unit[Any], folding: Folding) -> SettingsError:
    asked = unit.implementation
    distributed = asked.strategy == DISTRIBUTED
    strategy = f"strategy {LATENCY!r} and " if distributed else ""
    now = "with distributed arithmetic" if distributed else f"at ReuseFactor {asked.reuse_factor}"
    return SettingsError(
        f"{segment}: layer {name!r} makes {unit.products:,} products in a cycle {now}, and {MOST_PRODUCTS:,} is the "
        f"most that StreamRTL simulates: give it {strategy}ReuseFactor {_least_reuse(unit, folding)} or more"
    )


def _least_reuse(unit: Unit[Any], folding: Folding) -> int:
    """The least reuse factor that is a number of folds the layer can have, with products enough below the limit."""
    strategy = LATENCY if unit.implementation.strategy == DISTRIBUTED else unit.implementation.strategy
    least = -(-unit.products * folding.folds // MOST_PRODUCTS)
    while True:
        tried = unit_of(unit.kernel, replace(unit.implementation, reuse_factor=least, strategy=strategy), unit.offered)
        if tried.folding and tried.folding.folds == least and tried.products <= MOST_PRODUCTS:
            return least
        least += 1
