"""Recipes with other constants at their top: a network of the same shape, smaller or larger."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import hwcodesign as hw


def sized(name: str, sizes: Mapping[str, Any]) -> hw.Recipe:
    """Loads a recipe and sets constants, which its functions read when they are called.

    Args:
        name: of the recipe.
        sizes: its constants by their names.
    """
    recipe = hw.load_recipe(name)
    module = sys.modules[f"hwcodesign_recipe_{name}"]
    for size, value in sizes.items():
        assert hasattr(module, size), f"{name} has no {size}"
        setattr(module, size, value)
    return recipe
