"""docs/layers.md: it has a row for each layer, and what it says of them is so."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from hwcodesign.frontend.lowering import LOWERINGS
from hwcodesign.kernels import KERNELS
from tests.marks import CAMPAIGN
from tests.supported_layers.__main__ import cells, lines_of_code, missing
from tests.supported_layers.examples import example, stage_of
from tests.supported_layers.rows import ROWS, Row
from tests.supported_layers.verdicts import in_main_flow, in_plugin

PAGE = (Path(__file__).parent.parent / "docs" / "layers.md").read_text()
TEXT, _, LINES = PAGE.partition("## How each is written")
WRITTEN = dict(re.findall(r"^\| ([^|]*?) \| (.*) \|$", TEXT, re.MULTILINE)[1:])
#: Of these `make test` tries what the document says; `make verify` tries all.
TRIED = ("Conv2d, groups", "AvgPool2d, padding not counted", "Upsample, nearest", "BatchNorm2d", "GELU")


def test_the_document_has_every_layer_in_order() -> None:
    assert list(WRITTEN) == [row.layer for row in ROWS]


def test_every_kernel_and_lowering_is_in_a_row_or_named_below_them() -> None:
    reached = set(re.findall(r"`(\w+)`", TEXT))
    assert set(KERNELS) - {"conv2d", "activation", "reshape", "transpose"} <= reached
    assert set(LOWERINGS) - missing(TEXT) >= {"Conv2D", "Dense", "Pooling2D", "Activation", "CodeFunctionLayer"}
    assert missing(TEXT) <= set(LOWERINGS)


def test_every_layer_that_is_taken_has_a_line_of_code_and_no_other_has() -> None:
    assert PAGE.endswith(lines_of_code())
    taken = [layer for layer, said in WRITTEN.items() if "refused" not in said.split(" | ")[1]]
    assert re.findall(r"^\| (.*?) \| `", LINES, re.MULTILINE) == taken


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=[] if row.layer in TRIED else CAMPAIGN) for row in ROWS if example(row.layer)],
    ids=lambda row: row.layer,
)
def test_a_line_of_code_gives_its_layer(row: Row) -> None:
    found = in_main_flow(dataclasses.replace(row, stage=stage_of(row.layer)))
    assert found.refused == ""
    named = set(re.findall(r"`(\w+)`", WRITTEN[row.layer].split(" | ")[1]))
    assert found.kinds & (named | {"activation", "conv2d"}), "a kernel that the row names, or what around it does it"


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, marks=[] if row.layer in TRIED else CAMPAIGN) for row in ROWS],
    ids=lambda row: row.layer,
)
def test_a_row_says_what_becomes_of_its_layer(row: Row) -> None:
    flow = in_main_flow(row) if row.stage is not None else None
    plugin = in_plugin(row) if row.plugin is not None else None
    assert cells(row, flow, plugin) == WRITTEN[row.layer]
