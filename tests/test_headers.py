"""Headers that are read before each unit of C++: g++ takes the precompiled ones, and their text with other flags."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hwcodesign.errors import ToolError
from hwcodesign.tools.compiler import compiler_version, find_compiler
from hwcodesign.tools.headers import precompiled

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")


def test_the_precompiled_header_is_taken_and_with_other_flags_its_text(tmp_path: Path) -> None:
    compiler = find_compiler("csim")
    (tmp_path / "own.h").write_text("constexpr int answer = 42;\n")
    (tmp_path / "unit.cpp").write_text("static_assert(answer == 42);\n")
    command = [compiler, "-std=c++17", "-O1", f"-I{tmp_path}"]
    kept = precompiled("test-headers", ("<array>", "own.h"), command, f"{compiler_version(compiler)} {tmp_path}")
    first = Path(shutil.copytree(kept.parent, tmp_path / "copy")) / kept.name
    assert first.read_text() == '#include <array>\n#include "own.h"\n'
    first.write_text("#error the text is read\n")

    def compiled(*flags: str) -> str:
        unit = [*command, *flags, "-include", str(first), "-c", str(tmp_path / "unit.cpp"), "-o", str(tmp_path / "o")]
        return subprocess.run(unit, capture_output=True, text=True, check=False).stderr

    assert compiled() == ""
    assert "the text is read" in compiled("-O0")


def test_a_header_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ToolError, match=r"g\+\+ .* failed:\n.*nowhere\.h: No such file"):
        precompiled("test-headers", ("nowhere.h",), [find_compiler("csim")], "nothing")
