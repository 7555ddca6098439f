"""The tutorial works as it stands: five steps from nothing to a network of one's own in RTL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.documents import ROOT, code_blocks

PAGE = ROOT / "docs" / "tutorial.md"


def test_the_python_of_the_tutorial_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    text = PAGE.read_text()
    assert [line for line in text.splitlines() if line.startswith("## Step")] == [
        "## Step 1: the network",
        "## Step 2: training",
        "## Step 3: when images leave",
        "## Step 4: the accelerator",
        "## Step 5: in RTL",
    ]
    for block in code_blocks(text, "python"):
        exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102  # our own page
    first, last = names["network"].costs().fractions
    assert round(7 * first) == 1, "the page says a seventh"
    assert 1 < last < 1.1, "and a little more than the whole"
    records, data = names["records"], names["data"]
    assert (records["label"] == data.test.labels).mean() > 0.9
    assert set(records["exit"].tolist()) == {0, 1}
    assert (names["simulated"]["cycles"] > 0).all()
    shown = capsys.readouterr()
    assert "% left at the first exit" in shown.out
    assert shown.err == ""
