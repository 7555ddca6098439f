"""What each exit criterion costs in hardware: the decision unit by itself, by open synthesis, and its cycles.

python -m benchmarks.decision_units                     # 10 classes, 8-bit logits, the third of four exits
python -m benchmarks.decision_units --classes 100 --per-cycle 7
"""

from __future__ import annotations

import argparse

from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.kernels.decision import Decision
from hwcodesign.policies import CRITERIA
from hwcodesign.share import shared_folder
from hwcodesign.synthesis import synthesise
from rtl_sim.tb.drawn_policies import drawn_policy

LOGITS = FixedPoint(8, 4)
EXITS, EXIT = 4, 2
BY_CLASS = " by class"


def unit_of(name: str, classes: int, per_cycle: int) -> Decision:
    criterion = name.removesuffix(BY_CLASS)
    policy = drawn_policy(criterion, [LOGITS] * EXITS, classes, by_class=criterion != name)
    return Decision.of(policy, EXIT, per_cycle)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--per-cycle", type=int, default=1, help="logits handled a cycle")
    options = parser.parse_args()
    print(f"{options.classes} classes, {LOGITS}, {options.per_cycle} a cycle, exit {EXIT} of {EXITS}; Yosys, xc7")
    print("| criterion | LUT | FF | DSP48 | RAMB18 | interval | latency |\n|---|---:|---:|---:|---:|---:|---:|")
    sources = sorted((shared_folder("rtl_sim") / "rtl").glob("*.sv"))
    for name in [*sorted(CRITERIA), f"margin{BY_CLASS}", f"max_softmax{BY_CLASS}"]:
        unit = unit_of(name, options.classes, options.per_cycle)
        instance = unit.instance
        roms = {f"{rom.name}.hex": rom.text for rom in instance.roms}
        files = {rom.parameter: f"{rom.name}.hex" for rom in instance.roms}
        parameters = {**dict(instance.parameters), **files}
        found = synthesise(sources, instance.module, parameters=parameters, roms=roms, fast=True)
        cells = (found.lut, found.ff, found.dsp, found.bram18)
        print(f"| {name} | {' | '.join(map(str, cells))} | {unit.interval} | {unit.latency} |", flush=True)


if __name__ == "__main__":
    main()
