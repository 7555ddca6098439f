"""Simulates and draws all timing diagrams: `python -m documentation.timing`, after `make demo`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from documentation.repository import ROOT
from documentation.timing.decision import decision_waves
from documentation.timing.diagrams import DIAGRAMS
from documentation.timing.drawing import format_bits, record_bits, svg, waves
from documentation.timing.gantt import gantt
from hwcodesign.design import load
from hwcodesign.simulation.timeline_file import read_timeline

IMAGES = ROOT / "docs" / "images"


def main() -> None:
    for diagram in DIAGRAMS:
        with tempfile.TemporaryDirectory() as folder:
            drawn = svg(waves(diagram, diagram.found(Path(folder))))
        (IMAGES / f"timing_{diagram.name}.svg").write_text(drawn)
    (IMAGES / "timeline.svg").write_text(gantt(read_timeline(ROOT / "build" / "digits" / "timeline.json")))
    (IMAGES / "bits_format.svg").write_text(svg(format_bits(5, 1)))
    (IMAGES / "bits_record.svg").write_text(svg(record_bits()))
    for name, drawing in decision_waves(load(ROOT / "build" / "digits" / "design")).items():
        (IMAGES / f"timing_{name}.svg").write_text(svg(drawing))


if __name__ == "__main__":
    main()
