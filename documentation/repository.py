"""Files of the repository as they lie in the site: pages in docs/, pages from elsewhere, and plain files."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

ROOT = Path(__file__).resolve().parent.parent
#: Markdown files outside of docs/ that are pages of the site, and where they lie there.
PAGES = {
    "CONTRIBUTING.md": "develop/contributing.md",
    "CHANGELOG.md": "develop/changelog.md",
    "SECURITY.md": "develop/security.md",
    "rtl_sim/README.md": "develop/systemverilog.md",
    "hls/README.md": "develop/hls.md",
    "notebooks/README.md": "notebooks/index.md",
}
#: Notebooks that are pages, likewise.
NOTEBOOKS = {
    f"notebooks/{path.name}": f"notebooks/{path.stem}.md" for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
}
#: Where files lie that are no pages: recipes, notebooks.
FILES = "files"
_LINK = re.compile(r"(\]\()(?![a-z]+:|#)([^)#\s]+)")
_CODE = re.compile(r"^```.*?^```$|^    .*?$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def links(text: str) -> list[str]:
    """The relative links and pictures of a Markdown text, without anchors; none in code."""
    return [target for _, target in _LINK.findall(_CODE.sub("", text))]


def target(source: str, link: str) -> str:
    """The path in the repository of what a file of it links to."""
    return normpath(str(PurePosixPath(source).parent / link))


def in_site(path: str) -> str:
    """Where a file of the repository lies in the site."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return (PAGES | NOTEBOOKS).get(path, f"{FILES}/{path}")


def in_repository(path: str) -> str:
    """Where a page of the site lies in the repository."""
    return next((source for source, page in (PAGES | NOTEBOOKS).items() if page == path), f"docs/{path}")


def for_site(text: str, page: str) -> str:
    """A page's text with links as the site has them; those within docs/ are the same in both."""
    source = in_repository(page)

    def replaced(match: re.Match[str]) -> str:
        return match[1] + relpath(in_site(target(source, match[2])), str(PurePosixPath(page).parent))

    def prose(part: str) -> str:
        return _LINK.sub(replaced, part).replace("][", r"]\[")  # no page has links by reference; subscripts look so

    parts, end = [], 0
    for code in _CODE.finditer(text):
        parts += [prose(text[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, prose(text[end:])])


def plain_files() -> set[str]:
    """Files outside of docs/ that pages link to and that are no pages."""
    pages = [f"docs/{path.relative_to(ROOT / 'docs')}" for path in (ROOT / "docs").rglob("*.md")]
    found = {target(page, link) for page in [*pages, *PAGES] for link in links((ROOT / page).read_text())}
    return {path for path in found if not path.startswith("docs/") and path not in PAGES | NOTEBOOKS}
