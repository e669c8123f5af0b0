"""`billproof guide`: what to click in OpenAI's export dialog."""

from __future__ import annotations

import argparse

from billproof.cli.arguments import config_of
from billproof.cli.output import say
from billproof.cli.parser import config_option, ruleset_option
from billproof.config import settings as config_settings
from billproof.config.settings import parse_as_of, parse_month, ruleset_of
from billproof.engine.verdict import Exit
from billproof.model.errors import UsageError
from billproof.model.values import in_words, month_days, month_end, month_name, month_settled, shown
from billproof.rules.compiled import load_ruleset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `billproof guide`."""
    parser.add_argument("--month", metavar="YYYY-MM|last", help="month to export. Default: the last complete month")
    parser.add_argument("--as-of", metavar="INSTANT", help="date or RFC 3339 time that counts as today. Default: now")
    ruleset_option(parser)
    config_option(parser)
    parser.epilog = "exit codes: 0 shown; 2 usage, configuration or rule set error"


def run(options: argparse.Namespace) -> int:
    """Prints the steps of the export dialog for a month, by default the last complete one."""
    name = ruleset_of(options.ruleset, config_of(options)).value or ""
    now = parse_as_of(options.as_of) if options.as_of is not None else config_settings.clock()
    wanted = parse_month("last" if options.month is None else options.month, now).value or ""
    ruleset = load_ruleset(name)
    if not ruleset.guide:
        raise UsageError(f"the rule set {ruleset.name} has no guide")
    texts = {
        "first": f"{wanted}-01", "last": f"{wanted}-{len(month_days(wanted)):02d}", "organization": "the organization",
    }  # fmt: skip
    lines = [f"Export {month_name(wanted)}"]
    lines += [shown(f"  {number}  {step.format_map(texts)}", None) for number, step in enumerate(ruleset.guide, 1)]
    settled = month_settled(wanted)
    if now < month_end(wanted):
        lines.append(f"  The month has not ended: it ends on {in_words(month_end(wanted))}.")
    elif now < settled:
        lines.append(f"  OpenAI may still add late usage: wait until {in_words(settled)}.")
    say("\n".join(lines))
    return Exit.PASS
