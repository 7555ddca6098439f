"""What the README shows works as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

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
