"""The report: figures, the terminal summary and the page, from made-up results."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
rich_console = pytest.importorskip("rich.console")

from matplotlib.figure import Figure  # noqa: E402

from hwcodesign.fitting.search import OperatingPoint  # noqa: E402
from hwcodesign.interface.records import FLAG_FINAL, Records, empty_records  # noqa: E402
from hwcodesign.report import figures, summary  # noqa: E402
from hwcodesign.report.page import write_page  # noqa: E402
from hwcodesign.report.schema import REPORT_VERSION, Report  # noqa: E402
from hwcodesign.report.terminal import print_report  # noqa: E402

PNG = b"\x89PNG\r\n\x1a\n"


def make_report(exits: int = 3, mismatches: int = 0, cheap: bool = True) -> Report:
    rate = [1 / exits] * exits
    criteria = ("max_softmax", "entropy", "margin", "patience")
    return {
        "report_version": REPORT_VERSION,
        "name": "digits-small",
        "dataset": "digits",
        "seed": 7,
        "exits": exits,
        "classes": 10,
        "splits": {"training": 1000, "fitting": 397, "test": 400},
        "policy": {
            "criterion": "max_softmax",
            "unit": "probability",
            "thresholds": [0.9125, *[None] * (exits - 2)],
            "method": "accuracy_drop=0.005",
            "float_disagreement": 0.0025,
        },
        "accuracy": {
            "early_exit": 0.97,
            "last_exit": 0.9725,
            "each_exit": [0.9 + 0.0725 * k / (exits - 1) for k in range(exits)],
            "best_single_exit": {"exit": 0, "accuracy": 0.9, "macs_fraction": 0.3} if cheap else None,
        },
        "exit_rate": rate,
        "exit_accuracy": [0.9925, *[None] * (exits - 2), 0.9325],
        "macs": {"full": 1_234_568, "at_exit": [370_370 + 1000 * k for k in range(exits)], "average": 563_210.4},
        "macs_fraction": 0.4562,
        "criteria": {
            name: {
                "accuracy": 0.97 - 0.0025 * k,
                "macs_fraction": 0.4562 + 0.05 * k,
                "exit_rate": rate,
                "float_disagreement": 0.0025,
                "note": "cannot leave with two exits" if name == "patience" else "",
            }
            for k, name in enumerate(criteria)
        },
        "left_out": {"gate": "heads give none"},
        "comparisons": [
            {
                "backends": ["software", "csim"],
                "what": f"records ({name})",
                "samples": 400,
                "values": 2000,
                "mismatches": mismatches if name == "margin" else 0,
            }
            for name in criteria
        ],
        "overthinking": 6,
        "seconds": {"training": 41.25, "compiling": 8.5},
        "versions": {"hwcodesign": "0.1.0", "numpy": "1.26.4"},
    }


def make_records(exits: list[int], labels: np.ndarray[Any, Any]) -> Records:
    """Final records that are wrong for every fifth image."""
    records = empty_records(len(exits))
    records["sample_id"] = np.arange(len(exits))
    records["exit"] = exits
    records["score"] = np.arange(len(exits)) * 37 % 101 - 50
    records["label"] = np.where(np.arange(len(exits)) % 5 == 0, (labels + 1) % 2, labels)
    records["flags"] = FLAG_FINAL
    return records


def rising_curve(points: int, exits: int) -> list[OperatingPoint]:
    rate = (1 / exits,) * exits
    return [OperatingPoint((k,), 0.8 + 0.17 * k / points, 0.3 + 0.7 * k / points, rate) for k in range(1, points + 1)]


def printed(report: Report, width: int, *, terminal: bool = False, **more: Any) -> str:
    out = io.StringIO()
    console = rich_console.Console(
        file=out, width=width, force_terminal=terminal, color_system="standard" if terminal else None
    )
    print_report(report, console, **more)
    return out.getvalue()


@pytest.mark.parametrize("exits", [2, 3, 4, 5])
def test_every_figure_is_drawn_and_the_same_data_give_the_same_bytes(tmp_path: Path, exits: int) -> None:
    rng = np.random.default_rng(exits)
    labels = rng.integers(0, 2, 60)
    left = rng.integers(0, exits, 60)
    images = rng.integers(0, 17, (60, 1, 8, 8))
    curve = rising_curve(12, exits)
    singles = [(f"exit {k}", (k + 1) / exits, 0.5 + 0.47 * k / (exits - 1)) for k in range(exits)]
    everything = {"max_softmax": curve, "patience": [OperatingPoint((1,), 0.97, 1.0, (0.0,) * (exits - 1) + (1.0,))]}
    drawings: dict[str, Callable[[], Figure]] = {
        summary.COST_CURVE: lambda: figures.cost_curve_figure(everything, ("max_softmax", curve[6]), singles, 0.97),
        summary.EXIT_RATE: lambda: figures.exit_rate_figure(left, labels, 2, exits),
        summary.EXTREME_IMAGES: lambda: figures.extreme_images_figure(
            images, make_records(left.tolist(), labels), labels, 6, exits
        ),
        summary.DEADLINE: lambda: figures.deadline_figure(
            [(100.0 * (k + 1), 0.8 + 0.15 * k / exits, (k + 1) / exits) for k in range(exits)]
        ),
    }
    for name, draw in drawings.items():
        figures.save(draw(), tmp_path / "a" / name)
        figures.save(draw(), tmp_path / "b" / name)
        first = (tmp_path / "a" / name).read_bytes()
        assert first.startswith(PNG)
        assert first == (tmp_path / "b" / name).read_bytes()
        assert b"Software" not in first
        assert b"tIME" not in first


def test_figures_leave_the_users_settings_alone_and_do_not_depend_on_them(tmp_path: Path) -> None:
    labels = np.array([0, 1, 1, 0])
    left = np.array([0, 1, 0, 0])
    figures.save(figures.exit_rate_figure(left, labels, 2), tmp_path / "plain.png")
    with matplotlib.rc_context({"font.size": 23, "axes.facecolor": "red"}):
        figures.save(figures.exit_rate_figure(left, labels, 2), tmp_path / "odd.png")
        assert matplotlib.rcParams["font.size"] == 23
    assert (tmp_path / "plain.png").read_bytes() == (tmp_path / "odd.png").read_bytes()


def texts(figure: Any) -> list[str]:
    """Every piece of text in a figure that is not empty."""
    found = figure.findobj(lambda artist: hasattr(artist, "get_text"))
    return [artist.get_text() for artist in found if artist.get_text()]


def test_the_chosen_point_and_exits_below_the_axes_are_named_with_their_numbers() -> None:
    curve = rising_curve(5, 2)
    figure = figures.cost_curve_figure(
        {"margin": curve}, ("margin", curve[3]), [("exit 0", 0.4, 0.31), ("exit 1", 1.0, 0.97)], 0.97, "400 test images"
    )
    found = texts(figure)
    assert "margin\naccuracy 93.60%\ncost 86.0%" in found
    assert "exit 0, 31.0%" in found
    assert "exit 1" in found
    assert "last exit 97.00%" in found
    assert any("400 test images" in text for text in found)
    bottom, top = figure.axes[0].get_ylim()
    assert 0.8 < bottom < 0.936 < top < 1.0


def test_accuracy_against_deadline_is_a_table_and_steps_that_begin_with_the_first_answer() -> None:
    report = make_report(2)
    report["hardware"] = {
        "clock_mhz": 100.0,
        "cycles_per_image": 72.2,
        "images_per_second": 1e8 / 72.2,
        "bound": 72.0,
        "exits": [
            {"latency_predicted": c, "latency": c, "interval_predicted": 72, "interval": 72} for c in (137, 1_055)
        ],
        "buffers": [(3, 4)],
        "deadlines": [
            {"cycles": 137.0, "accuracy": 0.9725, "final": 0.92},
            {"cycles": 1055.0, "accuracy": 0.98, "final": 1.0},
        ],
    }
    found = {table.title: table for table in summary.tables(report)}
    rows = [[cell.text for cell in row] for row in found["Accuracy against deadline"].rows]
    assert rows == [["exit 0", "137", "97.25%", "92.0%"], ["exit 1", "1,055", "98.00%", "100.0%"]]
    figure = figures.deadline_figure([(137.0, 0.9725, 0.92), (1055.0, 0.98, 1.0)])
    line = figure.axes[0].get_lines()[0]
    assert line.get_xydata()[:3].tolist() == [[0.0, 0.0], [137.0, 0.9725], [1055.0, 0.98]]
    assert {"exit 0, 97.2%", "exit 1, 98.0%"} <= set(texts(figure))


def test_what_exits_save_stands_level_by_level() -> None:
    report = make_report(2)
    report["hardware"] = {
        "clock_mhz": 100.0,
        "cycles_per_image": 72.2,
        "images_per_second": 1e6,
        "bound": 72.0,
        "exits": [],
        "buffers": [(3, 4)],
        "deadlines": [],
        "levels": [
            {
                "reached": 1.0,
                "taken": {"multipliers": 1_500, "lut": 9_000, "dsp": 12, "bram18": 3},
                "buffer_bits": 8_192,
                "without": {"multipliers": 1_400, "lut": 8_000, "dsp": 10, "bram18": 2},
            },
            {
                "reached": 0.25,
                "taken": {"multipliers": 100, "lut": 1_000, "dsp": 4, "bram18": 8},
                "buffer_bits": 0,
                "without": {"multipliers": 700, "lut": 5_000, "dsp": 30, "bram18": 4},
            },
        ],
    }  # type: ignore[typeddict-item]
    table = {table.title: table for table in summary.tables(report)}["What each level takes"]
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["level 0", "100.0%", "1,500", "9,000", "12", "1.5", "8", "1,400", "8,000", "10", "1"],
        ["level 1", "25.0%", "100", "1,000", "4", "4", "-", "700", "5,000", "30", "2"],
    ]
    said = " ".join(note.text for note in table.notes)
    sums = "1,600 multipliers instead of 2,100, 10,000 LUTs instead of 13,000 and 16 DSP blocks instead of 40"
    assert f"All levels take {sums}." in said
    assert "Estimated, not synthesised" in said
    report["hardware"]["levels"][1]["without"] = None
    table = {table.title: table for table in summary.tables(report)}["What each level takes"]
    assert [cell.text for cell in table.rows[1]][-4:] == ["cannot be as fast", "-", "-", "-"]
    assert "All levels" not in " ".join(note.text for note in table.notes)


def test_a_lone_point_at_the_last_exit_can_be_drawn(tmp_path: Path) -> None:
    point = OperatingPoint((1,), 0.95, 1.0, (0.0, 1.0))
    figures.save(
        figures.cost_curve_figure({"patience": [point]}, ("patience", point), [("exit 1", 1.0, 0.95)], 0.95),
        tmp_path / "point.png",
    )
    figures.save(figures.cost_curve_figure({"patience": []}, ("patience", point), [], 0.95), tmp_path / "bare.png")


def test_a_class_without_images_and_an_exit_nobody_left_at_say_so() -> None:
    labels = np.array([0, 0, 1, 1, 1])
    left = [0, 2, 2, 0, 0]
    assert "no images" in texts(figures.exit_rate_figure(np.array(left), labels, 3, 4))
    images = np.arange(5 * 3 * 16).reshape(5, 3, 4, 4)
    found = texts(figures.extreme_images_figure(images, make_records(left, labels), labels, 8, 4))
    assert "exit 1: no image left here" in found
    assert "exit 3: no image left here" in found
    assert "exit 2: 2 of 5 images left here" in found


def test_no_image_is_shown_twice_and_wrong_ones_carry_the_true_class() -> None:
    labels = np.zeros(5, dtype=np.int64)
    figure = figures.extreme_images_figure(np.zeros((5, 1, 4, 4)), make_records([0] * 5, labels), labels, 4)
    thumbnails = [text for text in texts(figure) if text[0] in "✓✗" and "predicted" not in text]
    assert sorted(thumbnails) == ["✓ 0"] * 4 + ["✗ 1, is 0"]


def test_only_final_records_count() -> None:
    labels = np.zeros(4, dtype=np.int64)
    records = make_records([0, 0, 1, 1], labels)
    early = records[2:].copy()
    early["exit"], early["flags"] = 0, 0
    found = texts(figures.extreme_images_figure(np.zeros((4, 1, 4, 4)), np.concatenate([early, records]), labels, 4))
    assert "exit 0: 2 of 4 images left here" in found


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("exits", [2, 3, 5])
@pytest.mark.parametrize("terminal", [False, True])
def test_the_terminal_shows_every_number_whole(width: int, exits: int, terminal: bool) -> None:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", printed(make_report(exits), width, terminal=terminal))
    lines = plain.splitlines()
    assert max(map(len, lines)) <= width
    assert "…" not in plain
    early = next(line for line in lines if "with early exits" in line)
    assert all(number in early for number in ("97.00%", "563,210", "45.6%"))
    last = next(line for line in lines if "last exit alone" in line)
    assert all(number in last for number in ("97.25%", "1,234,568", "100.0%"))
    for name in ("entropy", "margin", "patience"):
        row = next(line for line in lines if line.strip().startswith(f"{name} "))
        assert "0.25%" in row
    assert plain.count("2,000") == 4
    assert "All compared backends agree in every bit." in plain
    assert "patience: cannot leave with two exits" in plain
    assert "gate is left out: heads give none" in plain
    assert "Overthinking: 6 test images" in plain


def test_every_number_of_the_report_stands_in_its_place() -> None:
    found = {table.title: table for table in summary.tables(make_report())}

    def cells(title: str) -> list[list[str]]:
        return [[cell.text for cell in row] for row in found[title].rows]

    bought = found["Gain of early exit"]
    assert cells(bought.title) == [
        ["with early exits", "97.00%", "563,210", "45.6%", "33%  33%  33%"],
        ["last exit alone", "97.25%", "1,234,568", "100.0%", "all at exit 2"],
        ["best single exit that needs no more MACs", "90.00%", "370,370", "30.0%", "all at exit 0"],
    ]
    assert [note.text for note in bought.notes] == [
        "With early exits the network is 0.25 points less accurate than the last exit and needs 45.6% of its MACs. "
        "Exit 0 alone is 7.00 points less accurate than the early exits.",
        "Overthinking: 6 test images are classified correctly by an earlier exit and wrongly by the last.",
    ]
    assert cells("Each exit") == [
        ["exit 0", "0.9125", "33.3%", "99.25%", "90.00%", "370,370"],
        ["exit 1", "never leaves", "33.3%", "-", "93.62%", "371,370"],
        ["exit 2", "-", "33.3%", "93.25%", "97.25%", "372,370"],
    ]
    assert cells("Criteria, each at its own thresholds") == [
        ["max_softmax (used)", "97.00%", "45.6%", "0.25%", "33%  33%  33%"],
        ["entropy", "96.75%", "50.6%", "0.25%", "33%  33%  33%"],
        ["margin", "96.50%", "55.6%", "0.25%", "33%  33%  33%"],
        ["patience", "96.25%", "60.6%", "0.25%", "33%  33%  33%"],
    ]
    assert cells("Comparison of the backends")[2] == ["software = csim", "records (margin)", "400", "2,000", "0"]
    better = make_report()
    better["accuracy"]["early_exit"] = 0.99
    assert "is 1.75 points more accurate than the last exit" in summary.tables(better)[0].notes[0].text


def test_bars_of_a_class_are_the_exit_rates_of_its_own_images() -> None:
    exits, labels = np.array([0, 0, 1, 0, 1, 1, 1, 1]), np.array([0, 0, 0, 0, 1, 1, 2, 2])
    axes = figures.exit_rate_figure(exits, labels, 3, 2).axes[0]
    drawn = {
        (round(bar.get_y() + bar.get_height() / 2, 2), round(bar.get_x(), 3)): bar.get_width()
        for bar in axes.patches
        if bar.get_width()
    }
    heights = [round(float(y), 2) for y in axes.get_yticks()]
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        "all  (8)",
        "class 0  (4)",
        "class 1  (2)",
        "class 2  (2)",
    ]
    assert drawn == {
        (heights[0], 0.0): 0.375,
        (heights[0], 0.375): 0.625,
        (heights[1], 0.0): 0.75,
        (heights[1], 0.75): 0.25,
        (heights[2], 0.0): 1.0,
        (heights[3], 0.0): 1.0,
    }


def test_the_best_single_exit_may_be_missing() -> None:
    assert "no exit needs so few MACs" in printed(make_report(cheap=False), 80)


def test_mismatches_are_marked_in_words_and_in_red() -> None:
    report = make_report(mismatches=3)
    plain = " ".join(printed(report, 80).split())
    assert "MISMATCH: software and csim differ in 3 of 2,000 values of records (margin)." in plain
    assert "agree in every bit" not in plain
    coloured = printed(report, 80, terminal=True)
    assert re.search(r"\x1b\[1;31m *3\x1b", coloured)
    assert re.search(r"\x1b\[1;32m *0\x1b", coloured)


def test_a_report_without_comparisons_does_not_claim_agreement() -> None:
    report = make_report()
    report["comparisons"] = []
    text = printed(report, 80)
    assert "No backends were compared." in text
    assert "agree in every bit" not in text


def test_names_are_not_taken_for_markup_and_paths_are_not_folded() -> None:
    report = make_report()
    report["name"] = "[red]run[/red]"
    long = Path("/", *["a-long-folder-name"] * 6, "report.html")
    text = printed(report, 80, files={"page": long})
    assert "[red]run[/red]" in text
    assert str(long) in text


class Structure(HTMLParser):
    """Collects images, checks that elements close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag == "img":
            self.images.append(str(dict(attrs)["src"]))
        elif tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_escapes_names_and_links_only_figures_that_are_there(tmp_path: Path) -> None:
    report = make_report(mismatches=3)
    attack = "<script>alert('x')</script>"
    report["name"] = report["dataset"] = attack
    report["comparisons"][0]["what"] = report["comparisons"][0]["backends"][0] = attack
    report["criteria"][attack] = report["criteria"]["patience"]
    report["versions"][attack] = attack
    (tmp_path / summary.COST_CURVE).write_bytes(PNG)
    page = write_page(report, tmp_path)
    text = page.read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    structure = Structure()
    structure.feed(text)
    assert structure.open == []
    assert structure.images == [summary.COST_CURVE]
    assert {"main", "table", "figure", "figcaption"} <= structure.seen
    assert '<td class="bad">3</td>' in text
    assert all(number in text for number in ("97.00%", "97.25%", "563,210", "MISMATCH"))


def test_the_page_is_the_same_for_the_same_report(tmp_path: Path) -> None:
    first = write_page(make_report(), tmp_path).read_bytes()
    assert first == write_page(make_report(), tmp_path).read_bytes()


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (563_210.4, "563,210"), (12_345_678, "12.35 M"), (12_345_678_901, "12.35 G")]
)
def test_counts_are_exact_until_they_are_long(value: float, text: str) -> None:
    assert summary.count(value) == text
