"""This module estimates what each level of an accelerator takes, and what it would take without exits.

A level is a stage with its head, its decision and the conditional buffer behind it. Without exits, every sample reaches
every stage, so that all of them must be as fast as samples come; there are no heads but the last, and no buffers. That
is chosen as `--fit` chooses, for the interval of the whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hwcodesign.backends.streamrtl.choosing import Built, Choosing
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.resources import AcceleratorEstimate
from hwcodesign.designs.boards import Board
from hwcodesign.hardware.netlist import Netlist
from hwcodesign.hardware.resources.figures import Resources


@dataclass(frozen=True)
class Taken:
    """This is what a level takes, by estimate.

    Attributes:
        multipliers: products of a cycle.
        resources: of a device.
    """

    multipliers: int
    resources: Resources

    def __add__(self, other: Taken) -> Taken:
        """Returns what both take together."""
        return Taken(self.multipliers + other.multipliers, self.resources + other.resources)

    def to_json(self) -> dict[str, int]:
        """Returns the numbers by name; block RAMs are in RAMB18, and also stand for what UltraRAM would hold."""
        whole = self.resources.to_json()
        return {"multipliers": self.multipliers, **{name: whole[name] for name in ("lut", "dsp", "bram18")}}


@dataclass(frozen=True)
class Level:
    """A level is a stage with its exit.

    Attributes:
        reached: fraction of samples that reach it.
        taken: what stage, head, decision and conditional buffer take.
        buffer_bits: bits of the conditional buffer behind it; 0 behind the last stage.
        without: what it would take without exits; None if no layer of it can be as fast.
    """

    reached: float
    taken: Taken
    buffer_bits: int
    without: Taken | None

    def to_json(self) -> dict[str, Any]:
        """Returns the level as plain data."""
        return {
            "reached": self.reached,
            "taken": self.taken.to_json(),
            "buffer_bits": self.buffer_bits,
            "without": None if self.without is None else self.without.to_json(),
        }


def levels_of(hardware: Hardware, board: Board) -> tuple[Level, ...]:
    """Returns the levels of an accelerator; nothing if no exit rates are known.

    Args:
        hardware: the accelerator's hardware.
        board: its capacity and what resources are worth.
    """
    accelerator = hardware.accelerator
    rates = accelerator.policy.fitted_on.exit_rate
    if not rates:
        return ()
    last = accelerator.exits - 1
    own = AcceleratorEstimate.of(hardware)
    every = _for_every_sample(hardware, board)
    without = AcceleratorEstimate.of(every.hardware)
    late = {segment for segment, _, _ in every.choice.slowest}
    found = []
    for k in range(accelerator.exits):
        names = ("stage",) if k < last else ("stage", "head", "decision", "info")
        parts = range(2 * k, 2 * k + (1 if k < last else 2))
        alone = Taken(_multipliers(every.hardware.netlists, parts), _of_level(without, k, names))
        found.append(
            Level(
                1 - sum(rates[:k]),
                Taken(_multipliers(hardware.netlists, range(2 * k, 2 * k + 2)), _of_level(own, k)),
                _buffer_bits(hardware, k) if k < last else 0,
                alone if late.isdisjoint(accelerator.segments[i].name for i in parts) else None,
            )
        )
    return tuple(found)


def text_of(levels: Sequence[Level]) -> str:
    """Returns a table for the terminal, at most 72 letters wide; block RAMs are in RAMB36."""
    heads = ("products", "LUT", "DSP", "BRAM36")
    lines = [
        "Estimated, by level: stage, head, decision and buffer; below each, its stage",
        "if there were no exits and all samples came to it",
        f"{'':16}{'samples':>8}{''.join(f'{head:>9}' for head in heads)}{'buffer':>12}",
    ]
    for k, level in enumerate(levels):
        without = "too slow, however it is built" if level.without is None else _row(level.without)
        lines += [
            f"{f'level {k}':16}{level.reached:8.0%}{_row(level.taken)}{level.buffer_bits / 1024:8.0f} Kib",
            f"{'  without exits':16}{1:8.0%}{without:>36}",
        ]
    together = sum((level.taken for level in levels), Taken(0, Resources()))
    alone = [level.without for level in levels if level.without is not None]
    bits = sum(level.buffer_bits for level in levels)
    lines.append(f"{'all levels':24}{_row(together)}{bits / 1024:8.0f} Kib")
    if len(alone) == len(levels):
        lines.append(f"{'  without exits':24}{_row(sum(alone, Taken(0, Resources())))}")
    return "\n".join(lines)


def _row(taken: Taken) -> str:
    whole = taken.resources.rounded()
    return "".join(f"{cell:9,g}" for cell in (taken.multipliers, whole.lut, whole.dsp, whole.bram18 / 2))


def _for_every_sample(hardware: Hardware, board: Board) -> Built:
    """The accelerator of the same throughput, of which every sample reaches every stage."""
    accelerator = hardware.accelerator
    choosing = Choosing(accelerator, {}, board, keeps_buffers=True)
    interval = hardware.intake_interval(accelerator.policy.fitted_on.exit_rate)
    layers = range(sum(len(segment.kernels) for segment in accelerator.segments))
    speed = choosing.speed(interval, [1.0] * accelerator.exits).but(dict.fromkeys(layers, interval))
    return choosing.built(speed, accelerator.buffer_samples)


def _multipliers(netlists: Sequence[Netlist], numbers: Sequence[int]) -> int:
    units = [block.unit for number in numbers for block in netlists[number].blocks if block.unit is not None]
    return sum(unit.products for unit in units)


def _of_level(estimate: AcceleratorEstimate, k: int, names: Sequence[str] = ()) -> Resources:
    """What blocks of a level take: all, or those of some names."""
    found = Resources()
    for block in estimate.blocks:
        named = re.match(r"([a-z_]+?)(\d+)", block.block)
        if named and int(named[2]) == k and (not names or named[1] in names):
            found += block.resources
    return found


def _buffer_bits(hardware: Hardware, k: int) -> int:
    accelerator = hardware.accelerator
    return sum(
        accelerator.beat_bits(k, i) * accelerator.buffer_beats(k, i) for i in range(len(accelerator.stages[k].outputs))
    )
