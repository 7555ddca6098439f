"""This module keeps what happened to each sample in a file beside the report: scores, labels and some pictures."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import FieldError
from hwcodesign.interface.records import Records, final_records
from hwcodesign.policies import ALWAYS, NEVER, ExitPolicy, ExitStatistics
from hwcodesign.storage.arrays import StoredArray, open_arrays
from hwcodesign.storage.files import write_bytes

#: Name of the file, in the folder of a run.
OUTCOMES = "outcomes.npz"
#: Of the images with the highest scores at an exit, and of those with the lowest.
MOST_PICTURES = 8
#: Pixels of a picture's side; larger ones are thinned out.
_MOST_SIDE = 64
_MOST_SAMPLES, _LARGEST = 10**7, 2**40
#: Thresholds of an exit that a slider offers, beside the fitted one and the one at which nothing leaves.
_STEPS = 240

Integers = NDArray[Any]


@dataclass(frozen=True, eq=False)
class SampleScores:
    """The sample scores are what each exit says of each sample of a split.

    Attributes:
        scores: (K, N) integers.
        labels: (K, N) predicted classes.
        truth: (N,) true classes.
    """

    scores: Integers
    labels: Integers
    truth: Integers

    @classmethod
    def of(cls, statistics: ExitStatistics) -> SampleScores:
        """Returns the part of the statistics that is kept."""
        return cls(statistics.scores, statistics.labels, statistics.truth)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Returns which labels are right, (K, N)."""
        return np.asarray(self.labels == self.truth)


@dataclass(frozen=True, eq=False)
class Pictures:
    """The pictures show the easiest and the hardest images of each exit.

    Attributes:
        samples: (M,) numbers of the samples.
        hardest: (M,) 1 where it is one of the hardest of its exit, else 0.
        pixels: (M, H, W) or (M, H, W, 3) from 0 to 255.
    """

    samples: Integers
    hardest: Integers
    pixels: Integers


@dataclass(frozen=True, eq=False)
class Outcomes:
    """The outcomes are what happened to each sample.

    Attributes:
        fitting, test: scores of the fitting split and of the test split.
        taken: (N,) exit at which each test image left.
        codes: threshold codes of the policy, one per exit but the last.
        steps: (K - 1, S) other threshold codes to choose from, in rising order; the fitted one is among them.
        values: (K - 1, S) the same in the criterion's unit; NaN where nothing leaves.
        pictures: pictures of some test images.
    """

    fitting: SampleScores
    test: SampleScores
    taken: Integers
    codes: tuple[int, ...]
    steps: Integers
    values: NDArray[np.float64]
    pictures: Pictures


def threshold_steps(policy: ExitPolicy, splits: Sequence[SampleScores]) -> tuple[Integers, NDArray[np.float64]]:
    """Returns threshold codes at equal distances among the scores of some splits, and the same in the policy's unit.

    Returns:
        (K - 1, S) codes, and as many values.
    """
    steps = []
    for k, code in enumerate(policy.threshold_codes[:-1]):
        scores = np.unique(np.concatenate([split.scores[k] for split in splits]))
        scores = scores[(scores > ALWAYS) & (scores < NEVER)]
        chosen = (
            scores[np.unique(np.linspace(0, len(scores) - 1, _STEPS).round().astype(int))] if len(scores) else scores
        )
        found = np.unique([*chosen.tolist(), code, NEVER])
        steps.append([*found.tolist(), *[NEVER] * (_STEPS + 2 - len(found))])
    codes = np.array(steps, np.int64).reshape(len(policy.exits) - 1, _STEPS + 2)
    values = [[np.nan if value is None else value for value in policy.thresholds_of(row)] for row in codes.T.tolist()]
    return codes, np.array(values, np.float64).T.reshape(codes.shape)


def outcomes_of(
    policy: ExitPolicy, splits: tuple[ExitStatistics, ExitStatistics], images: Integers, records: Records
) -> Outcomes:
    """Returns the outcomes of a policy.

    Args:
        policy: the policy.
        splits: statistics of the fitting split and of the test split.
        images: images of the test split.
        records: their records, in sample order.
    """
    fitting, test = map(SampleScores.of, splits)
    steps, values = threshold_steps(policy, (fitting, test))
    codes = policy.threshold_codes[:-1]
    return Outcomes(fitting, test, records["exit"], codes, steps, values, pictures_of(images, records))


def pictures_of(images: Integers, records: Records) -> Pictures:
    """Returns for each exit the images that left there with the highest and with the lowest scores; none is in both.

    Args:
        images: (N, …) integer codes; three channels are red, green and blue, others are averaged.
        records: `sample_id` counts images from 0; only final records are used.
    """
    final = final_records(records)
    samples: list[int] = []
    hardest: list[int] = []
    for k in np.unique(final["exit"]):
        left = final[final["exit"] == k]
        # sample order breaks ties, so that the same records give the same pictures
        order = left[np.argsort(-left["score"].astype(np.int64), kind="stable")]["sample_id"].tolist()
        easy = order[: min(MOST_PICTURES, (len(order) + 1) // 2)]
        hard = order[::-1][: min(MOST_PICTURES, len(order) // 2)]
        samples += easy + hard
        hardest += [0] * len(easy) + [1] * len(hard)
    return Pictures(np.array(samples, np.int64), np.array(hardest, np.uint8), _pixels(images, samples))


def _pixels(images: Integers, samples: list[int]) -> Integers:
    """The codes' whole range stretched over all images alike."""
    low, high = float(images.min()), float(images.max())
    values = (images[samples].astype(np.float32) - low) * (255 / max(high - low, 1.0))
    if values.ndim == 4:
        values = np.moveaxis(values, 1, -1) if values.shape[1] == 3 else values.mean(axis=1)
    elif values.ndim == 2:
        values = values[:, None]
    steps = [-(-side // _MOST_SIDE) for side in values.shape[1:3]]
    return np.asarray(values[:, :: steps[0], :: steps[1]].round().astype(np.uint8))


def write_outcomes(path: Path, outcomes: Outcomes) -> None:
    """Writes outcomes for `read_outcomes`."""
    arrays = {
        f"{name}_{what}": getattr(split, what).astype(np.int64 if what == "scores" else np.int32)
        for name, split in (("fitting", outcomes.fitting), ("test", outcomes.test))
        for what in ("scores", "labels", "truth")
    }
    arrays |= {
        "taken": outcomes.taken.astype(np.int32),
        "codes": np.array(outcomes.codes, np.int64),
        "steps": outcomes.steps,
        "values": outcomes.values,
        "picture_samples": outcomes.pictures.samples,
        "picture_hardest": outcomes.pictures.hardest,
        "picture_pixels": outcomes.pictures.pixels,
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_bytes(path, buffer.getvalue())


def read_outcomes(path: Path, exits: int) -> Outcomes:
    """Reads what `write_outcomes` wrote.

    Args:
        path: path of the file.
        exits: number of exits of the report beside it.

    Raises:
        FieldError: the file is missing or damaged, or does not belong to a report of so many exits.
    """
    with open_arrays(path) as arrays:
        fitting, test = (_split(arrays, name, exits) for name in ("fitting", "test"))
        samples = len(test.truth)
        taken = _read(arrays, "taken", (samples,), 0, exits - 1)
        codes = _read(arrays, "codes", (exits - 1,), ALWAYS, NEVER)
        steps = _read(arrays, "steps", (exits - 1, _STEPS + 2), ALWAYS, NEVER)
        if _shape(arrays, "values") != steps.shape or arrays["values"].dtype != np.float64:
            raise FieldError(f"array values has shape {arrays['values'].shape}, and must have that of steps")
        values = arrays["values"].read()
        shown = _shape(arrays, "picture_samples")
        pixels = _shape(arrays, "picture_pixels")
        if (
            len(shown) != 1
            or len(pixels) not in {3, 4}
            or max(pixels[1:3]) > _MOST_SIDE
            or pixels[3:] not in {(), (3,)}
        ):
            raise FieldError(f"picture_pixels has shape {pixels}, which is not that of pictures")
        pictures = Pictures(
            _read(arrays, "picture_samples", shown, 0, samples - 1),
            _read(arrays, "picture_hardest", shown, 0, 1),
            _read(arrays, "picture_pixels", (*shown, *pixels[1:]), 0, 255).astype(np.uint8),
        )
    return Outcomes(fitting, test, taken, tuple(codes.tolist()), steps, values, pictures)


def _split(arrays: Mapping[str, StoredArray], name: str, exits: int) -> SampleScores:
    samples = _shape(arrays, f"{name}_truth")
    if len(samples) != 1 or not 0 < samples[0] <= _MOST_SAMPLES:
        raise FieldError(f"{name}_truth has shape {samples}, and must have one label for each sample")
    whole = (exits, samples[0])
    return SampleScores(
        _read(arrays, f"{name}_scores", whole, -_LARGEST, _LARGEST),
        _read(arrays, f"{name}_labels", whole, 0, 2**31 - 1),
        _read(arrays, f"{name}_truth", samples, 0, 2**31 - 1),
    )


def _shape(arrays: Mapping[str, StoredArray], name: str) -> tuple[int, ...]:
    if name not in arrays:
        raise FieldError(f"array {name} is missing")
    return arrays[name].shape


def _read(arrays: Mapping[str, StoredArray], name: str, shape: tuple[int, ...], low: int, high: int) -> Integers:
    """Returns an array of integers of a shape and a range, as int64."""
    if _shape(arrays, name) != shape or arrays[name].dtype.kind not in "iu":
        raise FieldError(f"array {name} has shape {arrays[name].shape}, and must have integers of shape {shape}")
    values = arrays[name].read().astype(np.int64)
    if values.size and not low <= values.min() <= values.max() <= high:
        raise FieldError(f"array {name} has values from {values.min()} to {values.max()}, beyond {low} to {high}")
    return values
