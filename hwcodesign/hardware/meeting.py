"""This module says how many beats wait where streams meet that took paths of different length."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

#: Beats of a queue that is never full.
ENDLESS = 1 << 30
#: Beats of a queue that offers what a network of several inputs reads: unlike those of any queue where streams meet.
OFFERED = ENDLESS - 1
#: The least beats of a queue, which takes and gives one in every cycle.
_LEAST = 2
#: Samples of which some say at first what queues hold; how many more samples than blocks are run.
_FIRST, _MORE = 4, 2


@dataclass(frozen=True)
class Observed:
    """It holds what a run without stalls showed.

    Attributes:
        most: the most beats that each queue held.
        ends: cycles in which the first samples had left.
    """

    most: tuple[int, ...]
    ends: tuple[int, ...]


#: Runs with queues of some depths, for some samples.
Observe = Callable[[Sequence[int], int], Observed]


def least_depths(observe: Observe, beats: Sequence[int], blocks: int) -> tuple[int, ...]:
    """Returns the beats of queues with which samples leave as soon as with endless ones.

    A queue holds beats that another path has not answered yet, and beats that a slow reader has not come to. The first
    are needed, and a run with endless queues shows them. Of the second there is no end, and none is needed. So queues
    have room for what the first samples put into them, and for no more than a whole sample; where that delays a sample
    of the run, they have more. All samples come through a queue of one: whatever else is made of a sample can be made.

    Without stalls, the slowest block that samples have passed sets the time between them, so that this time never
    becomes shorter from one sample to the next. Where all samples leave at the interval of the first ones, they leave
    as soon as they can. A long run with endless queues, which takes most of the time, is needed only where they do not.

    Args:
        observe: runs the network, its input always offered and its output always taken.
        beats: of a sample, for each queue.
        blocks: of the network, each of which holds about a sample at most.
    """
    endless, samples, observed = [ENDLESS] * len(beats), blocks + _MORE, cache(observe)

    def with_room(held: Sequence[int], room: int) -> tuple[int, ...]:
        return tuple(max(_LEAST, min(most + 1, room * own)) for most, own in zip(held, beats, strict=True))

    early = observe(endless, _FIRST)
    *_, before, last = early.ends
    soonest = (*early.ends, *(last + n * (last - before) for n in range(1, samples - _FIRST + 1)))
    depths = with_room(early.most, 1)
    if observed(depths, samples).ends == soonest:
        return depths
    whole = observe(endless, samples)
    for room, held in ((room, held) for room in itertools.count(1) for held in (early.most, whole.most)):
        depths = with_room(held, room)
        is_enough = all(depth > most for depth, most in zip(depths, whole.most, strict=True))
        if is_enough or observed(depths, samples).ends == whole.ends:
            return depths
    raise AssertionError("there is an end, since there is one of what queues held")
