"""What axe-core says of the page that is open."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.report_check.browser import Browser

#: Where `make report-check` puts the package.
AXE = Path("build/report_check/node_modules/axe-core/axe.min.js")
_SERIOUS = {"serious", "critical"}
_RUN = """
const done = arguments[arguments.length - 1];
const told = ({ id, impact, help, nodes }) => ({ id, impact, help, where: nodes.map((n) => n.target.join(" ")) });
axe.run(document, { resultTypes: ["violations"] }).then((found) => done(found.violations.map(told)));
"""


@cache
def _axe() -> str:
    if not AXE.exists():
        raise SystemExit(f"{AXE} does not exist: make report-check installs axe-core with npm")
    return AXE.read_text()


def accessibility_findings(browser: Browser) -> Iterator[str]:
    """Yields serious and critical violations of the rules of axe-core (WCAG 2 A and AA, and good practice)."""
    browser.run(_axe())
    for violation in browser.run_later(_RUN):
        if violation["impact"] in _SERIOUS:
            where = ", ".join(violation["where"][:3])
            yield f"accessibility, {violation['impact']}: {violation['help']} ({violation['id']}): {where}"
