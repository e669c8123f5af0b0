"""The same file through frictionless, with the same schema and a fixed dialect: a second opinion, never the first.

frictionless guesses the dialect, stops at 1,000 errors and misses much. So it is given the dialect, and its errors are
compared with our findings place by place. The contents of a cell never enter the report.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from billproof.model.errors import UsageError
from billproof.model.results import FileResult, Finding, SecondOpinion
from billproof.model.values import shown
from billproof.reading.source import open_source
from billproof.rules.rule import RuleSet

MAX_ERRORS = 100
MAX_CELLS = 500


def second_opinion(file: FileResult, ruleset: RuleSet) -> SecondOpinion:
    """What frictionless finds in the file, and where we differ. Raises Unreadable, or UsageError without frictionless."""
    try:
        import frictionless
        import frictionless.formats
        import frictionless.resources
    except ImportError:
        raise UsageError(
            "--second-opinion needs frictionless, which is not installed", "pip install 'frictionless>=5.21,<6'"
        ) from None
    tool = f"frictionless {frictionless.__version__}"
    with open_source(file.path) as source:
        data = source.whole(sys.maxsize) or b""
    if _is_wide(data):
        return SecondOpinion(tool, False, (f"a row has more than {MAX_CELLS} cells, so it was not given the file",), ())
    with tempfile.TemporaryDirectory(prefix="billproof-") as folder:
        # Under a plain name: frictionless unpacks what is called .gz or .zip.
        copy = Path(folder, "export.csv")
        copy.write_bytes(data)
        raw_errors = _errors(frictionless, copy, ruleset)
    errors = [_described(error) for error in raw_errors]
    if hashlib.sha256(data).hexdigest() != file.sha256:
        errors.append("the file changed between the two readings")
    return SecondOpinion(tool, not errors, tuple(errors[:MAX_ERRORS]), tuple(_disagreements(file, raw_errors, tool))[:MAX_ERRORS])


def _is_wide(data: bytes) -> bool:
    """Whether a row has so many cells that frictionless, whose work grows with their square, would take minutes."""
    with contextlib.suppress(csv.Error):
        records = csv.reader(io.TextIOWrapper(io.BytesIO(data), "utf-8", "replace", newline=""))
        return any(len(cells) > MAX_CELLS for cells in records)
    return False


def _errors(frictionless: Any, path: Path, ruleset: RuleSet) -> list[Any]:
    descriptor = {key: value for key, value in ruleset.schema.descriptor.items() if key != "$schema"}
    with frictionless.system.use_context(trusted=True):  # the path is absolute, and our own
        resource = frictionless.resources.TableResource(
            path=os.fspath(path),
            format="csv",
            encoding="utf-8",
            schema=frictionless.Schema.from_descriptor(descriptor),
            dialect=frictionless.Dialect(controls=[frictionless.formats.CsvControl(delimiter=",", quote_char='"')]),
            detector=frictionless.Detector(sample_size=1),
        )
        report = resource.validate(limit_errors=MAX_ERRORS)
    return [error for task in report.tasks for error in task.errors] + list(report.errors)


def _described(error: Any) -> str:
    """An error by its type and place only: its message may contain cells."""
    row, field = getattr(error, "row_number", None), getattr(error, "field_name", None)
    place = f" in row {row}" if row else ""
    return f"{error.type}{place}" + (f", {shown(str(field))}" if field else "")


def _disagreements(file: FileResult, errors: Sequence[Any], tool: str) -> Iterator[str]:
    """What only one of the two finds. Its rows are counted as lines, which they are unless a cell contains a line feed."""
    failed = [outcome for outcome in file.outcomes if outcome.state == "failed" and outcome.level == "error"]
    lines = {line for outcome in failed for finding in outcome.findings for line in _lines(finding)}
    whole_file = any(finding.line in (None, 1) for outcome in failed for finding in outcome.findings)
    for error in errors:
        row = getattr(error, "row_number", None)
        if not failed:
            yield f"{tool} finds {_described(error)}, but no rule of level error failed"
        elif row is not None and row not in lines and not whole_file:
            yield f"{tool} finds {_described(error)}, where no rule of level error failed"
    if failed and not errors:
        named = ", ".join(f"{outcome.rule} {outcome.name}" for outcome in failed)
        yield f"{tool} finds no errors; here failed {named}, which it does not check"


def _lines(finding: Finding) -> range:
    return range(0) if finding.line is None else range(finding.line, (finding.end_line or finding.line) + 1)
