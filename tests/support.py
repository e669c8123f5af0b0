"""What many tests need: the real command in this process, its report, and what failed."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from billproof.cli.main import main
from billproof.model.results import FORMATS
from billproof.report.build import file_digests, result_sha256

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "fixtures"
AS_OF = "2025-12-01"
# That no format changes an exit code is tried with the two that most depend on in every run of the tests, with all in soak.
EACH_FORMAT = [pytest.param(name, marks=() if name in ("text", "json") else pytest.mark.soak) for name in FORMATS]

SOAK = "soak"


def often(examples: int) -> int:
    """How many examples Hypothesis tries: all for `make soak`, a quarter in other runs, but one at least."""
    return examples if settings.get_current_profile_name() == SOAK else max(1, examples // 4)


@dataclass(frozen=True)
class Checked:
    """What `billproof check` gave: exit code, standard output and error, and the JSON report (None if there is none)."""

    code: int
    out: str
    err: str
    report: dict[str, Any] | None

    @property
    def file(self) -> dict[str, Any]:
        """The first file of the report."""
        assert self.report is not None, self.err
        found: dict[str, Any] = self.report["files"][0]
        return found

    @property
    def failed(self) -> set[str]:
        """Ids of the rules that failed on the first file."""
        return {one["rule"] for one in self.file["outcomes"] if one["state"] == "failed"}

    def in_state(self, state: str) -> set[str]:
        """Ids of the rules in a state on the first file."""
        return {one["rule"] for one in self.file["outcomes"] if one["state"] == state}

    @property
    def blocked(self) -> dict[str, str | None]:
        """The blocked rules of the first file, each with the failed rule at the root."""
        return {one["rule"]: one.get("blocked_by") for one in self.file["outcomes"] if one["state"] == "blocked"}

    def outcome(self, rule: str) -> dict[str, Any]:
        """A rule's outcome on the first file."""
        found: dict[str, Any] = next(one for one in self.file["outcomes"] if one["rule"] == rule)
        return found

    def places(self, rule: str) -> list[str]:
        """The places of a rule's findings, as line:column with `-` for none."""
        return [f"{one['line'] or '-'}:{one['column'] or '-'}" for one in self.outcome(rule)["findings"]]


def reseal(report: dict[str, Any]) -> None:
    """Gives an edited report, and each of its files, the digests of what it says now; as far as it is still a report."""
    for file in report["files"] if isinstance(report.get("files"), list) else []:
        if isinstance(file, dict) and "ruleset" in report and "settings" in report:
            file["result_sha256"] = file_digests([file], report)[0]
    report["result_sha256"] = result_sha256(report)


def run(*arguments: str) -> tuple[int, str, str]:
    """Any command line, in this process: exit code, standard output, standard error."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", newline="")
    err = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(arguments))
    out.flush()
    buffer = out.buffer
    assert isinstance(buffer, io.BytesIO)
    return int(code), buffer.getvalue().decode("utf-8"), err.getvalue()


def check(*arguments: str | Path, as_of: str | None = AS_OF) -> Checked:
    """`billproof check` with these arguments, judged as of 2025-12-01 unless told otherwise."""
    words = [str(one) for one in arguments]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        given = ["--as-of", as_of] if as_of and "--as-of" not in words else []
        code, out, err = run("check", *words, "--output", f"json={path}", *given)
        report = json.loads(path.read_text("utf-8")) if path.is_file() else None
    return Checked(code, out, err, report)


READY = """\
version: 1
ledger: .billproof/ledger
destinations: {archive: {kind: directory, path: .billproof/archive}}
integrations:
  - {name: main, organization: org-EXAMPLEacme01, to: archive}
"""


def make_ready(folder: Path, more: str = "") -> Path:
    """A configuration with which a good export of org-EXAMPLEacme01 would be uploaded, and its empty ledger."""
    path = folder / "billproof.yaml"
    path.write_text(READY + more, "utf-8")
    code, _, err = run("ledger", "init", "--config", str(path))
    assert code == 0, err
    return path


def fixture(case: str) -> Path:
    """The CSV file of a fixture folder that has one."""
    (found,) = (FIXTURES / case).glob("*.csv")
    return found


def process(*arguments: str | Path, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own, with its own environment and standard input; nothing is a terminal."""
    command = [sys.executable, "-m", "billproof", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, env={**os.environ, **environment}, check=False)
