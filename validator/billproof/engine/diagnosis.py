"""The cause behind failed rules: the first of the rule set's diagnoses that fits, in the terms of the export dialog."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from billproof.model.record import Record
from billproof.model.results import Diagnosis, FileResult
from billproof.model.values import month_days, month_name, shown
from billproof.rules.files import Condition, DiagnosisRule

NAMED = 3


class Facts(Record):
    """What a cause may rest on besides the outcomes: what the file is instead of a CSV, its organizations (most rows first)
    and their names, the line of a second header, and the columns of the Table Schema.
    """

    kind: str
    organizations: Sequence[str]
    second_header: int | None
    known_columns: Sequence[str]
    names: Mapping[str, Sequence[str]] = {}

    def named(self, id_: str) -> str:
        """An organization's id and its names in the file: `org-EXAMPLE1 (Acme Research)`."""
        names = " / ".join(self.names.get(id_, ()))
        return f"{shown(id_)} ({shown(names)})" if names else shown(id_)

    def called(self, name: str | None) -> str | None:
        """The ID of the organization that has this name in the file; an ID is never taken for a name."""
        wanted = "" if name is None or name.startswith("org-") else name.casefold()
        return next((id_ for id_ in self.organizations if wanted in map(str.casefold, self.names.get(id_, ()))), None)


def diagnose(file: FileResult, diagnoses: Sequence[DiagnosisRule], facts: Facts) -> Diagnosis | None:
    """The first diagnosis that fits the failed rules and the facts."""
    failed = {outcome.rule for outcome in file.outcomes if outcome.state == "failed"}
    for cause in diagnoses:
        if failed and any(_fits(when, failed, file, facts) for when in cause.when):
            texts = _texts(file, facts)
            rules = tuple(rule for rule in cause.rules if rule in failed)
            return Diagnosis(cause.id, cause.cause.format_map(texts).strip(), cause.fix.format_map(texts).rstrip(), rules)
    return None


def _fits(when: Condition, failed: set[str], file: FileResult, facts: Facts) -> bool:
    present = [day for day in file.days if day.rows]
    span = (date.fromisoformat(present[-1].date) - date.fromisoformat(present[0].date)).days + 1 if present else 0
    at_least = when.at_least
    return (
        failed.issuperset(when.all)
        and (not when.any or not failed.isdisjoint(when.any))
        and failed.isdisjoint(when.none)
        and (at_least is None or len(failed.intersection(at_least.of)) >= at_least.number)
        and (not when.every_row or any(_in_every_row(rule, file) for rule in when.every_row))
        and when.export in (None, file.export)
        and when.span_days in (None, span)
        and when.no_row_in_month in (None, not any(day.date.startswith(file.month.value or "?") for day in present))
        and when.no_known_column in (None, not set(facts.known_columns).intersection(file.header))
        and when.only_warnings in (None, not any(one.level == "error" for one in file.outcomes if one.rule in failed))
        and when.several_organizations in (None, len(facts.organizations) > 1)
        and when.organization_is_name in (None, facts.called(file.organization.value) is not None)
        and when.second_header in (None, facts.second_header is not None)
        and (when.costs is None or (file.costs is not None and file.costs.differs == when.costs))
        and (not when.kind or facts.kind in when.kind)
        and (when.file_name is None or _named(file.name, when.file_name))
    )


def _named(name: str, pattern: str) -> bool:
    from fnmatch import fnmatchcase

    return fnmatchcase(name, pattern)


def _in_every_row(rule: str, file: FileResult) -> bool:
    outcome = file.outcome(rule)
    charged = file.totals.charged_rows if file.totals else 0
    return outcome is not None and outcome.state == "failed" and outcome.violations >= charged > 0


def _texts(file: FileResult, facts: Facts) -> dict[str, str]:
    month = file.month.value
    days = month_days(month) if month else range(0)
    present = [day.date for day in file.days if day.rows]
    inside = [day for day in present if month and day.startswith(month)]
    others = (id_ for id_ in facts.organizations if id_ != file.organization.value)
    other = facts.called(file.organization.value) or next(others, None)
    return {
        "file": shown(file.name),
        "month": month or "the month",
        "month_name": month_name(month) if month else "the month",
        "first": f"{month}-01" if month else "the first day of the month",
        "last": f"{month}-{len(days):02d}" if month else "the last day of the month",
        "first_day": present[0] if present else "its first day",
        "last_day": present[-1] if present else "its last day",
        "days": str(len(present)),
        "month_days": str(len(days)),
        "days_in_month_present": str(len(inside)),
        "rows": f"{file.rows:,}",
        "kind": shown(facts.kind) or "another kind of file",
        "organization": shown(other) if other else "another organization",
        "named_organization": facts.named(other) if other else "another organization",
        "organizations": ", ".join(map(facts.named, facts.organizations[:NAMED]))
        + (" and others" if facts.organizations[NAMED:] else ""),
        "second_header": str(facts.second_header or ""),
        "expected_organization": facts.named(file.organization.value) if file.organization.value else "the configured one",
    }
