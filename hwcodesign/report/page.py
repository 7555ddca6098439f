"""This module writes the report as one HTML page beside its figures."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template

from hwcodesign.report import summary
from hwcodesign.report.schema import Report
from hwcodesign.report.summary import Cell, Table
from hwcodesign.storage import files

PAGE = "report.html"

_CAPTIONS = {
    summary.COST_CURVE: "Accuracy against average cost, for every criterion, the operating point and each exit alone.",
    summary.EXIT_RATE: "Exit rates of the images of each class.",
    summary.DEADLINE: "Fraction of images whose newest answer is right, against the cycles allowed for an image.",
    summary.EXTREME_IMAGES: "At each exit, the images with the highest and the lowest scores that left there.",
}

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 60rem; margin: 2rem auto;
       padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .9rem .3rem 0; text-align: right; vertical-align: top; white-space: pre; }
th { font-weight: inherit; }
thead th { color: #666; border-bottom: 1px solid #999; font-size: .9rem; vertical-align: bottom; white-space: normal; }
tbody tr + tr > * { border-top: 1px solid #e4e4e4; }
.words { text-align: left; white-space: normal; }
.strong { font-weight: 600; }
.good { color: #00663a; font-weight: 600; }
.bad { color: #b00020; font-weight: 600; }
figure { margin: 1.5rem 0; }
img { max-width: 100%; height: auto; }
figcaption, footer, .under { color: #555; font-size: .9rem; }
</style>
</head>
<body>
<header>
<h1>$title</h1>
<p class="under">$subtitle</p>
</header>
<main>
$sections
$figures
</main>
<footer>
$footnotes
</footer>
</body>
</html>
""")


def write_page(report: Report, folder: Path) -> Path:
    """Writes the page into the folder that holds the figures; a missing figure is left out.

    Returns:
        The page's path.
    """
    page = _PAGE.substitute(
        title=escape(summary.title(report)),
        subtitle=escape(summary.subtitle(report)),
        sections="\n".join(_section(table) for table in summary.tables(report)),
        figures="\n".join(_figure(name) for name in _CAPTIONS if (folder / name).is_file()),
        footnotes="\n".join(f"<p>{escape(note)}</p>" for note in summary.footnotes(report)),
    )
    path = folder / PAGE
    files.write_text(path, page)
    return path


def _section(table: Table) -> str:
    notes = "\n".join(f'<p class="{note.tone}">{escape(note.text)}</p>' for note in table.notes)
    return f"<section>\n<h2>{escape(table.title)}</h2>\n{_table(table) if table.rows else ''}\n{notes}\n</section>"


def _table(table: Table) -> str:
    headings = "".join(
        f'<th scope="col"{_words(k, table)}>{escape(text)}</th>' for k, text in enumerate(table.headings)
    )
    rows = "\n".join(f"<tr>{''.join(_cell(k, cell, table) for k, cell in enumerate(row))}</tr>" for row in table.rows)
    return f'<div class="wide"><table>\n<thead><tr>{headings}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>'


def _cell(column: int, cell: Cell, table: Table) -> str:
    name = 'th scope="row"' if column == 0 else "td"
    words = "words " if column < table.named else ""
    return f'<{name} class="{words}{cell.tone}">{escape(cell.text)}</{name[:2]}>'


def _words(column: int, table: Table) -> str:
    return ' class="words"' if column < table.named else ""


def _figure(name: str) -> str:
    caption = escape(_CAPTIONS[name])
    return f'<figure>\n<img src="{escape(name)}" alt="{caption}">\n<figcaption>{caption}</figcaption>\n</figure>'
