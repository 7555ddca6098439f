"""This module writes StreamRTL's files: SystemVerilog, ROM images, a file list and a manifest, for a segment or an
accelerator.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hwcodesign.backends.streamrtl.accelerator_source import accelerator_source
from hwcodesign.backends.streamrtl.decision_source import decision_source
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.register_block import generate
from hwcodesign.backends.streamrtl.segment_source import Source, segment_source
from hwcodesign.backends.streamrtl.simulation_source import drive_header, wrapper_source
from hwcodesign.choices import not_known
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.errors import DesignError
from hwcodesign.hardware.implementation import DEFAULTS, Implementations
from hwcodesign.hardware.netlist import netlist
from hwcodesign.kernels import Segment, tensor_to_json
from hwcodesign.policies.own_criteria import files_of
from hwcodesign.simulation.probes import wrapper_name
from hwcodesign.simulation.project import MANIFEST, ROMS, SIMULATION, Project
from hwcodesign.storage.files import sha256_file, write_json, write_text
from hwcodesign.storage.installed import shared_folder
from hwcodesign.storage.sealed import SealedFiles

#: Modules of rtl_sim/rtl, copied into every project.
LIBRARY = "library"


def write_segment(segment: Segment, folder: Path, prefix: str, implementations: Implementations = DEFAULTS) -> Project:
    """Writes a segment alone, which is what the hls4ml backend's `write` does.

    Args:
        segment: the segment.
        folder: folder for the files.
        prefix: prefix of its module's name, an identifier.
        implementations: implementations of its kernels.
    """
    source = segment_source(netlist(segment, implementations, prefix), prefix)
    description = {
        "inputs": [tensor_to_json(tensor) for tensor in segment.inputs],
        "outputs": [tensor_to_json(tensor) for tensor in segment.results],
    }
    return _write(folder, source.module, [source], description)


def write_accelerator(hardware: Hardware, folder: Path, replaced: Mapping[str, Source] | None = None) -> Project:
    """Writes a whole accelerator.

    Args:
        hardware: hardware of the accelerator.
        folder: folder for the files.
        replaced: by name of the segment ("stage0"), the source that is written in its place, for example by
            `vitis_segment.vitis_segment_source`: a module of the same name and ports, with everything that it needs.
            The predicted cycles are those of the replaced segments, not of what takes their places.

    Raises:
        DesignError: there is no such segment, or the module in its place has another name.
    """
    accelerator = hardware.accelerator
    replaced = dict(replaced or {})
    _check_replaced(accelerator, replaced)
    registers = generate(accelerator.exits, accelerator.name)
    sources = [replaced.get(item.segment.name) or segment_source(item, accelerator.name) for item in hardware.netlists]
    sources += [
        decision_source(decision, f"{accelerator.name}_decision{k}") for k, decision in enumerate(hardware.decisions)
    ]
    sources.append(accelerator_source(accelerator, hardware.info_depths, hardware.head_queues, registers))
    blocks = [
        Source(registers.package_name, {f"{registers.package_name}.sv": registers.package}),
        Source(registers.module_name, {f"{registers.module_name}.sv": registers.module}),
    ]
    extra = {
        "registers.h": registers.header,
        "registers.md": registers.documentation,
        f"{SIMULATION}/{wrapper_name(accelerator)}.sv": wrapper_source(accelerator),
        f"{SIMULATION}/model.h": drive_header(accelerator, _drain(hardware)),
    }
    description: dict[str, Any] = {"configuration_hash": accelerator.configuration_hash}
    if replaced:
        description["replaced"] = sorted(replaced)
    own = files_of(accelerator.policy.criterion_name)
    if own:
        own.check()
        blocks.append(Source(own.systemverilog.stem, {own.systemverilog.name: own.systemverilog.read_text()}))
    return _write(folder, accelerator.name, [*blocks, *sources], description, extra)


def _drain(hardware: Hardware) -> int:
    """Returns the cycles without a beat after which no segment gives anything any more; 0 if nothing comes after the
    record of its sample.
    """
    several = any(len(stage.outputs) > 1 for stage in hardware.accelerator.stages)
    return max(cycles.latency for cycles in hardware.segments) + 1 if several else 0


def _check_replaced(accelerator: Accelerator, replaced: Mapping[str, Source]) -> None:
    names = [segment.name for segment in accelerator.segments]
    for name, source in replaced.items():
        if name not in names:
            raise DesignError(not_known(f"segment {name!r}", name, names))
        if source.module != f"{accelerator.name}_{name}":
            raise DesignError(
                f"{source.module!r} cannot take the place of {name}: the accelerator instantiates "
                f"'{accelerator.name}_{name}', so give the accelerator's name as prefix"
            )


def _write(
    folder: Path,
    top: str,
    sources: list[Source],
    description: dict[str, Any],
    extra: dict[str, str] | None = None,
) -> Project:
    names = _copy_library(folder)
    (folder / ROMS).mkdir(parents=True, exist_ok=True)
    for source in sources:
        for name, text in source.texts.items():
            write_text(folder / name, text)
            if name.endswith((".sv", ".v")):
                names.append(name)
    for name, text in (extra or {}).items():
        write_text(folder / name, text)
    write_text(folder / f"{top}.f", "".join(f"{name}\n" for name in names))
    written = (*names, *(name for source in sources for name in source.texts), *(extra or ()))
    files = SealedFiles(folder, {name: sha256_file(folder / name) for name in dict.fromkeys(written)})
    write_json(folder / MANIFEST, {"top": top, **description, "sources": names, "sha256": dict(files.digests)})
    return Project(files, top, tuple(names))


def _copy_library(folder: Path) -> list[str]:
    """Copy the modules of rtl_sim/rtl; returns their names, waivers and package first."""
    rtl = shared_folder("rtl_sim") / "rtl"
    (folder / LIBRARY).mkdir(parents=True, exist_ok=True)
    first = ["verilator.vlt", "hwc_pkg.sv"]
    names = first + sorted(path.name for path in rtl.glob("*.sv") if path.name not in first)
    for name in names:
        shutil.copyfile(rtl / name, folder / LIBRARY / name)
    return [f"{LIBRARY}/{name}" for name in names]
