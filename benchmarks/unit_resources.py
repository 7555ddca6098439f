"""How well units' resources are estimated: drawn units are synthesised by Yosys, and coefficients fitted to them.

    python -m benchmarks.unit_resources --write docs/hardware.md --designs build/digits/design build/…/design

What Yosys gave is kept in benchmarks/unit_resources.jsonl: only units that are not there are synthesised. Coefficients
are written to hwcodesign/hardware/resources/coefficients.py. Errors are those of kinds that the fit has not seen, and
of whole networks, of which it never sees anything.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

import hwcodesign as hw
from benchmarks.sections import write_section
from benchmarks.unit_measurements import Measurement, measure, read_measurements
from benchmarks.unit_points import KINDS, drawn
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.resources import AcceleratorEstimate
from hwcodesign.hardware.resources import coefficients
from hwcodesign.hardware.resources.figures import Part, Resources, total
from hwcodesign.simulation.project import read_project
from hwcodesign.simulation.rtl import FOLDER
from hwcodesign.synthesis.figures import synthesise_modules
from hwcodesign.synthesis.pieces import Setting
from hwcodesign.synthesis.yosys import Sources
from hwcodesign.tools.yowasp import TimeLimit

POINTS = Path(__file__).with_suffix(".jsonl")
#: The first seed that no fit sees, and how many there are of each kind.
FIRST_FRESH, FRESH = 12, 2
#: Seeds of each kind; few of what takes long, and of what others have in common with it.
SEEDS = {kind: 6 if kind == "accelerator" else 3 if kind.startswith("decision by") else 12 for kind in KINDS}
#: Of the section of the document.
HEADING = "## Estimated resources"
#: Aims: median error, worst error, and LUTs that are always allowed.
MEDIAN, WORST, ALLOWED = 0.10, 0.25, 60
#: LUTs below which an error counts no more in the fit.
_SMALL = 20.0
#: Seconds; a loaded machine takes its time.
_LIMIT = 6 * 3600.0
Coefficients = Mapping[str, float]


@dataclass(frozen=True)
class Point:
    """A drawn unit: what Yosys gave, and what it is made of."""

    measured: Measurement
    parts: tuple[Part, ...]

    @property
    def family(self) -> str:
        """Kind of layer: all ways to build it. What is around segments is one kind, of which accelerators are made."""
        kind = self.measured.kind
        if kind in {"accelerator", "buffer", "unpack"}:
            return "around segments"
        for family in ("conv2d", "depthwise", "dense", "decision", "global", "queue"):
            if family in kind:
                return family
        return kind


@cache
def points(*, fresh: bool = False) -> tuple[Point, ...]:
    """What is in the file: what is fitted to, or what is not."""
    kept = [found for found in read_measurements(POINTS) if (found.seed >= FIRST_FRESH) == fresh]
    return tuple(Point(found, drawn(found.kind, found.seed).parts) for found in kept)


def fitted(seen: Iterable[Point]) -> dict[str, float]:
    """LUTs of each thing that parts count, by least squares of relative errors, module by module, none negative."""
    rows: dict[str, list[tuple[dict[str, float], float]]] = defaultdict(list)
    for point in seen:
        counted: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        known: dict[str, float] = defaultdict(float)
        for part in point.parts:
            for name, count in part.logic.items():
                counted[part.module][name] += part.number * count
            known[part.module] += part.number * part.lut
        for module, found in counted.items():
            if module in point.measured.modules:
                rows[module].append((found, point.measured.modules[module].logic_lut - known[module]))
    result = {}
    for module, lines in sorted(rows.items()):
        names = sorted({name for found, _ in lines for name, count in found.items() if count})
        matrix = np.array([[found.get(name, 0.0) for name in names] for found, _ in lines])
        wanted = np.array([lut for _, lut in lines], np.float64)
        weights = 1 / np.maximum(wanted, _SMALL)
        solution, _ = nnls(matrix * weights[:, None], wanted * weights)
        result |= {f"{module}: {name}": float(value) for name, value in zip(names, solution, strict=True)}
    return result


@dataclass(frozen=True)
class Errors:
    """Of several estimates against what Yosys gave.

    Attributes:
        luts: (N, 2) estimated, measured; `ffs` likewise.
        exact: how many of them have the right DSP blocks and block RAMs.
        names: of each.
    """

    luts: tuple[tuple[float, float], ...]
    ffs: tuple[tuple[float, float], ...]
    exact: int
    names: tuple[str, ...]

    @classmethod
    def of(cls, pairs: Sequence[tuple[str, Resources, Measurement]]) -> Errors:
        """Of estimates and measurements."""
        exact = sum((e.dsp, e.bram18) == (m.total.dsp, m.total.bram18) for _, e, m in pairs)
        return cls(
            tuple((e.lut, m.total.lut) for _, e, m in pairs),
            tuple((e.ff, m.total.ff) for _, e, m in pairs),
            exact,
            tuple(name for name, _, _ in pairs),
        )

    @property
    def median(self) -> float:
        """Of LUTs."""
        return float(np.median([abs(e - m) / max(m, 1) for e, m in self.luts]))

    def missed(self, values: Sequence[tuple[float, float]]) -> list[str]:
        """Those outside the aim for the worst."""
        return [
            f"{name} ({e:.0f} for {m:.0f})"
            for name, (e, m) in zip(self.names, values, strict=True)
            if abs(e - m) > max(WORST * m, ALLOWED)
        ]

    def row(self, name: str) -> str:
        """A line of the table."""
        cells = []
        for values in (self.luts, self.ffs):
            relative = [abs(e - m) / max(m, 1) for e, m in values]
            worst = max(range(len(values)), key=lambda i: relative[i])
            most = f"{values[worst][0]:.0f} for {values[worst][1]:.0f}"
            cells.append(f"{np.median(relative):.1%} | {max(relative):.0%} ({most}) | {len(self.missed(values))}")
        return f"| {name} | {len(self.luts)} | {' | '.join(cells)} | {self.exact} |\n"


def seen_by_all(coefs: Coefficients, *, fresh: bool = False) -> Errors:
    """Of all points, with the same coefficients."""
    return Errors.of([(_name(p), total(p.parts, coefs), p.measured) for p in points(fresh=fresh)])


def held_out() -> list[tuple[str, str, Errors]]:
    """Errors of each kind of layer, with coefficients fitted without any unit of the kind.

    Where the kind has a module that no other has, half of its own units are seen as well, and the others predicted, in
    turn: "half" instead of "whole".
    """
    rows = []
    for family in dict.fromkeys(point.family for point in points()):
        own = [point for point in points() if point.family == family]
        others = [point for point in points() if point.family != family]
        known = fitted(others)
        needed = {
            f"{part.module}: {name}"
            for point in own
            for part in point.parts
            for name, count in part.logic.items()
            if count
        }
        how, pairs = "whole", []
        if needed <= known.keys():
            pairs = [(_name(p), total(p.parts, known), p.measured) for p in own]
        else:
            how = "half"
            for parity in (0, 1):
                coefs = defaultdict(float, fitted([*others, *(p for p in own if p.measured.seed % 2 != parity)]))
                pairs += [(_name(p), total(p.parts, coefs), p.measured) for p in own if p.measured.seed % 2 == parity]
        rows.append((family, how, Errors.of(pairs)))
    return rows


def _name(point: Point) -> str:
    return f"{point.measured.kind} {point.measured.seed}"


def write_coefficients(coefs: Coefficients) -> None:
    """Write the data module."""
    lines = "".join(f'    "{name}": {value:.3f},\n' for name, value in sorted(coefs.items()))
    Path(str(coefficients.__file__)).write_text(
        '"""This module holds LUTs of what parts count. `python -m benchmarks.unit_resources` writes it."""\n\n'
        "from __future__ import annotations\n\nfrom collections.abc import Mapping\n\n"
        f"COEFFICIENTS: Mapping[str, float] = {{\n{lines}}}\n"
    )


@dataclass(frozen=True)
class Network:
    """A compiled design: its whole, and the instances of its top, estimated and measured."""

    name: str
    measured: Resources
    blocks: Mapping[str, tuple[Resources, Resources]]

    @property
    def estimated(self) -> Resources:
        """The whole."""
        return sum((estimated for estimated, _ in self.blocks.values()), Resources())


def network(folder: Path, coefs: Coefficients) -> Network:
    """Estimate and synthesise a design."""
    design = hw.load(folder)
    project = read_project(folder / FOLDER)
    sources = Sources(project.sources, project.top, roms=project.rom_texts)
    found = synthesise_modules(sources, [Setting("xc7")], TimeLimit(_LIMIT))[0]
    parts: dict[str, list[Part]] = defaultdict(list)
    for block in AcceleratorEstimate.of(Hardware.of(design.accelerator)).blocks:
        parts[block.block] += block.parts
    blocks = {block: (total(own, coefs), found.modules[f"{project.top}.u_{block}"]) for block, own in parts.items()}
    return Network(design.accelerator.name, found, blocks)


def _table(rows: Iterable[str]) -> str:
    head = "| | units | LUT: median error | worst | beyond | FF: median error | worst | beyond | DSP, BRAM exact |\n"
    return head + "|---|---:|---:|---:|---:|---:|---:|---:|---:|\n" + "".join(rows)


def _network_rows(found: Sequence[Network]) -> str:
    lines = "| network | | LUT | FF | DSP | BRAM18 | LUTs that are memory |\n|---|---|---:|---:|---:|---:|---:|\n"
    for net in found:
        for what, r in (("Yosys", net.measured), ("estimated", net.estimated.rounded())):
            lines += f"| {net.name} | {what} | {r.lut:,} | {r.ff:,} | {r.dsp} | {r.bram18} | {r.lutram:,} |\n"
    return lines


def document(coefs: Coefficients, networks: Sequence[Network]) -> str:
    """The page, with the command that repeats it."""
    rows = held_out()
    outside = [f"{name} {where}" for _, _, errors in rows for name, where in _outside(errors)]
    inexact = [f"{name} ({errors.median:.1%})" for name, _, errors in rows if errors.median > MEDIAN]
    designs = " ".join(f"build/{net.name}/design" for net in networks)
    text = f"""{HEADING}

    python -m benchmarks.unit_resources --write docs/hardware.md --designs {designs}

`hwcodesign compile` says what a design takes of its board before anything is synthesised. Each unit says of what
modules it is made, and of each module how many bits it adds, compares, selects and stores (`hardware/resources/`).
Flip-flops, DSP blocks, block RAMs and LUTs that are memory are counted: by the registers in the modules' sources, and
by Yosys' own rules for memories and products. LUTs that compute are a sum of {len(coefs)} counts, each times a
fitted coefficient; a module has one to six. Weights that are built into adders, and graphs of distributed arithmetic,
are counted adder by adder. Yosys maps modules one by one here, as `hwcodesign compile` with `--resources` does, for
7 series. Its figures are estimates of Vivado's, and these are estimates of Yosys'. For UltraScale+ Yosys gives the
network digits 0.4 % fewer LUTs, and as many flip-flops, DSP blocks and block RAMs. LUTs in most rows of
the first table are those of its faster mapping, which takes more of them.

{len(points())} units and blocks, drawn at random with the seeds 0, 1, 2, … of each kind, were synthesised.
`benchmarks/unit_resources.jsonl` has what Yosys gave; the command synthesises only what is missing there. The aim is a
median error of at most {MEDIAN:.0%}, no error above {WORST:.0%} or {ALLOWED} LUTs (flip-flops), the larger, and exact
numbers of DSP blocks and block RAMs. "beyond" counts units with a larger error than that.

{len(points(fresh=True))} more units, with the seeds from {FIRST_FRESH} on, were drawn after the model was written.
The fit has not seen them. After 44 of them, three counts were corrected: flip-flops of selections, constant columns of
ROMs, and one of the unpacker.

{_table([seen_by_all(coefs, fresh=True).row("new units")])}
Beyond the aim: {_named(seen_by_all(coefs, fresh=True))}.

Here coefficients were fitted without any unit of the kind that is predicted. Kinds with something that no other kind
has cannot be predicted so, and are marked *half*: they are predicted by the other kinds and half of their own units.

{_table([errors.row(f"{name}{' (half)' if how == 'half' else ''}") for name, how, errors in rows])}
Beyond the aim: {"; ".join(outside) or "none"}. Kinds whose median error is above the aim:
{"; ".join(inexact) or "none"}.

All units but the new ones, with the coefficients that hwcodesign has, which are fitted to all of them:

{_table([seen_by_all(coefs).row("all")])}
"""
    if networks:
        text += "Whole networks, of which the fit has seen nothing:\n\n"
        text += f"{_network_rows(networks)}\n"
        found = [(net.name, Errors.of(_block_pairs(net))) for net in networks]
        text += f"The instances in their tops:\n\n{_table(errors.row(name) for name, errors in found)}\n"
        outside = [f"{name} {where}" for _, errors in found for name, where in _outside(errors)]
        text += f"Beyond the aim: {'; '.join(outside) or 'none'}.\n"
    return text


def _named(errors: Errors) -> str:
    return "; ".join(f"{name} {where}" for name, where in _outside(errors)) or "none"


def _outside(errors: Errors) -> list[tuple[str, str]]:
    found = [(name, "LUT") for name in errors.missed(errors.luts)]
    return found + [(name, "FF") for name in errors.missed(errors.ffs)]


def _block_pairs(net: Network) -> list[tuple[str, Resources, Measurement]]:
    return [
        (f"{net.name} {block}", estimated, Measurement(block, 0, "", {block: measured}, {block: 1}))
        for block, (estimated, measured) in net.blocks.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--designs", type=Path, nargs="*", default=[], help="folders of compiled designs")
    parser.add_argument("--write", type=Path, help="document whose last section becomes the tables")
    parser.add_argument("--again", action="store_true", help="synthesise all units, also those that are kept")
    options = parser.parse_args()
    wanted = [(kind, seed) for kind, seeds in SEEDS.items() for seed in range(seeds)]
    wanted += [(kind, FIRST_FRESH + i) for i in range(FRESH) for kind, n in SEEDS.items() if n == FIRST_FRESH]
    print(f"{len(wanted)} units: seeds from 0 to {max(seed for _, seed in wanted)} of each kind")
    measure(wanted, POINTS, again=options.again)
    coefs = fitted(points())
    write_coefficients(coefs)
    networks = [network(folder, coefs) for folder in options.designs]
    text = document(coefs, networks)
    print(text)
    if options.write:
        write_section(options.write, text)


if __name__ == "__main__":
    main()
