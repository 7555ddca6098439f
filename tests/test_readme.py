"""README's figures are those of other pages, and the demo's are ranges that a check holds to what networks give."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import hwcodesign as hw
from benchmarks import readme_figures
from benchmarks.readme_figures import (
    STEPS,
    Range,
    outside,
    readme_row,
    recipe_row,
    rewritten,
    rewritten_readme,
    stated,
    unused,
    widened,
)
from hwcodesign import pipeline
from hwcodesign.data import Dataset
from tests.command_line import hwcodesign
from tests.documents import code_blocks
from tests.marks import CAMPAIGN

ROOT = Path(__file__).resolve().parent.parent
README, PAGE = ROOT / "README.md", ROOT / "docs" / "demo.md"


def test_the_readme_fits_into_a_screen_or_two() -> None:
    assert len(README.read_text().splitlines()) <= 80


def test_its_figures_are_those_of_the_pages_that_commands_write() -> None:
    compared, mismatches = stated_values(
        "docs/verification.md", r"compared ([\d,]+) values .*? found \*\*(\d+) mismatches"
    )
    (share,) = stated_values("docs/demo.md", r"\| `blenet_mnist` \|.*\| ([\d.]+ %) \|")
    gains = [
        stated_values("docs/exploration.md", rf"\| `blenet_mnist` \| {size} \|.*?\*\*([\d.]+)\*\* \|")[0]
        for size in ("10,000", "25,000")
    ]
    table = [row.split("|")[2].strip() for row in README.read_text().splitlines() if row.startswith("| ")]
    digits = readme_row(stated_now()).split("|")[2].strip()
    assert table == ["figure", digits, f"{compared}, {mismatches}", ", ".join(gains), share]


def stated_values(page: str, pattern: str) -> tuple[str, ...]:
    found = re.search(pattern, (ROOT / page).read_text(), re.DOTALL if "verification" in page else 0)
    assert found is not None
    return found.groups()


def test_what_the_demo_starts_is_the_main_job() -> None:
    command = ["make", "--no-print-directory", "--dry-run", "demo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].endswith("hwcodesign run digits")


@CAMPAIGN
def test_the_demos_command_runs_as_it_stands(tmp_path: Path) -> None:
    done = hwcodesign(tmp_path, "run", "digits")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "build" / "digits" / "report.html").is_file()


@CAMPAIGN
def test_its_python_runs_behind_a_module_and_data_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page, (code,) = ROOT / "docs" / "your_network.md", code_blocks(README.read_text(), "python")
    names: dict[str, Any] = {}
    for block in [*code_blocks(page.read_text(), "python")[:2], code]:
        exec(compile(block, str(README), "exec"), names)  # noqa: S102  # our own README
    assert len(names["records"]) == len(names["data"].test.images)


# --- its figures ---


def stated_now() -> dict[str, Range]:
    return stated(PAGE.read_text())


def test_figures_stand_as_the_benchmark_writes_them_the_same_in_all_tables() -> None:
    text, readme = PAGE.read_text(), README.read_text()
    assert rewritten(text, stated(text)) == text
    assert recipe_row(stated(text)) in text
    assert readme_row(stated(text)) in readme
    assert rewritten_readme(readme, stated(text)) == readme


def test_by_the_stated_ranges_every_exit_is_used_and_early_exit_pays_with_every_seed() -> None:
    ranges = stated_now()
    assert all(ranges[f"leaving at exit {k}"].low > 0 for k in range(3))
    assert ranges["gain over the single exit"].low > 0
    assert ranges["MACs"].high < ranges["full MACs"].low / 4
    assert ranges["cycles an image"].high < ranges["interval of exit 1"].low


def test_a_figure_within_its_range_is_no_matter_and_one_outside_is_named_with_seed_range_and_value() -> None:
    ranges = {name: Range(1, 2) for name in STEPS} | {"MACs": Range(9_000, 23_000), "accuracy": Range(96, 98.5)}
    within = {name: span.high for name, span in ranges.items()}
    assert outside(ranges, {1: within, 2: {name: span.low for name, span in ranges.items()}}) == []
    assert outside(ranges, {1: within, 7: within | {"MACs": 23_001.5, "accuracy": 95.75}}) == [
        "seed 7: accuracy is 95.75, demo.md says 96.0 to 98.5",
        "seed 7: MACs is 23001.5, demo.md says 9,000 to 23,000",
    ]


def test_an_exit_that_a_seed_leaves_unused_is_named() -> None:
    figures = {f"leaving at exit {k}": rate for k, rate in enumerate((92.0, 8.0, 0.0))}
    assert unused({3: figures, 4: dict.fromkeys(figures, 1.0)}) == ["seed 3: no test image leaves at exit 2"]


def test_a_check_fails_by_name_and_writing_puts_what_was_found_into_all_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, changed, readme = PAGE.read_text(), tmp_path / "demo.md", tmp_path / "README.md"
    found = {name: span.low for name, span in stated(text).items()} | {"cycles an image": 99.5}
    monkeypatch.setattr(readme_figures, "measured", lambda seed, _: found | {"accuracy": 90.0 + seed / 4})
    monkeypatch.setattr("sys.argv", ["readme_figures"])
    message = r"^seed 1: accuracy is 90\.25, demo\.md says .*\nseed 1: cycles an image is 99\.5"
    with pytest.raises(SystemExit, match=message):
        readme_figures.main()
    changed.write_text(text)
    readme.write_text(README.read_text())
    monkeypatch.setattr(readme_figures, "PAGE", changed)
    monkeypatch.setattr(readme_figures, "README", readme)
    monkeypatch.setattr("sys.argv", ["readme_figures", "--write"])
    readme_figures.main()
    assert stated(changed.read_text())["accuracy"] == Range(89.5, 93.5)
    assert stated(changed.read_text())["cycles an image"] == Range(99, 100)
    assert "| 89.5 to 93.5 / " in changed.read_text()
    assert "| 89.5 to 93.5 % with " in readme.read_text()


def test_ranges_are_rounded_outward_to_whole_steps_and_read_back_as_they_are_written() -> None:
    assert Range.around([96.75, 98.25], 0.5) == Range(96.5, 98.5)
    assert Range.around([11_749, 25_099.5], 1000) == Range(11_000, 26_000)
    assert Range.around([4.9, 4.9], 0.1) == Range(4.9, 4.9)  # though 49 * 0.1 is more than 4.9 in binary
    assert Range.around([137, 137], 1) == Range(137, 137)
    assert Range.around([-0.5, 1.0], 0.25) == Range(-0.5, 1.0)  # what lies on a step is not moved
    for span, step, text in (
        (Range(96.5, 98.5), 0.5, "96.5 to 98.5"),
        (Range(11_000, 26_000), 1000, "11,000 to 26,000"),
        (Range(137, 137), 1, "137"),
        (Range(-0.5, 1.0), 0.25, "-0.50 to +1.00"),
    ):
        assert span.text(step, signed=step == 0.25) == text
        assert Range.read(text) == span


def test_a_written_range_is_a_quarter_wider_at_each_end_and_ends_at_a_whole() -> None:
    assert widened("MACs", [1000, 1800, 1400]) == [800, 2000]
    assert widened("leaving at exit 0", [80, 96]) == [76, 100]
    assert widened("latency of exit 0", [137, 137]) == [137, 137]


def test_figures_that_were_changed_by_hand_are_refused() -> None:
    text, row = PAGE.read_text(), recipe_row(stated_now())
    with pytest.raises(ValueError, match=r"demo\.md has no block of figures"):
        stated(text.replace("| with early exits |", "| early exits |"))
    with pytest.raises(ValueError, match="row of `digits` does not have its block's figures"):
        stated(text.replace(row, row.replace("400 test images | ", "400 test images | 1")))


@CAMPAIGN
def test_the_default_recipe_sends_test_images_to_every_exit_for_a_fraction_of_the_cost(
    tmp_path: Path, digits_data: Dataset
) -> None:
    run = pipeline.Run(hw.load_recipe("digits"), tmp_path)
    network = pipeline.trained_network(run, digits_data)
    figures = readme_figures.in_software(network, pipeline.fitted_policy(run, network, digits_data), digits_data.test)
    assert unused({1: figures}) == []
    assert figures["fraction of MACs"] < 100 * network.costs().fractions[1]
