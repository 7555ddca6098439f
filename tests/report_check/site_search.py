"""The site that `make docs` builds, opened from disk: its search finds pages, and nothing is loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.report_check.browser import Browser

#: A word, and a page on which it is.
_WORD, _PAGE = "perfetto", "report.html"
_FOUND = "return [...document.querySelectorAll('.md-search-result__link')].map((link) => link.href)"


def site_findings(browser: Browser, page: Path) -> Iterator[str]:
    """Searches from a page of the site, and yields what is wrong.

    Args:
        browser: the browser.
        page: a page of the site that lies in a folder of it.
    """
    browser.visit(page)
    browser.click(".md-search__input")
    browser.press(_WORD)
    found = browser.wait_for(_FOUND)
    if not any(address.split("?")[0].endswith(f"/{_PAGE}") for address in found):
        yield f"the search for {_WORD} does not find {_PAGE}, but {found[:3]}"
    yield from (f"console: {message}" for message in browser.messages())
    elsewhere = [address for address in browser.requests(page) if not address.startswith("file:")]
    yield from (f"network: {address}" for address in elsewhere)
