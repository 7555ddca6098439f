"""Fitting an exit policy to a network: its integer logits on the fitting split, then weights, then thresholds."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hwcodesign.designs.costs import ExitCosts
from hwcodesign.errors import PolicyError
from hwcodesign.fitting.outputs import Curves, fit_to_outputs
from hwcodesign.fitting.request import PolicyRequest
from hwcodesign.fitting.search import check_budget
from hwcodesign.fitting.split import FittingSplit
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.policies import ExitPolicy, FittedOn
from hwcodesign.policies.heads import Heads
from hwcodesign.progress import task


class Fittable(Protocol):
    """It is what a policy is fitted to: a network, or what describes one."""

    @property
    def input_format(self) -> FixedPoint:
        """Returns the format of images."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Returns the shape of images, (C, H, W)."""

    @property
    def exits(self) -> int:
        """Returns the number of exits."""

    @property
    def classes(self) -> int:
        """Returns the number of classes."""

    @property
    def gates(self) -> bool:
        """Returns whether each head gives a gate behind its logits."""

    def boundaries(self) -> tuple[Sequence[Any], Sequence[Any]]:
        """Returns what stages and heads give, with formats."""

    def logits(self, images: NDArray[Any]) -> Sequence[NDArray[np.int64]]:
        """Returns the integer logits of images (N, C, H, W) at each exit."""

    def costs(self) -> ExitCosts:
        """Returns the multiply-accumulates up to each exit."""

    def digest(self) -> str:
        """Returns a digest of its weights."""

    def check_calibrated(self) -> None:
        """Refuses a network that was never calibrated.

        Raises:
            NetworkError: a quantiser was not.
        """


def heads_of(network: Fittable, temperature: float) -> Heads:
    """Describes a network's heads at one temperature; raises `PolicyError` if a policy cannot decide on them."""
    formats = [head.format for head in network.boundaries()[1]]
    return Heads.of(formats, network.classes, temperature, gated=network.gates)


def fit_policy(
    network: Fittable,
    fitting: tuple[NDArray[Any], NDArray[Any]] | FittingSplit | None,
    request: PolicyRequest | None = None,
    *,
    costs: ExitCosts | None = None,
    logits: Sequence[NDArray[np.int64]] | None = None,
    curves: Curves | None = None,
    **asked: Any,
) -> ExitPolicy:
    """Chooses thresholds by one request: an accuracy drop, a budget, or the thresholds themselves.

    A learned criterion's weights, and its temperatures, are fitted to one half of the fitting split, its thresholds to
    the other.

    Args:
        network: trained.
        fitting: images (N, C, H, W) and labels (N,), kept apart from training and test, or both as they were
            checked before; None where thresholds are given and nothing else is to be fitted.
        request: criterion and request.
        costs: multiply-accumulates by default.
        logits: integer outputs of every head for the fitting images, as `Design.logits` gives them, where they are
            known; by default Brevitas computes them.
        curves: as of `fit_to_outputs`.
        asked: the fields of a `PolicyRequest`, in the place of one: criterion, budget, …

    Raises:
        NetworkError: a quantiser that was never calibrated.
        PolicyError: not exactly one request, no fitting data, or a request that cannot be met.
    """
    if request is not None and asked:
        raise PolicyError(f"give a request, or its fields {', '.join(asked)}, not both")
    request = request or PolicyRequest.asked(**asked)
    check_budget(request.budget, (costs or network.costs()).fractions)
    network.check_calibrated()
    heads = heads_of(network, request.temperature)
    given, note = request.given(heads), request.known.note(heads)
    if note:
        warnings.warn(note, stacklevel=2)
    if given is not None and request.thresholds is not None and not request.calibrate:
        return dataclasses.replace(given, fitted_on=FittedOn("given", network_sha256=network.digest(), note=note))
    split = fitting if isinstance(fitting, FittingSplit) else _split(network, fitting)
    if logits is not None:
        _check_logits(network, logits, len(split.codes))
    with task(f"fitting {request.known.name} on {len(split.codes)} images"):
        policy = fit_to_outputs(
            network.logits(split.codes) if logits is None else logits,
            split.labels,
            heads.formats,
            (costs or network.costs()).fractions,
            request,
            gated=network.gates,
            curves=curves,
        )
    fitted = dataclasses.replace(
        policy.fitted_on,
        data_sha256=split.digest,
        network_sha256=network.digest(),
        note=note or policy.fitted_on.note,
    )
    return dataclasses.replace(policy, fitted_on=fitted)


def _check_logits(network: Fittable, logits: Sequence[NDArray[np.int64]], samples: int) -> None:
    """Refuses logits that cannot be those of the network for so many samples."""
    wanted = [(samples, network.classes + int(network.gates))] * network.exits
    if [head.shape for head in logits] != wanted:
        raise PolicyError(
            f"logits have the shapes {[head.shape for head in logits]}, and those of this network for {samples} "
            f"fitting images have {wanted}: give what design.logits(images) gives"
        )


def _split(network: Fittable, fitting: tuple[NDArray[Any], NDArray[Any]] | None) -> FittingSplit:
    if not isinstance(fitting, tuple | list) or len(fitting) != 2:
        raise PolicyError("fitting needs (images, labels), apart from training and test")
    return FittingSplit.of(*fitting, network.input_format, network.input_shape, network.classes)
