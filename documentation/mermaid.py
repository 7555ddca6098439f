"""Drawings of documentation/drawings, as SVG in docs/images: `python -m documentation.mermaid`.

It needs Node's package @mermaid-js/mermaid-cli and a Chromium, neither of which the site or the tests need: the SVG is
kept, and carries the hash of what it was drawn from, which a test compares.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import tempfile
from pathlib import Path

from documentation.repository import ROOT

SOURCES = ROOT / "documentation" / "drawings"
IMAGES = ROOT / "docs" / "images"
#: Colours by the reader's setting, so that one picture suits light and dark pages.
_STYLE = """
svg { --ink: #1f2933; --line: #52606d; --fill: #eef2f6; --edge: #9aa5b1; --page: #ffffff }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e4e7eb; --line: #9aa5b1; --fill: #2b3440; --edge: #616e7c; --page: #1e2129 }
}
.node rect, .node polygon, .node path, .node circle { fill: var(--fill) !important; stroke: var(--edge) !important }
.cluster rect { fill: none !important; stroke: var(--edge) !important }
text, tspan, .nodeLabel, .edgeLabel, .cluster-label { fill: var(--ink) !important; color: var(--ink) !important }
.edgeLabel rect { opacity: 1 !important; fill: var(--page) !important }
.flowchart-link { stroke: var(--line) !important }
.marker, .marker path { fill: var(--line) !important; stroke: var(--line) !important }
"""
_SETTINGS = {
    "theme": "base",
    "themeVariables": {"fontFamily": "system-ui, sans-serif", "fontSize": "15px"},
    "htmlLabels": False,
    "flowchart": {"htmlLabels": False, "nodeSpacing": 30, "rankSpacing": 35, "useMaxWidth": False},
}


def mark(source: Path) -> str:
    """The comment at an SVG's end that says what it was drawn from."""
    return f"<!-- {hashlib.sha256(source.read_bytes()).hexdigest()} -->\n"


def draw(source: Path, program: str, browser: str) -> None:
    """Draw one file."""
    with tempfile.TemporaryDirectory() as folder:
        settings, launch, out = (Path(folder) / name for name in ("settings.json", "launch.json", "out.svg"))
        settings.write_text(json.dumps(_SETTINGS))
        launch.write_text(json.dumps({"executablePath": browser, "args": ["--no-sandbox"]}))
        command = [program, "-i", str(source), "-o", str(out), "-c", str(settings), "-p", str(launch)]
        subprocess.run([*command, "-b", "transparent", "-I", source.stem], check=True)
        text = out.read_text()
    text = re.sub(r"@import[^;]*;", "", text)
    text = text.replace("</style>", f"{_STYLE}</style>", 1)
    (IMAGES / f"{source.stem}.svg").write_text(text.rstrip() + "\n" + mark(source))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="mmdc", help="mermaid-cli's program")
    parser.add_argument("--browser", default="/usr/bin/chromium")
    options = parser.parse_args()
    for source in sorted(SOURCES.glob("*.mmd")):
        draw(source, options.program, options.browser)


if __name__ == "__main__":
    main()
