"""The page in a real Chromium: quiet, accessible, light and dark, on paper, and on a narrow screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.report.render.browser import Scheme, Window, needs_browser, opened
from tests.support import run

# Of each number in the table of months: on how many lines it stands.
LINES = """[...document.querySelectorAll('.months tbody td.figure')].map(cell => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  return range.getClientRects().length;
})"""

pytestmark = [needs_browser, pytest.mark.soak]


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    with opened(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture
def html(project: Path) -> str:
    return run("spend", "--format", "html")[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_quiet_and_accessible(html: str, window: Window, scheme: Scheme) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with window.showing(html, scheme=scheme) as page:
        assert page.evaluate("document.styleSheets.length") == 1
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        found = Axe().run(page)
    assert [f"{one['id']}: {one['nodes'][0]['html']}" for one in found.response["violations"]] == []
    assert window.noise == []


@pytest.mark.parametrize("only", [[], ["--only", "europe"]])
def test_a_narrow_screen_never_scrolls_sideways(html: str, window: Window, only: list[str]) -> None:
    with window.showing(run("spend", "--format", "html", *only)[1], width=320) as page:
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_numbers_are_never_broken_in_two(html: str, window: Window) -> None:
    with window.showing(html, width=320) as page:
        lines = page.evaluate(LINES)
    assert set(lines) == {1}


def test_on_paper(html: str, window: Window) -> None:
    with window.showing(html, width=688, scheme="dark", paper=True) as page:
        assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
        assert page.evaluate("document.documentElement.scrollWidth") == 688
        assert page.evaluate("getComputedStyle(document.querySelector('.happened .on-screen')).display") == "none"
        pages = page.pdf(format="A4").count(b"/Type /Page\n") or 1
    assert pages <= 4
