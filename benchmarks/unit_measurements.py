"""What Yosys gives for drawn units and blocks, kept in a file of JSON lines.

Each line is one unit, with the hash of what was drawn. `measure` synthesises what is not there, and what is drawn
otherwise than before. A change of SystemVerilog alone is not seen: then, ask for all units again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.unit_points import GENERATED, Drawn, drawn
from hwcodesign.hardware.layout import stream_ports
from hwcodesign.simulation.cocotb_runner import library_sources
from hwcodesign.storage.cache import scratch_folder
from hwcodesign.synthesis.figures import elaborated
from hwcodesign.synthesis.jobs import Job, run_jobs
from hwcodesign.synthesis.netlist import Module
from hwcodesign.synthesis.pieces import Piece, Setting, Store, largest_first, pieces_of
from hwcodesign.synthesis.resources import SynthesisedResources, count
from hwcodesign.synthesis.yosys import Sources
from hwcodesign.systemverilog import parameter_lines, with_constants
from hwcodesign.tools.yowasp import TimeLimit

#: Seconds; a loaded machine takes its time.
_LIMIT = 6 * 3600.0
#: Units that are elaborated at once.
_BATCH = 10
TOP = "batch"


@dataclass(frozen=True)
class Measurement:
    """The figures of one unit.

    Attributes:
        kind, seed: what it was drawn from.
        digest: hash of what was drawn.
        modules: by name of a module of rtl_sim/rtl, or of a generated one without its prefix, the sum over its
            instances, without what is below them.
        counts: instances, by name.
    """

    kind: str
    seed: int
    digest: str
    modules: dict[str, SynthesisedResources]
    counts: dict[str, int]

    @property
    def total(self) -> SynthesisedResources:
        """The whole unit."""
        return sum(self.modules.values(), SynthesisedResources())

    def line(self) -> str:
        """One line of the file: of each module its number, LUTs, FFs, DSPs, RAMB18s and LUTs that are memory."""
        rows = {
            name: [self.counts[name], part.lut, part.ff, part.dsp, part.bram18, part.lutram]
            for name, part in sorted(self.modules.items())
        }
        data = {"kind": self.kind, "seed": self.seed, "digest": self.digest, "modules": rows}
        return json.dumps(data, separators=(",", ":")) + "\n"


def read_measurements(path: Path) -> list[Measurement]:
    """The lines of a file; none where there is no file."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else []:
        data = json.loads(line)
        modules = {name: SynthesisedResources(*row[1:]) for name, row in data["modules"].items()}
        counts = {name: row[0] for name, row in data["modules"].items()}
        found.append(Measurement(data["kind"], data["seed"], data["digest"], modules, counts))
    return found


def measure(wanted: Sequence[tuple[str, int]], path: Path, *, again: bool = False) -> None:
    """Synthesise what is wanted, by kind and seed, and is not there yet; each batch is written when it is done.

    Args:
        again: also synthesise what is there.
    """
    limit = TimeLimit(_LIMIT)
    known = {(point.kind, point.seed): point for point in read_measurements(path)}
    kept = set() if again else {point for point in wanted if point in known and known[point].digest == _digest(*point)}
    for batch in _batches(point for point in wanted if point not in kept):
        made = {point: drawn(*point) for point in batch}
        modules = _elaborated(made, limit)
        figures = _mapped([module for parts in modules.values() for module in parts], limit)
        for point, parts in modules.items():
            known[point] = _measured(*point, parts, figures)
        path.write_text("".join(point.line() for point in known.values()))


def synthesised(one: Drawn) -> SynthesisedResources:
    """What Yosys gives for one unit, mapped module by module."""
    limit = TimeLimit(_LIMIT)
    (modules,) = _elaborated({("one", 0): one}, limit).values()
    figures = _mapped(modules, limit)
    return sum((figures[module.digest] for module in modules), SynthesisedResources())


def _digest(kind: str, seed: int) -> str:
    return drawn(kind, seed).digest[:16]


def _batches(points: Iterable[tuple[str, int]]) -> Iterator[list[tuple[str, int]]]:
    """What has a generated module stands alone: its name is always the same."""
    batch: list[tuple[str, int]] = []
    for kind, seed in points:
        if kind.startswith(("accelerator", "buffer", "decision", "distributed", "unpack")):
            yield [(kind, seed)]
            continue
        batch.append((kind, seed))
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _elaborated(made: dict[tuple[str, int], Drawn], limit: TimeLimit) -> dict[tuple[str, int], list[Module]]:
    """The modules of each."""
    named = {f"u_{i}": one for i, one in enumerate(made.values())}
    texts = {name: text for one in made.values() for name, text in one.texts.items() if name.endswith(".sv")}
    roms = {name: text for one in made.values() for name, text in one.texts.items() if not name.endswith(".sv")}
    roms |= {f"{name}_{rom.name}.hex": rom.text for name, one in named.items() for rom in one.instance.roms}
    alone = len(made) == 1 and not next(iter(made.values())).inputs
    if not alone:
        texts[f"{TOP}.sv"] = top_source(named)
    with scratch_folder() as folder:
        for name, text in texts.items():
            (folder / name).write_text(text)
        files = [*library_sources(), *(folder / name for name in texts)]
        modules = elaborated(Sources(files, GENERATED if alone else TOP, roms=roms), limit).values()
    if alone:
        return {point: list(modules) for point in made}
    return {
        point: [module for module in modules if f"{module.path}.".startswith(f"{TOP}.{name}.")]
        for point, name in zip(made, named, strict=True)
    }


def top_source(made: dict[str, Drawn]) -> str:
    """A module that holds all of them side by side, each an instance of the name given."""
    ports, body = ["  input wire logic clk_i", "  input wire logic rst_ni"], []
    for name, one in made.items():
        connections = [".clk_i", ".rst_ni"]
        streams = [(stream, lanes, width, False) for stream, lanes, width in one.inputs]
        for stream, lanes, width, output in [*streams, ("out", *one.output, True)]:
            flat = one.instance.module.startswith("stream_") and one.instance.module != "stream_resize"
            for port in stream_ports(stream, lanes, width, output=output):
                dimensions = port.dimensions[1:] if flat else port.dimensions
                kind = "output logic" if port.output else "input wire logic"
                ports.append(f"  {kind} {''.join(f'[{text}]' for text in dimensions)} {name}_{port.name}")
                connections.append(f".{port.name}({name}_{port.name})")
        constants, instance = with_constants(one.instance, name)
        body += constants
        parameters = parameter_lines(instance.parameters)
        parameters += [f', .{rom.parameter}("{name}_{rom.name}.hex")' for rom in one.instance.roms]
        given = f"#({' '.join(parameters)}) " if parameters else ""
        body.append(f"  {one.instance.module} {given}{name} ({', '.join(connections)});")
    lines = [f"module {TOP} import hwc_pkg::*; (", ",\n".join(ports), ");", *body, "endmodule"]
    return "\n".join(["`default_nettype none", *lines, "`default_nettype wire", ""])


def _mapped(modules: Sequence[Module], limit: TimeLimit) -> dict[str, SynthesisedResources]:
    """Figures of modules without what is below them, by digest."""
    store = Store(None)
    pieces = list(pieces_of(modules, Setting("xc7")))
    run_jobs([_job(piece, store, limit) for piece in largest_first(pieces)], limit)
    found: dict[str, SynthesisedResources] = {}
    for piece in pieces:
        for digest, cells in (store.get(piece) or {}).items():
            found[digest] = count({kind: number for kind, number in cells.items() if not kind[1:].isdecimal()})
    return found


def _job(piece: Piece, store: Store, limit: TimeLimit) -> Job:
    return Job(run=lambda: store.put(piece, piece.map(limit)), done=lambda: print(f"  {piece.name}", flush=True))


def _measured(kind: str, seed: int, parts: Sequence[Module], figures: dict[str, SynthesisedResources]) -> Measurement:
    modules: dict[str, SynthesisedResources] = {}
    counts: dict[str, int] = {}
    for part in parts:
        name = part.name.partition("$")[0].removeprefix(f"{GENERATED}_")
        modules[name] = modules.get(name, SynthesisedResources()) + figures[part.digest]
        counts[name] = counts.get(name, 0) + 1
    return Measurement(kind, seed, _digest(kind, seed), modules, counts)
