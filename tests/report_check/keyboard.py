"""The rest of a report that moves, reached by the keyboard alone: kernels of the drawing, and the timeline."""

from __future__ import annotations

from selenium.webdriver.common.keys import Keys

from tests.report_check.browser import Browser

_FOCUSED = "const e = document.activeElement; return e.id || e.getAttribute('class') || e.tagName"
_DETAILS = "return [document.activeElement.dataset.details, document.getElementById('kernel').textContent]"
_SHOWN = "return [views.gantt.signal('from'), views.gantt.signal('to'), views.gantt.signal('sample')]"
#: Those of the drawing that this screen shows.
_CHIPS = "return [...document.querySelectorAll('.chip')].filter((chip) => chip.checkVisibility()).length"
#: Stops of the tab key up to which everything must have come.
_MOST = 500


def keyboard_findings(browser: Browser) -> list[str]:
    """Goes through the page that is open with the tab key; returns what is not reached, or does not answer."""
    browser.run("document.activeElement.blur()")
    chips = browser.run(_CHIPS)
    found, reached, told = [], [], 0
    for _ in range(_MOST):
        browser.press(Keys.TAB)
        reached.append(browser.run(_FOCUSED))
        if reached[-1] == "chip":
            details, shown = browser.run(_DETAILS)
            told += details == shown
        if reached[-1] == "BODY" or reached[-1] == "zoom-all":
            break
        if reached[-1] == "zoom-in":
            before = browser.run(_SHOWN)
            browser.press(Keys.ENTER)
            after = browser.run(_SHOWN)
            if not 0 < after[1] - after[0] < before[1] - before[0]:
                found.append("the timeline does not zoom in")
    if told != chips:
        found.append(f"{told} of {chips} kernels tell their details when they are reached")
    if browser.run("return 'gantt' in views"):
        browser.press(Keys.TAB)
        browser.press("1")
        if browser.run(_SHOWN)[2] != 1:
            found.append("sample 1 is not shown alone when its number is typed")
    return found
