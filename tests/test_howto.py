"""The how-to on hls4ml's backend works as it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("hls4ml", reason="hls4ml is not installed (extra 'design')")

from tests.documents import ROOT, code_blocks
from tests.marks import CAMPAIGN

PAGE = ROOT / "docs" / "howto" / "hls4ml_backend.md"


@CAMPAIGN
def test_hls4mls_backend_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    (code,) = code_blocks(PAGE.read_text(), "python")
    exec(compile(code, str(PAGE), "exec"), names)  # noqa: S102  # our own page
    assert names["y"].shape == (5, 3)
    assert abs(names["y"] - names["net"](names["torch"].from_numpy(names["x"])).detach().numpy()).max() < 0.5
