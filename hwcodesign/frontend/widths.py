"""This module refuses networks whose convolutions are too wide for StreamRTL, before anything is exported.

`hardware.parallelism` refuses every layer that is too wide, one at a time, when its kernel is there. In a network of a
hundred layers that comes late, and once for each of them.
"""

from __future__ import annotations

import math

from torch import nn

from hwcodesign.errors import SettingsError
from hwcodesign.frontend.settings import CompileSettings
from hwcodesign.hardware.folding import Folding, fold
from hwcodesign.hardware.implementation import DISTRIBUTED
from hwcodesign.hardware.parallelism import MOST_PRODUCTS
from hwcodesign.networks.network import MultiExitNetwork

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)


def check_widths(network: MultiExitNetwork, settings: CompileSettings) -> None:
    """Refuses convolutions that make more products in a cycle than StreamRTL simulates, if there are several.

    A single one is refused with its least reuse factor when it is converted.

    Raises:
        SettingsError: it names the widest layer, the reuse factor that is enough for all, and the way without RTL.
    """
    layers = {name: part for name, part in network.named_modules() if isinstance(part, _CONVOLUTIONS)}
    made = {name: _folding(part, _reuse(settings, name)).products for name, part in layers.items()}
    wide = [name for name, products in made.items() if products > MOST_PRODUCTS]
    if len(wide) < 2:
        return
    widest = max(wide, key=made.__getitem__)
    raise SettingsError(
        f"{len(wide)} layers make more than the {MOST_PRODUCTS:,} products in a cycle that StreamRTL simulates, most "
        f"of all {widest!r}, which makes {made[widest]:,} at ReuseFactor {_reuse(settings, widest)}: "
        f"reuse={max(_least_reuse(layers[name]) for name in wide)} is enough for each of them; or compile with "
        "backend='vitis', which writes no RTL, and whose design runs in software and csim"
    )


def _reuse(settings: CompileSettings, name: str) -> int:
    """Returns the reuse factor of a layer; distributed arithmetic has none."""
    choice = settings.of(name)
    return 1 if choice.strategy == DISTRIBUTED else choice.reuse


def _folding(part: nn.Module, reuse: int) -> Folding:
    """Returns the folding of a convolution, as its unit has it."""
    assert isinstance(part, _CONVOLUTIONS)
    spread = [(side - 1) * step + 1 for side, step in zip(part.kernel_size, part.dilation, strict=True)]
    return fold(math.prod(spread) * part.in_channels, 1, part.out_channels, reuse, groups=part.groups)


def _least_reuse(part: nn.Module) -> int:
    """Returns the least reuse factor that a convolution can have and is not too wide at."""
    least = -(-_folding(part, 1).products // MOST_PRODUCTS)
    while _folding(part, least).folds != least:  # not every number of folds divides the work
        least += 1
    return least
