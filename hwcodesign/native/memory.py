"""This module gives each tensor of a plan its place in memory; tensors that do not live together may share it."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.native.plan import Elements, Operation, Plan

#: Places are multiples of what a processor loads at once from its cache.
_ALIGNED = 64
#: Behind each value: products read groups of elements, of which the last may reach past the end.
_SLACK = 64


@dataclass(frozen=True)
class Memory:
    """A memory says where tensors lie.

    Attributes:
        places: of each value of the plan, in bytes; zero for inputs and outputs, which lie in the caller's memory.
        bytes: number of bytes of all.
    """

    places: tuple[int, ...]
    bytes: int


def placed(plan: Plan, samples: int) -> Memory:
    """Gives each value the first place that is free from the operation that writes it to the last that reads it.

    Args:
        samples: number of samples that are computed together.
    """
    lives: dict[int, tuple[int, int]] = {}
    for i, operation in enumerate(plan.operations):
        for value in (*_sources(operation), operation.result):
            first, _ = lives.get(value, (i, i))
            lives[value] = first, i
    callers = {*plan.inputs, *plan.outputs}
    places, total = [0] * len(plan.values), 0
    settled: list[int] = []
    for value in sorted((value for value in lives if value not in callers), key=lambda value: lives[value]):
        size = _bytes(plan, value, samples)
        together = [other for other in settled if lives[other][1] >= lives[value][0]]
        place = 0
        for other in sorted(together, key=lambda other: places[other]):
            if place + size <= places[other]:
                break
            place = max(place, places[other] + _bytes(plan, other, samples))
        places[value] = place
        settled.append(value)
        total = max(total, place + size)
    return Memory(tuple(places), total)


def _bytes(plan: Plan, value: int, samples: int) -> int:
    found = plan.values[value]
    return -(-(found.elements * found.type.dtype.itemsize * samples + _SLACK) // _ALIGNED) * _ALIGNED


def _sources(operation: Operation) -> tuple[int, ...]:
    return operation.sources if isinstance(operation, Elements) else (operation.source,)
