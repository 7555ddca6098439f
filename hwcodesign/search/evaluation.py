"""This module predicts what a point of the space gives and takes, before anything is generated."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from hwcodesign.backends.streamrtl.choice import Request, with_throughput, within_board
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.resources import AcceleratorEstimate
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.boards import Board
from hwcodesign.exploration.queues import cycles_per_sample, most_of
from hwcodesign.fitting.search import evaluate
from hwcodesign.hardware.budget import shares
from hwcodesign.hardware.resources.figures import Resources
from hwcodesign.policies import ExitPolicy, ExitStatistics
from hwcodesign.search.effort import Effort
from hwcodesign.search.space import Point
from hwcodesign.search.variants import Variant, Variants


@dataclass(frozen=True)
class Figures:
    """The figures of a point, predicted on the fitting split in its order.

    Attributes:
        accuracy: fraction of right answers.
        exit_rate: fraction of samples that leave at each exit.
        macs_fraction: multiply-accumulates, as a fraction of those without exits.
        images_per_second: throughput, with conditional buffers as they are.
        mean_us, p99_us: latency of a sample alone: the mean, and what 99 % of the samples have at most.
        stream_mean_us, stream_p99_us: the same of samples of a stream that is as fast as the hardware takes it, so that
            they wait for others.
        resources: what the accelerator takes.
        share: fraction of the board's scarcest resource that it takes.
        effort: what an image asks for on average.
    """

    accuracy: float
    exit_rate: tuple[float, ...]
    macs_fraction: float
    images_per_second: float
    mean_us: float
    p99_us: float
    stream_mean_us: float
    stream_p99_us: float
    resources: Resources
    share: float
    effort: Effort

    @property
    def energy_nj(self) -> float:
        """Returns the counted energy of an image: that of its operations, and of the bits that are moved."""
        return self.effort.energy_nj


@dataclass(frozen=True)
class Evaluated:
    """A point, its policy and its figures."""

    point: Point
    policy: ExitPolicy
    figures: Figures

    def rates(self, exits: int) -> dict[int, float]:
        """Returns the rates of the exits that stay, by their numbers in the trained network of so many exits."""
        return dict(zip((*self.point.early_exits, exits - 1), self.figures.exit_rate, strict=True))


@dataclass(frozen=True)
class Subject:
    """A subject is a trained network on a board, of which points are evaluated.

    Attributes:
        variants: the network with its exits, and without some.
    """

    variants: Variants

    @property
    def board(self) -> Board:
        """Returns the board."""
        return self.variants.board

    def evaluate(self, point: Point) -> Evaluated:
        """Fits the policy and chooses the hardware of a point, and predicts its figures; raises as `chosen`."""
        variant, accelerator = self.chosen(point)
        return Evaluated(point, accelerator.policy, self.figures(variant, accelerator))

    def chosen(self, point: Point) -> tuple[Variant, Accelerator]:
        """Fits the policy and chooses the hardware of a point.

        Raises:
            PolicyError: its criterion cannot meet its request.
            SettingsError: no hardware has its throughput.
        """
        policy, variant = self.variants.policy(point), self.variants.with_exits(point.early_exits)
        accelerator = dataclasses.replace(variant.design.accelerator, policy=policy)
        request, wished = Request(accelerator, {}, self.board, known=variant.known), point.images_per_second
        return variant, within_board(request) if wished is None else with_throughput(request, wished)

    def prepare(self, point: Point) -> None:
        """Makes the kernels of a point, which others then read from the folder; raises as `Variants.with_exits`."""
        self.variants.with_exits(point.early_exits)

    def figures(self, variant: Variant, accelerator: Accelerator) -> Figures:
        """Predicts the figures of a variant's accelerator, on the fitting split in its order."""
        policy, costs = accelerator.policy, variant.design.costs().fractions
        statistics = ExitStatistics.of(policy, variant.logits, self.variants.fitting.labels, costs)
        codes = policy.threshold_codes[:-1]
        taken, found = statistics.exits_taken(codes), evaluate(statistics, codes)
        rates = found.exit_rate
        hardware = Hardware.of(accelerator, variant.known.placed)
        interval = cycles_per_sample(hardware.reading_stages, taken, accelerator.buffer_samples)
        latencies = np.array(hardware.latencies)
        waiting = hardware.waiting_latencies(taken)
        resources = AcceleratorEstimate.of(hardware).total.on(self.board.capacity).rounded()
        clock = self.board.clock_mhz
        return Figures(
            accuracy=found.accuracy,
            exit_rate=rates,
            macs_fraction=found.cost,
            images_per_second=clock * 1e6 / interval,
            mean_us=float(np.dot(rates, latencies)) / clock,
            p99_us=most_of(latencies[taken]) / clock,
            stream_mean_us=float(waiting.mean()) / clock,
            stream_p99_us=most_of(waiting) / clock,
            resources=resources,
            share=max(shares(resources, self.board.capacity).values()),
            effort=Effort.of(accelerator, rates),
        )

    def fastest(self) -> float:
        """Returns the throughput of the board if all samples left at the first exit: no point has more.

        Raises:
            SettingsError: the network does not fit the board at all; the message says by how much.
        """
        every = self.variants.with_exits(self.variants.every)
        policy, exits = every.design.policy, every.design.accelerator.exits
        first = tuple(float(k == 0) for k in range(exits))
        early = dataclasses.replace(policy, fitted_on=dataclasses.replace(policy.fitted_on, exit_rate=first))
        accelerator = dataclasses.replace(every.design.accelerator, policy=early)
        chosen = within_board(Request(accelerator, {}, self.board, known=every.known))
        return self.board.clock_mhz * 1e6 / Hardware.of(chosen, every.known.placed).intake_interval(first)
