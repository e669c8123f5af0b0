"""Nothing leaves the page: whatever a script in it or in its worker tries, a server on this machine hears nothing.

The same page without its policy is the proof that the attempts are real: there the server hears each of them.
"""

from __future__ import annotations

import base64
import gzip
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.page.browsers import Tab, until
from tests.page.server import Counting, counting
from tests.page.test_browsers import BROWSERS, EACH, READY

# Each asks for a path of its own; `at` is the server.
IN_PAGE = {
    "fetch": "fetch(at)", "xhr": "(x => { x.open('GET', at); x.send(); })(new XMLHttpRequest())",
    "beacon": "navigator.sendBeacon(at, 'x')", "websocket": "new WebSocket(at.replace('http', 'ws'))",
    "events": "new EventSource(at)", "import": "import(at)", "worker": "new Worker(at)",
    "image": "new Image().src = at", "audio": "new Audio(at).load()",
    "script": "put('script', { src: at })", "style": "put('link', { rel: 'stylesheet', href: at })",
    "icon": "put('link', { rel: 'icon', href: at })", "frame": "put('iframe', { src: at })",
    "object": "put('object', { data: at })", "embed": "put('embed', { src: at })",
    "prefetch": "put('link', { rel: 'prefetch', href: at })",
    "preload": "put('link', { rel: 'preload', as: 'script', href: at })",
    "background": "put('p', {}).style.background = `url(${at})`",
    "font": "new FontFace('x', `url(${at})`).load()",
    "form": "put('iframe', { name: 'f' }), put('form', { action: at, target: 'f', method: 'post' }).submit()",
    "blob": "new Worker(URL.createObjectURL(new Blob([`fetch('${at}')`])))",
}  # fmt: skip
IN_WORKER = {
    "fetch": "fetch(at)", "xhr": "(x => { x.open('GET', at); x.send(); })(new XMLHttpRequest())",
    "websocket": "new WebSocket(at.replace('http', 'ws'))", "events": "new EventSource(at)",
    "import": "import(at)", "nested": "new Worker(at)",
    "blob": "new Worker(URL.createObjectURL(new Blob([`fetch('${at}')`])))",
    "scripts": "WorkerGlobalScope.prototype.importScripts?.call(self, at) ?? scripts(at)",
}  # fmt: skip
IN_PYTHON = {
    "js-fetch": "js.fetch(at)", "js-worker": "js.Worker.new(at)", "pyfetch": "asyncio.ensure_future(pyodide.http.pyfetch(at))",
    "open_url": "pyodide.http.open_url(at)", "urllib": "urllib.request.urlopen(at)",
    "http": "http.client.HTTPConnection(at.split('/')[2]).request('GET', '/python/http')",
}  # fmt: skip
# Pyodide has no sockets, and Chromium without a screen fetches no icons.
NEVER = {"/python/urllib", "/python/http", "/page/icon"}
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="[^"]*">')


def leaking(page: str, url: str) -> str:
    """The page, whose worker tries to reach the server, first in JavaScript, then in Python."""
    tries = "".join(f"attempt('{url}/worker/{name}', at => {code});\n" for name, code in IN_WORKER.items())
    script = (
        "const scripts = self.importScripts;\n"
        "const attempt = (at, how) => { try { Promise.resolve(how(at)).catch(() => {}); } catch {} };\n" + tries
    )
    python = "import asyncio, js, http.client, pyodide.http, urllib.request\n" + "".join(
        f"try:\n    at = '{url}/python/{name}'\n    {code}\nexcept BaseException:\n    pass\n" for name, code in IN_PYTHON.items()
    )
    return edited(edited(page, "worker", script, before=True), "checker", python, before=False)


def edited(page: str, part: str, more: str, *, before: bool) -> str:
    """The page with more text in one of its parts."""
    found = re.search(rf'id="page-{part}">([^<]+)<', page)
    assert found
    text = gzip.decompress(base64.b64decode(found[1])).decode()
    new = base64.b64encode(gzip.compress((more + text if before else f"{text}\n{more}").encode())).decode()
    return page[: found.start(1)] + new + page[found.end(1) :]


@pytest.fixture(scope="module", params=EACH)
def tab(request: pytest.FixtureRequest, built_page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with BROWSERS[request.param](tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def server(built_page: Path) -> Iterator[Counting]:
    with counting({}) as found:
        page = leaking(built_page.read_text("utf-8"), found.url)
        assert POLICY.search(page)
        found.pages |= {"/with.html": page, "/without.html": POLICY.sub("", page)}
        yield found


def heard(tab: Tab, server: Counting, page: str, wanted: set[str]) -> set[str]:
    """What the server hears besides the page, until it is all that is wanted, or for long enough."""
    server.heard.clear()
    tab.open(server.url + page)
    until(tab, READY)
    put = "const put = (tag, values) => document.body.appendChild(Object.assign(document.createElement(tag), values));"
    tries = "".join(
        f"try {{ const at = '{server.url}/page/{name}'; Promise.resolve({code}).catch(() => {{}}); }} catch {{}}\n"
        for name, code in IN_PAGE.items()
    )
    tab.run(f"(() => {{ {put}\n{tries} return 1; }})()")
    end = time.monotonic() + (30 if wanted else 5)
    while time.monotonic() < end and not (wanted and wanted <= set(server.heard)):
        time.sleep(0.2)
    return set(server.heard) - {page}


def test_nothing_reaches_a_server(tab: Tab, server: Counting) -> None:
    assert heard(tab, server, "/with.html", set()) == set()


def test_without_its_policy_everything_would(tab: Tab, server: Counting) -> None:
    everything = {
        f"/{where}/{name}" for where, names in (("page", IN_PAGE), ("worker", IN_WORKER), ("python", IN_PYTHON)) for name in names
    } - NEVER
    missing = everything - heard(tab, server, "/without.html", everything)
    assert missing == set()
