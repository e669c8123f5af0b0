"""A report in the formats of the page, as the page or the command gives it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from tests.support import run

RUN = '<section class="run"'


class Rendered(NamedTuple):
    """A report in each format that the page saves."""

    html: str
    json: str
    text: str


def as_the_command(folder: Path, *arguments: str) -> Rendered:
    """What `billproof check` with these arguments writes and prints."""
    html, report = folder / "report.html", folder / "report.json"
    code, out, err = run("check", *arguments, "--output", f"html={html}", "--output", f"json={report}")
    assert code in (0, 1, 3), err
    return Rendered(html.read_text("utf-8"), report.read_text("utf-8"), out)


def without_run(report: Rendered) -> tuple[str, Any, str]:
    """A report less what differs from run to run; the JSON with its keys in order."""
    head, _, tail = report.html.partition(RUN)
    assert tail
    run = report.json.rindex('"run":')
    assert set(json.loads("{" + report.json[run:])) == {"run"}
    return head + tail[tail.index("</section>") :], report.json[:run], report.text
