"""The page of a run, from made-up results: whole, alone, escaped; its sliders compute what Python computes."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jinja2 import Environment, FileSystemLoader

vl_convert = pytest.importorskip("vl_convert", reason="vl-convert-python is not installed (extra 'report')")
pytest.importorskip("quickjs", reason="quickjs-ng is not installed (extra 'dev')")

from hwcodesign.errors import DesignError, FieldError  # noqa: E402
from hwcodesign.exploration.queues import StageCycles, cycles_per_sample  # noqa: E402
from hwcodesign.fitting.search import evaluate  # noqa: E402
from hwcodesign.interface.records import FLAG_FINAL, Records, empty_records  # noqa: E402
from hwcodesign.policies import ExitStatistics  # noqa: E402
from hwcodesign.report.chart import Chart, wilson  # noqa: E402
from hwcodesign.report.comparing import Build, Figure, change, differences_table, figures_table, of_layers  # noqa: E402
from hwcodesign.report.comparison_page import comparison_charts, write_comparison_page  # noqa: E402
from hwcodesign.report.exit_costs import exit_costs, exit_costs_chart  # noqa: E402
from hwcodesign.report.explorer import explorer_data  # noqa: E402
from hwcodesign.report.gantt import gantt_charts  # noqa: E402
from hwcodesign.report.hardware_charts import hardware_charts  # noqa: E402
from hwcodesign.report.outcomes import OUTCOMES, pictures_of, read_outcomes, write_outcomes  # noqa: E402
from hwcodesign.report.page import verification_matrix, write_report_page  # noqa: E402
from hwcodesign.report.results import TIMELINE  # noqa: E402
from hwcodesign.report.sample_charts import class_chart, confusion_chart, sample_charts  # noqa: E402
from hwcodesign.report.synthesis import SYNTHESIS, read_synthesis, write_synthesis  # noqa: E402
from hwcodesign.report.trade_off_charts import trade_off_charts  # noqa: E402
from hwcodesign.simulation.timeline import Drop, Span, Stall, Timeline  # noqa: E402
from hwcodesign.simulation.timeline_file import write_timeline  # noqa: E402
from tests.made_up_reports import make_outcomes, make_report, taken  # noqa: E402
from tests.page_reading import PAGE_FILES, Structure, embedded, in_javascript  # noqa: E402

ATTACK = "</script><script>alert('x')</script>"


def made_up_timeline(exits: int) -> Timeline:
    spans = [Span(n, part, 10 * n + k, 10 * n + k + 12) for n in range(3) for k, part in enumerate(("input", "stage0"))]
    counters = {"ACCEPTED": 3, "INPUT_STALLS": 4, "OUTPUT_STALLS": 0, **{f"FINALS[{k}]": 0 for k in range(exits)}}
    counters |= {f"HIGH_WATER[{k}]": 2 for k in range(exits - 1)}
    levels, drops = (((0, 0), (5, 2), (9, 0)),) * (exits - 1), (Drop(0, 0, 12),) * (exits > 1)
    stalls = (Stall("input", 3, 7),)
    return Timeline(40, (0, 0, min(1, exits - 1)), (4,) * (exits - 1), tuple(spans), drops, stalls, levels, counters)


def written(folder: Path, exits: int = 3, **changes: Any) -> str:
    write_outcomes(folder / OUTCOMES, make_outcomes(exits))
    write_timeline(made_up_timeline(exits), folder / TIMELINE)
    return write_report_page(make_report(exits) | changes, folder).read_text()  # type: ignore[arg-type]


def all_charts() -> list[Chart]:
    report, outcomes = make_report(), make_outcomes(3)
    found = [exit_costs_chart(report), *trade_off_charts(report), *sample_charts(report, outcomes)]
    found += [chart for charts in hardware_charts(report).values() for chart in charts]
    return [*found, *gantt_charts(made_up_timeline(3)), *comparison_charts([Build("a", report), Build("b", report)])]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("page"))


def test_the_page_is_one_file_that_loads_nothing(page: str) -> None:
    structure = Structure(page)
    assert len(page.encode()) < 5_000_000
    assert structure.all("link") == []
    sources = [element.get(name) for _, element in structure.elements for name in ("src", "href") if name in element]
    assert all(str(source).startswith(("data:image/png;base64,", "#")) for source in sources)
    (policy,) = [m["content"] for m in structure.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    style = "".join(text for tag, text in structure.texts if tag == "style")
    assert "@import" not in style
    assert "url(" not in style


def test_names_of_others_are_text_and_no_markup(tmp_path: Path) -> None:
    report = make_report(3)
    kernel = report["network"][0]["kernels"][0] | {"name": ATTACK}
    page = written(
        tmp_path,
        name=ATTACK,
        dataset=ATTACK,
        versions={ATTACK: ATTACK},
        left_out={ATTACK: ATTACK},
        network=[report["network"][0] | {"kernels": [kernel]}, *report["network"][1:]],
        curves=report["curves"] | {ATTACK: report["curves"]["patience"]},
        criteria=report["criteria"] | {ATTACK: report["criteria"]["patience"]},
    )
    structure = Structure(page)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert len(structure.all("script")) == len(Structure(written(tmp_path)).all("script"))
    assert any(row["criterion"] == ATTACK for row in trade_off_rows(embedded(page, "chart-data")))


def trade_off_rows(data: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = data["charts"]["accuracy_cost"]["data"]["values"]
    return rows


@pytest.mark.parametrize("exits", [1, 2, 3, 7])
def test_every_chart_has_words_and_a_table_and_every_picture_a_text(tmp_path: Path, exits: int) -> None:
    page = written(tmp_path, exits)
    structure = Structure(page)
    ids = [element["id"] for _, element in structure.elements if "id" in element]
    assert len(ids) == len(set(ids))
    charts = [element for element in structure.all("div") if element.get("class") == "chart"]
    drawn = embedded(page, "chart-data")["charts"]
    assert {element["id"] for element in charts} == {f"chart-{name}" for name in drawn}
    assert all(element["role"] == "img" and element["aria-label"] for element in charts)
    assert page.count("as a table</summary>") == len(drawn) + 1  # the drawing of the network has one, too
    assert len(structure.all("img")) == 4
    assert all(image["alt"] for image in structure.all("img"))
    chips = [element for element in structure.all("g") if element.get("class") == "chip"]
    assert len(chips) == 2 * (2 * exits * 3)  # drawn for wide screens and for narrow ones
    assert all(
        "unit: conv2d, reuse factor 1, latency" in chip["aria-label"] and chip["tabindex"] == "0" for chip in chips
    )
    named = re.findall(r'href="#(\w+)"', page)
    assert set(named) <= set(ids)


def test_a_network_of_one_exit_has_no_thresholds_to_try_and_no_exit_that_saves(tmp_path: Path) -> None:
    page = written(tmp_path, 1)
    assert not [element for element in Structure(page).all("input") if element["type"] == "range"]
    assert 'id="thresholds"' not in page
    assert "exit_costs" not in embedded(page, "chart-data")["charts"]
    assert "1 exit, 10 classes" in page
    assert "no image leaves early" in page
    assert "Most beats in each conditional buffer" not in page


def test_tables_that_are_not_printed_say_so(page: str) -> None:
    long = [element for element in Structure(page).all("details") if element.get("class") == "long"]
    assert long == []
    timeline = made_up_timeline(3)
    many = tuple(Span(n % 3, "input", 12 * n, 12 * n + 12) for n in range(61))
    chart = gantt_charts(dataclasses.replace(timeline, spans=many))[0]
    assert len(chart.rows) == 61
    figure = (
        Environment(loader=FileSystemLoader(PAGE_FILES), autoescape=True)
        .get_template("macros.html")
        .module.figure(chart)
    )
    assert '<details class="long"><summary>Timeline of samples as a table (61 rows)</summary>' in figure
    assert "The table of its 61 rows is in the file, not on paper." in figure


def test_a_legend_has_the_shapes_of_the_marks(page: str) -> None:
    (chart,) = (chart for chart in trade_off_charts(make_report()) if chart.name == "accuracy_cost")
    drawn = next(layer for layer in chart.spec["layer"] if "shape" in layer["encoding"])["encoding"]
    names = [name for name, _ in chart.legend]
    assert drawn["shape"]["scale"] == {"domain": names, "range": list(chart.shapes)}
    assert drawn["color"]["scale"] == {"domain": names, "range": [colour for _, colour in chart.legend]}
    assert len({outline for _, _, outline in chart.marks}) == len(set(chart.shapes)) > 1
    assert all(
        f'<path d="{outline}" fill="{colour}"/></svg>{name}</li>' in page for name, colour, outline in chart.marks
    )


def test_builds_that_are_far_apart_are_shown_on_a_logarithmic_axis() -> None:
    near, far = make_report(), make_report()
    assert near["hardware"] is not None
    far["hardware"] = near["hardware"] | {"cycles_per_image": 70_000.0}  # type: ignore[assignment]
    for other, kind in ((near, None), (far, "log")):
        charts = comparison_charts([Build("a", near), Build("b", other)])
        (cycles,) = (chart for chart in charts if chart.name == "accuracy_cycles")
        assert {layer["encoding"]["x"]["scale"].get("type") for layer in cycles.spec["layer"]} == {kind}


def test_the_same_results_give_the_same_page(tmp_path: Path, page: str) -> None:
    assert written(tmp_path) == page


@pytest.mark.parametrize("chart", all_charts(), ids=lambda chart: chart.name)
def test_every_chart_is_a_specification_that_vega_lite_takes_and_draws(chart: Chart) -> None:
    drawn = vl_convert.vegalite_to_svg(chart.spec | {"width": 300})
    assert drawn.count("<path") > 5
    assert [len(row) for row in chart.table] == [len(chart.columns)] * len(chart.rows)
    assert "undefined" not in drawn
    assert "NaN" not in drawn


@pytest.mark.parametrize("exits", [2, 3, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_sliders_compute_what_python_computes(exits: int, seed: int) -> None:
    report, outcomes = make_report(exits), make_outcomes(exits, seed=seed)
    data = json.loads(json.dumps(explorer_data(report, outcomes)))
    costs = np.array(report["macs"]["at_exit"]) / report["macs"]["full"]
    hardware = report["hardware"]
    assert hardware is not None
    stages = [StageCycles(*both) for both in zip(hardware["stages"], hardware["decisions"], strict=True)]
    rng = np.random.default_rng(seed)
    others = [[int(rng.choice(steps)) for steps in data["steps"]] for _ in range(4)]
    for codes in ([*outcomes.codes], *others, [steps[-1] for steps in data["steps"]]):
        found = in_javascript("figures", data, codes)
        for name, split in (("fitting", outcomes.fitting), ("test", outcomes.test)):
            statistics = ExitStatistics(split.scores, split.labels, split.truth, costs)
            point = evaluate(statistics, codes)
            assert found[name]["accuracy"] == point.accuracy
            assert found[name]["rates"] == list(point.exit_rate)
            assert found[name]["cost"] == pytest.approx(point.cost, rel=1e-12)
        taken = found["test"]["taken"]
        assert found["cycles"] == cycles_per_sample(stages, taken, hardware["buffer_samples"])
        reach = [1 - sum(point.exit_rate[:k]) for k in range(exits)]
        least = max(part * interval for part, interval in zip(reach, hardware["stages"], strict=True))
        assert found["least"] == pytest.approx(least, rel=1e-12)
    assert len({tuple(codes) for codes in others}) > 1


@pytest.mark.parametrize("digits", [0, 1, 2])
def test_the_page_rounds_as_the_report_does(digits: int) -> None:
    """87.25, which is half way, is 87.2 in both; 0.05 lies a little above the middle."""
    values = [0.0, 100.0, 0.05, 2.5, 87.25, 87.35, 12.125, 1385281.5, *np.random.default_rng(0).uniform(0, 100, 50)]
    values += [100 * n / 400 for n in range(0, 400, 7)]
    for value in values:
        assert in_javascript("rounded", value, digits) == f"{value:.{digits}f}"


def test_a_slider_offers_the_threshold_in_use_and_ends_where_nothing_leaves(page: str) -> None:
    data = embedded(page, "score-data")
    sliders = [element for element in Structure(page).all("input") if element["type"] == "range"]
    assert [data["steps"][k][int(slider["value"])] for k, slider in enumerate(sliders)] == data["codes"]
    assert [int(slider["max"]) for slider in sliders] == [len(steps) - 1 for steps in data["steps"]]
    assert [values[-1] for values in data["values"]] == ["never leaves"] * 2
    assert all(steps == sorted(steps) for steps in data["steps"])


def test_large_splits_are_cut_and_said_to_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("hwcodesign.report.explorer.MOST_SCORES", 40)
    page = written(tmp_path)
    assert [split["samples"] for split in embedded(page, "score-data")["splits"].values()] == [20, 20]
    assert "The page has the first 20 samples of the test split." in page


# --- charts ---


def test_bars_of_a_class_are_the_exit_rates_of_its_own_images() -> None:
    exits, labels = np.array([0, 0, 1, 0, 1, 1, 1, 1]), np.array([0, 0, 0, 0, 1, 1, 2, 2])
    chart = class_chart(exits, labels, make_report(2) | {"classes": 4})  # type: ignore[arg-type]
    assert [(row["class"], row["images"], row["exit0"], row["exit1"]) for row in chart.rows] == [
        ("all", 8, 0.375, 0.625),
        ("class 0", 4, 0.75, 0.25),
        ("class 1", 2, 0.0, 1.0),
        ("class 2", 2, 0.0, 1.0),
        ("class 3", 0, 0.0, 0.0),
    ]


def test_the_confusion_counts_every_image_by_the_first_exit_that_is_right() -> None:
    outcomes = make_outcomes(3)
    rows = confusion_chart(outcomes, 3).rows
    right = outcomes.test.labels == outcomes.test.truth
    for j, row in enumerate(rows):
        first = [n for n in range(60) if next((k for k in range(3) if right[k, n]), 3) == j]
        assert [row[f"exit{k}"] for k in range(3)] == [sum(outcomes.taken[n] == k for n in first) for k in range(3)]
    assert sum(row[f"exit{k}"] for row in rows for k in range(3)) == 60


def test_the_point_in_use_has_its_own_accuracy_cost_and_latency() -> None:
    report = make_report(2)
    cost, latency, _ = trade_off_charts(report)
    (row,) = [row for row in cost.rows if row["what"] == "in use"]
    assert (row["criterion"], row["accuracy"], row["cost"]) == ("max_softmax", 0.97, 0.4562)
    assert row["latency"] == 0.5 * 137 + 0.5 * 1_055
    assert (row["low"], row["high"]) == wilson(0.97, 400)
    assert [row["what"] for row in cost.rows if row["criterion"] == "one exit alone"] == ["exit 0", "exit 1"]
    assert latency.rows == cost.rows


@pytest.mark.parametrize(("right", "samples", "low", "high"), [(0.5, 100, 0.4038, 0.5962), (1.0, 10, 0.7225, 1.0)])
def test_intervals_are_wilsons(right: float, samples: int, low: float, high: float) -> None:
    assert wilson(right, samples) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_operations_of_the_average_image_are_weighted_by_exit_rates() -> None:
    report = make_report(2)
    (chart,) = hardware_charts(report)["operations"]
    assert [(row["what"], row["macs"], row["moved_bits"]) for row in chart.rows] == [
        ("leaves at exit 0", 2000, 1500),
        ("leaves at exit 1", 4000, 2500),
        ("average", 3000, 2000),
    ]
    assert "no energy was measured" in chart.text


def test_the_matrix_says_what_was_compared_with_brevitas_and_what_differs() -> None:
    report = make_report(3, mismatches=3)
    for item in report["comparisons"]:
        item["backends"] = ["csim", "brevitas"]
    table = verification_matrix(report)
    assert table.headings[1:] == ("csim",)
    cells = {row[0].text: (row[1].text, row[1].tone) for row in table.rows}
    assert cells["records (margin)"] == ("3 of 2,000 differ", "bad")
    assert cells["records (entropy)"] == ("= 2,000 values\nof 400 images", "good")


def test_the_matrix_holds_the_cycles_of_the_rtl_to_predictions_and_the_timeline_to_the_registers() -> None:
    report = make_report(3)
    assert report["hardware"] is not None
    report["hardware"]["exits"][1]["interval"] = 72.0
    report["hardware"]["exits"][2]["interval"] = 72.0
    for item in report["comparisons"]:
        item["backends"] = ["brevitas", "rtl"]

    timeline = made_up_timeline(3)

    def cells() -> dict[str, tuple[str, str]]:
        rows = verification_matrix(report, timeline).rows[len(report["comparisons"]) :]
        return {row[0].text: (row[1].text, row[1].tone) for row in rows}

    assert cells() == {
        "latency of each exit, with the prediction": ("=", "good"),
        "interval of each exit, with the prediction": ("=", "good"),
        "totals of the timeline, with the registers": ("=", "good"),
    }
    timeline = dataclasses.replace(timeline, counters={**timeline.counters, "INPUT_STALLS": 5})
    assert cells()["totals of the timeline, with the registers"] == ("differ", "bad")
    report["hardware"]["exits"][1]["latency"] += 1
    assert cells()["latency of each exit, with the prediction"] == ("differ", "bad")


def test_what_exits_save_less_what_their_heads_cost_is_what_the_average_image_needs_less() -> None:
    """For any rates: the sum over the exits is the full cost less the average one, counted image by image."""
    report = make_report(3)
    for n, segment in enumerate(report["network"]):
        for kernel in segment["kernels"]:
            kernel["macs"] = 100 + 37 * n
    macs = [sum(kernel["macs"] for kernel in segment["kernels"]) for segment in report["network"]]
    at_exit = [sum(macs[: 2 * k + 2]) for k in range(3)]
    full = sum(macs[0::2]) + macs[-1]
    for rates in ([0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]):
        report["exit_rate"] = rates
        rows = exit_costs(report)
        average = sum(rate * cost for rate, cost in zip(rates, at_exit, strict=True))
        assert sum(row["saves"] - row["costs"] for row in rows) == full - average
    assert [row["costs"] for row in rows] == macs[1:5:2]


def test_an_exit_takes_its_head_its_decision_and_its_buffers() -> None:
    report = make_report(3)
    blocks = ("head0", "head1", "decision1", "buffer1", "buffer1_1", "info1", "fork1", "decided1", "stage1", "merge")
    assert report["resources"] is not None
    report["resources"]["blocks"] = [(name, taken(10**k)) for k, name in enumerate(blocks)]
    first, second = exit_costs(report)
    assert (first["lut"], second["lut"]) == (1, 11_111_110)
    assert second["bram18"] == 7 * 3 / 2
    assert second["sooner"] == 2_100 - 1_055


def test_the_page_says_how_many_images_were_simulated_where_these_are_fewer_than_all(tmp_path: Path) -> None:
    hardware: Any = make_report()["hardware"]
    page = written(tmp_path, hardware=hardware | {"samples": 20})
    assert "20 images simulated, at 100 MHz" in page
    assert "the simulation of the first 20 test images in their order" in page
    assert "The first 20 test images in their own order take" in page
    assert "images simulated, at" not in written(tmp_path, hardware=hardware | {"samples": 400})


# --- pictures and files ---


def records_of(exits: list[int], scores: list[int]) -> Records:
    records = empty_records(len(exits))
    records["sample_id"], records["exit"], records["score"] = np.arange(len(exits)), exits, scores
    records["flags"] = FLAG_FINAL
    return records


@pytest.mark.parametrize(
    ("shape", "pixels"),
    [((1, 4, 5), (4, 5)), ((3, 4, 5), (4, 5, 3)), ((7,), (1, 7)), ((2, 9), (2, 9)), ((1, 70, 4), (35, 4))],
)
def test_the_surest_and_the_least_sure_images_of_each_exit_are_kept_once(
    shape: tuple[int, ...], pixels: tuple[int, ...]
) -> None:
    images = np.arange(5 * int(np.prod(shape))).reshape(5, *shape)
    early = records_of([0, 0, 0, 0, 0], [9, 9, 9, 9, 9])
    early["flags"] = 0
    found = pictures_of(images, np.concatenate([early, records_of([0, 0, 0, 2, 0], [3, 9, 1, 5, 9])]))
    assert found.samples.tolist() == [1, 4, 2, 0, 3]
    assert found.hardest.tolist() == [0, 0, 1, 1, 0]
    assert found.pixels.shape == (5, *pixels)
    assert (found.pixels.min(), found.pixels.max()) <= (5, 255)


def test_outcomes_are_read_as_they_were_written_and_refused_if_they_are_others(tmp_path: Path) -> None:
    outcomes, path = make_outcomes(3), tmp_path / OUTCOMES
    write_outcomes(path, outcomes)
    kept = read_outcomes(path, 3)
    assert kept.codes == outcomes.codes
    for name in ("taken", "steps", "values"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(outcomes, name))
    np.testing.assert_array_equal(kept.test.scores, outcomes.test.scores)
    np.testing.assert_array_equal(kept.pictures.pixels, outcomes.pictures.pixels)
    with pytest.raises(FieldError, match="integers of shape"):
        read_outcomes(path, 2)
    write_outcomes(path, dataclasses.replace(outcomes, taken=outcomes.taken + 3))
    with pytest.raises(FieldError, match="array taken has values from 3 to 5"):
        read_outcomes(path, 3)
    path.write_bytes(b"nothing")
    with pytest.raises(DesignError, match="run the recipe again"):
        write_report_page(make_report(), tmp_path)


def test_synthesised_resources_are_shown_for_the_same_design_alone(tmp_path: Path) -> None:
    report = make_report()
    write_synthesis(tmp_path, "2" * 64, {"lut": 7, "ff": 8, "dsp": 1, "bram18": 2, "uram": 0})
    assert read_synthesis(tmp_path, report) is None
    report["provenance"]["hashes"]["configuration"] = "2" * 64
    assert read_synthesis(tmp_path, report) == {"lut": 7, "ff": 8, "dsp": 1, "bram18": 2}
    page = written(tmp_path, provenance=report["provenance"])
    assert "Synthesised by Yosys" in page
    assert report["resources"] is not None
    estimated = report["resources"]["estimated"]["bram18"] / 2
    assert f'BRAM36</th><td class="plain">{estimated:g}</td><td class="plain">1</td>' in page
    assert "This design was not synthesised" not in page
    assert "This design was not synthesised" in written(tmp_path)
    (tmp_path / SYNTHESIS).write_text(json.dumps({"configuration_hash": "2" * 64, "total": {"lut": -1}}))
    with pytest.raises(DesignError, match=r"synthesis\.json is damaged \(.*\): synthesise the design again, or remove"):
        read_synthesis(tmp_path, report)


# --- comparisons ---


@pytest.mark.parametrize(
    ("value", "first", "text"), [(110.0, 100.0, "+10.0%"), (50.0, 100.0, "-50.0%"), (73811.9, 72.2, "1,022 times")]
)
def test_a_change_is_a_percentage_or_a_multiple(value: float, first: float, text: str) -> None:
    assert change(Figure("cycles", value, f"{value}"), Figure("cycles", first, f"{first}")) == text


def test_a_comparison_has_every_figure_with_its_change_and_names_what_differs(tmp_path: Path) -> None:
    first, second = make_report(), make_report()
    second["accuracy"]["early_exit"] = 0.96
    second["policy"]["thresholds"] = [0.5, None]
    second["network"][0]["kernels"][0] = first["network"][0]["kernels"][0] | {"folding": "reuse factor 8, latency"}
    second["hardware"] = None
    builds = [Build("one", first), Build(ATTACK, second)]
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in figures_table(builds).rows}
    assert rows["accuracy"] == ["97.00%", "96.00% (-1.00 points)"]
    assert rows["average MACs"] == ["563,210", "563,210 (=)"]
    assert rows["cycles per image"] == ["72.2", "-"]
    assert rows["LUT, estimated"] == ["600", "600 (=)"]
    differences = [[cell.text for cell in row] for row in differences_table(builds).rows]
    assert differences == [
        ["threshold of exit 0", "0.9125", "0.5"],
        ["clock", "100 MHz", "-"],
        ["samples in each buffer", "2", "-"],
        ["stage0, conv0: unit", "conv2d, reuse factor 1, latency", "conv2d, reuse factor 8, latency"],
    ]
    whole, layers = of_layers(differences_table(builds))
    assert [row[0].text for row in layers.rows] == ["stage0, conv0: unit"]
    assert [row[0].text for row in whole.rows] == [name for name, *_ in differences[:-1]]
    page = write_comparison_page(builds, tmp_path / "comparison.html").read_text()
    structure = Structure(page)
    assert "<script>alert" not in page
    ids = [element["id"] for _, element in structure.elements if "id" in element]
    assert len(ids) == len(set(ids))
    assert page.count("as a table</summary>") == len(embedded(page, "chart-data")["charts"]) == 4
    same = differences_table([Build("one", first), Build("two", make_report())])
    assert (same.rows, same.notes[0].text.startswith("The builds have the same data")) == ((), True)
