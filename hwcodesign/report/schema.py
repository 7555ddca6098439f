"""The report's shape: plain data that goes into JSON and back.

Shares and accuracies are fractions from 0 to 1, and are of the test split unless a field says otherwise.
"""

from __future__ import annotations

from typing import TypedDict

#: Name of its file, in the folder of a run.
REPORT = "report.json"


class Splits(TypedDict):
    """Images in each split of the data set.

    Keys:
        training: the network learnt from.
        fitting: the thresholds were fitted on.
        test: the report's results are of.
    """

    training: int
    fitting: int
    test: int


class PolicyReport(TypedDict):
    """The exit policy that was compiled in.

    Keys:
        criterion: its name, a key of `Report.criteria`.
        unit: what a threshold counts.
        thresholds: in that unit, one per exit but the last; None where images never leave early.
        method: how the thresholds were asked for, for example "accuracy_drop=0.005".
        float_disagreement: share of samples at all early exits that the float formula decides otherwise.
    """

    criterion: str
    unit: str
    thresholds: list[float | None]
    method: str
    float_disagreement: float


class SingleExit(TypedDict):
    """One exit used alone for every image.

    Keys:
        exit: its index, from 0.
        accuracy: share of right answers.
        macs_share: its MACs over those of the full network.
    """

    exit: int
    accuracy: float
    macs_share: float


class AccuracyReport(TypedDict):
    """Shares of right answers.

    Keys:
        early_exit: with the policy.
        last_exit: every image going to the last exit.
        each_exit: every image leaving at exit k, first exit first.
        best_single_exit: the most accurate exit of no more MACs than the policy's average; None if none is that cheap.
    """

    early_exit: float
    last_exit: float
    each_exit: list[float]
    best_single_exit: SingleExit | None


class MacsReport(TypedDict):
    """Multiply-accumulates per image.

    Keys:
        full: to the last exit.
        at_exit: spent by an image that leaves at exit k, first exit first.
        average: over the test split, with the policy.
    """

    full: int
    at_exit: list[int]
    average: float


class CriterionReport(TypedDict):
    """One criterion at the point fitted for it.

    Keys:
        accuracy: share of right answers.
        macs_share: average MACs over those of the full network.
        exit_share: share of images leaving at each exit.
        float_disagreement: share of samples at all early exits that the float formula decides otherwise.
        note: what the reader must know about it; may be empty.
    """

    accuracy: float
    macs_share: float
    exit_share: list[float]
    float_disagreement: float
    note: str


class Agreement(TypedDict):
    """One comparison of backends, value by value.

    Keys:
        backends: names of those compared.
        what: what was compared, for example "records (max_softmax)".
        samples: images that went through each backend.
        values: integers compared.
        mismatches: of these, how many differ.
    """

    backends: list[str]
    what: str
    samples: int
    values: int
    mismatches: int


class ExitCycles(TypedDict):
    """Cycles of samples that all leave at one exit, predicted from the kernels and simulated in RTL.

    Keys:
        latency_predicted, latency: of a sample alone, from its first input word to its record.
        interval_predicted, interval: between records in the long run, as a mean.
    """

    latency_predicted: int
    latency: int
    interval_predicted: float
    interval: float


class DeadlineReport(TypedDict):
    """Test images in anytime mode, so many cycles after each came in.

    Keys:
        cycles: simulated, at which an exit's answers have come.
        accuracy: share of images whose newest answer is right.
        final: share whose newest answer is their last.
    """

    cycles: float
    accuracy: float
    final: float


class HardwareReport(TypedDict):
    """What the simulation of the SystemVerilog took on the test split, cycle by cycle, nothing stalling outside.

    Keys:
        clock_mhz: assumed, not achieved: that is for place and route to say.
        cycles_per_image: average over the test split in its natural order.
        images_per_second: at that clock.
        bound: cycles an image that no buffering could undercut: the largest of reach probability times interval.
        exits: cycles by exit, first exit first.
        buffers: most beats that each conditional buffer held, and its depth.
        deadlines: of anytime mode, one for each exit; an image by itself.
    """

    clock_mhz: float
    cycles_per_image: float
    images_per_second: float
    bound: float
    exits: list[ExitCycles]
    buffers: list[tuple[int, int]]
    deadlines: list[DeadlineReport]


class Report(TypedDict):
    """Everything that a run found.

    Keys:
        name: the run's, as its recipe gives it.
        dataset: name of the data set.
        seed: of training.
        exits: how many, the last one included.
        classes: how many.
        splits: images in each split.
        policy: the exit policy.
        accuracy: shares of right answers.
        exit_share: share of images leaving at each exit.
        exit_accuracy: share of right answers among those leaving at exit k; None where nobody does.
        macs: multiply-accumulates per image.
        macs_share: average MACs over those of the full network.
        criteria: every criterion that was tried, by name.
        left_out: of criteria that were not, the reason, by name.
        hardware: cycles of the RTL; None where the design has none.
        agreement: every comparison of backends.
        overthinking: test images right at an earlier exit and wrong at the last (Kaya et al., Shallow-Deep Networks).
        seconds: wall-clock time of each step, by its name.
        versions: of the software that made the results, by its name.
    """

    name: str
    dataset: str
    seed: int
    exits: int
    classes: int
    splits: Splits
    policy: PolicyReport
    accuracy: AccuracyReport
    exit_share: list[float]
    exit_accuracy: list[float | None]
    macs: MacsReport
    macs_share: float
    criteria: dict[str, CriterionReport]
    left_out: dict[str, str]
    hardware: HardwareReport | None
    agreement: list[Agreement]
    overthinking: int
    seconds: dict[str, float]
    versions: dict[str, str]
