"""This module refuses networks whose convolutions are too wide for StreamRTL, before anything is exported.

`hardware.parallelism` refuses every layer that is too wide, one at a time, when its kernel is there. In a network of a
hundred layers that comes late, and once for each of them.
"""

from __future__ import annotations

import math
from dataclasses import replace

from torch import nn

from hwcodesign.errors import SettingsError
from hwcodesign.frontend.settings import CompileSettings, LayerSettings
from hwcodesign.hardware.folding import Folding, fold, fold_words
from hwcodesign.hardware.implementation import DISTRIBUTED, MEMORY
from hwcodesign.hardware.parallelism import MOST_PRODUCTS
from hwcodesign.hardware.timing import windows_together
from hwcodesign.networks.network import MultiExitNetwork

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)


def check_widths(network: MultiExitNetwork, settings: CompileSettings) -> None:
    """Refuses convolutions that make more products in a cycle than StreamRTL simulates, if there are several.

    A single one is refused with its least reuse factor when it is converted.

    Raises:
        SettingsError: it names the widest layer, the reuse factor that is enough for all, and the way without RTL.
    """
    layers = {name: part for name, part in network.named_modules() if isinstance(part, _CONVOLUTIONS)}
    chosen = {name: _with_reuse(settings.of(name)) for name in layers}
    made = {name: _folding(part, chosen[name]).products * _at_once(part, chosen[name]) for name, part in layers.items()}
    wide = [name for name, products in made.items() if products > MOST_PRODUCTS]
    if len(wide) < 2:
        return
    widest = max(wide, key=made.__getitem__)
    enough = max(_least_reuse(layers[name], chosen[name]) for name in wide)
    raise SettingsError(
        f"{len(wide)} layers make more than the {MOST_PRODUCTS:,} products in a cycle that StreamRTL simulates, most "
        f"of all {widest!r}, which makes {made[widest]:,} at ReuseFactor {chosen[widest].reuse}: "
        f"reuse={enough} is enough for each of them; or compile with "
        "backend='vitis', which writes no RTL, and whose design runs in software and csim"
    )


def _with_reuse(choice: LayerSettings) -> LayerSettings:
    """Returns the settings of a layer; distributed arithmetic has no reuse."""
    return replace(choice, reuse=1) if choice.strategy == DISTRIBUTED else choice


def _at_once(part: nn.Module, choice: LayerSettings) -> int:
    """Returns the windows that a convolution multiplies in the same cycle."""
    assert isinstance(part, _CONVOLUTIONS)
    return windows_together(choice.pixels, part.stride[-1])


def _folding(part: nn.Module, choice: LayerSettings) -> Folding:
    """Returns the folding of a convolution, as its unit has it."""
    assert isinstance(part, _CONVOLUTIONS)
    spread = [(side - 1) * step + 1 for side, step in zip(part.kernel_size, part.dilation, strict=True)]
    taps, inputs, outputs, groups = math.prod(spread), part.in_channels, part.out_channels, part.groups
    if choice.windows != MEMORY:
        return fold(taps * inputs, 1, outputs, choice.reuse, groups=groups)
    if groups == inputs == outputs:
        return fold_words(taps, 1, outputs, choice.reuse)
    return fold_words(taps, inputs // groups, outputs // groups, choice.reuse, groups=groups)


def _least_reuse(part: nn.Module, choice: LayerSettings) -> int:
    """Returns the least reuse factor that a convolution can have and is not too wide at."""
    first = _folding(part, replace(choice, reuse=1))
    least = -(-first.products * first.folds * _at_once(part, choice) // MOST_PRODUCTS)
    while _folding(part, replace(choice, reuse=least)).folds != least:  # not every number of folds divides the work
        least += 1
    return least
