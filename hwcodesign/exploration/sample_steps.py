"""This module steps samples through stages and the buffers between them; it is compiled, because a search asks for
millions of them.
"""

from __future__ import annotations

from typing import Any

from hwcodesign.hardware.automata import entry

#: Cycles of a stage: its interval; from the first beat that it writes to its decision; by how much sooner it reads a
#: sample than it begins to write it; and for how long a place in the buffer before it is taken while it reads.
OWN, DECISION, AHEAD, KEPT = range(4)
#: Of each stage: the cycle in which it began to write its latest sample, and the place which that took.
BEGUN, PLACE = range(2)


@entry
def step(stages: Any, exits: Any, latest: Any, freed: Any, begun: Any, decided: Any) -> None:
    """Steps samples through stages, in order.

    Args:
        stages: (stages, 4) int64, the cycles of each.
        exits: (samples,) int64, the stage behind which each sample leaves.
        latest: (stages, 2) int64, what each stage did before; overwritten.
        freed: (stages, depth) int64, the cycles in which places of the buffer behind each stage were last given back,
            in turn; overwritten.
        begun: (samples,) int64, becomes the cycles in which the first stage begins to write each sample.
        decided: (samples,) int64, becomes the cycles of their last decisions.
    """
    last, depth = len(stages) - 1, freed.shape[1]
    for n in range(len(exits)):
        arrival = taken = start = 0  # when the sample may enter the stage, and its place in the buffer before it
        for k in range(exits[n] + 1):
            came, at = arrival, taken
            start = max(latest[k, BEGUN] + stages[k, OWN], arrival)
            if k < last:
                taken = (latest[k, PLACE] + 1) % depth
                latest[k, PLACE] = taken
                start = max(start, freed[k, taken])
                # places come back in the order in which they were taken
                arrival = max(start + stages[k, DECISION], freed[k, taken - 1])
                freed[k, taken] = arrival
            if k > 0:  # the stage begins to read it
                freed[k - 1, at] = max(start - stages[k, AHEAD], came) + stages[k, KEPT]
            latest[k, BEGUN] = start
        begun[n], decided[n] = latest[0, BEGUN], start + stages[exits[n], DECISION]
