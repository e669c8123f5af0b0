"""A real Chromium for tests: found on the machine, driven by playwright, and never on the network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

Scheme = Literal["light", "dark"]

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))), None)

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")


class Window:
    """A window of a browser, and what went on in it: requests beyond the page itself, complaints, dialogs."""

    def __init__(self, browser: Any, folder: Path) -> None:
        self._browser, self._folder = browser, folder
        self.noise: list[str] = []

    @contextmanager
    def showing(
        self, html: str, *, width: int = 1000, scheme: Scheme = "light", script: bool = True, paper: bool = False
    ) -> Iterator[Any]:
        """The page, opened from a file; on `paper` with the styles for print."""
        file = self._folder / "page.html"
        file.write_text(html, "utf-8")
        page = self._browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme, java_script_enabled=script)
        page.on("request", lambda request: self._hear(request.url, file))
        page.on("console", lambda message: self.noise.append(f"console {message.text}"))
        page.on("pageerror", lambda error: self.noise.append(f"error {error}"))
        page.on("dialog", self._dismiss)
        if paper:
            page.emulate_media(media="print", color_scheme=scheme)
        page.goto(file.as_uri())
        try:
            yield page
        finally:
            page.close()

    def _hear(self, url: str, file: Path) -> None:
        if url != file.as_uri():
            self.noise.append(f"request {url}")

    def _dismiss(self, dialog: Any) -> None:
        self.noise.append(f"dialog {dialog.message}")
        dialog.dismiss()


@contextmanager
def opened(folder: Path) -> Iterator[Window]:
    """A browser; closed at the end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
        )
        try:
            yield Window(browser, folder)
        finally:
            browser.close()
