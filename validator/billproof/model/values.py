"""Text to values and values to text: ASCII numbers, exact decimals, UTC days, and the one way in which text is shown.

Nothing here guesses: what is not exactly a number or an instant is None, and money never becomes a float.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow, Subnormal

DAY_SECONDS = 86_400
SHOWN_CHARACTERS = 80
LONGEST_CHARACTERS = 2_000
EPOCH = date(1970, 1, 1)
MONTH_NAMES = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip

# Sums are exact or they raise: 15 digits before the point and 100 after it need far fewer than 200. What is so large or so small
# that it would fill pages raises as well: Overflow, Subnormal.
_LEAST_AMOUNT, _AMOUNTS_END = Decimal("1e-100"), Decimal("1e15")
EXACT = Context(prec=200, Emax=200, Emin=-300, traps=[Inexact, InvalidOperation, Overflow, Subnormal])

# White space and the characters that have no width: a cell padded with either looks right and is not.
BLANKS = (
    " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u2028\u2029\u202f\u205f\u3000\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
    "\xad\u034f\u115f\u1160\u17b4\u17b5\u180e\u2061\u2062\u2063\u2064\u206a\u206b\u206c\u206d\u206e\u206f"
    "\u2800\u3164\uffa0"
)

_INTEGER_DIGITS = 18
# Compiled when they are first needed: a start costs as much as the patterns that it compiles.
_ISO_INSTANT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:Z|[+-][0-9]{2}:[0-9]{2})?"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DECIMAL = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?"
_AMOUNT = r"-?[0-9]{1,15}(?:\.[0-9]{1,100})?(?:[eE][+-]?[0-9]{1,4})?"
MONTH = r"(?!0000)[0-9]{4}-(?:0[1-9]|1[0-2])"
# A local part may contain / and be quoted. It begins only where a word does and gives nothing back: linear, whatever the text.
_E_MAIL = r'(?:"[^"\n@＠﹫]*+"|(?<![^\s,;@＠﹫])(?:(?!%40)[^\s,;@＠﹫])++)\s?(?:[@＠﹫]|%40)\s?[^\s,;/\\]+'
_UNSHOWABLE = (
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
    r"|[\U000e0000-\U000e007f]"
)


def integer(text: str) -> int | None:
    """`text` as a whole number in ASCII digits, or None. `1_0`, `１２`, ` 7` and `+7` give None."""
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= _INTEGER_DIGITS else None


def decimal(text: str) -> Decimal | None:
    """`text` as an exact Decimal, or None. `NaN`, `1_000`, `１２`, `.5` and ` 1` give None."""
    return Decimal(text) if re.fullmatch(_DECIMAL, text) else None


def amount_of(text: str) -> Decimal | None:
    """`text` as an amount of money that can be summed exactly, or None: OC202's grammar and bounds."""
    if not re.fullmatch(_AMOUNT, text):
        return None
    amount = Decimal(text)
    return amount if not amount or _LEAST_AMOUNT <= abs(amount) < _AMOUNTS_END else None


def amounts_of(texts: Collection[str]) -> list[Decimal] | None:
    """Each of many texts as `amount_of` reads it, in a fraction of the time; None if it refuses one of them."""
    if not all(map(re.compile(_AMOUNT).fullmatch, texts)):
        return None
    amounts = list(map(Decimal, texts))
    sizes = [abs(amount) for amount in amounts if amount]
    return amounts if not sizes or (min(sizes) >= _LEAST_AMOUNT and max(sizes) < _AMOUNTS_END) else None


def instant(text: str) -> datetime | None:
    """RFC 3339 text (`2025-10-01T00:00:00`, an offset or none, which means UTC) as an instant in UTC, or None."""
    if not re.fullmatch(_ISO_INSTANT, text):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def calendar_date(text: str) -> date | None:
    """`2025-10-01` as a date, or None."""
    if not re.fullmatch(_DATE, text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def is_month(text: str) -> bool:
    """Whether `text` names a month as `2025-10`."""
    return re.fullmatch(MONTH, text) is not None


def day_of(number: int) -> date:
    """The date of day `number`, counted from 1970-01-01."""
    return EPOCH + timedelta(days=number)


def day_number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - EPOCH).days


def month_of(number: int) -> str:
    """The month (`2025-10`) of day `number`."""
    return day_of(number).isoformat()[:7]


def month_before(month: str) -> str:
    """The month before `2025-10`."""
    return month_of(month_days(month).start - 1)


def month_days(month: str) -> range:
    """The day numbers of a month (`2025-10`), first to last."""
    year, in_year = int(month[:4]), int(month[5:])
    first = date(year, in_year, 1)
    following = date(year + in_year // 12, in_year % 12 + 1, 1) if (year, in_year) != (9999, 12) else date.max
    return range(day_number(first), day_number(following))


def month_end(month: str) -> datetime:
    """The instant at which a month is over: 00:00 UTC of the first day after it."""
    return datetime.fromtimestamp(month_days(month).stop * DAY_SECONDS, UTC)


def day_end(number: int) -> datetime:
    """The instant at which day `number`, counted from 1970-01-01, is over."""
    return datetime.fromtimestamp((number + 1) * DAY_SECONDS, UTC)


def month_settled(month: str) -> datetime:
    """The instant from which on a month's charges no longer change: 48 hours after its end, as OC309 has it."""
    return month_end(month) + timedelta(hours=48)


def month_name(month: str) -> str:
    """`2025-10` as people say it: October 2025."""
    return f"{MONTH_NAMES[int(month[5:]) - 1]} {month[:4]}"


def in_words(moment: datetime) -> str:
    """An instant as people read it: `2025-11-03 00:00 UTC`."""
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def rfc3339(moment: datetime) -> str:
    """An instant as machines read it: `2025-11-03T00:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def money(amount: Decimal) -> str:
    """An amount as exact plain text: no exponent, no trailing zeros, `0` for every zero."""
    if not amount:
        return "0"
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def expected_total(text: str) -> Decimal | None:
    """A total as people write it, such as 18402.17 or $18,402.17, in US dollars; else None. `1,537` could be 1.537 elsewhere."""
    plain = re.sub(r"^(-?)\$", r"\1", text)
    if re.fullmatch(r"-?[0-9]{1,3}(,[0-9]{3})+\.[0-9]+", plain, re.ASCII):
        plain = plain.replace(",", "")
    total = decimal(plain)
    return None if total is None or abs(total) >= Decimal("1e15") or 0 < abs(total) < Decimal("1e-100") else total


def cents(amount: Decimal) -> Decimal:
    """An amount rounded to cents, halves away from zero as invoices do."""
    return amount.quantize(Decimal("0.01"), rounding="ROUND_HALF_UP", context=Context(prec=200))


def number(count: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def shown(text: str, limit: int | None = SHOWN_CHARACTERS) -> str:
    """`text` as it may be printed or stored anywhere: the only way out for anything that comes from a file.

    Control, invisible and direction-changing characters become `\\u202E`, a byte that is not UTF-8 becomes `\\xE9`,
    an e-mail address becomes `<e-mail>`, and what is longer than `limit` characters (None: 2,000) is cut.
    """
    limit = LONGEST_CHARACTERS if limit is None else limit
    if len(text) > limit * 4:
        # The last word is left out with the rest: it may be half an address.
        text = text[: limit * 4].rpartition(" ")[0] if _may_hold_e_mail(text) else text[: limit * 4]
    text = without_e_mail(text)
    if not text.isprintable():
        text = re.sub(_UNSHOWABLE, _escaped, text)
    if "::" in text or "##" in text:
        # To the log of a CI system these are commands: `::` where a line begins so, `##[` and `##vso[` wherever they stand.
        text = re.sub(r"(^|\s):(?=:)", r"\1\\u003A", text)
        text = re.sub(r"#(?=#)", r"\\u0023", text)
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    return text


def with_name(id_: str, name: str | None) -> str:
    """An ID with its name, as far as there is one: `org-EXAMPLE1, Acme Research`."""
    return f"{id_}, {name}" if name else id_


def without_e_mail(text: str) -> str:
    """`text` with `<e-mail>` in place of each e-mail address."""
    return re.sub(_E_MAIL, "<e-mail>", text) if _may_hold_e_mail(text) else text


def _may_hold_e_mail(text: str) -> bool:
    return "@" in text or "%40" in text or (not text.isascii() and ("＠" in text or "﹫" in text))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found.group())
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"
