"""The pictures of README: the top of a report down to the drawing of the network, light and dark, as small files."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.report_check.browser import Browser, Scheme

#: Pixels of the page, and bytes of a file.
_WIDTH, _MOST_BYTES = 1100, 150_000
_END = "return Math.ceil(document.querySelector('.diagram').getBoundingClientRect().bottom + scrollY)"
_COLOURS = 128


def write_small_pictures(screen: Browser, page: Path, folder: Path, schemes: tuple[Scheme, ...]) -> list[Path]:
    """Writes report_light.png and report_dark.png, and returns their paths."""
    written = []
    for scheme in schemes:
        path = folder / f"report_{scheme}.png"
        screen.open(page, _WIDTH, scheme)
        screen.picture_of_top(path, screen.run(_END))
        with Image.open(path) as picture:
            small = picture.convert("RGB").quantize(_COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        small.save(path, optimize=True)
        assert path.stat().st_size <= _MOST_BYTES, f"{path} has {path.stat().st_size} bytes"
        written.append(path)
    return written
