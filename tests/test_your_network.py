"""The tutorial works as it stands: from a float network to records in RTL."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parent.parent / "docs" / "your_network.md"


def test_the_python_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 7
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102  # our own page
    design, data = names["design"], names["data"]
    assert (design.run(data.test.images)["label"] == data.test.labels).mean() > 0.9
    assert set(names["records"]["exit"].tolist()) == {0, 1, 2}
    shown = capsys.readouterr().out
    assert "stages.1.layer2.conv1" in shown
    assert "['26%', '58%', '101%']" in shown
