"""Month and organization, when nobody said so."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from billproof.engine.outcomes import infer_month, infer_organization
from billproof.model.results import Sourced
from billproof.model.values import day_number


def days(first: str, last: str) -> list[int]:
    return list(range(day_number(date.fromisoformat(first)), day_number(date.fromisoformat(last)) + 1))


DECEMBER = datetime(2025, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "found, as_of, month",
    [
        ([], DECEMBER, None),
        (days("2025-10-01", "2025-10-31"), DECEMBER, "2025-10"),
        (days("2025-10-07", "2025-10-07"), DECEMBER, "2025-10"),
        # The only whole month, though another has as many days.
        (days("2025-10-01", "2025-11-29"), DECEMBER, "2025-10"),
        (days("2025-09-01", "2025-10-30"), DECEMBER, "2025-09"),
        # A whole month that is not over: still the only whole one.
        (days("2025-10-01", "2025-10-31"), datetime(2025, 10, 20, tzinfo=UTC), "2025-10"),
        # Two whole months: the one with most days, then the later.
        (days("2025-02-01", "2025-03-31"), DECEMBER, "2025-03"),
        (days("2025-07-01", "2025-08-31"), DECEMBER, "2025-08"),
        # None whole: most days among those that are over.
        (days("2025-10-04", "2025-11-03"), DECEMBER, "2025-10"),
        (days("2025-10-20", "2025-11-20"), datetime(2025, 11, 21, tzinfo=UTC), "2025-10"),
        (days("2025-10-20", "2025-11-20"), DECEMBER, "2025-11"),
        (days("2025-10-17", "2025-11-15"), DECEMBER, "2025-11"),
        # None over: most days of all.
        (days("2025-10-20", "2025-11-20"), datetime(2025, 10, 21, tzinfo=UTC), "2025-11"),
        # Over at exactly its end, not a second before.
        (days("2025-10-20", "2025-11-20"), datetime(2025, 11, 1, tzinfo=UTC), "2025-10"),
        (days("2025-10-20", "2025-11-20"), datetime(2025, 11, 1, tzinfo=UTC) - timedelta(seconds=1), "2025-11"),
    ],
)
def test_month(found: list[int], as_of: datetime, month: str | None) -> None:
    assert infer_month(found, as_of) == Sourced(month, "inferred")


A, B = Sourced("org-A", "billproof.yaml:3"), Sourced("org-B", "billproof.yaml:7")


@pytest.mark.parametrize(
    "counts, configured, organization",
    [
        ({}, [], Sourced(None, "inferred")),
        ({"org-X": 3}, [], Sourced("org-X", "inferred")),
        ({"org-X": 3, "org-Y": 1}, [], Sourced(None, "inferred")),
        ({"": 3}, [], Sourced(None, "inferred")),
        ({"": 3, "org-X": 1}, [], Sourced("org-X", "inferred")),
        ({"org-A": 1, "org-X": 9}, [("org-A", A)], A),
        ({"org-A": 1, "org-B": 2}, [("org-A", A), ("org-B", B)], B),
        ({"org-A": 2, "org-B": 2}, [("org-A", A), ("org-B", B)], A),
        ({"org-A": 2, "org-B": 2}, [("org-B", B), ("org-A", A)], B),
        ({"org-X": 9}, [("org-A", A)], Sourced("org-X", "inferred")),
    ],
)
def test_organization(counts: dict[str, int], configured: list[tuple[str, Sourced]], organization: Sourced) -> None:
    assert infer_organization(counts, configured) == organization
