"""The page's own Python gives what the command gives, for every fixture: its worker, taken out of the page, runs in Node."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from billproof.cli.parser import build_parser
from tests.page.reports import Rendered, as_the_command, without_run
from tests.report.test_snapshots import CASES
from tests.support import AS_OF, FIXTURES, run

pytestmark = [pytest.mark.soak, pytest.mark.skipif(shutil.which("node") is None, reason="no Node on this machine")]

WORKER = Path(__file__).with_name("worker.mjs")


class Worker:
    """The page's worker: asked to check files, it gives its answer and its reports."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def check(self, *files: tuple[str, Path], **options: Any) -> tuple[Any, list[Rendered]]:
        """What the worker answers, and each of its reports; each file with the path that the page gives it."""
        assert self._process.stdin and self._process.stdout
        request = {"files": [{"path": path, "file": str(file)} for path, file in files], "options": options}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["checked"], [Rendered(**one) for one in answer["rendered"]]


@pytest.fixture(scope="module")
def worker(built_page: Path) -> Iterator[Worker]:
    with subprocess.Popen(["node", WORKER, built_page], stdin=-1, stdout=-1, text=True, encoding="utf-8") as process:
        yield Worker(process)
        assert process.stdin
        process.stdin.close()


def arguments(case: str) -> list[str]:
    found = FIXTURES / case / "args.txt"
    words = found.read_text("utf-8").split() if found.is_file() else []
    return [*words, *([] if "--as-of" in words else ["--as-of", AS_OF])]


def options(words: list[str]) -> dict[str, Any]:
    """The options of a command line as the interface has them."""
    given: argparse.Namespace = build_parser().parse_args(["check", *words])
    names = {word.removeprefix("--").replace("-", "_") for word in words if word.startswith("--")}
    return {name: getattr(given, name) for name in names}


@pytest.mark.parametrize("case", CASES)
def test_a_fixture_gives_the_same_bytes(case: str, worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FIXTURES)
    files = [(f"{case}/{path.name}", path) for path in sorted((FIXTURES / case).glob("*.csv"))]
    checked, reports = worker.check(*files, **options(arguments(case)))
    assert [one["verdict"] for one in checked] == [json.loads(report.json)["verdict"] for report in reports]
    named = [path for path, _ in files]
    assert without_run(reports[0]) == without_run(as_the_command(tmp_path, *named, *arguments(case)))
    assert len(reports) == (1 if len(files) == 1 else len(files) + 1)
    for (path, _), report in zip(files, reports[1:], strict=False):
        assert without_run(report) == without_run(as_the_command(tmp_path, path, *arguments(case)))


def test_what_the_page_saves_can_be_verified(worker: Worker, tmp_path: Path) -> None:
    export = FIXTURES / "demo" / "cost_2025-10-04_2025-11-03.csv"
    _, (report,) = worker.check((export.name, export), organization="org-EXAMPLEacme01", expect_total="917.49")
    (tmp_path / "saved.json").write_text(report.json, "utf-8")
    code, out, err = run("verify", str(tmp_path / "saved.json"), str(export))
    assert (code, out[:6]) == (0, "AGREES"), err


@pytest.mark.parametrize("wrong, lines", [
    ({"month": "2025-13"}, ["Month 2025-13: not a month", "Write it as 2025-10, or `last` for the last complete month."]),
    ({"expect_total": "12,5"},
     ["Total 12,5: not an amount", "Write it with a point before the cents: 18402.17 or 18,402.17"]),
])  # fmt: skip
def test_a_wrong_setting_is_said_in_the_words_of_the_page(wrong: dict[str, str], lines: list[str], worker: Worker) -> None:
    export = FIXTURES / "demo" / "cost_2025-10-01_2025-10-31.csv"
    assert worker.check((export.name, export), **wrong) == ({"errors": lines}, [])


def test_a_total_is_for_one_file(worker: Worker) -> None:
    files = [(path.name, path) for path in (FIXTURES / "demo").glob("*.csv")]
    assert worker.check(*files, expect_total="537.87")[0] == {"errors": ["Total accepts one file only", "3 files were chosen."]}


def test_a_file_that_is_chosen_twice_is_checked_once(worker: Worker) -> None:
    export = FIXTURES / "demo" / "cost_2025-10-01_2025-10-31.csv"
    checked, _ = worker.check((export.name, export), (export.name, export))
    assert [one["title"] for one in checked] == [export.name]
