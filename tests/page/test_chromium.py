"""The page for everybody, in a real Chromium: dropped on, saved, printed, by keyboard, read aloud, on a narrow screen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.page.browsers import Chromium, chromium, until
from tests.page.reports import Rendered, as_the_command, without_run
from tests.page.server import counting
from tests.page.test_browsers import DEMO, ERRORS, EXCEL, GOOD, LATE, READY, SHOWN, fresh, long, verdict
from tests.report.render.browser import needs_browser

pytestmark = [pytest.mark.soak, needs_browser]
KNOWN = ("--organization", "org-EXAMPLEacme01", "--month", "2025-10", "--expect-total", "537.87")


@pytest.fixture(scope="module")
def tab(built_page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with chromium(tmp_path_factory.mktemp("profile")) as found:
        fresh(found, built_page)
        yield found


def saved(tab: Chromium, folder: Path) -> tuple[list[str], Rendered]:
    """The names and the contents of what the page saves."""
    names, texts = [], []
    for format in Rendered._fields:
        with tab.page.expect_download() as download:
            tab.page.get_by_role("button", name=re.compile(f"Save as {format}", re.IGNORECASE)).click()
        download.value.save_as(folder / format)
        names.append(download.value.suggested_filename)
        texts.append((folder / format).read_text("utf-8"))
    return names, Rendered(*texts)


def drop(tab: Chromium, *paths: Path) -> None:
    """Drops files or folders on the page, as a hand would."""
    session = tab.page.context.new_cdp_session(tab.page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 30, "data": data})
    session.detach()


def states(tab: Chromium, folder: Path) -> Iterator[str]:
    """The page in each of its states, which are named."""
    yield "start"
    for files in ((GOOD,), (LATE,), (EXCEL, GOOD, LATE)):
        yield verdict(tab, *files)
    tab.page.fill("#page-month", "October")
    tab.page.get_by_role("button", name="Check again").click()
    yield str(until(tab, ERRORS))
    tab.page.fill("#page-month", "")
    tab.choose("#page-files", long(folder))
    yield str(until(tab, "document.getElementById('page-line').textContent"))
    tab.page.get_by_role("button", name="Stop").click()
    yield "stopped"


def test_what_is_saved_is_what_the_command_writes(tab: Chromium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DEMO)
    for field, value in zip(("organization", "month", "total"), KNOWN[1::2], strict=True):
        tab.page.fill(f"#page-{field}", value)
    assert verdict(tab, GOOD).startswith("PASS ")
    names, report = saved(tab, tmp_path)
    assert names == ["cost_2025-10-01_2025-10-31.report.html", "cost_2025-10-01_2025-10-31.report.json",
                     "cost_2025-10-01_2025-10-31.report.txt"]  # fmt: skip
    assert without_run(report) == without_run(as_the_command(tmp_path, GOOD.name, *KNOWN))
    for field in ("organization", "month", "total"):
        tab.page.fill(f"#page-{field}", "")


def test_files_can_be_dropped(tab: Chromium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DEMO)
    tab.run("document.getElementById('page-result').hidden = true")
    drop(tab, EXCEL, GOOD, LATE)
    assert until(tab, SHOWN) == "FAIL 3 files: 1 passed, 2 failed, 0 unproved"
    names, report = saved(tab, tmp_path)
    assert names == ["report.html", "report.json", "report.txt"]
    assert without_run(report) == without_run(as_the_command(tmp_path, EXCEL.name, GOOD.name, LATE.name))


def test_a_folder_is_what_it_is_for_the_command(tab: Chromium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "exports"
    (folder / "research").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    for name in ("B.CSV", "research/a.csv", ".hidden/a.csv", ".a.csv", "read.me"):
        (folder / name).write_bytes(GOOD.read_bytes())
    monkeypatch.chdir(tmp_path)
    tab.choose("#page-folder", folder)
    until(tab, "document.title.includes('2 files')")
    _, report = saved(tab, tmp_path)
    assert without_run(report) == without_run(as_the_command(tmp_path, "exports"))


def test_a_folder_that_the_browser_does_not_open_is_not_checked(tab: Chromium, tmp_path: Path) -> None:
    """From a disk; Chromium opens none there."""
    (tmp_path / "exports").mkdir()
    drop(tab, tmp_path / "exports")
    assert "Use “Choose a folder”." in until(tab, ERRORS)
    assert tab.run("document.getElementById('page-result').hidden")


def test_a_folder_can_be_dropped_on_a_page_from_a_server(tab: Chromium, built_page: Path, tmp_path: Path) -> None:
    (tmp_path / "exports" / "empty").mkdir(parents=True)
    for file in (GOOD, LATE):
        (tmp_path / "exports" / file.name).write_bytes(file.read_bytes())
    with counting({"/": built_page.read_text("utf-8")}) as server:
        tab.open(server.url)
        until(tab, READY)
        drop(tab, tmp_path / "exports", EXCEL)
        assert until(tab, SHOWN) == "FAIL 3 files: 1 passed, 2 failed, 0 unproved"
        assert tab.run("document.querySelector('#page-list li:nth-child(2)').textContent") == f"PASS exports/{GOOD.name}"
        drop(tab, tmp_path / "exports" / "empty")
        assert until(tab, ERRORS).startswith("No CSV file was found there.")
        assert tab.run("document.getElementById('page-result').hidden")
    fresh(tab, built_page)


def test_a_file_that_changes_under_the_check_is_unproved(tab: Chromium, tmp_path: Path) -> None:
    path = tmp_path / GOOD.name
    path.write_bytes(GOOD.read_bytes())
    assert verdict(tab, path).startswith("PASS ")
    path.unlink()
    tab.run("document.getElementById('page-result').hidden = true")
    tab.page.get_by_role("button", name="Check again").click()
    assert str(until(tab, SHOWN)).startswith("UNPROVED ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1000, 320])
def test_it_is_accessible_and_never_scrolls_sideways(
    width: int, scheme: str, tab: Chromium, built_page: Path, tmp_path: Path
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    tab.page.set_viewport_size({"width": width, "height": 800})
    tab.page.emulate_media(color_scheme=scheme)
    fresh(tab, built_page)
    for state in states(tab, tmp_path):
        tab.run("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert tab.run("document.documentElement.scrollWidth") == width, state
        found = Axe().run(tab.page)
        assert [f"{one['id']}: {one['nodes'][0]['html']}" for one in found.response["violations"]] == [], state
    tab.page.set_viewport_size({"width": 1000, "height": 800})


def test_the_keyboard_is_enough(tab: Chromium) -> None:
    verdict(tab, LATE)
    assert tab.run("document.activeElement.tagName") == "H1"
    reached = []
    tab.run("document.activeElement.blur(), window.getSelection().removeAllRanges()")
    tab.page.locator("h1").first.evaluate("one => { one.tabIndex = -1; one.focus(); }")
    for _ in range(12):
        tab.page.keyboard.press("Tab")
        reached.append(tab.run("(one => one.id || one.tagName)(document.activeElement)"))
        assert (
            tab.run("getComputedStyle(document.activeElement.closest('label.button') ?? document.activeElement).outlineStyle")
            != "none"
        )
    assert reached[:11] == [
        "SUMMARY", "page-files", "page-folder", "page-organization", "page-month", "page-total", "page-again",
        "page-html", "page-json", "page-text", "page-print",
    ]  # fmt: skip


def test_paper_shows_the_report_alone(tab: Chromium) -> None:
    verdict(tab, LATE)
    pdf = tab.page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 3
    tab.page.emulate_media(media="print")
    try:
        assert not tab.page.get_by_text("Drop the CSV files here").is_visible()
        assert tab.page.get_by_role("heading", name="Control totals").is_visible()
    finally:
        tab.page.emulate_media(media="screen")


def test_the_licenses_are_in_it(tab: Chromium, built_page: Path) -> None:
    fresh(tab, built_page)
    tab.page.get_by_text("What this page keeps").click()
    text = str(until(tab, "document.getElementById('page-licenses').textContent"))
    for name in ("Apache License", "Mozilla Public License Version 2.0", "PYTHON SOFTWARE FOUNDATION LICENSE"):
        assert name in text


def test_a_million_rows(tab: Chromium, tmp_path: Path, built_page: Path) -> None:
    from benchmarks.files import write_good

    large = tmp_path / "cost_2025-10-01_2025-10-31.csv"
    write_good(large, 1_000_000)
    fresh(tab, built_page)
    tab.choose("#page-files", large)
    until(tab, "document.getElementById('page-line').textContent.includes('MB')")
    assert str(until(tab, SHOWN, 500)).startswith("PASS ")
