"""Tries every layer in the main flow and in the plugin, and writes what became of it.

python -m tests.supported_layers --write docs/layers.md
"""

from __future__ import annotations

import argparse
import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path

from hwcodesign.frontend.lowering import LOWERINGS
from hwcodesign.kernels import KERNELS
from hwcodesign.storage.files import write_text
from tests.supported_layers.examples import NAMES, example
from tests.supported_layers.rows import ROWS, Row
from tests.supported_layers.verdicts import Verdict, in_main_flow, in_plugin

_HEAD = """\
# Layers

`python -m tests.supported_layers --write docs/layers.md` writes this page: it tries every layer. A layer that is taken
computes what the network computes, in `==`; software, C++ and RTL follow the same kernels. A layer that is refused is
refused before anything is written, with the words here. `hwcodesign.quantise`, which places quantisers in a float
network, takes fewer operations, and refuses others in its own words: `x.abs()` and `torch.exp(x)`, for example.

The *main flow* is `hwcodesign.compile` of a `MultiExitNetwork` of Brevitas layers. The *plugin* is hls4ml's backend
StreamRTL, here on plain PyTorch modules with accumulators that hold the sums; what hls4ml's PyTorch front end does not
know, it does not know either. QONNX models are measured in [hls4ml_compatibility.md](hls4ml_compatibility.md).

"""
_WRITTEN = """\
## How each is written

A line stands among the layers of a stage, with a layer that has weights in front and a quantiser at the end. `a` and
`b` are values in the `forward` of a module of your own: `a = layers.value_of(self.one(x))`. Every line was compiled as
the main flow does, and compared with the network. [hwcodesign.quantise](quantisation.md) puts quantisers into a
network of plain torch layers. The lines use these names:

"""
_NO = "-"
_UNREACHED = "Classes of hls4ml's layers that are lowered and that no row above reaches: "
#: Kernels that every example has around its layer.
_AROUND = ("conv2d", "activation", "reshape", "transpose")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, required=True, help="the document")
    target = parser.parse_args().write
    logging.disable(logging.CRITICAL)  # PyTorch's exporter logs pages about what it cannot export
    rows = [(row, _tried(row.stage, in_main_flow, row), _tried(row.plugin, in_plugin, row)) for row in ROWS]
    write_text(target, document(rows))
    return 0


def _tried(build: object, verdict: Callable[[Row], Verdict], row: Row) -> Verdict | None:
    return verdict(row) if build is not None else None


def document(rows: list[tuple[Row, Verdict | None, Verdict | None]]) -> str:
    """docs/layers.md."""
    lines = ["| layer | condition | main flow | its C++ | plugin |", "|---|---|---|---|---|"]
    lines += [f"| {row.layer} | {cells(row, flow, plugin)} |" for row, flow, plugin in rows]
    kinds = {kind for _, *both in rows for verdict in both if verdict for kind in verdict.kinds}
    classes = {name for _, *both in rows for verdict in both if verdict for name in verdict.layers}
    table = "\n".join(
        [
            *lines,
            "",
            "Kernels that no row above reaches: " + _listed(set(KERNELS) - kinds) + ".",
            f"{_UNREACHED}{_listed(set(LOWERINGS) - classes)}.",
            "",
        ]
    )
    return _HEAD + table + "\n" + lines_of_code()


def lines_of_code() -> str:
    """The part of docs/layers.md that shows how layers are written."""
    rows = [f"| {row.layer} | `{example(row.layer)}` |" for row in ROWS if example(row.layer)]
    return _WRITTEN + "\n".join([f"```python\n{NAMES}```", "", "| layer | line |", "|---|---|", *rows, ""])


def cells(row: Row, flow: Verdict | None, plugin: Verdict | None) -> str:
    """A row behind its layer."""
    cpp = flow.cpp if flow is not None and not flow.refused else _NO
    return " | ".join((row.condition, _cell(flow), cpp, _cell(plugin)))


def missing(text: str) -> set[str]:
    """Classes of hls4ml's layers that the document says no row reaches."""
    return set(re.findall(r"`(\w+)`", text.partition(_UNREACHED)[2]))


def _cell(verdict: Verdict | None) -> str:
    if verdict is None:
        return _NO
    if verdict.refused:
        return f"refused: {way_out(verdict.refused)}"
    own = sorted(verdict.kinds - set(_AROUND)) or sorted(verdict.kinds & set(_AROUND[:2]))
    return f"exact ({', '.join(f'`{kind}`' for kind in own)})"


def way_out(error: str) -> str:
    """The end of an error, which says what to do; without what is listed behind it."""
    text = error.partition(". Its QONNX layers")[0].partition(". In hls4ml's configuration")[0]
    end = text.rpartition("; ")[2] if "; " in text else text.rpartition(": ")[2]
    return end.replace("|", "\\|")


def _listed(names: set[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names)) or "none"


if __name__ == "__main__":
    sys.exit(main())
