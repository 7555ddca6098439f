"""The search for designs: its space, its front, its study that goes on where it stopped, and what it predicts."""

from __future__ import annotations

import dataclasses
import itertools
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
import pytest

from hwcodesign.backends.streamrtl.choice import Request, with_throughput
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.resources import AcceleratorEstimate
from hwcodesign.data import Dataset
from hwcodesign.design import Design
from hwcodesign.designs.boards import board_named
from hwcodesign.errors import DesignError, PolicyError, SettingsError
from hwcodesign.exploration.queues import cycles_per_sample, most_of
from hwcodesign.images import encode_images
from hwcodesign.interface.modes import exit_control
from hwcodesign.networks.leaving_out import with_early_exits
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.policies import ExitPolicy, ExitStatistics
from hwcodesign.search.evaluation import Evaluated, Subject
from hwcodesign.search.exporting import variants_of
from hwcodesign.search.front import Wishes, best_designs, fitting_designs, pareto_front
from hwcodesign.search.space import NO_EXITS, Point, Space, point_of
from hwcodesign.search.storage import FILE
from hwcodesign.search.study import Study
from hwcodesign.search.workers import Team
from tests.evaluating import figures
from tests.marks import CAMPAIGN


@dataclasses.dataclass(frozen=True)
class Evaluates:
    """Stands for a subject."""

    found: Callable[[Point], Evaluated]

    def evaluate(self, point: Point) -> Evaluated:
        return self.found(point)

    def prepare(self, point: Point) -> None:
        pass


SPACE = Space(("margin", "entropy", NO_EXITS), 0.05, 1_000.0, 100_000.0, early_exits=2)


@pytest.fixture
def found(fitted_policy: ExitPolicy) -> dict[int, Evaluated]:
    """Designs by number; 3 is worse than 0 in everything, 6 in one; 4 is as 1, and 5 is larger than the board."""
    rows = [
        (0.9, 10, 5, 0.5),
        (0.8, 20, 5, 0.5),
        (0.9, 10, 4, 0.6),
        (0.8, 9, 6, 0.6),
        (0.8, 20, 5, 0.5),
        (1, 99, 1, 0.9),
        (0.9, 10, 5, 0.7),
    ]
    point = Point("margin", 0.01, 10.0, (0, 1))
    return {i: Evaluated(point, fitted_policy, figures(*row)) for i, row in enumerate(rows)}


# --- the space and the front ---


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"criteria": ("margin", "moon")}, "criterion 'moon' is not known. Known: "),
        ({"criteria": ()}, "criterion '' is not known. Known: "),
        ({"largest_drop": 0.0}, "largest_drop=0 is not a fraction between 0 and 1"),
        ({"slowest": 100_000.0}, "no throughput lies between 100000 and 100000 images/s"),
    ],
)
def test_a_space_without_points_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        dataclasses.replace(SPACE, **change)


@pytest.mark.parametrize(
    ("criterion", "stays", "point"),
    [
        ("margin", (True, False), Point("margin", 0.01, 50.0, (0,))),
        ("margin", (False, False), Point("margin", 0.01, 50.0, (0, 1))),
        (NO_EXITS, (True, True), Point(NO_EXITS, 0.0, 50.0, ())),
    ],
)
def test_a_point_has_the_exits_that_stay(criterion: str, stays: tuple[bool, ...], point: Point) -> None:
    exits = {f"exit{k}": stay for k, stay in enumerate(stays)}
    assert (
        point_of(
            {"criterion": criterion, "accuracy_drop": 0.01, "images_per_second": 50.0, "fills_board": False, **exits}
        )
        == point
    )


def test_the_front_has_what_nothing_is_better_than(found: dict[int, Evaluated]) -> None:
    assert [*pareto_front(found)] == [0, 1, 2]
    assert [*pareto_front(found, share=1.0)] == [0, 1, 2, 5]


@pytest.mark.parametrize(
    ("most", "wishes", "number"),
    [
        ("images_per_second", Wishes(), 1),
        ("accuracy", Wishes(), 0),
        ("mean_us", Wishes(), 2),
        ("share", Wishes(accuracy=0.9), 0),
        ("images_per_second", Wishes(accuracy=0.9, mean_us=4), 2),
    ],
)
def test_the_best_design_is_the_best_of_those_that_meet_the_wishes(
    found: dict[int, Evaluated], most: str, wishes: Wishes, number: int
) -> None:
    assert best_designs(fitting_designs(found), wishes, most) == [number]


def test_several_best_designs_are_different_ones(found: dict[int, Evaluated]) -> None:
    """4 is as 1."""
    assert best_designs(fitting_designs(found), Wishes(), "images_per_second", 4) == [1, 0, 2, 6]


def test_wishes_that_are_not_met_name_the_nearest_design_and_what_binds(found: dict[int, Evaluated]) -> None:
    fitting = fitting_designs(found)
    with pytest.raises(
        SettingsError,
        match=r"no design of 6 meets all wishes; the nearest, number 1, has accuracy 0\.8 instead of 0\.9; with all "
        r"other wishes kept, accuracy can be 0\.8, number 1, or images_per_second can be 10, number 0$",
    ):
        best_designs(fitting, Wishes(accuracy=0.9, images_per_second=20), "share")
    with pytest.raises(SettingsError, match=r"number 2, has p99_us 8 instead of 7; .* p99_us can be 8, number 2$"):
        best_designs(fitting, Wishes(accuracy=0.9, p99_us=7), "share")
    with pytest.raises(SettingsError, match=r"no wish alone binds: give up two or more$"):
        best_designs(fitting, Wishes(accuracy=0.99, p99_us=1), "share")
    with pytest.raises(SettingsError, match=r"by='cost' is not known\. Known: accuracy, images_per_second, mean"):
        best_designs(fitting, Wishes(), "cost")
    with pytest.raises(SettingsError, match="accuracy=0 must be above 0"):
        Wishes(accuracy=0.0)
    with pytest.raises(SettingsError, match="no design was found that fits the board"):
        best_designs({}, Wishes(), "share")


# --- the study ---


@pytest.fixture
def evaluated(fitted_policy: ExitPolicy) -> Evaluates:
    """Figures that follow from the point; entropy has no design."""

    def evaluate(point: Point) -> Evaluated:
        if point.criterion == "entropy":
            raise PolicyError("entropy has none")
        rate, drop = point.images_per_second or 100_000.0, point.accuracy_drop
        return Evaluated(point, fitted_policy, figures(0.9 - drop, rate, 1e6 / rate + 100 * drop, rate / 120_000))

    return Evaluates(evaluate)


def test_a_search_goes_on_where_it_stopped(tmp_path: Path, evaluated: Evaluates) -> None:
    """A worker that was killed within a trial loses that trial alone: the points are those of one that was not."""
    whole = Study.opened(tmp_path / "whole", "a network")
    whole.search(SPACE, Team(evaluated), 24, seed=3)
    first = Study.opened(tmp_path / "parts", "a network")
    first.search(SPACE, Team(evaluated), 15, seed=3)
    first.study.ask()  # and no more of it
    second = Study.opened(tmp_path / "parts", "a network")
    second.search(SPACE, Team(evaluated), 24, seed=3)
    assert [found.point for found in second.designs.values()] == [found.point for found in whole.designs.values()]
    assert [found.figures for found in second.designs.values()] == [found.figures for found in whole.designs.values()]
    assert second.refused == whole.refused == ["entropy has none"] * (24 - len(whole.designs))
    assert 0 < len(whole.refused) < 12
    again = Study.opened(tmp_path / "parts", "a network")
    again.search(SPACE, Team(Evaluates(lambda _: pytest.fail("it was searched again"))), 24, seed=3)


def test_another_seed_finds_other_points(tmp_path: Path, evaluated: Evaluates) -> None:
    points = []
    for seed in (1, 2):
        study = Study.opened(tmp_path / str(seed), "a network")
        study.search(SPACE, Team(evaluated), 6, seed=seed)
        points.append([found.point for found in study.designs.values()])
    assert points[0] != points[1]


def test_a_folder_has_the_search_of_one_network(tmp_path: Path) -> None:
    Study.opened(tmp_path, "a network")
    with pytest.raises(
        SettingsError, match="has a search of a network, and this is one of another: name another folder"
    ):
        Study.opened(tmp_path, "another")


def test_a_folder_has_the_search_of_the_same_criteria(tmp_path: Path, evaluated: Evaluates) -> None:
    """What was found is listed whatever criteria are given: none is tried."""
    study = Study.opened(tmp_path, "a network")
    study.search(SPACE, Team(evaluated), 3, seed=1)
    other = dataclasses.replace(SPACE, criteria=("margin",))
    again = Study.opened(tmp_path, "a network")
    wanted = ",".join(SPACE.criteria)
    with pytest.raises(SettingsError, match=f"criteria {wanted}, .* of margin: give --criteria {wanted}, or"):
        again.search(other, Team(evaluated), 4, seed=1)
    again.search(other, Team(evaluated), 3, seed=1)
    assert again.designs == study.designs


def test_a_damaged_study_is_an_error(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("not a data base, but longer than its head would be" * 40)
    with pytest.raises(DesignError, match=r"study\.db cannot be used: .*; remove it, or name another folder"):
        Study.opened(tmp_path, "a network")


# --- what is predicted ---


@pytest.fixture(scope="module")
def subject(
    trained_network: MultiExitNetwork, digits_data: Dataset, tmp_path_factory: pytest.TempPathFactory
) -> Subject:
    folder = tmp_path_factory.mktemp("kernels")
    return Subject(variants_of(trained_network, digits_data.fitting, board_named("pynq-z2"), folder))


#: What another process does: it reads a subject and points, and says what it finds and whether PyTorch is there.
_ELSEWHERE = """
import pickle, sys
subject, points = pickle.load(sys.stdin.buffer)
found = [subject.evaluate(point) for point in points]
sys.stdout.buffer.write(pickle.dumps((found, "torch" in sys.modules)))
"""


def test_another_process_finds_the_same_without_pytorch(subject: Subject) -> None:
    """Networks do not pass to it: Brevitas makes classes that have no name. To import PyTorch takes it seconds."""
    points = [Point("margin", 0.0, None, (0,)), Point.without_exits(50_000.0)]
    expected = [subject.evaluate(point) for point in points]
    given = pickle.dumps((subject, points))
    done = subprocess.run([sys.executable, "-c", _ELSEWHERE], input=given, capture_output=True, check=True)
    assert pickle.loads(done.stdout) == (expected, False)  # noqa: S301  # our own


def test_what_is_known_of_other_points_changes_no_policy(subject: Subject) -> None:
    """Curves are kept by criterion, and by the exits that stay."""
    asked = itertools.product(("margin", "entropy", "margin"), ((0, 1), (1,)), (0.0, 0.03))
    for criterion, early, drop in asked:
        point = Point(criterion, drop, None, early)
        alone = dataclasses.replace(subject.variants, made={})
        assert subject.variants.policy(point) == alone.policy(point)


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(Point("margin", 0.01, 200_000.0, (0, 1)), id="all exits"),
        pytest.param(Point("margin", 0.01, None, (1,)), id="exit 0 left out, on a full board"),
        pytest.param(Point.without_exits(200_000.0), id="no early exits", marks=CAMPAIGN),
    ],
)
def test_figures_are_those_of_the_design_that_is_compiled(
    subject: Subject, trained_network: MultiExitNetwork, point: Point, tmp_path: Path
) -> None:
    """Cycles of exits and resources as compile says, accuracy and exits as software finds them on the fitting split."""
    from hwcodesign.compilation import compile

    found = subject.evaluate(point)
    network, exits = with_early_exits(trained_network, point.early_exits), len(point.early_exits) + 1
    design = compile(network, found.policy, board="pynq-z2", fit=point.fit, out=tmp_path / "design")
    images, labels = subject.variants.fitting.images, subject.variants.fitting.labels
    records = design.run(images)
    rates = np.bincount(records["exit"], minlength=exits) / len(images)
    assert found.figures.accuracy == (records["label"] == labels).mean()
    assert found.figures.exit_rate == tuple(rates.tolist())
    latencies = [exit_["latency"] for exit_ in design.manifest["cycles"]["exits"]]
    assert found.figures.mean_us * 100 == pytest.approx(float(np.dot(rates, latencies)), rel=1e-12)
    assert found.figures.p99_us == sorted(latencies[k] for k in records["exit"])[int(np.ceil(0.99 * 396))] / 100
    hardware = Hardware.of(design.accelerator)
    waiting = hardware.waiting_latencies(records["exit"].tolist())
    assert found.figures.stream_mean_us == waiting.mean() / 100
    assert found.figures.stream_p99_us == most_of(waiting) / 100
    assert found.figures.resources == AcceleratorEstimate.of(hardware).total.rounded()
    stages, depth = hardware.reading_stages, design.accelerator.buffer_samples
    assert found.figures.images_per_second == 1e8 / cycles_per_sample(stages, records["exit"].tolist(), depth)
    if not point.early_exits:
        codes = encode_images(images, design.accelerator.input_format, design.accelerator.input_shape)
        run = design.rtl.run(codes, exit_control(design.policy), batch=len(codes))
        assert run.cycles / len(codes) == pytest.approx(1e8 / found.figures.images_per_second, rel=0.02)
        for place in ("rtl", "csim"):
            assert np.array_equal(design.run(images[:20], on=place)["label"], records["label"][:20])


def test_hardware_of_exits_that_are_left_out_is_gone(subject: Subject) -> None:
    """Heads, decisions and buffers are those of the exits that stay; a stage does what several did."""
    whole = subject.variants.with_exits((0, 1)).design.accelerator
    one = subject.variants.with_exits((1,)).design.accelerator
    none = subject.variants.with_exits(()).design.accelerator
    assert [accelerator.exits for accelerator in (whole, one, none)] == [3, 2, 1]
    assert [name for name in none.blocks if name.startswith(("fork", "buffer"))] == []
    macs = [sum(segment.macs for segment in accelerator.segments) for accelerator in (whole, one, none)]
    assert macs[0] - macs[1] == whole.heads[0].macs
    assert macs[1] - macs[2] == whole.heads[1].macs
    assert none.stages[0].macs == sum(stage.macs for stage in whole.stages)


def test_kernels_are_kept_for_the_next_search(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = subject.variants.with_exits((1,)).design
    again = dataclasses.replace(subject.variants, made={})
    monkeypatch.setattr("hwcodesign.search.exporting.compile", lambda *_, **__: pytest.fail("it was compiled again"))
    assert again.with_exits((1,)).design.accelerator.configuration_hash == kept.accelerator.configuration_hash


def test_throughput_is_that_of_the_samples_in_their_order(subject: Subject, compiled_design: Design) -> None:
    """Later stages are folded to the samples that reach them, so that many in a row wait."""
    variant = subject.variants.with_exits((0, 1))
    policy = compiled_design.policy
    labels, costs = subject.variants.fitting.labels, variant.design.costs().fractions
    statistics = ExitStatistics.of(policy, variant.logits, labels, costs)
    taken = statistics.exits_taken(policy.threshold_codes[:-1]).tolist()
    rates = tuple((np.bincount(taken, minlength=3) / len(taken)).tolist())
    assert min(rates) > 0
    policy = dataclasses.replace(policy, fitted_on=dataclasses.replace(policy.fitted_on, exit_rate=rates))
    folded = dataclasses.replace(variant.design.accelerator, policy=policy)
    accelerator = with_throughput(Request(folded, {}, subject.board), 200_000)
    stages, depth = Hardware.of(accelerator).reading_stages, accelerator.buffer_samples
    interval = cycles_per_sample(stages, taken, depth)
    assert subject.figures(variant, accelerator).images_per_second == 1e8 / interval
    assert cycles_per_sample(stages, sorted(taken, reverse=True), depth) != interval


def test_what_has_no_design_says_why(subject: Subject) -> None:
    with pytest.raises(SettingsError, match="ask for at most"):
        subject.evaluate(Point.without_exits(90_000_000.0))


def test_no_point_is_faster_than_a_board_where_all_leave_at_once(subject: Subject) -> None:
    fastest = subject.fastest()
    assert fastest >= subject.evaluate(Point("margin", 0.05, fastest / 2, (0, 1))).figures.images_per_second / 2
    with pytest.raises(SettingsError, match="ask for at most"):
        subject.evaluate(Point.without_exits(2 * fastest))


def test_optuna_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str], evaluated: Evaluates) -> None:
    Study.opened(tmp_path, "a network").search(SPACE, Team(evaluated), 3, seed=1)
    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == optuna.logging.ERROR
