"""The page of a search, from made-up designs: whole, alone, escaped; what is selected, and what compiles a design."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

vl_convert = pytest.importorskip("vl_convert", reason="vl-convert-python is not installed (extra 'report')")
quickjs = pytest.importorskip("quickjs", reason="quickjs-ng is not installed (extra 'dev')")

from hwcodesign.designs.boards import board_named  # noqa: E402
from hwcodesign.report.chart import Chart  # noqa: E402
from hwcodesign.report.exploration_charts import Explored, exploration_charts  # noqa: E402
from hwcodesign.report.exploration_page import EXPLORATION, Exploration, bounds, write_exploration_page  # noqa: E402
from tests.page_reading import PAGE_FILES, Structure, embedded  # noqa: E402

ATTACK = "</script><script>alert('x')</script>"
BOARD = board_named("pynq-z2")
CAPACITY = BOARD.capacity.to_json()


def explored(number: int, on_front: bool = True) -> Explored:
    rng = np.random.default_rng(number)
    share = float(rng.uniform(0.1, 0.9))
    return Explored(
        number=number,
        on_front=on_front,
        criterion=("margin", "none")[number % 2],
        settings=(("accuracy drop", f"{rng.uniform():.3f}"), ("wished images per second", "1,000")),
        thresholds=("0.5",),
        accuracy=float(rng.uniform(0.9, 0.99)),
        exit_rate=(0.75, 0.25),
        macs_fraction=float(rng.uniform()),
        images_per_second=float(rng.uniform(1e3, 1e6)),
        mean_us=float(rng.uniform(1, 50)),
        p99_us=60.0,
        resources={key: share * taken for key, taken in CAPACITY.items()},
        share=share,
    )


DESIGNS = (*(explored(number) for number in range(3, 12)), *(explored(number, False) for number in range(12, 16)))


def exploration(**changes: Any) -> Exploration:
    found = Exploration(
        name="mine",
        board=BOARD.name,
        capacity=CAPACITY,
        limit=0.85,
        clock_mhz=100.0,
        designs=DESIGNS,
        refused=2,
        chosen=5,
        wishes=(("accuracy", "0.9"),),
        best="images_per_second",
        command="hwcodesign explore mine --board pynq-z2 --build",
        origin=(("seed of the search", "1"),),
    )
    return dataclasses.replace(found, **changes)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_exploration_page(exploration(), tmp_path_factory.mktemp("page") / EXPLORATION).read_text()


def test_the_page_has_every_design_of_the_front_and_the_command_that_compiles_it(page: str) -> None:
    structure = Structure(page)
    numbers = [row["data-number"] for row in structure.all("tr") if "data-number" in row]
    front = sorted(DESIGNS[:9], key=lambda design: -design.images_per_second)
    assert numbers == [str(design.number) for design in front]
    commands = [text for tag, text in structure.texts if tag == "td" and text.startswith("hwcodesign explore")]
    assert commands == [f"hwcodesign explore mine --board pynq-z2 --build {number}" for number in numbers]
    (shown,) = [text for tag, text in structure.texts if tag == "code"]
    assert shown == "hwcodesign explore mine --board pynq-z2 --build 5"
    assert "13 designs were tried, and 2 points that are no design. Of 9 designs" in page


def test_the_page_is_one_file_that_loads_nothing_and_has_a_table_for_every_chart(page: str) -> None:
    structure = Structure(page)
    assert len(page.encode()) < 5_000_000
    assert structure.all("link") == structure.all("img") == []
    assert not any("src" in attributes for _, attributes in structure.elements)
    ids = [attributes["id"] for _, attributes in structure.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    charts = [element for element in structure.all("div") if element.get("class") == "chart"]
    assert {element["id"] for element in charts} == {f"chart-{name}" for name in embedded(page, "chart-data")["charts"]}
    assert all(element["role"] == "img" and element["aria-label"] for element in charts)
    assert page.count("as a table</summary>") == len(charts) == 3


def test_names_of_others_are_text_and_no_markup(tmp_path: Path) -> None:
    designs = (dataclasses.replace(DESIGNS[2], criterion=ATTACK, settings=((ATTACK, ATTACK),)),)
    found = exploration(name=ATTACK, command=ATTACK, origin=((ATTACK, ATTACK),), designs=designs)
    page = write_exploration_page(found, tmp_path / EXPLORATION).read_text()
    assert "<script>alert" not in page
    assert embedded(page, "design-data")["command"] == ATTACK


@pytest.mark.parametrize("chart", exploration_charts(DESIGNS, 5, BOARD.name, CAPACITY, 0.85), ids=lambda c: c.name)
def test_every_chart_is_a_specification_that_vega_lite_takes_and_draws(chart: Chart) -> None:
    drawn = vl_convert.vegalite_to_svg(chart.spec | {"width": 300})
    assert drawn.count("<path") > 5
    assert "NaN" not in drawn
    assert [len(row) for row in chart.table] == [len(chart.columns)] * len(chart.rows)


def test_the_budget_is_what_the_board_has_and_each_design_takes() -> None:
    *_, budget = exploration_charts(DESIGNS, 5, BOARD.name, CAPACITY, 0.85)
    (lut,) = [row for row in budget.rows if (row["number"], row["resource"]) == (7, "LUT")]
    assert (lut["has"], lut["taken"]) == (53_200, DESIGNS[4].resources["lut"])
    (ram,) = [row for row in budget.rows if (row["number"], row["resource"]) == (7, "BRAM36")]
    assert (ram["has"], ram["taken"]) == (140, DESIGNS[4].resources["bram18"] / 2)
    assert {row["number"] for row in budget.rows} == {design.number for design in DESIGNS[:9]}


def test_sliders_offer_what_the_designs_have_and_begin_where_all_are_within() -> None:
    front = DESIGNS[:9]
    found = {bound.key: bound for bound in bounds(front)}
    assert list(found) == ["accuracy", "images_per_second", "mean_us", "share"]
    for key, bound in found.items():
        values = [getattr(design, key) for design in front]
        assert bound.steps == tuple(sorted(values, reverse=not bound.least))
        assert bound.steps[0] == (min(values) if bound.least else max(values))


def test_what_is_selected_is_within_every_rectangle_and_every_bound(page: str) -> None:
    rows = embedded(page, "chart-data")["charts"]["throughput_accuracy"]["data"]["values"]
    context = quickjs.Context()
    context.eval((PAGE_FILES / "exploration.js").read_text())
    areas = [{"images_per_second": [9e5, 1e5]}, {"share": [0.2, 0.8], "mean_us": [5, 45]}]
    limits = [{"key": "accuracy", "least": True, "value": 0.91}, {"key": "mean_us", "least": False, "value": 44}]
    found = json.loads(context.eval(f"JSON.stringify(selected({', '.join(map(json.dumps, (rows, areas, limits)))}))"))
    expected = {
        design.number
        for design in DESIGNS[:9]
        if 1e5 <= design.images_per_second <= 9e5
        and 0.2 <= design.share <= 0.8
        and 5 <= design.mean_us <= 44
        and design.accuracy >= 0.91
    }
    assert set(found) == expected
    assert 0 < len(expected) < 9
    assert re.findall(r"\d+ of 9 designs", page) == ["9 of 9 designs"]
