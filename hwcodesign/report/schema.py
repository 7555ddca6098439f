"""This module defines the report as plain data that is written to JSON and read back.

Rates and accuracies are fractions from 0 to 1, and are measured on the test split unless a field says otherwise.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

#: Name of its file, in the folder of a run.
REPORT = "report.json"
#: Raised where a field's name or meaning changes; a report of another version is refused.
REPORT_VERSION = 3


class Splits(TypedDict):
    """The splits count the images in each part of the data set.

    Keys:
        training: images from which the network has learned.
        fitting: images on which the thresholds were fitted.
        test: images of the report's results.
    """

    training: int
    fitting: int
    test: int


class PolicyReport(TypedDict):
    """This is the exit policy that was compiled into the design.

    Keys:
        criterion: its name, a key of `Report.criteria`.
        unit: unit of a threshold.
        thresholds: in that unit, one per exit but the last; None where images never leave early.
        method: how the thresholds were asked for, for example "accuracy_drop=0.005".
        float_disagreement: fraction of samples at all early exits for which the floating-point formula decides
            otherwise.
    """

    criterion: str
    unit: str
    thresholds: list[float | None]
    method: str
    float_disagreement: float


class SingleExit(TypedDict):
    """This is one exit used alone for every image.

    Keys:
        exit: its index, from 0.
        accuracy: fraction of right answers.
        macs_fraction: its MACs over those of the full network.
    """

    exit: int
    accuracy: float
    macs_fraction: float


class AccuracyReport(TypedDict):
    """These are fractions of right answers.

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
    """These are multiply-accumulates per image.

    Keys:
        full: MACs up to the last exit.
        at_exit: MACs of an image that leaves at exit k, first exit first.
        average: over the test split, with the policy.
    """

    full: int
    at_exit: list[int]
    average: float


class CriterionReport(TypedDict):
    """This is one criterion at the point fitted for it.

    Keys:
        accuracy: fraction of right answers.
        macs_fraction: average MACs over those of the full network.
        exit_rate: exit rates: fraction of the images that leave at each exit.
        float_disagreement: fraction of samples at all early exits for which the floating-point formula decides
            otherwise.
        note: what the reader must know about it; may be empty.
    """

    accuracy: float
    macs_fraction: float
    exit_rate: list[float]
    float_disagreement: float
    note: str


class CurvePoint(TypedDict):
    """This is a point of a criterion's accuracy-cost curve, with thresholds from the fitting split.

    Keys:
        accuracy: fraction of right answers.
        macs_fraction: average MACs over those of the full network.
        exit_rate: fraction of the images that leave at each exit.
    """

    accuracy: float
    macs_fraction: float
    exit_rate: list[float]


class Comparison(TypedDict):
    """This is one comparison of backends, value by value.

    Keys:
        backends: names of the compared backends.
        what: what was compared, for example "records (max_softmax)".
        samples: images that went through each backend.
        values: number of integers compared.
        mismatches: number of these that differ.
    """

    backends: list[str]
    what: str
    samples: int
    values: int
    mismatches: int


class ExitCycles(TypedDict):
    """These are the cycles of samples that all leave at one exit, predicted from the kernels and simulated in RTL.

    Keys:
        latency_predicted, latency: cycles of a sample alone, from its first input word to its record.
        interval_predicted, interval: mean number of cycles between records in the long run.
    """

    latency_predicted: int
    latency: int
    interval_predicted: float
    interval: float


class DeadlineReport(TypedDict):
    """This describes test images in anytime mode, a given number of cycles after each came in.

    Keys:
        cycles: simulated cycles after which the answers of an exit have come.
        accuracy: fraction of images whose newest answer is right.
        final: fraction of images whose newest answer is their last.
    """

    cycles: float
    accuracy: float
    final: float


class TakenReport(TypedDict):
    """This is what a level takes, by estimate.

    Keys:
        multipliers: products of a cycle.
        lut, dsp, bram18: resources of the board's device.
    """

    multipliers: int
    lut: int
    dsp: int
    bram18: int


class LevelReport(TypedDict):
    """This is a level: a stage with its head, its decision and the conditional buffer behind it.

    Keys:
        reached: fraction of the fitting split's samples that reach it.
        taken: what it takes.
        buffer_bits: bits of its conditional buffer.
        without: what it would take at the same throughput without exits; None if no layer can be as fast.
    """

    reached: float
    taken: TakenReport
    buffer_bits: int
    without: TakenReport | None


class HardwareReport(TypedDict):
    """This describes the cycle-by-cycle simulation of the SystemVerilog on images of the test split, without stalls
    from outside.

    Keys:
        clock_mhz: assumed clock, not an achieved one; only place and route can tell that.
        samples: images that were simulated, the first of the test split; missing in older reports, of all.
        cycles_per_image: average over these in their natural order.
        images_per_second: throughput at that clock.
        bound: least cycles per image with unlimited buffers: the largest product of reach probability and interval over
            the stages.
        exits: cycles by exit, first exit first.
        stages: predicted cycles between samples of each stage with its head and decision.
        decisions: predicted cycles from the first beat of each stage's output to its decision.
        buffer_samples: samples that each conditional buffer holds.
        buffers: most beats that each conditional buffer held, and its depth.
        deadlines: entries of anytime mode, one for each exit, for an image by itself.
        levels: what each level takes, by estimate; missing where no exit rates are known, and in older reports.
    """

    clock_mhz: float
    samples: NotRequired[int]
    cycles_per_image: float
    images_per_second: float
    bound: float
    exits: list[ExitCycles]
    stages: list[int]
    decisions: list[int]
    buffer_samples: int
    buffers: list[tuple[int, int]]
    deadlines: list[DeadlineReport]
    levels: NotRequired[list[LevelReport]]


class KernelReport(TypedDict):
    """This is a kernel of the design, and how hardware builds it.

    Keys:
        name, kind: name of the layer, and its kind.
        reads, writes, weights: formats and shapes as text; `weights` is empty if there are none.
        macs, parameters: multiply-accumulates per image, and number of weights and biases.
        unit: name of the unit that builds it; None where the design has no RTL.
        folding: reuse factor, strategy and places of windows and weights, as text.
        latency, interval: predicted cycles of the unit alone; None where they are not known.
        resources: estimated resources by name; None where they are not known.
    """

    name: str
    kind: str
    reads: str
    writes: str
    weights: str
    macs: int
    parameters: int
    unit: str | None
    folding: str
    latency: int | None
    interval: float | None
    resources: dict[str, int] | None


class SegmentReport(TypedDict):
    """This is a stage or a head.

    Keys:
        name: "stage0", "head0" and so on.
        reads, writes: formats and shapes of its tensors, as text.
        latency, interval: predicted cycles; None where the design has no RTL.
        kernels: its kernels, in data order.
    """

    name: str
    reads: str
    writes: str
    latency: int | None
    interval: float | None
    kernels: list[KernelReport]


class ResourcesReport(TypedDict):
    """These are resources of the design's blocks and of its board, by name; block RAMs are RAMB18.

    Keys:
        board: name of the board.
        capacity: what its device has.
        blocks: estimate of each block: its name and its resources.
        estimated: what all blocks take, as estimated.
        missing: names of score units of which nothing is known.
    """

    board: str
    capacity: dict[str, int]
    blocks: list[tuple[str, dict[str, int]]]
    estimated: dict[str, int]
    missing: list[str]


class OperationsReport(TypedDict):
    """These are operations of a part of the design per image that goes through it. They are counts, not energy.

    Keys:
        part: name of the stage, head or buffer.
        exit: images that reach this exit use the part; those of a buffer are written at this exit.
        macs: multiply-accumulates.
        bit_products: sum of weight bits times input bits over all multiply-accumulates.
        moved_bits: bits that leave the part on streams between blocks.
    """

    part: str
    exit: int
    macs: int
    bit_products: int
    moved_bits: int


class Surroundings(TypedDict):
    """These are the recipe, the computer and the time.

    Keys:
        recipe: name of the recipe's file.
        recipe_sha256: hash of its text.
        commit: commit of the repository in which the recipe lies, with "+" where files differ; None if not known.
        host, machine, cores: name of the computer, its processor and number of cores.
        date: when the report was made, in UTC.
    """

    recipe: str
    recipe_sha256: str | None
    commit: str | None
    host: str
    machine: str
    cores: int
    date: str


class Provenance(Surroundings):
    """This says where the results come from.

    Keys:
        hashes: hashes of the network, the policy, the weights, the sources and the configuration.
    """

    hashes: dict[str, str]


class Report(TypedDict):
    """The report holds everything that a run found.

    Keys:
        report_version: `REPORT_VERSION`.
        name: name of the run, as in its recipe.
        dataset: name of the data set.
        seed: seed of the training.
        exits: number of exits, including the last.
        classes: number of classes.
        splits: images in each split.
        policy: the exit policy.
        accuracy: fractions of right answers.
        exit_rate: exit rates: fraction of the images that leave at each exit.
        exit_accuracy: fraction of right answers among the images that leave at exit k; None if no image does.
        macs: multiply-accumulates per image.
        macs_fraction: average MACs over those of the full network.
        criteria: every criterion that was tried, by name.
        curves: accuracy-cost curve of each of them, cheapest point first.
        left_out: criteria that were left out, and for each the reason.
        hardware: cycles of the RTL; None where the design has none.
        network: segments of the design: stage0, head0, stage1 and so on.
        resources: resources of the design's blocks; None where it has no RTL.
        operations: counted operations of each part, in data order.
        comparisons: every comparison of backends.
        overthinking: test images right at an earlier exit and wrong at the last (Kaya et al., Shallow-Deep Networks).
        seconds: wall-clock time of each step, by its name.
        versions: versions of the software that made the results, by its name.
        provenance: where the results come from.
    """

    report_version: int
    name: str
    dataset: str
    seed: int
    exits: int
    classes: int
    splits: Splits
    policy: PolicyReport
    accuracy: AccuracyReport
    exit_rate: list[float]
    exit_accuracy: list[float | None]
    macs: MacsReport
    macs_fraction: float
    criteria: dict[str, CriterionReport]
    curves: dict[str, list[CurvePoint]]
    left_out: dict[str, str]
    hardware: HardwareReport | None
    network: list[SegmentReport]
    resources: ResourcesReport | None
    operations: list[OperationsReport]
    comparisons: list[Comparison]
    overthinking: int
    seconds: dict[str, float]
    versions: dict[str, str]
    provenance: Provenance
