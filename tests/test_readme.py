"""What the README shows works as it stands, and its figures are ranges that a check holds to what networks give."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import hwcodesign as hw
from benchmarks import readme_figures
from benchmarks.readme_figures import STEPS, Range, outside, recipe_row, rewritten, stated, unused, widened
from hwcodesign import pipeline
from hwcodesign.data import Dataset

README = Path(__file__).resolve().parent.parent / "README.md"


def test_the_python_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # the second one is test_streamrtl_plugin's
    code, _, shown, driver = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, str(README), "exec"), names)  # noqa: S102  # our own README
    records, data, design = names["records"], names["data"], names["design"]
    assert isinstance(records, np.ndarray)
    assert capsys.readouterr().err == ""
    exec(compile(shown, str(README), "exec"), names)  # noqa: S102
    assert capsys.readouterr().err == "· generating hardware sources for pynq-z2\n"
    with pytest.warns(UserWarning, match="on='auto' runs in software"):
        exec(compile(driver, str(README), "exec"), names)  # noqa: S102
    assert len(names["records"]) > 0  # type: ignore[arg-type]
    final = design.run(data.test.images)  # type: ignore[attr-defined]  # names of the README
    assert (final["label"] == data.test.labels).mean() > 0.9  # type: ignore[attr-defined]


def test_every_file_that_the_readme_links_is_there() -> None:
    links = re.findall(r"\]\(((?!http)[^)#]+)\)", README.read_text())
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []


# --- its figures ---


def stated_now() -> dict[str, Range]:
    return stated(README.read_text())


def test_figures_stand_as_the_benchmark_writes_them_the_same_in_both_tables() -> None:
    text = README.read_text()
    assert rewritten(text, stated(text)) == text
    assert recipe_row(stated(text)) in text


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
        "seed 7: accuracy is 95.75, README says 96.0 to 98.5",
        "seed 7: MACs is 23001.5, README says 9,000 to 23,000",
    ]


def test_an_exit_that_a_seed_leaves_unused_is_named() -> None:
    figures = {f"leaving at exit {k}": rate for k, rate in enumerate((92.0, 8.0, 0.0))}
    assert unused({3: figures, 4: dict.fromkeys(figures, 1.0)}) == ["seed 3: no test image leaves at exit 2"]


def test_a_check_fails_by_name_and_writing_puts_what_was_found_into_both_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, changed = README.read_text(), tmp_path / "README.md"
    found = {name: span.low for name, span in stated(text).items()} | {"cycles an image": 99.5}
    monkeypatch.setattr(readme_figures, "measured", lambda seed, _: found | {"accuracy": 90.0 + seed / 4})
    monkeypatch.setattr("sys.argv", ["readme_figures"])
    message = r"^seed 1: accuracy is 90\.25, README says .*\nseed 1: cycles an image is 99\.5"
    with pytest.raises(SystemExit, match=message):
        readme_figures.main()
    changed.write_text(text)
    monkeypatch.setattr("sys.argv", ["readme_figures", "--write", str(changed)])
    readme_figures.main()
    assert stated(changed.read_text())["accuracy"] == Range(89.5, 93.5)
    assert stated(changed.read_text())["cycles an image"] == Range(99, 100)
    assert "| 89.5 to 93.5 / " in changed.read_text()


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
    text, row = README.read_text(), recipe_row(stated_now())
    with pytest.raises(ValueError, match="README has no block of figures"):
        stated(text.replace("| with early exits |", "| early exits |"))
    with pytest.raises(ValueError, match="row of `digits` does not have its block's figures"):
        stated(text.replace(row, row.replace("400 test images | ", "400 test images | 1")))


def test_the_default_recipe_sends_test_images_to_every_exit_for_a_fraction_of_the_cost(
    tmp_path: Path, digits_data: Dataset
) -> None:
    run = pipeline.Run(hw.load_recipe("digits"), tmp_path)
    network = pipeline.trained_network(run, digits_data)
    figures = readme_figures.in_software(network, pipeline.fitted_policy(run, network, digits_data), digits_data.test)
    assert unused({1: figures}) == []
    assert figures["fraction of MACs"] < 100 * network.costs().fractions[1]
