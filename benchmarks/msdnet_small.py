"""MSDNet with three exits and a quarter of the channels, on CIFAR-10 (JPEG): many designs of it can be simulated.

As in `models/msdnet_cifar.py`, every layer makes three scales from two, so that segments hand on several tensors.
"""

from __future__ import annotations

import dataclasses
import sys

import hwcodesign as hw

_WHOLE = hw.load_recipe("msdnet_cifar")
_SIZES = sys.modules["hwcodesign_recipe_msdnet_cifar"]
_SIZES.EXITS, _SIZES.FIRST, _SIZES.GROWTH = 3, (2, 4, 8), (2, 2, 4)  # type: ignore[attr-defined]

RECIPE = dataclasses.replace(_WHOLE, name="msdnet_small", training=(dataclasses.replace(_WHOLE.training[0], epochs=2),))
