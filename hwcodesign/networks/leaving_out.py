"""This module leaves early exits out of a network: stages are joined, and heads are dropped."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from torch import nn

from hwcodesign.errors import NetworkError
from hwcodesign.networks.joined import JoinedStages
from hwcodesign.networks.network import MultiExitNetwork


def with_early_exits(network: MultiExitNetwork, kept: Sequence[int]) -> MultiExitNetwork:
    """Returns the network with some of its early exits alone, and its last exit.

    What it computes at these exits stays the same, bit for bit. The network itself is returned if all are kept, else a
    copy.

    Args:
        network: the network.
        kept: numbers of the early exits that stay, in ascending order; none for a network without early exits.

    Raises:
        NetworkError: there is no such early exit, or the numbers do not ascend.
    """
    last = network.exits - 1
    if list(kept) != sorted({k for k in kept if 0 <= k < last}):
        known = f"0 to {last - 1}" if last > 0 else "none"
        raise NetworkError(f"early exits {list(kept)} cannot stay: give numbers of {known}, ascending, each once")
    if len(kept) == last:
        return network
    made = copy.deepcopy(network)
    ends, start = [*kept, last], 0
    stages: list[nn.Module] = []
    for end in ends:
        parts = list(made.stages)[start : end + 1]
        stages.append(parts[0] if len(parts) == 1 else JoinedStages(parts))
        start = end + 1
    if made.head_reads is not None:
        made.head_reads = tuple(made.head_reads[end] for end in ends)
    made.stages, made.heads = nn.ModuleList(stages), nn.ModuleList([made.heads[end] for end in ends])
    made.check()
    return made
