"""This module predicts what a point of the space gives and takes, before anything is generated."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hwcodesign.backends.streamrtl.choice import Request, with_throughput, within_board
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.resources import AcceleratorEstimate
from hwcodesign.data import Split
from hwcodesign.design import Design
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.boards import Board
from hwcodesign.exploration.queues import cycles_per_sample
from hwcodesign.fitting.network import fit_policy
from hwcodesign.hardware.choice import shares
from hwcodesign.hardware.resources.figures import Resources
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.policies import ExitPolicy
from hwcodesign.search.space import Point

#: Fraction of samples whose latency is stated beside the mean.
_MOST = 0.99


@dataclass(frozen=True)
class Figures:
    """The figures of a point, predicted on the fitting split in its order.

    Attributes:
        accuracy: fraction of right answers.
        exit_rate: fraction of samples that leave at each exit.
        macs_fraction: multiply-accumulates, as a fraction of those without exits.
        images_per_second: throughput, with conditional buffers as they are.
        mean_us, p99_us: latency of a sample alone: the mean, and what 99 % of the samples have at most.
        resources: what the accelerator takes.
        share: fraction of the board's scarcest resource that it takes.
    """

    accuracy: float
    exit_rate: tuple[float, ...]
    macs_fraction: float
    images_per_second: float
    mean_us: float
    p99_us: float
    resources: Resources
    share: float


@dataclass(frozen=True)
class Evaluated:
    """A point, its policy and its figures."""

    point: Point
    policy: ExitPolicy
    figures: Figures


@dataclass(frozen=True)
class Subject:
    """A subject is a trained network on a board, of which points are evaluated.

    Attributes:
        network: the trained network.
        design: any design of it; its kernels are read, not its policy and hardware.
        fitting: the fitting split.
        board: the board.
    """

    network: MultiExitNetwork
    design: Design
    fitting: Split
    board: Board

    @cached_property
    def logits(self) -> list[NDArray[np.int64]]:
        """Returns the integer logits of the fitting split at every exit."""
        return self.design.logits(self.fitting.images)

    def policy(self, point: Point) -> ExitPolicy:
        """Fits the policy of a point.

        Raises:
            PolicyError: its criterion cannot meet its request.
        """
        data = (self.fitting.images, self.fitting.labels)
        return fit_policy(self.network, data, point.request(self.network.exits), logits=self.logits)

    def evaluate(self, point: Point) -> Evaluated:
        """Fits the policy and chooses the hardware of a point, and predicts its figures.

        Raises:
            PolicyError: its criterion cannot meet its request.
            SettingsError: no hardware has its throughput.
        """
        policy = self.policy(point)
        accelerator = dataclasses.replace(self.design.accelerator, policy=policy)
        chosen = with_throughput(Request(accelerator, {}, self.board), point.images_per_second)
        return Evaluated(point, policy, self.figures(policy, chosen))

    def figures(self, policy: ExitPolicy, accelerator: Accelerator) -> Figures:
        """Predicts the figures of an accelerator with a policy, on the fitting split in its order."""
        labels, scores = policy.score_exits(self.logits)
        leaves = scores >= np.asarray(policy.threshold_codes)[:, None]
        leaves[-1] = True
        taken = leaves.argmax(axis=0)
        rates = np.bincount(taken, minlength=len(leaves)) / len(taken)
        right = labels[taken, np.arange(len(taken))] == self.fitting.labels
        hardware = Hardware.of(accelerator)
        interval = cycles_per_sample(hardware.reading_stages, taken.tolist(), accelerator.buffer_samples)
        latencies = np.array(hardware.latencies)
        resources = AcceleratorEstimate.of(hardware).total.rounded()
        clock = self.board.clock_mhz
        return Figures(
            accuracy=float(right.mean()),
            exit_rate=tuple(rates.tolist()),
            macs_fraction=float(np.dot(rates, self.design.costs().fractions)),
            images_per_second=clock * 1e6 / interval,
            mean_us=float(np.dot(rates, latencies)) / clock,
            p99_us=float(np.quantile(latencies[taken], _MOST, method="higher")) / clock,
            resources=resources,
            share=max(shares(resources, self.board.capacity).values()),
        )

    def fastest(self) -> float:
        """Returns the throughput of the board if all samples left at the first exit: no point has more.

        Raises:
            SettingsError: the network does not fit the board at all; the message says by how much.
        """
        policy = self.design.policy
        first = tuple(float(k == 0) for k in range(self.network.exits))
        early = dataclasses.replace(policy, fitted_on=dataclasses.replace(policy.fitted_on, exit_rate=first))
        accelerator = dataclasses.replace(self.design.accelerator, policy=early)
        chosen = within_board(Request(accelerator, {}, self.board))
        return self.board.clock_mhz * 1e6 / Hardware.of(chosen).intake_interval(first)
