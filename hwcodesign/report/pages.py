"""This module fills the templates of pages: style, scripts and charts in one file that loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import vl_convert
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from hwcodesign.report.chart import CONFIG, Chart
from hwcodesign.storage import files

_FILES = Path(__file__).resolve().parent / "page_files"


@dataclass(frozen=True)
class Fact:
    """A fact is a number at the top of a page."""

    name: str
    value: str
    note: str


def write_page(
    path: Path, template: str, charts: Sequence[Chart], values: dict[str, Any], scripts: Sequence[str]
) -> Path:
    """Writes a page, whole or not at all, and returns its path.

    Args:
        path: path of the page.
        template: name of its template.
        charts: its charts.
        values: what the template reads beside them.
        scripts: names of its scripts, in order.
    """
    environment = Environment(
        loader=FileSystemLoader(_FILES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    code = [_script((_FILES / name).read_text()) for name in scripts]
    text = environment.get_template(template).render(
        style=Markup((_FILES / "style.css").read_text()),  # noqa: S704  # a file of this package
        vega=_vega(),
        code=code,
        config=CONFIG,
        charts={chart.name: chart.spec for chart in charts},
        **values,
    )
    files.write_text(path, text)
    return path


@cache
def _vega() -> Markup:
    """Returns Vega, Vega-Lite and Vega-Embed as a script, from the installed package."""
    bundle = vl_convert.javascript_bundle(None)  # type: ignore[arg-type]  # its stub does not know of the default
    return _script(bundle)


def _script(text: str) -> Markup:
    """Returns a script that cannot end its element early."""
    return Markup(text.replace("</script", "<\\/script").replace("<!--", "<\\!--"))  # noqa: S704  # never a user's text
