"""What the page's worker calls in Pyodide: the browser's files in, JSON out. Everything else is billproof as it is installed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import billproof
from billproof.cli.commands.guide import guide as guide_of
from billproof.config.settings import clock
from billproof.model.errors import BillproofError

BLOCK = 1 << 20
# The page has fields where the command has options.
FIELDS = {"--organization": "Organization ID", "--month": "Month", "--expect-total": "Total"}
FORMATS = ("html", "json", "text")
# What `render` renders: the report on all files, then, if there are several, that on each.
reports: list[billproof.Report] = []


class Browsed(io.RawIOBase):
    """A file of the browser: `file.read(start, end)` gives bytes, or throws if the file has changed or is gone."""

    def __init__(self, file: Any, seen: Callable[[int], object]) -> None:
        self._file, self._seen, self._at = file, seen, 0

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer as far as the file goes, and says how far it has been read."""
        count: int = min(len(buffer), self._file.size - self._at)
        if count:
            self._file.read(self._at, self._at + count).assign_to(memoryview(buffer)[:count])
            self._at += count
            self._seen(self._at)
        return count


def check(files: Any, options_json: str, seen: Callable[[int, int], object]) -> list[dict[str, str]]:
    """Checks files as `billproof check` does; each is {path, size, read}. Returns verdict and title of each report."""
    options = json.loads(options_json)
    if len(files) > 1 and "expect_total" in options:
        raise billproof.UsageError("--expect-total accepts one file only", f"{len(files)} files were chosen.")
    reports.clear()
    found: dict[tuple[str, str | None], billproof.Report] = {}
    for number, file in enumerate(files):
        stream = io.BufferedReader(Browsed(file, partial(seen, number)), BLOCK)
        report = billproof.check_bytes(file.path, stream, **options)
        found.setdefault((file.path, report.files[0].sha256), report)
    each = list(found.values())
    reports.extend([billproof.merge(each), *each] if len(each) > 1 else each)
    return [{"verdict": report.verdict, "title": _title(report)} for report in reports]


def _title(report: billproof.Report) -> str:
    return report.files[0].path if len(report.files) == 1 else f"All {len(report.files)} files"


def render(number: int) -> dict[str, str]:
    """A report in the formats that the page shows and saves."""
    return {format: reports[number].render(format) for format in FORMATS}


def guide(month: str | None) -> dict[str, Any]:
    """The guide for a month, or for the last complete one. What the command says to do next, the page does itself."""
    found = guide_of("openai-cost", month, clock())
    steps = [step.partition(" Then: billproof")[0] for step in found.steps]
    return {"title": found.title, "steps": steps, "notes": found.notes}


def answer(name: str, *arguments: Any) -> str:
    """The result of a function above as JSON, or {errors: lines}."""
    try:
        return json.dumps(globals()[name](*arguments))
    except BillproofError as error:
        lines = error.lines()
        for option, field in FIELDS.items():
            lines = [line.replace(option, field) for line in lines]
        return json.dumps({"errors": lines})
