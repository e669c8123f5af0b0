"""A report on disk, read strictly: what a loose reader accepts could be read in two ways."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from billproof.model.errors import BillproofError
from billproof.model.record import Record
from billproof.model.values import shown
from billproof.reading.source import open_source
from billproof.report.build import SCHEMA, file_result_sha256, result_sha256
from billproof.rules.shipped import schema_validator
from billproof.rules.table_schema import unique_keys

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report

_ORDER = "First the report, written by `check --output json=report.json`, then the file: billproof verify REPORT FILE."
MAX_BYTES = 64 * 1024 * 1024


class NotAReport(BillproofError):
    """A file is not a report that this version can read."""


class LoadedReport(Record):
    """A report as it was read, the digest that its content has now, and that of the file's bytes. The document has the form of
    a report only once `misfits` finds nothing.
    """

    path: str
    document: Report
    sha256_now: str
    file_sha256: str

    @property
    def is_sealed(self) -> bool:
        """Whether the report still has the digest that it names."""
        return self.document.get("result_sha256") == self.sha256_now


def read_report(path: str) -> LoadedReport:
    """The report in a file. Raises Unreadable if it cannot be read, NotAReport if it is not a report."""
    with open_source(path) as source:
        data = source.whole(MAX_BYTES)
    if data is None:
        text = f"{path}: is larger than {MAX_BYTES // 2**20} MiB, the most that verify reads"
        raise NotAReport(text, f"{_ORDER} For a report of very many files, check fewer at once.")
    return LoadedReport(path, *parsed(data, path), source.sha256)


def parsed(data: bytes, path: str) -> tuple[Report, str]:
    """The report in `data`, which came from `path`, and the digest of its content. Raises NotAReport if it is not a report."""
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=unique_keys, parse_float=_refuse, parse_constant=_refuse)
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise ValueError(f"its `schema` is not {SCHEMA}")
        return cast("Report", document), result_sha256(document)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else shown(str(error))
        raise NotAReport(f"{path}: is not a billproof report: {reason}", _ORDER) from None


def unchanged(text: str, path: str) -> Report:
    """The report in `text`, which has the form and the digest of one. Raises NotAReport."""
    document, digest = parsed(text.encode(), path)
    places = list(misfits(document))
    if places or document["result_sha256"] != digest or changed_entries(document):
        raise NotAReport(f"{path} was changed: {', '.join(places) or 'its digest does not match'}")
    return document


def misfits(document: Mapping[str, Any]) -> Iterator[str]:
    """Where a report does not match its schema; except for its list of rules, which is only compared and never read."""
    ruleset = document.get("ruleset")
    if isinstance(ruleset, dict) and isinstance(ruleset.get("rules"), list):
        document = {**document, "ruleset": {**ruleset, "rules": []}}
    for error in schema_validator("report.v1").iter_errors(document):
        yield shown(error.json_path)


def changed_entries(report: Report) -> list[str]:
    """The paths of files whose entry in a valid report no longer has the digest that it names."""
    return [file["path"] for file in report["files"] if file["result_sha256"] != file_result_sha256(file, report)]


def _refuse(text: str) -> None:
    raise ValueError(f"it contains {text[:20]}, and a report has whole numbers only")
