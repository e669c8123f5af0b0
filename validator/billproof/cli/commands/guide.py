"""`billproof guide`: what to click in OpenAI's export dialog."""

from __future__ import annotations

import argparse
from datetime import datetime

from billproof.cli.arguments import config_of
from billproof.cli.output import say
from billproof.cli.parser import config_option, ruleset_option
from billproof.config import settings as config_settings
from billproof.config.settings import parse_as_of, parse_month, ruleset_of
from billproof.engine.verdict import Exit
from billproof.model.errors import UsageError
from billproof.model.record import Record
from billproof.model.values import in_words, month_days, month_end, month_name, month_settled, shown
from billproof.rules.compiled import load_ruleset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `billproof guide`."""
    parser.add_argument("--month", metavar="YYYY-MM|last", help="month to export. Default: the last complete month")
    parser.add_argument("--as-of", metavar="INSTANT", help="date or RFC 3339 time that counts as today. Default: now")
    ruleset_option(parser)
    config_option(parser)
    parser.epilog = "exit codes: 0 shown; 2 usage, configuration or rule set error"


class Guide(Record):
    """How to export a month: what it is called, the steps in OpenAI's dialog, and a note on when, if it is too early."""

    title: str
    steps: tuple[str, ...]
    notes: tuple[str, ...]


def guide(name: str, month: str | None, now: datetime) -> Guide:
    """The guide of a rule set for a month, by default the last complete one. Raises UsageError."""
    wanted = parse_month("last" if month is None else month, now).value or ""
    ruleset = load_ruleset(name)
    if not ruleset.guide:
        raise UsageError(f"the rule set {ruleset.name} has no guide")
    texts = {
        "first": f"{wanted}-01", "last": f"{wanted}-{len(month_days(wanted)):02d}", "organization": "the organization",
    }  # fmt: skip
    notes: tuple[str, ...] = ()
    if now < month_end(wanted):
        notes = (f"The month has not ended: it ends on {in_words(month_end(wanted))}.",)
    elif now < month_settled(wanted):
        notes = (f"OpenAI may still add late usage: wait until {in_words(month_settled(wanted))}.",)
    return Guide(f"Export {month_name(wanted)}", tuple(shown(step.format_map(texts), None) for step in ruleset.guide), notes)


def run(options: argparse.Namespace) -> int:
    """Prints the steps of the export dialog."""
    now = parse_as_of(options.as_of) if options.as_of is not None else config_settings.clock()
    found = guide(ruleset_of(options.ruleset, config_of(options)).value or "", options.month, now)
    steps = (f"  {number}  {step}" for number, step in enumerate(found.steps, 1))
    say("\n".join((found.title, *steps, *(f"  {note}" for note in found.notes))))
    return Exit.PASS
