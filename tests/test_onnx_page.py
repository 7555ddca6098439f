"""What docs/onnx.md shows works as it stands, and it names the operators that are taken."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest

import hwcodesign as hw
from hwcodesign.networks.onnx_models.operators import OPERATORS
from tests.onnx_files import nested_ifs, two_outputs

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "onnx.md").read_text()


def test_its_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    two_outputs(Path("two outputs.onnx"))
    nested_ifs(Path("branches.onnx"), (0.9, 0.8))
    one = onnx.load(str(two_outputs(Path("one output.onnx"))))
    del one.graph.output[1]
    onnx.save(one, "one output.onnx")
    rng = np.random.default_rng(0)
    names: dict[str, object] = {
        "images": rng.integers(0, 256, (40, 3, 12, 12)),
        "small_images": rng.integers(0, 256, (40, 3, 8, 8)),
    }
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 4
    for code in blocks:
        exec(compile(code, "docs/onnx.md", "exec"), names)  # noqa: S102  # our own page
    rule, again = names["rule"], hw.exit_rule("conditional.onnx")
    assert rule.thresholds == (float(np.float32(0.9)), float(np.float32(0.8)))  # type: ignore[attr-defined]  # of the file
    assert again.policy(hw.from_onnx("all exits.onnx")).threshold_codes == names["policy"].threshold_codes  # type: ignore[attr-defined]


def test_it_names_every_operator_that_is_taken() -> None:
    text = PAGE[PAGE.index("## Operators") : PAGE.index("Weights are constants;")]
    assert sorted(re.findall(r"`(\w+)`", text)) == sorted(OPERATORS)
