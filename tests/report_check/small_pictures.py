"""The pictures of README: the top of a page, light and dark, as small files."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.report_check.browser import Browser, Scheme

#: Pixels of the page, whose sides are cut to its text, and bytes of a file.
_WIDTH, _HEIGHT, _MOST_BYTES = 1160, 1000, 150_000
_COLOURS = 96


def write_small_pictures(screen: Browser, page: Path, folder: Path, schemes: tuple[Scheme, ...]) -> list[Path]:
    """Writes report_light.png and report_dark.png, and returns their paths."""
    written = []
    for scheme in schemes:
        path = folder / f"report_{scheme}.png"
        screen.open(page, _WIDTH, scheme)
        screen.picture(path, height=_HEIGHT)
        with Image.open(path) as picture:
            small = picture.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
        small.save(path, optimize=True)
        assert path.stat().st_size <= _MOST_BYTES, f"{path} has {path.stat().st_size} bytes"
        written.append(path)
    return written
