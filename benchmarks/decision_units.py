"""What each exit criterion costs in hardware: the decision unit by itself, by open synthesis, and its cycles.

    python -m benchmarks.decision_units --write docs/decision_units.md

Results of synthesis are kept below build/, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from hwcodesign.backends.streamrtl.decision_source import decision_source
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.kernels.decision import Decision
from hwcodesign.policies import CRITERIA
from hwcodesign.simulation.cocotb_runner import library_sources
from hwcodesign.storage.cache import scratch_folder
from hwcodesign.synthesis import fmax, synthesise
from rtl_sim.tb.drawn_policies import drawn_policy

LOGITS = FixedPoint(8, 4)
EXITS, EXIT = 4, 2
BY_CLASS = " by class"
#: Classes, and logits that are handled a cycle.
SIZES = ((10, 1), (100, 1), (100, 5))


def unit_of(name: str, classes: int, per_cycle: int) -> Decision:
    """The third of four exits, the tables of a policy with random weights where it has any."""
    criterion = name.removesuffix(BY_CLASS)
    policy = drawn_policy(criterion, [LOGITS] * EXITS, classes, by_class=criterion != name)
    return Decision.of(policy, EXIT, per_cycle)


def rows() -> Iterator[str]:
    """Of the table, as they are made."""
    names = [*sorted(CRITERIA), f"margin{BY_CLASS}", f"max_softmax{BY_CLASS}"]
    for classes, per_cycle in SIZES:
        for name in names if classes == SIZES[0][0] else sorted(CRITERIA):
            unit = unit_of(name, classes, per_cycle)
            texts = decision_source(unit, "decision").texts
            roms = {file: text for file, text in texts.items() if file.endswith(".hex")}
            with scratch_folder() as scratch:
                (scratch / "decision.sv").write_text(texts["decision.sv"])
                sources = [*library_sources(), scratch / "decision.sv"]
                found = synthesise(sources, "decision", roms=roms, fast=True)
                routed = fmax(sources, "decision", roms=roms)
            yield (
                f"| {name} | {classes} | {per_cycle} | {unit.interval} | {unit.latency} | {found.lut:,} | {found.ff:,} "
                f"| {found.dsp} | {found.bram18} | {routed.fmax_mhz:.0f} MHz |\n"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, help="document to write the table to")
    options = parser.parse_args()
    text = f"""# Decision units

    python -m benchmarks.decision_units --write docs/decision_units.md

The table shows the decision unit of exit {EXIT} of {EXITS}, for logits in {LOGITS}. P is the number of logits that the
unit reads in one cycle. With C classes it decides on a sample every ceil(C/P) cycles. Resources are Yosys' estimates
for 7 series, not Vivado's. The clock is the one after place and route on a Lattice ECP5 (speed grade 8). An ECP5 is
another FPGA, so this clock only compares the units with each other. ATHEENA's unit (arXiv 2304.08400) computes float32
exponentials and takes 10 classes every 10 cycles. Its resources are not published separately.

| criterion | classes | P | interval, cycles | latency, cycles | LUT | FF | DSP | BRAM18 | ECP5 |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
"""
    for row in rows():
        print(row, end="", flush=True)
        text += row
    if options.write:
        options.write.write_text(text)


if __name__ == "__main__":
    main()
