"""MkDocs calls these functions. They add pages from outside of docs/, and what is generated from the sources."""

from __future__ import annotations

import re
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from documentation import interface
from documentation.api import public_names
from documentation.commands import command_reference
from documentation.modules import module_reference, package_reference
from documentation.notebooks import as_page
from documentation.repository import NOTEBOOKS, PAGES, ROOT, for_site, in_site, plain_files

#: What stands in a page, and what takes its place in the site.
GENERATED = {
    "modules": module_reference,
    "package": package_reference,
    "registers": interface.registers,
    "record": interface.record,
    "commands": command_reference,
    "names": public_names,
}
_MARKER = re.compile(r"^<!-- site: (\w+) -->$", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and files from outside of docs/."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for source, page in NOTEBOOKS.items():
        files.append(File.generated(config, page, content=as_page(ROOT / source)))
    for source in sorted(plain_files()):
        files.append(File.generated(config, in_site(source), abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Fill in generated parts, and lead links to where files lie in the site."""
    text = for_site(markdown, page.file.src_uri)
    return _MARKER.sub(lambda marker: GENERATED[marker[1]](), text)
