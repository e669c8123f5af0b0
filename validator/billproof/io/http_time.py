"""Times in HTTP headers: dates, and how long a server asks to wait."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_WAIT: Final = 1e12


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait, from seconds or a date (RFC 9110, 10.2.3); a date is measured by the server's own clock, else `now`.

    Of several waits the longest counts, and what is longer than 30,000 years is 30,000 years; junk is None.
    """
    text = headers.get("retry-after", "").strip()
    waits = [wait.strip() for wait in text.split(",")]
    if all(re.fullmatch(r"[0-9]+(?:\.[0-9]*)?", wait) for wait in waits):
        return min(max(map(float, waits)), LONGEST_WAIT)
    until = http_date(text)
    if until is None:
        return None
    return max(0.0, until - (http_date(headers.get("date", "")) or now))


def http_date(text: str) -> float | None:
    """The date of a header, in seconds since 1970; None if it is not one."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    # A date of HTTP is one of UTC, even in the old form that does not say so.
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
