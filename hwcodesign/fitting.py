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
    OperatingPoint,
    Threshold,
    check_request,
    evaluate,
    fit,
)
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
        costs: multiply-accumulates by default.

    Raises:
        PolicyError: not exactly one request, no fitting data, or a request that cannot be met.
    """
    check_request(accuracy_drop, budget, thresholds, confidence)
    _, heads = network.boundaries()
    policy = ExitPolicy.build(criterion, [head.format for head in heads], network.classes, temperature=temperature)
    note = _patience_note(policy)
    if thresholds is not None:
        policy = policy.with_thresholds(thresholds)
        return dataclasses.replace(policy, fitted_on=FittedOn("given", network_sha256=network.digest(), note=note))
    if fitting is None:
        raise PolicyError("fitting an accuracy drop or a budget needs (images, labels), apart from training and test")
    images, labels = fitting
    codes = encode_images(images, network.input_format, network.input_shape)
    labels = np.asarray(labels)
    if labels.shape != (len(codes),) or not len(codes):
        raise PolicyError(
            f"{len(codes)} fitting images and labels of shape {labels.shape}: give one label an image, at least one"
        )
    logits = network.logits(codes)
    statistics = ExitStatistics.of(policy, logits, labels, (costs or network.costs()).shares)
    point = fit(policy, statistics, accuracy_drop=accuracy_drop, budget=budget, confidence=confidence)
    policy = policy.with_codes(point.codes)
    if policy.threshold_codes[:-1] != point.codes:
        raise PolicyError(f"thresholds {policy.thresholds} do not stand for the codes {point.codes} that were fitted")
    asked = {"accuracy_drop": accuracy_drop, "budget": budget, "confidence": confidence}
    method = ", ".join(f"{name}={value}" for name, value in asked.items() if value is not None)
    fitted = _fitted_on(policy, statistics, point, logits, method)
    digest = sha256(codes.astype("<i8").tobytes() + labels.astype("<i8").tobytes())
    fitted = dataclasses.replace(fitted, data_sha256=digest, network_sha256=network.digest(), note=note)
    return dataclasses.replace(policy, fitted_on=fitted)


def _fitted_on(
    policy: ExitPolicy,
    statistics: ExitStatistics,
    point: OperatingPoint,
    logits: Sequence[NDArray[np.int64]],
    method: str,
) -> FittedOn:
    return FittedOn(
        method,
        samples=len(statistics.truth),
        accuracy=point.accuracy,
        last_exit_accuracy=evaluate(statistics, (NEVER,) * len(point.codes)).accuracy,
        cost_share=point.cost,
        exit_share=point.exit_share,
        float_disagreement=float_disagreement(policy, logits),
    )


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
