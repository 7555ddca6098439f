"""A headless Chromium in which pages are opened: Debian's, driven by Selenium."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from selenium.common.exceptions import TimeoutException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.wait import WebDriverWait

Scheme = Literal["light", "dark"]
#: Pixels below which a screen is a phone's.
_PHONE = 500
#: Seconds after which a page that is not ready is given up.
_PATIENCE = 60
_HEIGHT = 900
_MOST_HEIGHT = 16_000  # of a picture; Chromium draws none that is higher than 16,384 pixels


class Browser:
    """One browser, in which one page after the other is opened."""

    def __init__(self, driver: Chrome) -> None:
        self._driver = driver

    def open(self, page: Path, width: int, scheme: Scheme) -> None:
        """Opens a page as on a screen of a width, and waits until its charts are drawn."""
        phone = width < _PHONE
        self._command(
            "Emulation.setDeviceMetricsOverride", width=width, height=_HEIGHT, deviceScaleFactor=1, mobile=phone
        )
        self._command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self._driver.get("about:blank")
        self._driver.get_log("browser")  # of the page before
        self._driver.get_log("performance")
        self._driver.get(page.resolve().as_uri())
        WebDriverWait(self._driver, _PATIENCE, 0.1).until(
            lambda _: self.run("return !!document.documentElement.dataset.ready")
        )

    def visit(self, page: Path) -> None:
        """Opens a page that is not one of ours, at 1,400 pixels."""
        self._command(
            "Emulation.setDeviceMetricsOverride", width=1400, height=_HEIGHT, deviceScaleFactor=1, mobile=False
        )
        self._driver.get("about:blank")
        self._driver.get_log("browser")
        self._driver.get_log("performance")
        self._driver.get(page.resolve().as_uri())

    def click(self, selector: str) -> None:
        """Clicks the first element that a CSS selector has, which then has the focus."""
        self._driver.find_element("css selector", selector).click()

    def wait_for(self, script: str) -> Any:
        """Runs a script until it returns something, and returns that; what it returned last if it takes too long."""
        with contextlib.suppress(TimeoutException):
            WebDriverWait(self._driver, _PATIENCE, 0.2).until(lambda _: self.run(script))
        return self.run(script)

    def run(self, script: str, *arguments: Any) -> Any:
        """Runs a script in the page, and returns what it returns."""
        return self._driver.execute_script(script, *arguments)

    def run_later(self, script: str, *arguments: Any) -> Any:
        """Runs a script that gives its result to its last argument, a function."""
        return self._driver.execute_async_script(script, *arguments)

    def press(self, keys: str) -> None:
        """Presses keys, one after the other, in the element that has the focus."""
        self._driver.switch_to.active_element.send_keys(keys)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Presses the mouse at a place of the screen, moves it to another and lets it go."""
        button = {"button": "left", "clickCount": 1}
        self._command("Input.dispatchMouseEvent", type="mousePressed", x=start[0], y=start[1], **button)
        for x, y in (((start[0] + end[0]) / 2, (start[1] + end[1]) / 2), end):
            self._command("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y, buttons=1, **button)
        self._command("Input.dispatchMouseEvent", type="mouseReleased", x=end[0], y=end[1], **button)
        self.run_later("views && setTimeout(arguments[arguments.length - 1], 200)")

    def messages(self) -> list[str]:
        """Returns warnings and errors on the console since the page was opened."""
        return [f"{entry['level']}: {entry['message']}" for entry in self._driver.get_log("browser")]

    def requests(self, page: Path) -> list[str]:
        """Returns addresses that were asked for since the page was opened, but the page and what it holds itself."""
        entries = [json.loads(entry["message"])["message"] for entry in self._driver.get_log("performance")]
        asked = [
            entry["params"]["request"]["url"] for entry in entries if entry["method"] == "Network.requestWillBeSent"
        ]
        own = page.resolve().as_uri()
        return [address for address in asked if address.partition("#")[0] != own and not address.startswith("data:")]

    def pictures(self, path: Path) -> None:
        """Writes a picture of the whole page; one that is too high for Chromium in parts, `name.png`, `name_1.png`…"""
        width, whole = self.run("return [innerWidth, document.documentElement.scrollHeight]")
        for part, top in enumerate(range(0, whole, _MOST_HEIGHT)):
            place = path.with_stem(f"{path.stem}_{part}") if part else path
            self._picture(place, width, top, min(whole - top, _MOST_HEIGHT))

    def picture_of_top(self, path: Path, height: int) -> None:
        """Writes a picture of so many pixels from the page's top."""
        self._picture(path, self.run("return innerWidth"), 0, height)

    def _picture(self, path: Path, width: int, top: int, height: int) -> None:
        clip = {"x": 0, "y": top, "width": width, "height": height, "scale": 1}
        self._write(path, self._command("Page.captureScreenshot", clip=clip, captureBeyondViewport=True))

    def paper(self, path: Path) -> str:
        """Writes the page as it is printed, as a PDF on A4, and returns its text."""
        self._write(path, self._command("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=False))
        read = subprocess.run(["pdftotext", str(path), "-"], check=True, capture_output=True, text=True)
        return read.stdout

    def _write(self, path: Path, answer: dict[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    def _command(self, name: str, **arguments: Any) -> Any:
        return self._driver.execute_cdp_cmd(name, arguments)


@contextmanager
def browser() -> Iterator[Browser]:
    """Starts a browser, and ends it."""
    places = {name: shutil.which(name) for name in ("chromium", "chromedriver", "pdftotext")}
    missing = [name for name, place in places.items() if place is None]
    if missing:
        raise SystemExit(f"{' and '.join(missing)} not found: apt install chromium chromium-driver poppler-utils")
    options = ChromeOptions()
    options.binary_location = str(places["chromium"])
    options.add_argument("--headless=new")
    options.add_argument("--hide-scrollbars")  # of the window: they would take another width on each system
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium does not start as root with it
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options, Service(places["chromedriver"]))
    driver.set_script_timeout(_PATIENCE)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
