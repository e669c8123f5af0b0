"""A report as a list of findings, for the formats that show one after another: the gravest first, each with a fingerprint.

What is unproved comes before every error, and the first finding of every rule before the second of any, so that a format
that may show only a few shows something of everything. Waived rules are left out.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from billproof.model.record import Record
from billproof.model.values import number
from billproof.report.render import phrases

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportFile, ReportFinding, ReportOutcome

Weight = Literal["unproved", "error", "warning", "note"]

WEIGHTS: tuple[Weight, ...] = ("unproved", "error", "warning", "note")
UNPROVED = "UNPROVED"
MORE = "MORE"
STANDARD_INPUT = "standard-input"


class Entry(Record):
    """A finding of a rule at its place, or (`rule` is UNPROVED) the reason why a file or the run could not be fully checked."""

    weight: Weight
    path: str
    rule: str
    name: str
    text: str
    line: int | None = None
    end_line: int | None = None
    related: tuple[int, ...] = ()
    fix: str = ""
    fingerprint: str = ""


def entries(report: Report) -> list[Entry]:
    """Every finding that the report has, in order. A fingerprint stays when rows are added elsewhere; no two are equal."""
    ranked = [(0, entry) for entry in _unproved(report)]
    for file in report["files"]:
        for outcome in phrases.in_state(file, "failed"):
            fix = phrases.fix_of(outcome, file, report)
            ranked += [(rank, _entry(file, outcome, finding, fix)) for rank, finding in enumerate(outcome["findings"])]
    seen: Counter[str] = Counter()
    marked = []
    for rank, entry in ranked:
        digest = _digest(entry.path, entry.rule, entry.fingerprint)
        seen[digest] += 1
        marked.append((WEIGHTS.index(entry.weight), rank, entry._replace(fingerprint=f"{digest}:{seen[digest]}")))
    return [entry for _, _, entry in sorted(marked, key=lambda mark: mark[:2])]


def _unproved(report: Report) -> Iterator[Entry]:
    for reason, text in phrases.unproved(report):
        path = _configuration(report) if reason["file"] is None else source_path(reason["file"])
        mark = f"{reason['code']} {reason['rule']}"
        yield Entry("unproved", path, UNPROVED, "nothing-known", f"Not fully checked: {text}", fingerprint=mark)


def _entry(file: ReportFile, outcome: ReportOutcome, finding: ReportFinding, fix: str) -> Entry:
    related = tuple(place["line"] for place in finding["related"] if place["line"] is not None)
    text = phrases.with_reason(phrases.description(finding), outcome)
    return Entry(
        outcome["level"], source_path(file["path"]), outcome["rule"], outcome["name"], text,
        finding["line"], finding["end_line"], related, fix, finding["key"],
    )  # fmt: skip


def source_path(path: str) -> str:
    """A path as code hosts expect it, without `./` and `a/../`; standard input has a name."""
    return STANDARD_INPUT if path == "-" else posixpath.normpath(path)


def _configuration(report: Report) -> str:
    """Where a run without a file can be fixed."""
    config = report["settings"]["config"]
    return source_path(config["path"]) if config else "billproof.yaml"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8")).hexdigest()


def with_rest(findings: Sequence[Entry], report: Report, limit: int) -> list[Entry]:
    """At most `limit` of the entries; where that is not all, the last says how many more, as grave as the gravest of them."""
    shown, more = capped(findings, report, limit)
    if more:
        weight = next(iter(more))
        path = next(entry.path for entry in findings if entry.weight == weight)
        text = f"{and_more(more)}; --max-findings sets how many findings each rule lists"
        shown.append(Entry(weight, path, MORE, "not-listed", text, fingerprint=f"{_digest(MORE)}:1"))
    return shown


def capped(
    findings: Sequence[Entry], report: Report, limit: int, weights: Sequence[Weight] = WEIGHTS
) -> tuple[list[Entry], dict[Weight, int]]:
    """The entries of some weights if there are at most `limit`; else one fewer than that, and how many are left out."""
    wanted = [entry for entry in findings if entry.weight in weights]
    shown = wanted[:limit]
    if _left_out(report, shown, weights):
        shown = wanted[: limit - 1]
    return shown, _left_out(report, shown, weights)


def _left_out(report: Report, shown: Sequence[Entry], weights: Sequence[Weight]) -> dict[Weight, int]:
    """How many findings are not among those shown, gravest first; complete even where the report lists only the first."""
    cap = report["settings"]["max_findings"]["value"]
    total: Counter[Weight] = Counter(entry.weight for entry in _unproved(report))
    for file in report["files"]:
        for outcome in phrases.in_state(file, "failed"):
            kept = len(outcome["findings"])
            total[outcome["level"]] += outcome["violations"] if kept >= cap else kept
    total.subtract(entry.weight for entry in shown)
    return {weight: total[weight] for weight in weights if total[weight] > 0}


def and_more(more: dict[Weight, int]) -> str:
    """`and 1,200 more errors, 3 more warnings`."""
    return "and " + ", ".join(
        f"{count:,} more unproved" if weight == "unproved" else number(count, f"more {weight}")
        for weight, count in more.items()
    )
