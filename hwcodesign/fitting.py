"""Fitting an exit policy to a network: its integer logits on the fitting split, then the thresholds."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.costs import ExitCosts
from hwcodesign.errors import PolicyError
from hwcodesign.files import sha256
from hwcodesign.images import encode_images
from hwcodesign.network import MultiExitNetwork
from hwcodesign.policies import (
    CRITERIA,
    NEVER,
    ExitPolicy,
    ExitStatistics,
    FittedOn,
    Threshold,
    check_request,
    evaluate,
    fit,
)
from hwcodesign.policies.calibration import expected_calibration_error, fit_temperature, require_softmax
from hwcodesign.policies.criterion import agreements_after


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
    costs: ExitCosts | None = None,
) -> ExitPolicy:
    """Choose thresholds by one request: an accuracy drop, a budget, or the thresholds themselves.

    Args:
        network: trained.
        fitting: images (N, C, H, W) and labels (N,), kept apart from training and test; None with thresholds.
        criterion: a key of `CRITERIA`.
        accuracy_drop: largest loss against the last exit, as a fraction; least cost within it.
        budget: largest average cost, as a fraction of the full cost; highest accuracy within it.
        thresholds: in the criterion's unit, one per exit but the last; None never leaves.
        confidence: with accuracy_drop: probability with which the drop holds on new samples; None takes the
            fitting split at its word.
        temperature: divides logits before a softmax.
        calibrate: fit each exit's temperature on the fitting split (temperature scaling, Guo et al. 2017).
        costs: multiply-accumulates by default.

    Raises:
        PolicyError: not exactly one request, no fitting data, or a request that cannot be met.
    """
    check_request(accuracy_drop, budget, thresholds, confidence)
    formats = [head.format for head in network.boundaries()[1]]
    policy = ExitPolicy.build(criterion, formats, network.classes, temperature=temperature)
    note = _patience_note(policy)
    if calibrate:
        require_softmax(policy.criterion)
    if thresholds is not None and not calibrate:
        policy = policy.with_thresholds(thresholds)
        return dataclasses.replace(policy, fitted_on=FittedOn("given", network_sha256=network.digest(), note=note))
    codes, labels = _fitting_split(network, fitting)
    logits = network.logits(codes)
    if calibrate:
        policy = calibrated(policy, logits, labels)
    statistics = ExitStatistics.of(policy, logits, labels, (costs or network.costs()).shares)
    asked = {"accuracy_drop": accuracy_drop, "budget": budget, "confidence": confidence}
    method = ", ".join(f"{name}={value}" for name, value in asked.items() if value is not None)
    if thresholds is not None:
        policy = policy.with_thresholds(thresholds)
        point = evaluate(statistics, policy.threshold_codes[:-1])
    else:
        point = fit(policy, statistics, accuracy_drop=accuracy_drop, budget=budget, confidence=confidence)
        policy = policy.with_codes(point.codes)
    if policy.threshold_codes[:-1] != point.codes:
        raise PolicyError(f"thresholds {policy.thresholds} do not stand for the codes {point.codes} that were fitted")
    fitted = dataclasses.replace(
        policy.fitted_on,  # what calibration said
        method=method or "given",
        samples=len(labels),
        data_sha256=sha256(codes.astype("<i8").tobytes() + labels.astype("<i8").tobytes()),
        accuracy=point.accuracy,
        last_exit_accuracy=evaluate(statistics, (NEVER,) * len(point.codes)).accuracy,
        cost_share=point.cost,
        exit_share=point.exit_share,
        float_disagreement=float_disagreement(policy, logits),
        network_sha256=network.digest(),
        note=note,
    )
    return dataclasses.replace(policy, fitted_on=fitted)


def calibrated(policy: ExitPolicy, logits: Sequence[NDArray[np.int64]], labels: NDArray[np.int64]) -> ExitPolicy:
    """The policy with each exit's temperature fitted to integer logits, and its tables made anew; no thresholds.

    Args:
        logits: (N, C) of each exit.
        labels: (N,) true classes.

    Raises:
        PolicyError: the criterion looks at no softmax.
    """
    require_softmax(policy.criterion)
    formats = [exit_.logits for exit_ in policy.exits]
    scales = [fmt.scale for fmt in formats]
    fitted = [fit_temperature(z, labels, scale) for z, scale in zip(logits, scales, strict=True)]
    errors = [
        tuple(
            expected_calibration_error(z, labels, scale, temperature)
            for z, scale, temperature in zip(logits, scales, temperatures, strict=True)
        )
        for temperatures in (policy.temperatures, fitted)
    ]
    made = ExitPolicy.build(policy.criterion_name, formats, policy.classes, temperature=fitted)
    fitted_on = FittedOn("calibrated", calibration_error_before=errors[0], calibration_error=errors[1])
    return dataclasses.replace(made, fitted_on=fitted_on)


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
    return codes, labels


def float_disagreement(policy: ExitPolicy, logits: Sequence[NDArray[np.int64]]) -> float:
    """Share of decisions at early exits that the float formula on the same logits would make otherwise."""
    agreements = agreements_after([z.argmax(axis=1) for z in logits])
    wrong = [
        policy.float_leaves(k, logits[k], agreements[k])
        != (policy.scores(k, logits[k], agreements[k]) >= policy.threshold_codes[k])
        for k in range(len(logits) - 1)
    ]
    return float(np.mean(wrong))


def _patience_note(policy: ExitPolicy) -> str:
    if policy.criterion is not CRITERIA["patience"] or len(policy.exits) > 2:
        return ""
    note = "patience with two exits never leaves early: one agreement needs two exits, and the second is the last"
    warnings.warn(note, stacklevel=3)
    return note
