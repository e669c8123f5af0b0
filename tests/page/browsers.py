"""The page in real browsers, each offline but for this machine: Chromium by playwright, Firefox by its own protocol, Marionette.

A test of both uses what a `Tab` has. Scripts run in the page itself, under its policy.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.report.render.browser import CHROMIUM

FIREFOX = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
# What Firefox asks for by itself goes to a proxy that is not there; this machine is reached without it.
PREFERENCES = {
    "marionette.port": 0, "network.proxy.type": 1, "network.proxy.http": "127.0.0.1", "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1", "network.proxy.ssl_port": 9, "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
}  # fmt: skip


class Tab(Protocol):
    """A tab of a browser."""

    def open(self, address: str) -> None:
        """Loads an address, without waiting for what its scripts do."""

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""

    def choose(self, selector: str, *files: Path) -> None:
        """Chooses files in an input of the page."""


def until(tab: Tab, expression: str, seconds: float = 90) -> Any:
    """The first value of an expression that is true. AssertionError after so many seconds."""
    end = time.monotonic() + seconds
    while not (value := tab.run(expression)):
        assert time.monotonic() < end, f"{expression} is {value!r} after {seconds} s"
        time.sleep(0.05)
    return value


class Chromium:
    """A tab of Chromium; `page` is playwright's."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def open(self, address: str) -> None:
        """As Tab has it."""
        self.page.goto(address)

    def run(self, script: str) -> Any:
        """As Tab has it."""
        return self.page.evaluate(script)

    def choose(self, selector: str, *files: Path) -> None:
        """As Tab has it."""
        self.page.set_input_files(selector, [str(file) for file in files])


class Firefox:
    """A tab of Firefox, by Marionette: messages are JSON after their length."""

    def __init__(self, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), 120) as connection:
            self._stream = connection.makefile("rwb")
        self._read()
        self._call("WebDriver:NewSession")

    def open(self, address: str) -> None:
        """As Tab has it."""
        self._call("WebDriver:Navigate", url=address)

    def run(self, script: str) -> Any:
        """As Tab has it."""
        return self._call("WebDriver:ExecuteScript", script=f"return ({script})", args=[], sandbox=None)["value"]

    def choose(self, selector: str, *files: Path) -> None:
        """As Tab has it."""
        (element,) = self._call("WebDriver:FindElement", using="css selector", value=selector)["value"].values()
        self._call("WebDriver:ElementSendKeys", id=element, text="\n".join(map(str, files)))

    def close(self) -> None:
        """Ends the conversation, not the browser."""
        self._stream.close()

    def _call(self, command: str, **parameters: Any) -> Any:
        message = json.dumps([0, 1, command, parameters]).encode()
        self._stream.write(b"%d:%s" % (len(message), message))
        self._stream.flush()
        _, _, error, result = self._read()
        assert error is None, error
        return result

    def _read(self) -> Any:
        size = b""
        while (letter := self._stream.read(1)) != b":":
            assert letter, "Firefox has closed the connection"
            size += letter
        return json.loads(self._stream.read(int(size)))


@contextmanager
def chromium(folder: Path) -> Iterator[Chromium]:
    """Chromium with one tab; what it downloads is playwright's."""
    from playwright.sync_api import sync_playwright

    rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--disable-gpu", rules])
        try:
            yield Chromium(browser.new_page(viewport={"width": 1000, "height": 800}))
        finally:
            browser.close()


@contextmanager
def firefox(folder: Path) -> Iterator[Firefox]:
    """Firefox with one tab and a profile of its own in `folder`."""
    assert FIREFOX is not None
    preferences = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items())
    (folder / "user.js").write_text("".join(preferences), "utf-8")
    command = [FIREFOX, "--headless", "--marionette", "--no-remote", "--profile", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            port = folder / "MarionetteActivePort"
            end = time.monotonic() + 60
            while not (port.is_file() and port.read_text("ascii")):
                assert time.monotonic() < end and process.poll() is None, "Firefox does not start"
                time.sleep(0.1)
            with closing(Firefox(int(port.read_text("ascii")))) as tab:
                yield tab
        finally:
            process.terminate()
