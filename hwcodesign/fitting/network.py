"""Fitting an exit policy to a network: its integer logits on the fitting split, then weights, then thresholds."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.designs.costs import ExitCosts
from hwcodesign.errors import PolicyError
from hwcodesign.fitting.eenet import EENetSettings
from hwcodesign.fitting.outputs import fit_to_outputs, starting_policy
from hwcodesign.fitting.search import check_budget, check_request
from hwcodesign.images import encode_images
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.policies import ExitPolicy, FittedOn, Threshold
from hwcodesign.policies.criterion import criterion_named
from hwcodesign.progress import task
from hwcodesign.storage.files import sha256


def fit_policy(
    network: MultiExitNetwork,
    fitting: tuple[NDArray[Any], NDArray[Any]] | None,
    *,
    criterion: str = "max_softmax",
    accuracy_drop: float | None = None,
    budget: float | None = None,
    thresholds: Sequence[Threshold] | None = None,
    confidence: float | None = None,
    temperature: float = 1.0,
    calibrate: bool = False,
    class_thresholds: bool = False,
    eenet: EENetSettings | None = None,
    activation: float | Sequence[float] | None = None,
    costs: ExitCosts | None = None,
) -> ExitPolicy:
    """Choose thresholds by one request: an accuracy drop, a budget, or the thresholds themselves.

    A learned criterion's weights, and its temperatures, are fitted to one half of the fitting split, its thresholds to
    the other.

    Args:
        network: trained.
        fitting: images (N, C, H, W) and labels (N,), kept apart from training and test; None where thresholds are
            given and nothing else is to be fitted.
        criterion: a key of `CRITERIA`.
        accuracy_drop: largest loss against the last exit, as a fraction; least cost within it.
        budget: average cost to spend, as a fraction of the full cost: never more, above 99 % of it wherever ties allow,
            and the highest accuracy among those.
        thresholds: in the criterion's unit, one per exit but the last; None never leaves.
        confidence: with accuracy_drop: probability with which the drop holds on new samples; None takes the
            fitting split at its word.
        temperature: divides logits before a softmax.
        calibrate: fit each exit's temperature on the fitting split (temperature scaling, Guo et al. 2017).
        class_thresholds: fit a threshold to each class that an exit may predict (Bonato and Bouganis 2021).
        eenet: how the weights of the criterion "eenet" are trained.
        activation: of the criterion "cdln": the logit that a class must reach, of all exits or one each; fitted to the
            accuracy drop or budget unless given.
        costs: multiply-accumulates by default.

    Raises:
        NetworkError: a quantiser that was never calibrated.
        PolicyError: not exactly one request, no fitting data, or a request that cannot be met.
    """
    check_request(accuracy_drop, budget, thresholds, confidence)
    check_budget(budget, (costs or network.costs()).shares)
    network.check_calibrated()
    formats = [head.format for head in network.boundaries()[1]]
    policy = starting_policy(
        criterion,
        formats,
        network.classes,
        thresholds,
        temperature,
        calibrate=calibrate,
        by_class=class_thresholds,
        gated=network.gates,
        activation=activation,
    )
    note = _patience_note(criterion, network.exits)
    if thresholds is not None and not (calibrate or criterion_named(criterion).learned):
        return dataclasses.replace(policy, fitted_on=FittedOn("given", network_sha256=network.digest(), note=note))
    codes, labels = _fitting_split(network, fitting)
    with task(f"fitting {criterion} on {len(codes)} images"):
        policy = fit_to_outputs(
            network.logits(codes),
            labels,
            formats,
            (costs or network.costs()).shares,
            gated=network.gates,
            criterion=criterion,
            accuracy_drop=accuracy_drop,
            budget=budget,
            thresholds=thresholds,
            confidence=confidence,
            temperature=temperature,
            calibrate=calibrate,
            class_thresholds=class_thresholds,
            eenet=eenet,
            activation=activation,
        )
    fitted = dataclasses.replace(
        policy.fitted_on,
        data_sha256=sha256(codes.astype("<i8").tobytes() + labels.astype("<i8").tobytes()),
        network_sha256=network.digest(),
        note=note or policy.fitted_on.note,
    )
    return dataclasses.replace(policy, fitted_on=fitted)


def _fitting_split(
    network: MultiExitNetwork, fitting: tuple[NDArray[Any], NDArray[Any]] | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Codes and labels, checked."""
    if fitting is None:
        raise PolicyError("fitting needs (images, labels), apart from training and test")
    images, labels = fitting
    codes = np.asarray(encode_images(images, network.input_format, network.input_shape), np.int64)
    labels = np.asarray(labels, np.int64)
    if labels.shape != (len(codes),) or not len(codes):
        raise PolicyError(
            f"{len(codes)} fitting images and labels of shape {labels.shape}: give one label an image, at least one"
        )
    wrong = labels[(labels < 0) | (labels >= network.classes)]
    if len(wrong):
        raise PolicyError(
            f"fitting label {wrong[0]} is not a class: the network has classes 0 to {network.classes - 1}"
        )
    missing = sorted(set(range(network.classes)) - set(labels.tolist()))
    if missing:
        names = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
        warnings.warn(
            f"{len(missing)} of {network.classes} classes are not in the fitting split ({names}): nothing is known of "
            "how sure the network may be of them",
            stacklevel=3,
        )
    return codes, labels


def _patience_note(criterion: str, exits: int) -> str:
    if criterion != "patience" or exits > 2:
        return ""
    note = "patience with two exits never leaves early: one agreement needs two exits, and the second is the last"
    warnings.warn(note, stacklevel=3)
    return note
