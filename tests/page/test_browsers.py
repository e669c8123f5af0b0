"""The page as its users have it: in Chromium and in Firefox, from a disk and from a server, with no network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.page.browsers import FIREFOX, Tab, chromium, firefox, until
from tests.page.server import Counting, counting
from tests.report.render.browser import needs_browser
from tests.report.render.pages import hostile_export
from tests.support import FIXTURES

DEMO = FIXTURES / "demo"
GOOD, LATE, EXCEL = (DEMO / name for name in
                     ("cost_2025-10-01_2025-10-31.csv", "cost_2025-10-04_2025-11-03.csv", "Costs October.csv"))  # fmt: skip
needs_firefox = pytest.mark.skipif(FIREFOX is None, reason="no Firefox on this machine: apt-get install firefox-esr")
BROWSERS: dict[str, Callable[[Path], AbstractContextManager[Tab]]] = {"chromium": chromium, "firefox": firefox}
EACH = [pytest.param("chromium", marks=needs_browser), pytest.param("firefox", marks=needs_firefox)]

READY = "document.getElementById('page-status').textContent.startsWith('Ready')"
SHOWN = "!document.getElementById('page-result').hidden && document.title"
ERRORS = "document.getElementById('page-errors').innerText"
BEST = "document.getElementById('page-best').checkVisibility()"


@pytest.fixture(scope="module", params=EACH)
def tab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with BROWSERS[request.param](tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def server(built_page: Path) -> Iterator[Counting]:
    with counting({"/billproof.html": built_page.read_text("utf-8")}) as found:
        yield found


def fresh(tab: Tab, page: Path) -> None:
    """The page from the disk, ready."""
    tab.open(page.as_uri())
    until(tab, READY)


def verdict(tab: Tab, *files: Path) -> str:
    """What the page says of files that are chosen."""
    tab.run("document.getElementById('page-result').hidden = true")
    tab.choose("#page-files", *files)
    return str(until(tab, SHOWN))


def long(folder: Path) -> Path:
    """A file that takes long to check."""
    header, *rows = GOOD.read_text("utf-8").splitlines(keepends=True)
    path = folder / GOOD.name
    path.write_text(header + "".join(rows) * 20_000, "utf-8")
    return path


def test_from_a_disk(tab: Tab, built_page: Path) -> None:
    fresh(tab, built_page)
    until(tab, "document.getElementById('page-guide-title').textContent.startsWith('Export ')")
    assert verdict(tab, LATE) == "FAIL cost_2025-10-04_2025-11-03.csv must not be uploaded as October 2025"
    assert "31-day range" in tab.run("document.querySelector('#page-report .cause').innerText")
    assert tab.run("document.getElementById('page-status').textContent") == "FAIL. The report is below."
    assert not tab.run(BEST)


def test_from_a_server_that_hears_nothing_but_the_page(tab: Tab, server: Counting) -> None:
    server.heard.clear()
    tab.open(f"{server.url}/billproof.html")
    until(tab, READY)
    assert verdict(tab, GOOD).startswith("PASS ")
    assert tab.run(f"{BEST} && document.activeElement.getAttribute('aria-describedby')") == "page-best"
    assert server.heard == ["/billproof.html"]


def test_a_file_can_be_chosen_before_the_page_is_ready(tab: Tab, built_page: Path) -> None:
    tab.open(built_page.as_uri())
    assert verdict(tab, GOOD).startswith("PASS ")


def test_several_files_have_an_index_and_a_report_each(tab: Tab, built_page: Path) -> None:
    fresh(tab, built_page)
    assert verdict(tab, EXCEL, GOOD, LATE) == "FAIL 3 files: 1 passed, 2 failed, 0 unproved"
    assert tab.run("document.querySelectorAll('#page-report .index a[href=\"#file-3\"]').length") >= 1
    entries = tab.run("[...document.querySelectorAll('#page-list button')].map(one => one.textContent)")
    assert entries == ["FAIL All 3 files", f"FAIL {EXCEL.name}", f"PASS {GOOD.name}", f"FAIL {LATE.name}"]
    assert tab.run(f"{BEST} && !document.activeElement.hasAttribute('aria-describedby')"), "for the file that passed"
    tab.run("document.querySelectorAll('#page-list button')[2].click()")
    until(tab, "document.title.startsWith('PASS')")
    assert tab.run("document.querySelector('#page-list [aria-current=true]').textContent") == f"PASS {GOOD.name}"


def test_files_of_other_kinds_fail_with_a_cause(tab: Tab, built_page: Path, tmp_path: Path) -> None:
    fresh(tab, built_page)
    picture, nothing = tmp_path / "picture.png", tmp_path / "empty.csv"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    nothing.touch()
    workbook = next((FIXTURES / "not-a-csv-xlsx").iterdir())
    assert verdict(tab, workbook).startswith("FAIL ")
    assert "Excel workbook" in tab.run("document.querySelector('#page-report .cause').innerText")
    assert verdict(tab, picture).startswith("FAIL ")
    assert verdict(tab, nothing).startswith("FAIL ")


def test_other_files_take_the_place_of_those_that_are_being_checked(tab: Tab, built_page: Path, tmp_path: Path) -> None:
    fresh(tab, built_page)
    tab.choose("#page-files", long(tmp_path))
    until(tab, "document.getElementById('page-line').textContent")
    assert verdict(tab, LATE).startswith("FAIL ")
    assert tab.run("document.getElementById('page-progress').hidden")


def test_a_hostile_export_does_nothing(tab: Tab, built_page: Path, tmp_path: Path) -> None:
    fresh(tab, built_page)
    verdict(tab, hostile_export(tmp_path))
    found = "document.querySelectorAll('#page-report :is(script, img, iframe, b, i, object, embed, link, base, form)').length"
    assert tab.run(found) == 0
    assert "<img src=x onerror=alert(1)>&amp;.csv" in tab.run("document.activeElement.textContent")


def test_a_wrong_setting_is_an_error_and_can_be_corrected(tab: Tab, built_page: Path) -> None:
    fresh(tab, built_page)
    tab.run("document.getElementById('page-month').value = 'October'")
    tab.choose("#page-files", GOOD)
    assert until(tab, ERRORS).startswith("Month October: not a month")
    assert tab.run("document.querySelector('#page-errors code').textContent") == "last"
    assert tab.run("document.getElementById('page-result').hidden")
    tab.run("document.getElementById('page-month').value = '2025-10'")
    tab.run("document.getElementById('page-total').value = '537.87'")
    tab.run("document.getElementById('page-again').click()")
    assert str(until(tab, SHOWN)).startswith("PASS ")
    assert tab.run(ERRORS) == ""
    tab.run("document.getElementById('page-total').value = 'much'")
    tab.run("document.getElementById('page-again').click()")
    assert until(tab, ERRORS).startswith("Total much: not an amount")
    assert tab.run("document.title") == "Check an OpenAI cost export", "no verdict of an earlier check"
    tab.run("document.getElementById('page-total').value = '537.87'")


def test_a_check_can_be_stopped(tab: Tab, built_page: Path, tmp_path: Path) -> None:
    fresh(tab, built_page)
    tab.choose("#page-files", long(tmp_path))
    assert f"Reading {GOOD.name}: " in until(tab, "document.getElementById('page-line').textContent")
    tab.run("(stop => { stop.focus(); stop.click(); })(document.getElementById('page-stop'))")
    assert tab.run("document.activeElement.id") == "page-files", "not the body: what had the keyboard is hidden"
    assert tab.run("document.getElementById('page-progress').hidden && document.getElementById('page-result').hidden")
    assert "Nothing was proved" in tab.run("document.getElementById('page-status').textContent")
    assert verdict(tab, GOOD).startswith("PASS ")


def test_a_program_that_breaks_proves_nothing(tab: Tab, server: Counting) -> None:
    server.pages["/broken.html"] = server.pages["/billproof.html"].replace('id="page-wasm">H4s', 'id="page-wasm">H4t')
    tab.open(f"{server.url}/broken.html")
    assert until(tab, ERRORS).startswith("UNPROVED")
    tab.choose("#page-files", GOOD)
    assert tab.run("document.getElementById('page-result').hidden")
