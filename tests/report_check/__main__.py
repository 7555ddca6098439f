"""Opens the report's pages in headless Chromium, and checks what a person sees: `make report-check`.

Reports are those in build/; what is not there is made first (an hour, mostly of ResNet-8 and of B-LeNet's training).
Pictures and PDFs go to build/report_check/, to be looked at.
"""

from __future__ import annotations

import argparse
import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

from tests.report_check.accessibility import accessibility_findings
from tests.report_check.browser import Browser, Scheme, browser
from tests.report_check.exploring import exploration_findings
from tests.report_check.faults import FAULTS, not_found
from tests.report_check.keyboard import keyboard_findings
from tests.report_check.paper import paper_findings
from tests.report_check.site_search import site_findings
from tests.report_check.sliders import slider_findings
from tests.report_check.small_pictures import write_small_pictures

OUT, SITE = Path("build/report_check"), Path("build/site")
WIDTHS = (390, 800, 1400)
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
#: Seconds from the start of the navigation to the last chart, and bytes of a file.
MOST_SECONDS, MOST_BYTES = 2.0, 5_000_000
_INSPECTION = (Path(__file__).parent / "inspection.js").read_text() + "\nreturn inspection[arguments[0]]()"


@dataclass(frozen=True)
class Page:
    """A page that is checked.

    Attributes:
        name: of its pictures.
        path: its file.
        kind: what it has to move.
        made_by: commands of hwcodesign that make it.
    """

    name: str
    path: Path
    kind: Literal["report", "exploration", "comparison"]
    made_by: tuple[str, ...]


PAGES = (
    Page("digits", Path("build/digits/report.html"), "report", ("run digits",)),
    Page("blenet", Path("build/blenet_mnist/report.html"), "report", ("run blenet_mnist",)),
    Page(
        "resnet8",
        Path("build/resnet8_cifar/report.html"),
        "report",
        ("train resnet8_cifar --published", "run resnet8_cifar"),
    ),
    Page(
        "exploration",
        Path("build/digits/explore/pynq-z2/explore.html"),
        "exploration",
        ("explore digits --board pynq-z2 --trials 60",),
    ),
    Page(
        "comparison",
        Path("build/comparison.html"),
        "comparison",
        ("compare digits blenet_mnist resnet8_cifar",),
    ),
)


def made(page: Page) -> None:
    """Writes the page anew with the code as it is; runs what it is made from only where that is missing."""
    commands = page.made_by
    if page.kind == "report" and (page.path.parent / "report.json").exists():
        commands = (f"report {commands[-1].split()[1]}",)
    for command in commands:
        subprocess.run(
            [sys.executable, "-m", "hwcodesign.cli", *command.split(), "--quiet"], check=True, stdout=subprocess.DEVNULL
        )


def wrong_with(screen: Browser, page: Page) -> Iterator[str]:
    """Yields what is wrong with the page that is open; moves what moves."""
    yield from (f"console: {message}" for message in screen.messages())
    yield from (f"network: {address}" for address in screen.requests(page.path))
    for what in ("tooWide", "cutText", "onOneAnother", "notDrawn"):
        yield from (f"{what}: {text}" for text in screen.run(_INSPECTION, what))
    yield from accessibility_findings(screen)
    if page.kind == "report":
        yield from (f"keyboard: {text}" for text in keyboard_findings(screen))
        yield from (f"sliders: {text}" for text in slider_findings(screen, page.path.parent))
    elif page.kind == "exploration":
        yield from (f"designs: {text}" for text in exploration_findings(screen))
    yield from (f"console, after moving: {message}" for message in screen.messages())


def checked(screen: Browser, page: Page) -> bool:
    """Checks a page on every screen, and prints what was found; returns whether all is well."""
    seconds: list[float] = []
    text: list[float] = []
    failed = False
    for width in WIDTHS:
        for scheme in SCHEMES:
            screen.open(page.path, width, scheme)
            seconds.append(screen.run(_INSPECTION, "ready"))
            text.append(screen.run(_INSPECTION, "text"))
            screen.pictures(OUT / f"{page.name}_{width}_{scheme}.png")
            found = list(wrong_with(screen, page))
            failed = failed or bool(found)
            print(f"{page.name}, {width} px, {scheme}: {len(found) or 'nothing'} wrong", flush=True)
            print("".join(f"    {text}\n" for text in found), end="", flush=True)
    screen.open(page.path, 1400, "dark")
    found = list(paper_findings(screen, OUT / f"{page.name}.pdf"))
    failed = failed or bool(found)
    print(f"{page.name}, printed: {len(found) or 'nothing'} wrong", *found, sep="\n    ", flush=True)
    size, middle = page.path.stat().st_size, median(seconds)
    charts = screen.run(_INSPECTION, "charts")
    print(
        f"{page.name}: text after {median(text):.2f} s, all {charts} charts and what moves after {middle:.2f} s, "
        f"{middle / MOST_SECONDS:.0%} of the limit "
        f"(median of {len(seconds)}, {min(seconds):.2f} to {max(seconds):.2f} s); "
        f"{size / 1e6:.2f} MB, {size / MOST_BYTES:.0%} of the limit"
    )
    return not failed and middle <= MOST_SECONDS and size <= MOST_BYTES


def site_is_searched(screen: Browser) -> bool:
    """Builds the site anew and searches it from disk; prints what is wrong, and returns whether all is well."""
    subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"], check=True)
    found = list(site_findings(screen, SITE / "howto" / "index.html"))
    print(f"the site's search, from disk: {len(found) or 'nothing'} wrong", *found, sep="\n    ", flush=True)
    return not found


def notices_faults(screen: Browser, page: Page) -> bool:
    """Plants faults in a page, and returns whether each is found."""

    def look(path: Path) -> Iterator[str]:
        screen.open(path, 800, "light")
        yield from wrong_with(screen, dataclasses.replace(page, path=path))
        yield from (f"paper: {text}" for text in paper_findings(screen, OUT / "planted.pdf"))

    missed = not_found(page.path, look)
    print(
        f"{len(FAULTS) - len(missed)} of {len(FAULTS)} planted faults are found"
        + "".join(f"\n    not: {name}" for name in missed)
    )
    return not missed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", choices=[[], *(page.name for page in PAGES)], help="all by default")
    parser.add_argument("--images", type=Path, help="write the small pictures of README into this folder, and no more")
    arguments = parser.parse_args()
    names = arguments.pages
    chosen = [page for page in PAGES if not names or page.name in names]
    if arguments.images:
        made(PAGES[0])
        with browser() as screen:
            write_small_pictures(screen, PAGES[0].path, arguments.images, SCHEMES)
        return
    for page in chosen:
        made(page)
    with browser() as screen:
        good = [checked(screen, page) for page in chosen]
        good += [notices_faults(screen, page) for page in chosen if page.name == "digits"]
        if not names:
            good.append(site_is_searched(screen))
    print(f"pictures and PDFs are in {OUT}")
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
