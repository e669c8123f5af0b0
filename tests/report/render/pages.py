"""Reports as HTML pages for tests: of exports that ship, of hostile ones, and what a strict reader finds in them."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from billproof.report.render.html import render_html
from tests.support import FIXTURES, check

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report

VOID = ("meta",)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></title></svg><iframe srcdoc='<script>alert(1)</script>'>",
    "]]> <!-- --> &lt;b&gt; {{7*7}} ${7*7}",
    "\x1b[31mred\x1b]8;;javascript:alert(1)\x07",
    "\u202egnp.exe \u2066isolated\u2069 \u05d0\u05d1\u05d2",
    "javascript:alert(1)",
)  # fmt: skip


class Strict(HTMLParser):
    """Reads a page and keeps its tags, its attributes and its text; a tag that is not closed in order is an error."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        """What a person reads, with single blanks."""
        return " ".join(" ".join(self.words).split())


def read(page: str) -> Strict:
    """A page, read; every tag in it was closed."""
    reader = Strict()
    reader.feed(page)
    reader.close()
    assert not reader._open
    return reader


def fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same clock, machine and pipeline for every run."""
    monkeypatch.setattr("billproof.config.settings.clock", lambda: datetime(2025, 12, 1, tzinfo=UTC))
    monkeypatch.setenv("BILLPROOF_NO_HOST", "1")
    for name in ("GITHUB_REPOSITORY", "CI_PROJECT_PATH", "GITHUB_SHA", "CI_COMMIT_SHA", "GITHUB_ACTOR", "GITLAB_USER_LOGIN",
                 "GITHUB_SERVER_URL", "CI_JOB_URL"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)


def page_of(*arguments: str | Path) -> str:
    """The page of `billproof check` with these arguments."""
    found = check(*arguments)
    assert found.report is not None, found.err
    return render_html(cast("Report", found.report))


def hostile_export(folder: Path, findings: int = 0) -> Path:
    """An export that is hostile in names, line items, header, values and its own name."""
    header, *rows = csv.reader(next((FIXTURES / "good-h2").glob("*.csv")).read_text("utf-8").splitlines())
    item, name, amount, project = map(header.index, ("line_item", "project_name", "amount_value", "project_id"))
    charged = [row for row in rows if row[amount]]
    for row, text in zip(charged, HOSTILE * 2, strict=False):
        row[item] = row[name] = text
    charged[0][header.index("start_time_iso")] = "<b>12</b>"
    extra = [list(charged[-1]) for _ in range(findings)]
    for number, row in enumerate(extra):
        row[amount], row[project] = f"<i>{number}</i>", f"proj_EXAMPLE{number}"
    path = folder / "<img src=x onerror=alert(1)>&amp;.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        out = csv.writer(stream, lineterminator="\n")
        out.writerow((*header, "<svg/onload=alert(1)>"))
        out.writerows((*row, "") for row in (*rows, *extra))
    return path
