"""The report in the terminal and as tables, from made-up results."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest

rich_console = pytest.importorskip("rich.console")

from hwcodesign.report import summary  # noqa: E402
from hwcodesign.report.schema import Report  # noqa: E402
from hwcodesign.report.terminal import print_report  # noqa: E402
from tests.made_up_reports import make_report  # noqa: E402


def printed(report: Report, width: int, *, terminal: bool = False, **more: Any) -> str:
    out = io.StringIO()
    console = rich_console.Console(
        file=out, width=width, force_terminal=terminal, color_system="standard" if terminal else None
    )
    print_report(report, console, **more)
    return out.getvalue()


def test_accuracy_against_deadline_is_a_table() -> None:
    report = make_report(2)
    found = summary.named_tables(report)["deadlines"]
    assert found.title == "Accuracy against deadline"
    rows = [[cell.text for cell in row] for row in found.rows]
    assert rows == [["exit 0", "137", "97.25%", "92.0%"], ["exit 1", "1,055", "98.00%", "100.0%"]]


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
        ["level 0", "100.0%", "1,500", "9,000", "12", "1.5", "8"],
        ["  without exits", "100.0%", "1,400", "8,000", "10", "1", "-"],
        ["level 1", "25.0%", "100", "1,000", "4", "4", "-"],
        ["  without exits", "100.0%", "700", "5,000", "30", "2", "-"],
    ]
    lines = printed(report, 80).partition("What each level takes\n")[2].splitlines()
    in_terminal = [line.split() for line in lines if line.lstrip().startswith(("level ", "without exits "))]
    assert in_terminal == [
        ["level", "0", "100.0%", "1,500", "9,000", "12", "1.5", "8"],
        ["without", "exits", "100.0%", "1,400", "8,000", "10", "1", "-"],
        ["level", "1", "25.0%", "100", "1,000", "4", "4", "-"],
        ["without", "exits", "100.0%", "700", "5,000", "30", "2", "-"],
    ]
    said = " ".join(note.text for note in table.notes)
    sums = "1,600 multipliers instead of 2,100, 10,000 LUTs instead of 13,000 and 16 DSP blocks instead of 40"
    assert f"All levels take {sums}." in said
    assert "Estimated, not synthesised" in said
    assert "These are more" not in said
    report["hardware"]["levels"][1]["without"] = None
    table = {table.title: table for table in summary.tables(report)}["What each level takes"]
    assert [cell.text for cell in table.rows[3]] == ["  without exits", "100.0%", "too slow", "-", "-", "-", "-"]
    said = " ".join(note.text for note in table.notes)
    assert "All levels" not in said
    assert "(too slow: no choice is as fast)" in said
    report["hardware"]["levels"][1]["without"] = {"multipliers": 50, "lut": 500, "dsp": 3, "bram18": 4}
    table = {table.title: table for table in summary.tables(report)}["What each level takes"]
    assert "1,600 multipliers instead of 1,450" in " ".join(note.text for note in table.notes)
    assert "These are more than without exits" in " ".join(note.text for note in table.notes)


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


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (563_210.4, "563,210"), (12_345_678, "12.35 M"), (12_345_678_901, "12.35 G")]
)
def test_counts_are_exact_until_they_are_long(value: float, text: str) -> None:
    assert summary.count(value) == text
