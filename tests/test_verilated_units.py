"""How g++ compiles what Verilator wrote."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from hwcodesign.backends.streamrtl.project_files import write_segment
from hwcodesign.errors import ToolError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.kernels import MaxPool2D, Segment
from hwcodesign.simulation import model, verilated_units
from hwcodesign.simulation.segment import read_segment
from hwcodesign.simulation.verilated_units import Effort, runtime_of
from hwcodesign.tools.verilator import find_verilator
from tests.tiny_design import with_runtime

U5 = FixedPoint(5, 2, signed=False)


def test_units_take_verilators_headers_from_precompiled_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler takes them only where all flags are the same, and tells with -H what it took ("!") or left ("x")."""
    runtime_of(find_verilator(), None)
    told: list[str] = []

    def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        more = ["-H"] if "-c" in command else []
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=True, env=environment)
        told.extend(line for line in done.stderr.splitlines() if line.startswith(("! ", "x ")))

    monkeypatch.setattr(verilated_units, "run", run)
    monkeypatch.setattr(model, "run", run)
    monkeypatch.setenv("XDG_CACHE_HOME", str(with_runtime(tmp_path / "cache")))
    pool = MaxPool2D("pool", ("input",), (U5,), ((4, 4, 1),), U5, (2, 2, 1), (2, 2), (2, 2))
    write_segment(Segment.chain("s", U5, (4, 4, 1), (pool,)), tmp_path / "pool", "precompiled")
    read_segment(tmp_path / "pool").library()
    assert sorted((line[:2], *Path(line[2:]).parts[-2:]) for line in told) == [
        ("! ", effort.name.lower(), "first.h.gch") for effort in Effort
    ]


def test_what_cannot_be_compiled_is_said_with_the_compilers_words(tmp_path: Path) -> None:
    (tmp_path / "wrong.cpp").write_text("int wrong() { return nothing; }\n")
    with pytest.raises(ToolError, match=r"^g\+\+ (.|\n)* failed:\n(.|\n)*error: .nothing. was not declared"):
        runtime_of(find_verilator(), None).compiled(tmp_path / "wrong.cpp", Effort.ONCE)
