"""This module completes names in a shell: each function returns what may stand where the cursor is.

A shell calls it at every press of the Tab key, so that it imports only what the names need, and never PyTorch.
"""

from __future__ import annotations

from pathlib import Path


def recipe_names(incomplete: str) -> list[str]:
    """Returns recipes that come with hwcodesign, and recipe files and folders from here."""
    from hwcodesign.recipe_files import recipe_names as known

    files = [path for path in _paths(incomplete) if path.endswith(("/", ".py"))]
    return [*_beginning(incomplete, known()), *files]


def builds(incomplete: str) -> list[str]:
    """Returns folders of results: names of those in build/, and paths."""
    from hwcodesign.report.schema import REPORT

    names = sorted(path.parent.name for path in Path("build").glob(f"*/{REPORT}"))
    return [*_beginning(incomplete, names), *(path for path in _paths(incomplete) if path.endswith("/"))]


def boards(incomplete: str) -> list[str]:
    """Returns names of boards."""
    from hwcodesign.designs.boards import BOARDS

    return _beginning(incomplete, sorted(BOARDS))


def criteria(incomplete: str) -> list[str]:
    """Returns names of exit criteria."""
    from hwcodesign.policies import CRITERIA

    return _beginning(incomplete, sorted(CRITERIA))


def criteria_list(incomplete: str) -> list[str]:
    """Returns lists of criteria with commas between them, whose last one is completed."""
    before, comma, last = incomplete.rpartition(",")
    given = before.split(",")
    return [f"{before}{comma}{name}" for name in [*criteria(last), *_beginning(last, ["none"])] if name not in given]


def places(incomplete: str) -> list[tuple[str, str]]:
    """Returns the places where a design runs, and what each is."""
    from hwcodesign.places import PLACES

    return [(place.name, place.text) for place in PLACES.values() if place.name.startswith(incomplete)]


def objectives(incomplete: str) -> list[str]:
    """Returns what a design of a search may be chosen by."""
    known = ["images_per_second", "accuracy", "mean_us", "share", "p99_us", "stream_p99_us", "energy_nj"]
    return _beginning(incomplete, known)


def archives(incomplete: str) -> list[str]:
    """Returns the formats of archives."""
    return _beginning(incomplete, ["tar.gz", "zip", "none"])


def fits(incomplete: str) -> list[str]:
    """Returns what --fit takes, up to the numbers."""
    return _beginning(incomplete, ["board", "images_per_second="])


def devices(incomplete: str) -> list[str]:
    """Returns the devices of --route."""
    from hwcodesign.synthesis.lattice import DEVICES

    return _beginning(incomplete, list(DEVICES))


def waves(incomplete: str) -> list[str]:
    """Returns names of wave files, one for each format, and folders."""
    stem = incomplete.rpartition(".")[0] or incomplete or "waves"
    folders = [path for path in _paths(incomplete) if path.endswith("/")]
    return [*_beginning(incomplete, [f"{stem}.fst", f"{stem}.vcd"]), *folders]


def _beginning(incomplete: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _paths(incomplete: str) -> list[str]:
    """Returns paths that begin so; folders end in a slash."""
    folder, slash, name = incomplete.rpartition("/")
    above = Path(folder + slash)
    found = sorted(path for path in above.glob("*") if path.name.startswith(name) and not path.name.startswith("."))
    return [f"{folder}{slash}{path.name}{'/' if path.is_dir() else ''}" for path in found]
