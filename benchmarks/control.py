"""A controller's response to a step in difficulty, and a monitor's alarms, on test images.

    python -m benchmarks.control --write docs/control.md

Needs digits and blenet_fashion fitted and compiled below build/, their data in HWCODESIGN_DATA, and the extra `pynq`;
blenet_mnist is looked at where it is there. The pictures go to images/ beside the document.
"""

from __future__ import annotations

import argparse
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

import hwcodesign as hw
from hwcodesign.data import Dataset
from hwcodesign.runtime.control import ControlUpdate
from hwcodesign.runtime.monitor import Alarm
from hwcodesign.storage.files import write_bytes

#: Fashion-MNIST's T-shirts, pullovers, coats and shirts, which are mistaken for one another.
HARD = (0, 2, 4, 6)
SEED = 1


@dataclass(frozen=True)
class Stream:
    """Images in three phases of one length, the second of them harder.

    Attributes:
        name: for headings.
        recipe: whose design runs them.
        on: where.
        images, labels: of the test split.
        window: of the controller.
        words: what the second phase is.
    """

    name: str
    recipe: str
    on: str
    images: NDArray[Any]
    labels: NDArray[np.int64]
    window: int
    words: str

    @property
    def phase(self) -> int:
        """Images of one."""
        return len(self.labels) // 3


@dataclass(frozen=True)
class Response:
    """What fixed thresholds and the controller made of a stream.

    Attributes:
        budget: that was asked for, and what the fixed thresholds were planned to cost.
        fixed, controlled: (N, 2) cost and whether the answer was right, of each image.
        history: of the controller.
        alarms: (windows, alarms) of the monitor in each phase.
        first: the first of them.
    """

    budget: float
    fixed: NDArray[np.float64]
    controlled: NDArray[np.float64]
    history: Sequence[ControlUpdate]
    alarms: Sequence[tuple[int, int]]
    first: Alarm | None


def save(figure: Figure, path: Path) -> None:
    """Writes a PNG, whole or not at all; the same data give the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    write_bytes(path, buffer.getvalue())


def fashion(data: Dataset, phase: int = 4000) -> Stream:
    """All classes, then the hard ones alone, then all again."""
    rng, test = np.random.default_rng(SEED), data.test
    hard = np.flatnonzero(np.isin(test.labels, HARD))
    parts = [rng.permutation(len(test))[:phase], rng.permutation(hard)[:phase], rng.permutation(len(test))[:phase]]
    chosen, words = np.concatenate(parts), "T-shirts, pullovers, coats and shirts alone"
    return Stream(
        "B-LeNet on Fashion-MNIST", "blenet_fashion", "software", test.images[chosen], test.labels[chosen], 250, words
    )


def noisy_digits(data: Dataset, phase: int = 1500) -> Stream:
    """Digits as they are, then with noise, then as they are; on the simulated board."""
    rng, test = np.random.default_rng(SEED), data.test
    chosen = rng.integers(0, len(test), 3 * phase)
    images = test.images[chosen].astype(np.int64)
    noise = rng.integers(-4, 4, (phase, *images.shape[1:]), endpoint=True)
    images[phase : 2 * phase] = np.clip(images[phase : 2 * phase] + noise, 0, 16)
    words = "images with noise of a quarter of the range on every pixel"
    return Stream("digits", "digits", "board-sim", images, test.labels[chosen], 100, words)


def respond(stream: Stream, design: hw.Design, budget: float) -> Response:
    """Run a stream twice: with thresholds that were planned for the budget and stay, and controlled."""
    path, at_exit = design.policy.path, np.asarray(design.accelerator.macs.fractions)
    assert path is not None, "the recipe's policy was fitted by a version without paths: fit and compile it again"
    planned = path.costs(design.accelerator.macs.fractions)
    with hw.ProgressiveAccelerator(design, stream.on) as accelerator:
        accelerator.threshold_codes = path.points[int(np.argmin(np.abs(planned - budget)))].codes
        fixed = accelerator.run(stream.images)
        monitor = hw.ExitMonitor(accelerator, window=stream.window)
        settings = hw.ControlSettings(window=stream.window)
        controller = hw.StreamController(accelerator, budget=budget, settings=settings, monitor=monitor)
        parts, alarms = [], [(0, 0)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are counted below
            for start in range(0, len(stream.labels), stream.phase):
                parts.append(controller.run(stream.images[start : start + stream.phase]))
                alarms.append((monitor.windows, len(monitor.alarms)))
    counted = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(alarms)]

    def outcomes(records: Any) -> NDArray[np.float64]:
        return np.stack([at_exit[records["exit"]], (records["label"] == stream.labels) * 1.0], axis=1)

    first = monitor.alarms[0] if monitor.alarms else None
    return Response(budget, outcomes(fixed), outcomes(np.concatenate(parts)), controller.history, counted, first)


def picture(stream: Stream, response: Response) -> Figure:
    """Cost, place on the path and accuracy of each window."""
    figure = Figure(figsize=(8, 6.4), layout="constrained")
    cost, point, accuracy = figure.subplots(3, 1, sharex=True)
    at = (np.arange(len(response.history)) + 0.5) * stream.window
    for values, colour, name in (
        (response.fixed, "#999999", "fixed thresholds"),
        (response.controlled, "#0072B2", "controlled"),
    ):
        windows = values.reshape(-1, stream.window, 2).mean(axis=1)
        cost.plot(at, windows[:, 0], color=colour, label=name)
        accuracy.plot(at, windows[:, 1], color=colour)
    cost.axhline(response.budget, color="#222222", linestyle="--", linewidth=1, label="budget")
    cost.set_ylabel("cost, of the full network")
    cost.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    point.step(at, [update.point for update in response.history], where="mid", color="#0072B2")
    point.set_ylabel("point of the path")
    accuracy.set_ylabel("accuracy")
    accuracy.set_xlabel(f"image; windows of {stream.window}; shaded: {stream.words}")
    for axes in (cost, point, accuracy):
        axes.axvspan(stream.phase, 2 * stream.phase, color="#D55E00", alpha=0.1, linewidth=0)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{stream.name}, on {stream.on}", x=0.02, ha="left")
    return figure


def section(stream: Stream, response: Response, image: str) -> str:
    """A stream's table; the second half of a phase is what it settles to."""
    rows = ""
    for k, name in enumerate(("as fitted", "harder", "as fitted again")):
        whole = slice(k * stream.phase, (k + 1) * stream.phase)
        settled = slice(k * stream.phase + stream.phase // 2, (k + 1) * stream.phase)
        fixed, controlled = response.fixed[whole].mean(axis=0), response.controlled[whole].mean(axis=0)
        windows, alarms = response.alarms[k]
        rows += (
            f"| {name} | {fixed[0]:.3f} | {controlled[0]:.3f} | {response.controlled[settled, 0].mean():.3f} "
            f"| {fixed[1]:.2%} | {controlled[1]:.2%} | {alarms} / {windows} |\n"
        )
    moves = sum(update.moved_to != update.point for update in response.history)
    return f"""## {stream.name}

Each phase has {stream.phase:,} images and runs on `{stream.on}`. The harder images are {stream.words}. The budget is
{response.budget:g} of the full cost. Thresholds moved after {moves} of {len(response.history)} windows of
{stream.window} images.

![cost, thresholds and accuracy of each window]({image})

| phase | cost, fixed | cost, controlled | its second half | accuracy, fixed | accuracy, controlled | alarms |
|---|---:|---:|---:|---:|---:|---:|
{rows}
The first alarm says: {response.first or "there was none"}.
"""


def natural(recipes: Sequence[str], build: Path) -> str:
    """Alarms on whole test splits in their own order, at the policies' own thresholds."""
    rows = ""
    for recipe in recipes:
        design, test = hw.load(build / recipe / "design"), hw.load_recipe(recipe).data().test
        with hw.ProgressiveAccelerator(design, "software") as accelerator, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are counted
            monitor = hw.ExitMonitor(accelerator, window=100 if recipe == "digits" else 250)
            for start in range(0, len(test), 50):
                accelerator.run(test.images[start : start + 50])
                monitor.check()
        rows += f"| {recipe} | {len(test):,} | {monitor.windows} | {len(monitor.alarms)} |\n"
    return f"""## Test splits in their own order

The thresholds are those of the policies. The false-alarm rate of a window is at most 0.1 %.

| | images | windows | alarms |
|---|---:|---:|---:|
{rows}"""


def document(build: Path, images: Path) -> str:
    """The text, its pictures written on the way."""
    text = """# Budgets on streams

    HWCODESIGN_DATA=… python -m benchmarks.control --write docs/control.md

`StreamController` and `ExitMonitor` ([driver.md](driver.md)) run here on test images in three phases. The images of the
second phase are harder than those on which the thresholds were fitted. *Fixed* means that the thresholds planned for
the budget stay as they are.

"""
    for make, recipe, budget in ((fashion, "blenet_fashion", 0.3), (noisy_digits, "digits", 0.15)):
        stream = make(hw.load_recipe(recipe).data())
        response = respond(stream, hw.load(build / recipe / "design"), budget)
        name = f"control_{recipe}.png"
        save(picture(stream, response), images / name)
        text += section(stream, response, f"{images.name}/{name}") + "\n"
    known = [recipe for recipe in ("digits", "blenet_fashion", "blenet_mnist") if (build / recipe / "design").exists()]
    return text + natural(known, build)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), help="where trained recipes are")
    parser.add_argument("--write", type=Path, help="document to write; pictures go to images/ beside it")
    options = parser.parse_args()
    folder = (options.write.parent if options.write else options.build) / "images"
    text = document(options.build, folder)
    print(text)
    if options.write:
        options.write.write_text(text)


if __name__ == "__main__":
    main()
