"""What several formats say in the same words of a rule's outcome or a finding: message, place, why it was skipped, money.

Everything comes from report v1, whose text may be shown unchanged; each format escapes it for itself. What is said of a
whole file or run is in `verdicts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING

from billproof.model.values import EXACT, cents, money, number, shown, with_name

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportFile, ReportFinding, ReportOutcome, ReportReason

LEVELS = {"error": 0, "warning": 1, "note": 2}
# What is said of a rule that neither passed nor failed its file.
STATES = {
    "waived": "waived", "not_applicable": "not applicable", "blocked": "skipped", "off": "disabled", "crashed": "crashed",
    "not_run": "not run",
}  # fmt: skip


def organization(file: ReportFile) -> str | None:
    """The id of a file's organization, with its name as far as the file has one: `org-EXAMPLE1, Acme Research`."""
    value = file["organization"]["value"]
    return with_name(value, file.get("organization_name")) if value else value


def what_to_do(file: ReportFile, report: Report) -> str:
    """The next step for a file: that of its cause, else that of the gravest rule that failed; nothing for notes."""
    if "diagnosis" in file:
        return file["diagnosis"]["fix"]
    grave = [outcome for outcome in failed_by_level(file) if outcome["level"] != "note"]
    return fix_of(grave[0], file, report) if grave else ""


def fix_of(outcome: ReportOutcome, file: ReportFile, report: Report) -> str:
    """The next step for one failed rule: that of the cause which explains it, else its own."""
    if "diagnosis" in file and outcome["rule"] in file["diagnosis"]["rules"]:
        return file["diagnosis"]["fix"]
    return next((rule["fix"] for rule in report["ruleset"]["rules"] if rule["id"] == outcome["rule"]), "")


def has_undated_charges(file: ReportFile) -> bool:
    """Whether charges count for no day, since their times could not be read."""
    totals, dated = file["totals"], sum(day["rows"] for day in file["days"])
    return totals is not None and dated < totals["charged_rows"] + totals["empty_days"]


def in_state(file: ReportFile, *states: str) -> list[ReportOutcome]:
    """The outcomes of a file's rules in one of these states; a waived rule is not in the state `failed`."""
    return [outcome for outcome in file["outcomes"] if outcome["state"] in states]


def failed_by_level(file: ReportFile) -> list[ReportOutcome]:
    """The outcomes of a file's failed rules: errors first, then warnings, then notes."""
    return sorted(in_state(file, "failed"), key=lambda outcome: (LEVELS[outcome["level"]], outcome["rule"]))


def stops(outcome: ReportOutcome, report: Report) -> bool:
    """Whether a failed rule of this level fails its file: errors do, warnings where the policy says so, notes never."""
    strict = report["policy"]["policy"] == "upload" or report["policy"]["fail_on"] == "warning"
    return outcome["level"] == "error" or (strict and outcome["level"] == "warning")


def first_message(outcome: ReportOutcome) -> str:
    """The first finding's message, and how many violations there are in all where it does not say so itself: it may end in
    `: 108` or have `; 3 of 108`.
    """
    message = outcome["findings"][0]["message"] if outcome["findings"] else "failed"
    violations = outcome["violations"]
    if violations > 1 and outcome["unit"] != "file" and not re.search(f"[:;] {violations:,}( of |$)", message):
        message += f" ({number(violations, outcome['unit'])} in all)"
    return message


def description(finding: ReportFinding) -> str:
    """A finding in a line: its message and, where the message does not show it, the cell itself."""
    message, value = finding["message"], finding["value"]
    if value is None or not finding["column"] or value in message:
        return message
    return shown(f'{message}; {finding["column"]} is "{value}"', None)


def with_reason(text: str, outcome: ReportOutcome) -> str:
    """A failed rule's text and, if there is a waiver that does not apply, why it does not."""
    return f"{text}; {outcome['reason']}" if outcome.get("reason") else text


def place(path: str, finding: ReportFinding) -> str:
    """`file:line:column` as editors take it; the file alone where the finding is of the whole file."""
    parts = [path]
    if finding["line"] is not None:
        parts += [str(finding["line"]), *([finding["column"]] if finding["column"] else [])]
    return shown(":".join(parts), None)


def waived_by(outcome: ReportOutcome) -> str:
    """Who waived a failed rule, until when, where, and why."""
    waiver = outcome["waiver"]
    return f"waived by {waiver['owner']} until {waiver['expires']} ({waiver['at']}): {waiver['reason']}"


def why_not_evaluated(outcome: ReportOutcome) -> str:
    """Why a rule has neither passed nor failed, in words."""
    if outcome["state"] == "blocked":
        return f"skipped because {outcome['blocked_by']} failed"
    word = "" if outcome["state"] == "off" else STATES[outcome["state"]]
    return ": ".join(part for part in (word, outcome.get("reason")) if part)


def skipped(file: ReportFile, most: int) -> Iterator[str]:
    """`Skipped because OC303 failed: 2 rules (OC601 month-shrinks, …)`, a line for each cause; names the last `most` at most."""
    outcomes = in_state(file, "blocked")
    for cause in dict.fromkeys(str(outcome["blocked_by"]) for outcome in outcomes):
        names = [f"{outcome['rule']} {outcome['name']}" for outcome in outcomes if outcome["blocked_by"] == cause]
        among = "among them " if len(names) > most else ""
        yield f"Skipped because {cause} failed: {number(len(names), 'rule')} ({among}{', '.join(names[-most:])})"


def unproved(report: Report) -> Iterator[tuple[ReportReason, str]]:
    """Why a file or the run could not be fully checked, each reason in words: with the next step where there is one."""
    errors = {file["path"]: file["error"] for file in report["files"] if file.get("error")}
    for reason in report["reasons"]:
        if reason["code"] != "failed":
            yield reason, errors.get(reason["file"] or "", reason["text"])


def total(amounts: Iterable[Decimal]) -> str:
    """The exact sum of amounts, as text."""
    return money(reduce(EXACT.add, amounts, Decimal(0)))


def in_cents(amount: str | None) -> str:
    """An amount in cents, rounded as invoices do, with thousands separators."""
    return "unknown" if amount is None else f"{cents(Decimal(amount)):,}"


def amount(value: str | None, currency: str | None) -> str:
    """An amount to the cent with its currency."""
    return f"{in_cents(value)} {currency or ''}".strip()


_SIGNS = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "$": "&#36;", "@": "@&#8203;", "#": "#&#8203;"}


def escaped(text: str) -> str:
    """Text that Markdown shows unchanged, even in a cell of a table: no markup, links, mentions or line breaks."""
    text = re.sub(r"[\\`*_~\[\]!]", r"\\\g<0>", text.replace("\n", " "))
    text = re.sub(r"[&<>|$@#]", lambda match: _SIGNS[match.group()], text)
    return re.sub(r"(?<=www)\.|:(?=/)", r"\\\g<0>", text, flags=re.IGNORECASE)


def fenced(text: str) -> list[str]:
    """Lines that keep their spaces, in a fence longer than any of their own."""
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
    return [f"{fence}text", *text.split("\n"), fence]


WIDTH = 112
LABEL = 11


def wrap(text: str, indent: str, width: int = WIDTH) -> Iterator[str]:
    """Lines of at most `width` characters, broken at spaces alone, so that ids stay whole. `textwrap` would be loaded for it."""
    start = len(text) - len(text.lstrip(" "))
    while len(text) > width:
        cut = text.rfind(" ", start, width + 1)
        cut = cut if cut > 0 else text.find(" ", width)
        if cut < 0:
            break
        yield text[:cut].rstrip(" ")
        text, start = indent + text[cut:].lstrip(" "), len(indent)
    yield text


def labelled(label: str, text: str, keep_lines: bool = False, margin: str = "") -> Iterator[str]:
    """`Cause      text`, wrapped under itself; nothing if there is no text."""
    width = WIDTH - LABEL - len(margin)
    lines = text.splitlines() if keep_lines else [text] if text else []
    wrapped = (part for line in lines for part in wrap(line, " " * (len(line) - len(line.lstrip(" "))), width))
    for place, part in enumerate(wrapped):
        yield f"{margin}{'' if place else label:<{LABEL}}{part}"
