"""Whole reports and texts of every fixture folder, as they were read and approved.

The files of a folder are checked from the root of the repository, with the arguments of its args.txt and at most five
findings a rule.
What changes with every wording of a rule (rules, digests) and from run to run is left out. A snapshot is read before it is
accepted: `pytest --snapshot-update`.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.report.snapshots import Text
from tests.support import FIXTURES, Checked, check

pytestmark = pytest.mark.usefixtures("at_root")

CASES = sorted({path.parent.name for path in FIXTURES.glob("*/*.csv")})
LONGEST = 25
WIDTH = 200


class Json(Text):
    """One file a report, laid out for reading: what fits on a line stands on one, so an outcome or a day is a line."""

    file_extension = "json"

    def serialize(self, data: Any, **_: Any) -> str:
        return "\n".join(laid_out(data)) + "\n"


def laid_out(value: Any, indent: str = "") -> list[str]:
    """JSON in lines of at most WIDTH characters where its parts allow it."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or len(indent) + len(line) <= WIDTH:
        return [line]
    named = list(value.items()) if isinstance(value, dict) else [(None, one) for one in value]
    lines = []
    for number, (name, one) in enumerate(named, 1):
        first, *rest = laid_out(one, indent + "  ")
        label = "" if name is None else f"{json.dumps(name)}: "
        lines += [f"{indent}  {label}{first}", *rest]
        lines[-1] += "," if number < len(named) else ""
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return [opening, *lines, f"{indent}{closing}"]


def of(case: str) -> Checked:
    found = FIXTURES / case / "args.txt"
    extra = found.read_text("utf-8").split() if found.is_file() else []
    return check(f"fixtures/{case}/*.csv", "--max-findings", "5", *extra)


def stable(report: dict[str, Any]) -> dict[str, Any]:
    """A report without what differs from run to run, or with every wording of a rule."""
    ruleset = {key: value for key, value in report["ruleset"].items() if key not in ("rules", "sha256")}
    kept = {key: value for key, value in report.items() if key not in ("run", "result_sha256")}
    files = [{key: value for key, value in file.items() if key != "result_sha256"} for file in report["files"]]
    return {**kept, "ruleset": ruleset, "files": files}


def test_there_are_cases() -> None:
    assert len(CASES) > 80


@pytest.mark.parametrize("case", CASES)
def test_report(case: str, snapshot: SnapshotAssertion) -> None:
    found = of(case)
    assert found.report is not None
    assert stable(found.report) == snapshot(extension_class=Json)


@pytest.mark.parametrize("case", CASES)
def test_text(case: str, snapshot: SnapshotAssertion) -> None:
    found = of(case)
    assert found.report is not None, found.err
    assert found.out == snapshot(extension_class=Text)


@pytest.mark.parametrize("case", CASES)
def test_a_text_is_short_and_begins_with_the_verdict(case: str) -> None:
    found = of(case)
    assert found.report is not None
    lines = found.out.splitlines()
    if "files of one month" in lines[0]:
        del lines[: lines.index("") + 1]
    assert len(lines) <= LONGEST * len(found.report["files"]) + 2
    assert lines[0].split("  ")[0] == found.report["files"][0]["verdict"].upper()
    assert found.err == ""
    for word in ("blocked", "not_run", "evaluated", "not_applicable"):
        assert word not in found.out
