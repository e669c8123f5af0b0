"""The report as people read it: verdict, cause, what to do, calendar, rules, totals, what a file cannot prove, next step."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from validator.render.comparison import comparison
from validator.values import month_end, month_name, rfc3339, shown

Detail = Literal["quiet", "normal", "verbose"]
Tree = Mapping[str, Any]

WIDTH = 112
MONTH_LINES = 6
TOP_GROUPS = 50
RULE_LINES = 12
WAIVER_DAYS = 90

_MARKS = {"charged": "#", "empty": ".", "missing": "!", "outside": "x", "open": "-"}
_LEGEND = {"#": "# charges", ".": ". no usage", "!": "! missing", "x": "x outside", "-": "- not ended"}
_HINDRANCES = {
    "no_integration": "no integration is configured for its organization", "weaker_rules": "a weaker rule set",
    "month_inferred": "the month is not given (--month)", "unreadable": "a file could not be read",
    "nothing_to_check": "there is no file", "no_destination": "no destination (`to:` in billproof.yaml)",
    "fill_in": "billproof.yaml still says FILL-IN for its destination",
}  # fmt: skip
_LEVELS = {"error": 0, "warning": 1, "note": 2}


def render_text(report: Tree, detail: Detail = "normal") -> str:
    """The report as text for a terminal or a log. `quiet` keeps the verdicts, `verbose` adds every place."""
    blocks = [list(_file(one, report, detail)) for one in report["files"]]
    if not blocks:
        blocks = [[f"UNPROVED  {report['reasons'][0]['text']}", "", *_nothing()]]
    if len(blocks) > 1:
        blocks.append(list(_summary(report)))
    joined = ("\n" if detail == "quiet" else "\n\n").join("\n".join(block) for block in blocks)
    return "\n".join((joined, *_ending(report))) + "\n"


def _file(one: Tree, report: Tree, detail: Detail) -> Iterator[str]:
    yield _headline(one, report)
    if detail == "quiet":
        return
    if one.get("error"):
        yield from _labelled("Why", one["error"])
        return
    yield from _off(one)
    yield from _weakened(report)
    yield from _cause(one, report)
    if one["verdict"] == "pass":
        yield ""
        yield from _facts(one)
    calendar = list(_calendar(one))
    if calendar:
        yield ""
        yield from calendar
    rules = list(_rules(one, detail))
    if rules:
        yield ""
        yield from rules
    if one["verdict"] == "fail" or detail == "verbose":
        yield from comparison(one)
    yield ""
    yield from _counts(one)
    yield from _waivers_to_paste(one, report)
    yield from _limits(one, report)


def _headline(one: Tree, report: Tree) -> str:
    # Exports of several organizations have the same name: with more than one file, the path tells them apart.
    name, month = one["path" if len(report["files"]) > 1 else "name"], _month_words(one, report)
    if one["verdict"] == "unproved":
        reasons = [reason["text"] for reason in report["reasons"] if reason["file"] == one["path"]]
        return f"UNPROVED  {name} could not be checked" if one.get("error") else f"UNPROVED  {name}: {reasons[0]}"
    if one["verdict"] == "fail":
        return f"FAIL  {name} must not be uploaded{month and ' as ' + month}"
    if report["upload"]["ready"]:
        return f"PASS  {name} is fit to be uploaded{month and ' as ' + month}"
    hindrances = [outcome["rule"] for outcome in one["outcomes"] if _hinders(outcome)]
    return f"PASS  {name} has no errors for {month}" + (
        f"; it would not be uploaded: {', '.join(hindrances)}" if hindrances else ""
    )


def _hinders(outcome: Tree) -> bool:
    """Whether a check may pass with it and an upload may not."""
    return outcome["state"] in ("not_run", "off") or (outcome["state"] == "failed" and outcome["level"] != "note")


def _month_words(one: Tree, report: Tree) -> str:
    month = one["month"]["value"]
    if not month:
        return ""
    over = report["run"]["as_of"] >= rfc3339(month_end(month))
    if report["settings"]["month_to_date"]["value"] and not over:
        present = [int(day["date"][8:]) for day in one["days"] if day["date"].startswith(month) and day["rows"]]
        if present:
            return f"{min(present)} to {max(present)} {month_name(month)}, a month that is not over"
    return month_name(month)


def _off(one: Tree) -> Iterator[str]:
    for outcome in one["outcomes"]:
        if outcome["state"] == "off":
            yield f"  {outcome['rule']} {outcome['name']} is {outcome['reason']}"


def _weakened(report: Tree) -> Iterator[str]:
    """Rules that count for less here than as shipped: said beside the verdict, not deep in a list."""
    for rule in report["ruleset"]["rules"]:
        if _LEVELS[rule["level"]] > _LEVELS[rule["shipped_level"]]:
            text = f"  {rule['id']} {rule['name']}: {rule['level']} here, {rule['shipped_level']} as shipped"
            yield f"{text}; so it would not be uploaded"


def _cause(one: Tree, report: Tree) -> Iterator[str]:
    diagnosis = one.get("diagnosis")
    if diagnosis is not None:
        yield ""
        yield from _labelled("Cause", diagnosis["cause"])
        yield from _labelled("What to do", diagnosis["fix"], keep_lines=True)
        return
    fixes = {rule["id"]: rule["fix"] for rule in report["ruleset"]["rules"]}
    failed = [outcome for outcome in _by_level(_failed(one)) if outcome["level"] != "note"]
    if failed:
        yield ""
        yield from _labelled("What to do", fixes[failed[0]["rule"]])


def _facts(one: Tree) -> Iterator[str]:
    totals = one["totals"]
    if one["organization"]["value"] is not None:
        yield f"  Organization  {_organization(one)}"
    yield f"  Month         {_month_fact(one)}"
    amount = totals["amount"]
    exact = f"   exactly {amount}" if amount is not None and _cents(amount).replace(",", "") != amount else ""
    yield f"  Total         {_cents(amount)} {totals['currency'] or ''}{exact}"
    yield f"  Rows          {_rows(totals)}"
    yield f"  File          {one['bytes']:,} bytes, sha256 {one['sha256'][:12]}…"


def _organization(one: Tree) -> str:
    value, source = one["organization"]["value"], one["organization"]["source"]
    if source == "inferred":
        return f"{value} (read from the file, not compared with yours)"
    return f"{value} (every charge is of it; from {source})"


def _month_fact(one: Tree) -> str:
    month = one["month"]["value"]
    inside = [day for day in one["days"] if day["date"].startswith(month or "?")]
    present = sum(1 for day in inside if day["rows"])
    days = f"all {present} days" if present == len(inside) else f"{present} of {len(inside)} days"
    source = "read from the rows" if one["month"]["source"] == "inferred" else f"from {one['month']['source']}"
    return f"{month}, {days} ({source})"


def _rows(totals: Tree) -> str:
    groups = [group for group in totals["by_project"] if group["id"]]
    rest = re.fullmatch(r"other \(([0-9,]+)\)", groups[-1]["id"]) if len(totals["by_project"]) > TOP_GROUPS else None
    projects = len(groups) - 1 + int(rest[1].replace(",", "")) if rest else len(groups)
    empty = totals["empty_days"]
    text = f"{_number(totals['charged_rows'], 'charge')} in {_number(projects, 'project')}"
    return text + (f"; {_number(empty, 'day')} without usage" if empty else "")


def _calendar(one: Tree) -> Iterator[str]:
    months: dict[str, list[Tree]] = {}
    for day in one["days"] if one["export"] in ("cost", "no_usage") else ():
        months.setdefault(day["date"][:7], []).append(day)
    if not months:
        return
    yield " " * 13 + "1   5    10   15   20   25   30"
    for month, days in list(months.items())[:MONTH_LINES]:
        marks = [" "] * 31
        for day in days:
            marks[int(day["date"][8:]) - 1] = _MARKS[day["state"]]
        yield f"  {month}    {''.join(marks)}    {_legend(days, one)}"
    if len(months) > MONTH_LINES:
        yield f"  and {len(months) - MONTH_LINES} more months"


def _legend(days: Sequence[Tree], one: Tree) -> str:
    parts = []
    for state, mark in _MARKS.items():
        of_state = [day for day in days if day["state"] == state]
        if not of_state:
            continue
        text = _LEGEND[mark]
        if state == "missing":
            text += f" {_runs(of_state)}" + ("" if one["totals"]["amount"] is not None else ", or not readable")
        if state == "outside":
            amounts = [day["amount"] for day in of_state]
            rows = sum(day["rows"] for day in of_state)
            text += f": {_number(rows, 'row')}"
            if None not in amounts and one["totals"]["currency"]:
                text += f", {_cents(str(sum(map(Decimal, amounts))))} {one['totals']['currency']}"
        parts.append(text)
    return "   ".join(parts)


def _runs(days: Sequence[Tree]) -> str:
    numbers = [int(day["date"][8:]) for day in days]
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    texts = [f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    return ", ".join(texts[:4]) + (f" and {len(texts) - 4} more" if len(texts) > 4 else "")


def _rules(one: Tree, detail: Detail) -> Iterator[str]:
    failed = _by_level(_failed(one))
    explained = one.get("diagnosis", {}).get("rules", [])
    for outcome in failed if detail == "verbose" else failed[:RULE_LINES]:
        line = f"  {outcome['rule']} {outcome['name']}  {outcome['level']}  {_once(outcome)}"
        folded = detail != "verbose" and outcome["rule"] in explained
        if folded:
            yield line if len(line) <= WIDTH else line[: WIDTH - 2].rpartition(" ")[0] + " …"
        else:
            yield from _wrap(line, " " * 8)
        if outcome.get("reason"):
            yield f"        {outcome['reason']}"
        if folded:
            continue
        places = outcome["findings"] if detail == "verbose" else outcome["findings"][:1]
        if detail == "verbose" or len(failed) <= 4:
            yield from (f"        {line}" for finding in places if (line := _place(finding, one)))
    if detail != "verbose" and len(failed) > RULE_LINES:
        yield f"  and {len(failed) - RULE_LINES} more rules: --verbose"
    for outcome in one["outcomes"]:
        if outcome["state"] == "waived":
            waiver = outcome["waiver"]
            text = f"  {outcome['rule']} {outcome['name']}  signed for by {waiver['owner']} until {waiver['expires']}"
            yield from _wrap(f"{text} ({waiver['at']}): {waiver['reason']}", " " * 8)


def _by_level(outcomes: list[Tree]) -> list[Tree]:
    """Errors first, then warnings, then notes."""
    return sorted(outcomes, key=lambda outcome: (_LEVELS[outcome["level"]], outcome["rule"]))


def _wrap(text: str, indent: str) -> list[str]:
    """Lines of at most WIDTH characters; ids are never broken."""
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _once(outcome: Tree) -> str:
    """The first finding's message, and how many more there are."""
    message: str = outcome["findings"][0]["message"] if outcome["findings"] else "fails"
    violations = outcome["violations"]
    if violations > 1 and outcome["unit"] not in ("day", "line", "file"):
        message += f" ({violations:,} {outcome['unit']}s in all)"
    return message


def _place(finding: Tree, one: Tree) -> str:
    """`file:line:column  "value"`, as editors take it."""
    if finding["line"] is None:
        return ""
    parts = [one["path"], str(finding["line"])] + ([finding["column"]] if finding["column"] else [])
    value = f'  "{finding["value"]}"' if finding["value"] is not None else ""
    expected = f"; expected {finding['expected']}" if finding["expected"] and finding["value"] is not None else ""
    return ":".join(parts) + value + expected


def _counts(one: Tree) -> Iterator[str]:
    states: dict[str, list[Tree]] = {}
    for outcome in one["outcomes"]:
        states.setdefault(outcome["state"], []).append(outcome)
    parts = [f"{_number(len(states.get('passed', [])), 'rule')} passed"]
    for level, word in (("error", "failed"), ("warning", "warning"), ("note", "note")):
        count = sum(outcome["level"] == level for outcome in states.get("failed", []))
        if count:
            parts.append(f"{count:,} {word}" if level == "error" else _number(count, word))
    for state, words in (
        ("waived", "signed for"), ("not_applicable", "had nothing to look at"),
        ("blocked", "could not look"), ("off", "switched off"), ("crashed", "broke down"),
    ):  # fmt: skip
        if states.get(state):
            parts.append(f"{len(states[state]):,} {words}")
    lacking = states.get("not_run", [])
    if lacking:
        parts.append(f"{len(lacking):,} could not run:")
    yield "  " + ", ".join(parts)
    reasons: dict[str, list[str]] = {}
    for outcome in lacking + states.get("crashed", []):
        reasons.setdefault(outcome["reason"], []).append(f"{outcome['rule']} {outcome['name']}")
    for reason, rules in reasons.items():
        yield from _wrap(f"    {', '.join(rules)}  {reason}", "      ")
    unseen = states.get("blocked", [])
    if unseen and one["verdict"] != "pass":
        causes = ", ".join(dict.fromkeys(str(outcome["blocked_by"]) for outcome in unseen))
        named = ", ".join(f"{outcome['rule']} {outcome['name']}" for outcome in unseen[-2:])
        among = f", among them {named}" if len(unseen) > 2 else f": {named}"
        yield from _wrap(f"  Not judged: {_number(len(unseen), 'rule')} could not look because of {causes}{among}", "    ")
    if one["verdict"] == "fail" and one["month"]["value"] and one["export"] == "cost":
        source = "is read from the rows" if one["month"]["source"] == "inferred" else f"comes from {one['month']['source']}"
        yield f"  The month {one['month']['value']} {source}. Another one: --month YYYY-MM"
    if one.get("second_opinion"):
        yield from _second_opinion(one["second_opinion"])


def _second_opinion(opinion: Tree) -> Iterator[str]:
    word = "finds no fault" if opinion["valid"] else f"finds {len(opinion['errors'])} faults"
    yield f"  Second opinion: {opinion['tool']} {word}"
    for text in opinion["disagreements"][:3]:
        yield from _wrap(f"    {text}", "      ")


def _waivers_to_paste(one: Tree, report: Tree) -> Iterator[str]:
    waivable = {rule["id"] for rule in report["ruleset"]["rules"] if rule["waivable"]}
    strict = report["policy"]["policy"] == "upload" or report["policy"]["fail_on"] == "warning"
    failed = [outcome for outcome in _failed(one) if outcome["level"] == "error" or (strict and outcome["level"] == "warning")]
    if not failed or any(outcome["level"] == "error" and outcome["rule"] not in waivable for outcome in failed):
        return
    yield "  If that is as it should be, somebody can sign for it: put this into billproof.yaml, with reason and owner"
    yield "waivers:"
    today = max(report["run"]["as_of"], report["run"]["started"])[:10]
    expires = date.fromisoformat(today) + timedelta(days=WAIVER_DAYS)
    for outcome in failed:
        # What is counted once a file could be anything in another file: the waiver is for this one alone.
        bound = f"sha256: {one['sha256']}, " if outcome["unit"] == "file" else f"at_most: {outcome['violations']}, "
        limit = bound if outcome["level"] == "error" else ""
        yield (
            f"  - {{rule: {outcome['rule']}, organization: {_yaml(one['organization']['value'])}, "
            f'month: "{one["month"]["value"]}", {limit}reason: "", owner: "", expires: "{expires}"}}'
        )


def _yaml(organization: str | None) -> str:
    """An id as it may be pasted: plain if it is one, in quotes if anything else stands in it."""
    plain = organization is None or re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", organization)
    return (organization or "ORGANIZATION") if plain else json.dumps(organization, ensure_ascii=False)


def _limits(one: Tree, report: Tree) -> Iterator[str]:
    if one["verdict"] != "pass":
        return
    texts = [text[0].lower() + text[1:].rstrip(".") for text in report["does_not_prove"]]
    if texts:
        yield from _wrap(f"  No file can show {'; or '.join(texts)}.", "    ")
    if any(outcome["level"] != "note" for outcome in _failed(one)):
        return
    total, expected = one["totals"]["amount"], report["settings"]["expect_total"]["value"]
    if total is not None and expected is None:
        cents = _cents(total).replace(",", "")
        yield f"    Let billproof compare the total with what you see there: --expect-total {cents}"
    if report["settings"]["config"] is None and report["settings"]["ruleset"]["source"] == "default":
        yield ""
        yield f"Next  billproof init {_quoted(one['path'])}   writes billproof.yaml for this organization"


def _summary(report: Tree) -> Iterator[str]:
    words = [one["verdict"] for one in report["files"]]
    parts = [f"{words.count(word)} {text}" for word, text in (("pass", "passed"), ("fail", "failed"), ("unproved", "unproved"))]
    yield f"{len(words)} files: {', '.join(parts)}"


def _ending(report: Tree) -> Iterator[str]:
    config = report["settings"]["config"]
    if config:
        yield f"Configuration: {config['path']}"
    if report["policy"]["command"] != "upload":
        because = report["upload"]["because"]
        rules = [one for one in because if one not in _HINDRANCES]
        # Without an integration some rules cannot run, and they say so; the code alone adds nothing then.
        words = ", ".join(_HINDRANCES.get(one, one) for one in because if one != "no_integration" or not rules)
        yield from _wrap(f"Would be uploaded: {'no: ' + words if because else 'yes'}", "  ")


def _nothing() -> Iterator[str]:
    yield "Name a file or a folder:  billproof check cost_2025-10-01_2025-10-31.csv"


def _failed(one: Tree) -> list[Tree]:
    return [outcome for outcome in one["outcomes"] if outcome["state"] == "failed"]


def _labelled(label: str, text: str, keep_lines: bool = False) -> Iterator[str]:
    """`Cause      text`, wrapped under itself."""
    indent = " " * 11
    lines = text.splitlines() if keep_lines else [text]
    wrapped = [
        part
        for line in lines
        for part in textwrap.wrap(
            line, WIDTH - 11, break_long_words=False, break_on_hyphens=False, drop_whitespace=not line.startswith(" "),
            subsequent_indent=" " * (len(line) - len(line.lstrip())),
        ) or [""]
    ]  # fmt: skip
    for number, line in enumerate(wrapped):
        yield (f"{label:<11}" if number == 0 else indent) + line


def _cents(amount: str | None) -> str:
    if amount is None:
        return "unknown"
    return f"{Decimal(amount).quantize(Decimal('0.01'), rounding=ROUND_HALF_UP):,}"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _quoted(path: str) -> str:
    return f'"{shown(path, None)}"' if any(one in path for one in " '()&") else path
