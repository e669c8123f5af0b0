"""The HTML page in a real Chromium: light and dark, on paper, on a narrow screen, without script, and for everybody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report.render.browser import Scheme, Window, needs_browser, opened
from tests.report.render.pages import hostile_export, page_of, read

pytestmark = [needs_browser, pytest.mark.usefixtures("at_root")]

RUNS = {
    "pass": ("fixtures/good-h4",), "fail": ("fixtures/default-31-days",), "unproved": ("fixtures/no-such-folder",),
    "mixed": ("fixtures/demo", "fixtures/no-such-file.csv"),
    "large": ("fixtures/two-whole-months", "fixtures/good-thousand-projects"),
}  # fmt: skip


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    with opened(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.mark.parametrize("name", RUNS)
def test_a_page_is_quiet_and_styled(name: str, window: Window) -> None:
    with window.showing(page_of(*RUNS[name])) as page:
        assert page.title().startswith({"mixed": "UNPROVED", "large": "FAIL"}.get(name, name.upper()))
        assert page.evaluate("document.styleSheets.length") == 1
        assert page.evaluate("getComputedStyle(document.querySelector('.stamp')).borderTopStyle") == "solid"
        assert page.evaluate("document.compatMode") == "CSS1Compat"
    assert window.noise == []


@pytest.mark.parametrize("name, scheme", [
    ("pass", "light"), ("pass", "dark"), ("fail", "light"), ("fail", "dark"), ("unproved", "dark"), ("mixed", "light"),
])  # fmt: skip
def test_a_page_is_accessible(name: str, scheme: Scheme, window: Window) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with window.showing(page_of(*RUNS[name]), scheme=scheme) as page:
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        found = Axe().run(page)
    assert [f"{one['id']}: {one['nodes'][0]['html']}" for one in found.response["violations"]] == []
    assert "color-contrast" in {one["id"] for one in found.response["passes"]}


@pytest.mark.parametrize("name", RUNS)
def test_a_narrow_screen_never_scrolls_sideways(name: str, window: Window) -> None:
    with window.showing(page_of(*RUNS[name]), width=320) as page:
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_the_schemes_differ(window: Window) -> None:
    def background(scheme: Scheme, paper: bool = False) -> str:
        with window.showing(page_of(*RUNS["pass"]), scheme=scheme, paper=paper) as page:
            return str(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))

    assert background("light") == "rgb(255, 255, 255)"
    assert background("dark") == "rgb(21, 24, 28)"
    assert background("dark", paper=True) == "rgb(255, 255, 255)"


def test_nothing_is_lost_without_script(window: Window) -> None:
    html = page_of(*RUNS["fail"])
    with window.showing(html, script=False) as page:
        assert page.title() == "FAIL cost_2025-10-04_2025-11-03.csv must not be uploaded as October 2025"
        assert page.get_by_role("heading", name="Control totals").is_visible()
        hidden = page.get_by_text("43.336319254499997")
        assert not hidden.is_visible()
        page.get_by_text("Exact amount per day").click()
        assert hidden.is_visible()
        words = re.sub(r"\s+", "", page.locator("body").text_content())
    assert words == re.sub(r"\s+", "", read(html[html.index("<body>") : html.index("</html>")]).text)


@pytest.mark.parametrize("name, pages", [("pass", 3), ("fail", 3), ("unproved", 1)])
def test_on_paper(name: str, pages: int, window: Window) -> None:
    with window.showing(page_of(*RUNS[name])) as page:
        pdf = page.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == pages
        assert re.search(rb"/MediaBox\s*\[0 0 59[45](\.[0-9]+)? 84[12]", pdf)


@pytest.mark.parametrize("name", ["pass", "fail"])
def test_all_but_the_rules_fits_the_first_sheet(name: str, window: Window) -> None:
    # A4 less the margins of 12 and 14 mm, at 96 dots an inch.
    with window.showing(page_of(*RUNS[name]), width=688, paper=True) as page:
        top = page.evaluate("document.querySelector('section.all-rules').getBoundingClientRect().top + scrollY")
    assert 300 < top < 1032


def test_each_file_begins_a_sheet(window: Window) -> None:
    with window.showing(page_of("fixtures/several-months-of-folder"), paper=True) as page:
        breaks = page.evaluate("[...document.querySelectorAll('article.file')].map(one => getComputedStyle(one).breakBefore)")
    assert breaks == ["page"] * 3


@pytest.mark.parametrize("script", [True, False])
def test_a_hostile_export_does_nothing(script: bool, tmp_path: Path, window: Window) -> None:
    with window.showing(page_of(hostile_export(tmp_path)), script=script) as page:
        assert page.locator("script, img, iframe, b, i, object, embed, link, base, form").count() == 0
        assert "<img src=x onerror=alert(1)>&amp;.csv" in page.title()
        assert page.get_by_text("</style></title></svg><iframe srcdoc='<script>alert(1)</script>'>").count() > 0
    assert window.noise == []


def test_the_policy_stops_what_somebody_puts_into_the_file(window: Window) -> None:
    put_in = '<p id="put-in" style="color:red" onclick="x">x</p><img src="https://example.com/x.png"><script>document.title="x"</script>'
    html = page_of(*RUNS["pass"]).replace("<main>", f"<main>{put_in}")
    with window.showing(html) as page:
        title: Any = page.title()
        colour = page.evaluate("getComputedStyle(document.getElementById('put-in')).color")
    assert title.startswith("PASS")
    assert colour == "rgb(28, 32, 36)"
    refused = [one for one in window.noise if "Content Security Policy" in one]
    assert len(refused) >= 3
    window.noise.clear()


def test_ten_thousand_findings_are_shown(tmp_path: Path, window: Window) -> None:
    with window.showing(page_of(hostile_export(tmp_path, 10_000), "--max-findings", "20000")) as page:
        assert page.locator("article.finding", has_text="OC202").locator("tr").count() >= 10_000
    assert window.noise == []
