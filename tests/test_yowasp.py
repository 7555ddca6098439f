"""Tools of YoWASP: the first run on a machine, which compiles one, is nobody else's at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hwcodesign.tools import yowasp
from hwcodesign.tools.yowasp import TimeLimit, run_tool

#: A tool that says when it begins and ends; its first run takes a while.
_TOOL = """
import time
from pathlib import Path

LOG = Path(__file__).with_name("log")

def say(text):
    with LOG.open("a") as log:
        log.write(f"{text}\\n")

def run(arguments):
    say(f"{arguments[0]} begins")
    time.sleep(0.5)
    say(f"{arguments[0]} ends")
    return 0
"""


def test_whoever_runs_a_tool_first_has_it_compiled_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_tool.py").write_text(_TOOL)
    known = tmp_path / "slow_tool-1.0.dist-info"
    known.mkdir()
    (known / "METADATA").write_text("Metadata-Version: 2.1\nName: slow-tool\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folders = [tmp_path / str(number) for number in range(3)]

    def use(folder: Path) -> None:
        folder.mkdir()
        run_tool("slow_tool", "run", [folder.name], folder, TimeLimit(60))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(use, folders))
    said = (tmp_path / "log").read_text().splitlines()
    assert said.count("--version begins") == said.count("--version ends") == 1
    assert said[:2] == ["--version begins", "--version ends"]
    assert sorted(said[2:]) == [f"{number} {what}" for number in range(3) for what in ("begins", "ends")]
    assert "slow_tool" in yowasp._COMPILED
