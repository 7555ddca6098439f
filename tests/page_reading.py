"""What a page contains, read from its HTML; and what its scripts compute, in a JavaScript engine without a browser."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import hwcodesign

PAGE_FILES = Path(hwcodesign.__file__).parent / "report" / "page_files"
#: Elements that have no end.
_VOID = {"meta", "img", "input", "br"}


class Structure(HTMLParser):
    """Elements of a page, with their attributes and texts; asserts that they close in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def embedded(page: str, name: str) -> Any:
    """The JSON of a script element."""
    _, _, rest = page.partition(f'<script type="application/json" id="{name}">')
    return json.loads(rest.partition("</script>")[0])


def in_javascript(function: str, *arguments: Any) -> Any:
    """What a function of explore.js, which knows nothing of the page, gives."""
    import quickjs

    context = quickjs.Context()
    context.eval((PAGE_FILES / "explore.js").read_text())
    return json.loads(context.eval(f"JSON.stringify({function}({', '.join(map(json.dumps, arguments))}))"))
