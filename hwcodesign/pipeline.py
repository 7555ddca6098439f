"""This module runs the main job from start to end: train, fit, generate, simulate, compare, report."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.compilation import check_compiles, check_target, compile
from hwcodesign.data import Dataset
from hwcodesign.design import Design, load
from hwcodesign.designs.costs import ExitCosts
from hwcodesign.designs.stored import MANIFEST
from hwcodesign.errors import CheckpointError, DesignError, FieldError, PolicyError
from hwcodesign.fitting.network import fit_policy, heads_of
from hwcodesign.fitting.outputs import float_disagreement
from hwcodesign.fitting.request import PolicyRequest
from hwcodesign.fitting.search import OperatingPoint, check_budget, cost_curve, evaluate
from hwcodesign.interface.records import Records
from hwcodesign.networks.float_network import FloatNetwork
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.policies import CRITERIA, ExitPolicy, ExitStatistics
from hwcodesign.policies.own_criteria import files_of
from hwcodesign.progress import Task, task
from hwcodesign.recipes import Recipe
from hwcodesign.report.cycles import first_samples, hardware_report
from hwcodesign.report.design_facts import operations_reports, resources_report, segment_reports
from hwcodesign.report.outcomes import OUTCOMES, outcomes_of, write_outcomes
from hwcodesign.report.provenance import provenance
from hwcodesign.report.results import TIMELINE, TRACE, Results
from hwcodesign.report.schema import (
    REPORT,
    REPORT_VERSION,
    CriterionReport,
    CurvePoint,
    Report,
    SingleExit,
)
from hwcodesign.report.schema import Comparison as ComparisonReport
from hwcodesign.simulation.timeline_file import write_timeline, write_trace
from hwcodesign.storage.cache import own_cache
from hwcodesign.storage.fields import read_json
from hwcodesign.storage.files import claimed_folder, write_json
from hwcodesign.storage.paths import check_folder
from hwcodesign.tools.compiler import find_compiler
from hwcodesign.tools.verilator import find_verilator
from hwcodesign.training import quantised, read_quantised, train, untrained
from hwcodesign.training.checkpoint import CHECKPOINT, is_published, load_trained, save_published
from hwcodesign.verification.backends import Verified, verify_backends
from hwcodesign.verification.comparison import Comparison

TRAINING, QUANTISED, POLICY, DESIGN = "training", "quantised", "policy.json", "design"


@dataclass
class Run:
    """A run holds one recipe and its results in one folder.

    Attributes:
        recipe: recipe that is run.
        folder: folder of the results: training/, quantised/ where the recipe trains in floating point, policy.json,
            design/, report.json and what lies beside it.
        seconds: time of each step.
        file: file of the recipe, if it comes from one.
        trained_in: folder of results whose training of the float network this run shares; None for its own.
    """

    recipe: Recipe
    folder: Path
    seconds: dict[str, float] = field(default_factory=dict)
    file: Path | None = None
    trained_in: Path | None = None

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Measures the time of a step that reports its progress itself."""
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start

    @contextmanager
    def step(self, name: str, text: str, total: float | None = None, unit: str = "") -> Iterator[Task]:
        """Measures the time of a step, and reports the step as a task."""
        with self.timed(name), task(text, total, unit) as reported:
            yield reported


def check_settings(run: Run, network: MultiExitNetwork) -> None:
    """Checks in a second for errors that later steps would raise: before data are read, and before the training.

    Raises:
        HwcodesignError: settings of the policy or the hardware are not supported, a folder cannot be used, or a
            compiler is missing.
    """
    policy, hardware = run.recipe.policy, run.recipe.compile
    if isinstance(network, FloatNetwork) and run.recipe.quantisation:
        network = untrained(network, run.recipe.quantisation)
    check_budget(policy.budget, network.costs().fractions)
    check_target(run.folder / DESIGN)
    policy.given(heads_of(network, policy.temperature))
    own = files_of(policy.known.name)
    if own:
        own.check()
    find_compiler("csim")
    check_folder(own_cache())
    if hardware.has_rtl:
        find_verilator()


def take_published(run: Run) -> MultiExitNetwork:
    """Puts the trained weights that come with the package into the run's folder, where later steps find them.

    Raises:
        CheckpointError: none come with it, or the folder has a training of its own.
    """
    network, folder = run.recipe.published(), _network_folder(run)
    if (folder / CHECKPOINT).exists() and not is_published(folder):
        raise CheckpointError(f"{folder} holds a training: remove it, or name another folder with --out")
    with claimed_folder(folder):
        save_published(folder, network)
    return network


def check_before_training(run: Run, network: MultiExitNetwork) -> None:
    """Checks that the network can be compiled, before the training, which is long.

    Raises:
        HwcodesignError: a layer, or its format, is not supported.
    """
    if isinstance(network, FloatNetwork) and run.recipe.quantisation:
        network = untrained(network, run.recipe.quantisation)
    with run.timed("check"):
        check_compiles(network, run.recipe.compile)


def trained_network(run: Run, data: Dataset, device: str = "cpu") -> MultiExitNetwork:
    """Trains the network on a device, or continues an interrupted training; then quantises it, if it is to be.

    Weights that came with the package, and were put into the run's folder, are not trained again.
    """
    if is_published(_network_folder(run)):
        return read_network(run)
    network = run.recipe.build()
    with run.timed("training"):
        folder = (run.trained_in or run.folder) / TRAINING
        train(network, data, *run.recipe.training, checkpoint=folder, device=device)
    if isinstance(network, FloatNetwork) and run.recipe.quantisation:
        with run.timed("quantisation"):
            return quantised(network, data, run.recipe.quantisation, folder=run.folder / QUANTISED, device=device)
    return network


def _network_folder(run: Run) -> Path:
    """Returns where the network is that is compiled."""
    return run.folder / (TRAINING if run.recipe.quantisation is None else QUANTISED)


def read_network(run: Run) -> MultiExitNetwork:
    """Reads the network of a finished training.

    Raises:
        CheckpointError: there is no finished training.
    """
    network, asked, folder = run.recipe.build(), run.recipe.quantisation, _network_folder(run)
    if asked is None:
        found = network if load_trained(folder, network) else None
    else:
        assert isinstance(network, FloatNetwork)
        found = read_quantised(network, asked, folder)
    if found is None:
        raise CheckpointError(f"{folder} holds no finished training: run hwcodesign train {run.recipe.name} first")
    return found


def fitted_policy(run: Run, network: MultiExitNetwork, data: Dataset) -> ExitPolicy:
    """Fits the recipe's policy on the fitting split and writes it."""
    with run.timed("fitting"):
        policy = _fit(network, data, run.recipe.policy)
    write_json(run.folder / POLICY, policy.to_json())
    return policy


def former_policy(run: Run) -> ExitPolicy | None:
    """Returns the policy of an earlier run if it can be read, else None."""
    try:
        return read_policy(run)
    except PolicyError:
        return None


def read_policy(run: Run) -> ExitPolicy:
    """Reads the policy of an earlier run.

    Raises:
        PolicyError: there is no policy, or the file is damaged.
    """
    path = run.folder / POLICY
    if not path.exists():
        raise PolicyError(f"{path} does not exist: run hwcodesign fit {run.recipe.name} first")
    try:
        return ExitPolicy.from_json(read_json(path))
    except (FieldError, PolicyError) as error:
        raise PolicyError(
            f"{path} is not a policy file ({error}): run hwcodesign fit {run.recipe.name} again"
        ) from None


def stale_results(run: Run, policy: ExitPolicy) -> list[Path]:
    """Returns results in the run's folder that were generated with another policy, or a design that cannot be read."""
    design, report = run.folder / DESIGN, run.folder / REPORT
    if not (design / MANIFEST).exists():
        return []
    try:
        if load(design).policy == policy:
            return []
    except DesignError:
        pass
    return [path for path in (design, report) if path.exists()]


def read_design(run: Run) -> Design:
    """Reads the design of an earlier run.

    Raises:
        DesignError: there is no design, or it was altered.
    """
    folder = run.folder / DESIGN
    if not folder.exists():
        raise DesignError(
            f"there is no design, {folder} does not exist: run hwcodesign compile {run.recipe.name} first"
        )
    return load(folder)


def compiled_design(run: Run, network: MultiExitNetwork, policy: ExitPolicy) -> Design:
    """Generates the hardware sources into design/."""
    with run.timed("compile"):
        return compile(network, policy, run.recipe.compile, out=run.folder / DESIGN, name=run.recipe.name)


def verify(run: Run, network: MultiExitNetwork, design: Design, images: NDArray[Any]) -> Verified:
    """Runs every backend, and compares each with Brevitas: software on all images, the simulations on as many as the
    recipe says.

    Raises:
        MismatchError: any two differ anywhere.
    """
    return verify_backends(run, network, design, images, run.recipe.simulated)


def measure(
    run: Run,
    network: MultiExitNetwork,
    design: Design,
    data: Dataset,
    verified: Verified,
) -> tuple[Report, Results]:
    """Returns the report and the data for its figures; only this function reads the test split."""
    test, policy, costs = data.test, design.policy, network.costs()
    logits = design.logits(test.images)
    statistics = ExitStatistics.of(policy, logits, test.labels, costs.fractions)
    chosen = evaluate(statistics, policy.threshold_codes[:-1])
    with run.step("criteria", "fitting every criterion", len(CRITERIA), "criteria") as reported:
        # of the design, which has been compared with the network: much faster than Brevitas, and the same
        planned = design.logits(data.fitting.images)
        criteria, curves, left_out = _criteria(network, design, data, planned, logits, run.recipe.policy, reported)
    each = [float(fraction) for fraction in statistics.correct.mean(axis=1)]
    hardware, shown = None, None
    with run.step("cycles", "measuring cycles in RTL"):
        built = Hardware.of(design.accelerator) if design.has_rtl else None
        if built is not None and verified.stream is not None:
            hardware = hardware_report(design, built, test.images[:1], verified.stream, statistics)
            shown = first_samples(design, test.images, hardware)
    report: Report = {
        "report_version": REPORT_VERSION,
        "name": run.recipe.name,
        "dataset": data.name,
        "seed": run.recipe.training[0].seed,
        "exits": network.exits,
        "classes": policy.classes,
        "splits": {"training": len(data.training), "fitting": len(data.fitting), "test": len(test)},
        "policy": {
            "criterion": policy.criterion_name,
            "unit": policy.criterion.unit,
            "thresholds": list(policy.thresholds),
            "method": policy.fitted_on.method,
            "float_disagreement": float_disagreement(policy, logits),
        },
        "accuracy": {
            "early_exit": float((verified.records["label"] == test.labels).mean()),
            "last_exit": each[-1],
            "each_exit": each,
            "best_single_exit": best_single_exit(costs, each, verified.records["exit"]),
        },
        "exit_rate": list(chosen.exit_rate),
        "exit_accuracy": _exit_accuracy(verified.records, test.labels, network.exits),
        "macs": {"full": costs.full, "at_exit": list(costs.at_exit), "average": chosen.cost * costs.full},
        "macs_fraction": chosen.cost,
        "criteria": criteria,
        "curves": {name: [_curve_point(point) for point in curve] for name, curve in curves.items()},
        "left_out": left_out,
        "network": segment_reports(design, built),
        "resources": resources_report(design, built) if built is not None else None,
        "operations": operations_reports(design.accelerator),
        "hardware": hardware,
        "comparisons": [_comparison_report(comparison) for comparison in verified.comparisons],
        "overthinking": int((statistics.correct[:-1].any(axis=0) & ~statistics.correct[-1]).sum()),
        "seconds": dict(run.seconds),
        "versions": design.manifest["tools"],
        "provenance": provenance(design, run.file),
    }
    fitting = ExitStatistics.of(policy, planned, data.fitting.labels, costs.fractions)
    outcomes = outcomes_of(policy, (fitting, statistics), test.images, verified.records)
    return report, Results(statistics, verified.records, curves, chosen, costs, outcomes, shown)


def write_report(run: Run, report: Report, results: Results) -> None:
    """Writes report.json, and beside it what the page shows of samples: outcomes, timeline and trace."""
    write_outcomes(run.folder / OUTCOMES, results.outcomes)
    if results.timeline is not None and report["hardware"] is not None:
        write_timeline(results.timeline, run.folder / TIMELINE)
        write_trace(results.timeline, report["name"], report["hardware"]["clock_mhz"], run.folder / TRACE)
    else:
        for name in (TIMELINE, TRACE):
            (run.folder / name).unlink(missing_ok=True)  # of a former run, which had them
    write_json(run.folder / REPORT, report)


def _fit(
    network: MultiExitNetwork,
    data: Dataset,
    request: PolicyRequest,
    logits: Sequence[NDArray[np.int64]] | None = None,
) -> ExitPolicy:
    return fit_policy(network, (data.fitting.images, data.fitting.labels), request, logits=logits)


def _criteria(
    network: MultiExitNetwork,
    design: Design,
    data: Dataset,
    fitting_logits: list[NDArray[np.int64]],
    logits: list[NDArray[np.int64]],
    settings: PolicyRequest,
    reported: Task,
) -> tuple[dict[str, CriterionReport], dict[str, list[OperatingPoint]], dict[str, str]]:
    """Fits every criterion to the recipe's request on the fitting split, and measures it on the test split.

    If the request is thresholds, which belong to one criterion, the others get a budget equal to the cost of these
    thresholds.

    Returns:
        Figures and curves by name; and of criteria that are left out the reason.
    """
    figures: dict[str, CriterionReport] = {}
    curves: dict[str, list[OperatingPoint]] = {}
    left_out: dict[str, str] = {}
    costs = network.costs().fractions
    others = settings
    if settings.thresholds is not None:
        planned = ExitStatistics.of(design.policy, fitting_logits, data.fitting.labels, costs)
        budget = evaluate(planned, design.policy.threshold_codes[:-1]).cost
        others = dataclasses.replace(settings, thresholds=None, budget=budget)
    for name in _counted(sorted(CRITERIA), reported):
        try:
            request = settings if name == settings.known.name else others.of(name)
            policy = _fit(network, data, request, fitting_logits)
        except PolicyError as error:  # patience cannot meet a small budget, a network without gates has none to read
            if name == settings.known.name:
                raise
            left_out[name] = str(error)
            continue
        test = ExitStatistics.of(policy, logits, data.test.labels, costs)
        fitting = ExitStatistics.of(policy, fitting_logits, data.fitting.labels, costs)
        point = evaluate(test, policy.threshold_codes[:-1])
        figures[name] = {
            "accuracy": point.accuracy,
            "macs_fraction": point.cost,
            "exit_rate": list(point.exit_rate),
            "float_disagreement": float_disagreement(policy, logits),
            "note": policy.fitted_on.note,
        }
        traced = {evaluate(test, planned.codes) for planned in cost_curve(policy, fitting)}
        curves[name] = sorted(traced | {point}, key=lambda on: (on.cost, on.accuracy))
    return figures, curves, left_out


def _counted(names: Iterable[str], reported: Task) -> Iterator[str]:
    """Yields the names; each is reported as done when the next one is taken."""
    for name in names:
        yield name
        reported.advance()


def best_single_exit(costs: ExitCosts, accuracy: list[float], taken: NDArray[np.int64]) -> SingleExit | None:
    """Returns the most accurate network with one exit alone that costs no more than the policy on average.

    Args:
        costs: of the network.
        accuracy: of each exit alone, as a fraction.
        taken: (N,) exit at which the policy lets each image leave.
    """
    spent = int(np.asarray(costs.at_exit)[taken].sum())
    singles: list[SingleExit] = [
        {"exit": k, "accuracy": accuracy[k], "macs_fraction": cost / costs.full}
        for k, cost in enumerate(costs.single)
        if cost * len(taken) <= spent
    ]
    return max(singles, key=lambda single: single["accuracy"]) if singles else None


def _curve_point(point: OperatingPoint) -> CurvePoint:
    return {"accuracy": point.accuracy, "macs_fraction": point.cost, "exit_rate": list(point.exit_rate)}


def _comparison_report(comparison: Comparison) -> ComparisonReport:
    return {
        "backends": list(comparison.backends),
        "what": comparison.what,
        "samples": comparison.samples,
        "values": comparison.values,
        "mismatches": comparison.mismatches,
    }


def _exit_accuracy(records: Records, labels: NDArray[np.int64], exits: int) -> list[float | None]:
    right = records["label"] == labels
    return [float(right[records["exit"] == k].mean()) if (records["exit"] == k).any() else None for k in range(exits)]
