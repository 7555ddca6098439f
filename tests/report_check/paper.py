"""The page as it is printed: folded tables are on paper, and on the screen as they were before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.report_check.browser import Browser

#: Words that are in folded tables and nowhere else in the page, table by table. Words of long tables come last.
_FOLDED = """
const words = (elements) => elements.flatMap((e) => e.textContent.trim().split(/\\s+/)).filter((word) => word);
const folded = [...document.querySelectorAll("details")];
const rest = document.body.cloneNode(true);
rest.querySelectorAll("details, script, style").forEach((element) => element.remove());
const known = new Set(words([rest]));
const own = (table) => [...new Set(words([...table.querySelectorAll("td, th")]))].filter((word) => !known.has(word));
return folded.map((table) => [table.querySelector("summary").textContent, table.matches(".long"), own(table)]);
"""
_OPEN = "return [...document.querySelectorAll('details')].map((table) => table.open)"
#: Words that are tried of each table.
_SOME = 40


def paper_findings(browser: Browser, place: Path) -> Iterator[str]:
    """Prints the page that is open into a PDF, and yields what is wrong with it."""
    before, tables = browser.run(_OPEN), browser.run(_FOLDED)
    text = "".join(browser.paper(place).split())
    printed = [(name, words) for name, is_long, words in tables if not is_long]
    tried = 0
    for name, words in printed:
        missing = [word for word in words[:_SOME] if word not in text]
        tried += len(words[:_SOME])
        if missing:
            yield f"{name} is not printed: {missing[:3]} are missing"
    if not tried:
        yield "no folded table has a word of its own to look for"
    for name, is_long, words in tables:
        if is_long and sum(word in text for word in words) > len(words) / 2:
            yield f"{name} is printed, though it is long"
    if browser.run(_OPEN) != before:
        yield "tables are not folded as they were before printing"
