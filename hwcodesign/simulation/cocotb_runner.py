"""This module runs a cocotb bench with Verilator, on a module of rtl_sim/rtl or on any design of generated sources."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET  # of cocotb's own making
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hwcodesign.errors import SimulationError, ToolError
from hwcodesign.fixedpoint import FixedPoint, Overflow, Rounding
from hwcodesign.simulation.stream_checks import bindings, checker_source
from hwcodesign.storage.cache import entry_of, is_kept, kept
from hwcodesign.storage.installed import shared_folder
from hwcodesign.systemverilog import Bits, Name, PackedStruct, Parameter, Rom
from hwcodesign.tools.headers import precompiled
from hwcodesign.tools.verilator import find_verilator, include_folders, sound_arguments

#: More than any build takes.
_BUILD_SECONDS = 86400
#: Written when a bench ends.
_RESULTS = "results.xml"
#: What a bench's units include, and macros of Verilator's makefile that are 0 where no trace is written.
_HEADERS = ("verilated.h", "verilated_vpi.h", "verilated_dpi.h")
_VERILATOR_OPTIONS = ("COVERAGE", "SC", "TIMING", "TRACE", "TRACE_FST", "TRACE_VCD", "TRACE_SAIF")
#: Flags of a user's, which Verilator's makefile takes from the environment.
_USERS_FLAGS = {"CXXFLAGS", "CPPFLAGS"}
#: Names of files whose failed assertions show their values, for cocotb.
_REWRITTEN = "COCOTB_REWRITE_ASSERTION_FILES"
#: Values of hwc_pkg's enums, for parameters that are given on the command line.
_ENUMS = {"Lut": 0, "Dsp": 1, "Constant": 2}


@dataclass(frozen=True)
class Bench:
    """The bench holds the settings of one cocotb run.

    Attributes:
        top: module to test.
        module: Python module with the cocotb tests, importable from `folder_of_bench`.
        folder_of_bench: folder of that module; the default is rtl_sim/tb.
        parameters: parameters of the top module.
        roms: ROM images that its parameters name; they are written where the simulation runs.
        sources: SystemVerilog files beside those of rtl_sim/rtl, for example a wrapper of rtl_sim/tb.
        values: texts that the bench reads from its environment (HWC_...).
        seed: seed of cocotb's and the bench's random choices.
        waves: whether to write a trace (dump.vcd) into the build folder.
        is_long: whether it simulates for so long that an optimised model saves more time than it takes to compile.
    """

    top: str
    module: str
    parameters: Mapping[str, Parameter]
    roms: Sequence[Rom] = ()
    sources: Sequence[Path] = ()
    values: Mapping[str, str] | None = None
    seed: int = 1
    waves: bool = False
    folder_of_bench: Path | None = None
    is_long: bool = False


def run_bench(bench: Bench, folder: Path) -> None:
    """Builds the module and runs its bench; every cocotb test must pass.

    Args:
        folder: empty folder for the build and its results.

    Raises:
        ToolError: Verilator or cocotb is missing, or the build fails.
        SimulationError: a cocotb test failed or was skipped, none ran, or a check failed in the end; the message ends
            with the bench's output.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for rom in bench.roms:
        (folder / f"{rom.name}.hex").write_text(rom.text)
    tb = bench.folder_of_bench or shared_folder("rtl_sim") / "tb"
    sources, checks = [*library_sources(), *bench.sources], folder / "checks.sv"
    # a wrapper of a bench has the bench's streams at its ports, which may end with a reset that it does not see
    checked = [path for path in sources if path.suffix == ".sv" and path.parent.resolve() != tb.resolve()]
    checks.write_text(bindings([path.read_text() for path in checked]))
    script = folder / "run.py"
    script.write_text(_SCRIPT)
    arguments = [*build_arguments(), *(_override(k, v) for k, v in bench.parameters.items())]
    optimisation = "-O1" if bench.is_long else "-O0"
    header = str(_precompiled_header(optimisation))
    # its path passes a makefile and a shell; and g++ does not notice all flags that are not those that it was made with
    if not bench.waves and shlex.quote(header) == header and not _USERS_FLAGS & os.environ.keys():
        # a large module is compiled in several units, for which Verilator has its makefile precompile headers itself
        arguments += ["-CFLAGS", f"$(if $(filter 0,$(VM_PARALLEL_BUILDS)),-include {header})"]
    settings = {
        "HWC_RUN_SOURCES": os.pathsep.join(map(str, [*sources, checker_source(), checks])),
        "HWC_RUN_TOP": bench.top,
        "HWC_RUN_MODULE": bench.module,
        "HWC_RUN_FOLDER": str(folder),
        "HWC_RUN_ARGS": "\n".join(arguments),
        "HWC_RUN_SEED": str(bench.seed),
        "HWC_RUN_WAVES": "1" if bench.waves else "",
    }
    environment = {**find_verilator().environment, **settings, **(bench.values or {})}
    # cocotb makes every name public, and its tables would take minutes to optimise: at most what runs each cycle is
    environment["MAKEFLAGS"] = " ".join([environment.get("MAKEFLAGS", ""), f"OPT_FAST={optimisation}"]).strip()
    environment["PYTHONPATH"] = os.pathsep.join([str(tb), environment.get("PYTHONPATH", "")])
    # cocotb has pytest rewrite every module's assertions otherwise, at each start those of numba and all else anew
    environment.setdefault(_REWRITTEN, " ".join(sorted(path.name for path in tb.glob("*.py"))))
    build, runtime = folder / "build", _runtime(waves=bench.waves)
    build.mkdir(exist_ok=True)
    if is_kept(*runtime):
        for made in entry_of(*runtime).glob("*.o"):
            shutil.copyfile(made, build / made.name)
            later = time.time() + _BUILD_SECONDS
            os.utime(build / made.name, (later, later))  # newer than Verilator's makefile will be: make leaves it
    try:
        done = subprocess.run(
            [sys.executable, str(script)], capture_output=True, text=True, check=False, env=environment, cwd=folder
        )
    except OSError as error:
        raise ToolError(f"cocotb could not be started: {error}") from None
    if (folder / _RESULTS).exists():  # the model, and with it the runtime, was compiled
        kept(*runtime, lambda folder: _copy_runtime(build, folder))
    output = done.stdout + done.stderr
    (folder / "output.txt").write_text(output)
    _require_passed(bench, folder, output, done.returncode)


def _runtime(*, waves: bool) -> tuple[str, str]:
    """Name, and what it depends on, of Verilator's runtime as compiled for cocotb: the same for every bench."""
    tool = find_verilator()
    tools = [tool.version, importlib.metadata.version("cocotb"), platform.machine(), str(tool.folder), str(waves)]
    return "cocotb", " ".join([*tools, *build_arguments()])


def _precompiled_header(optimisation: str) -> Path:
    """Returns a header that every unit of a bench includes first, compiled: of a small module's units, to read
    Verilator's headers is the most of the work. With other macros than these the compiler would read its text.
    """
    tool = find_verilator()
    root, standard = include_folders(tool)
    macros = ("VERILATOR=1", *(f"VM_{name}=0" for name in _VERILATOR_OPTIONS))
    flags = [optimisation, f"-I{root}", f"-I{standard}", *(f"-D{macro}" for macro in macros)]

    return precompiled("cocotb-headers", _HEADERS, ["c++", *flags], " ".join([tool.version, *flags]))


def _copy_runtime(build: Path, folder: Path) -> None:
    for made in build.glob("verilated*.o"):
        shutil.copyfile(made, folder / made.name)


def library_sources() -> list[Path]:
    """Returns the files of rtl_sim/rtl, waivers and the package first."""
    rtl = shared_folder("rtl_sim") / "rtl"
    first = [rtl / "verilator.vlt", rtl / "hwc_pkg.sv"]
    return [*first, *sorted(path for path in rtl.glob("*.sv") if path not in first)]


def build_arguments() -> list[str]:
    """Returns Verilator's arguments for every simulation: all warnings, assertions on."""
    return ["-O3", *sound_arguments(), "-Wall", "--assert", "--x-assign", "fast", "--x-initial", "fast"]


def _override(name: str, value: Parameter) -> str:
    match value:
        case FixedPoint():
            return f"-G{name}=38'h{format_code(value):x}"
        case Bits():
            return f"-G{name}={value.width}'h{value.value:x}"
        case PackedStruct():
            return _override(name, _struct_bits(value))
        case Name():
            return f"-G{name}=2'd{_ENUMS[value.name]}"
        case str():
            return f'-G{name}="{value}"'
        case _:
            return f"-G{name}={int(value)}"


def _struct_bits(struct: PackedStruct) -> Bits:
    """Returns a struct as its bits."""
    whole = Bits(0, 0)
    for _, value in struct.fields:
        match value:
            case Bits():
                field = value
            case Name():
                field = Bits(2, _ENUMS[value.name])
            case bool():
                field = Bits(1, int(value))
            case int():
                field = Bits(32, value & 0xFFFFFFFF)
        whole = Bits(whole.width + field.width, whole.value << field.width | field.value)
    return whole


def format_code(fmt: FixedPoint) -> int:
    """Returns a format as the bits of hwc_pkg's format_t."""
    code = int(fmt.signed)
    code = code << 16 | fmt.width
    code = code << 16 | (fmt.fraction & 0xFFFF)
    code = code << 3 | list(Rounding).index(fmt.rounding)
    return code << 2 | list(Overflow).index(fmt.overflow)


def _require_passed(bench: Bench, folder: Path, output: str, code: int) -> None:
    results = folder / _RESULTS
    if not results.exists():
        raise SimulationError(f"{bench.top}: {bench.module} did not run:\n{output[-6000:]}")
    cases = list(ET.parse(results).getroot().iter("testcase"))  # noqa: S314
    wrong = [
        f"{case.get('name')} {said}"
        for case in cases
        for kind, said in (("failure", "failed"), ("error", "failed"), ("skipped", "was skipped"))
        if case.find(kind) is not None
    ]
    if code and not wrong:
        wrong = ["the simulation did not end well"]  # a check at its end failed, after the results were written
    if wrong or not cases:
        raise SimulationError(f"{bench.top}: {bench.module}: {', '.join(wrong) or 'no test ran'}:\n{output[-6000:]}")


#: In a process of its own, so that a simulator that dies takes no test runner along.
_SCRIPT = """\
import os
from pathlib import Path

from cocotb_tools.runner import get_runner

folder = Path(os.environ["HWC_RUN_FOLDER"])
waves = bool(os.environ["HWC_RUN_WAVES"])
runner = get_runner("verilator")
runner.build(
    sources=[Path(path) for path in os.environ["HWC_RUN_SOURCES"].split(os.pathsep)],
    hdl_toplevel=os.environ["HWC_RUN_TOP"],
    build_dir=folder / "build",
    build_args=os.environ["HWC_RUN_ARGS"].split("\\n"),
    waves=waves,
    always=True,
)
runner.test(
    hdl_toplevel=os.environ["HWC_RUN_TOP"],
    test_module=os.environ["HWC_RUN_MODULE"],
    build_dir=folder / "build",
    test_dir=folder,
    results_xml=str(folder / "results.xml"),
    seed=int(os.environ["HWC_RUN_SEED"]),
    waves=waves,
)
"""
