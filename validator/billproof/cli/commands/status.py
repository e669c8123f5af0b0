"""`billproof status`: what was accepted, month by month, and what is due."""

from __future__ import annotations

import argparse

from billproof.cli.arguments import upload_settings
from billproof.cli.output import painted, say, say_bytes
from billproof.cli.parser import config_option, only_option
from billproof.delivery.status import survey, wanted_months
from billproof.delivery.text import render_status
from billproof.report.render.json import render_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `billproof status`."""
    parser.add_argument("--month", metavar="YYYY-MM|last", help="show one month. Default: the last complete month")
    parser.add_argument("--from", dest="first", metavar="YYYY-MM", help="first month of a range")
    parser.add_argument("--to", dest="last", metavar="YYYY-MM", help="last month of a range. Default: the last complete month")
    parser.add_argument("--as-of", metavar="INSTANT", help="show what is due at this date or RFC 3339 time. Default: now")
    only_option(parser, "show")
    config_option(parser)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="output format. Default: text")
    parser.epilog = (
        "exit codes: 0 nothing is due; 1 something is due; 2 usage, configuration or rule set error; "
        "3 unproved (the ledger or a file could not be read); 130 interrupted"
    )


def run(options: argparse.Namespace) -> int:
    """Prints the months; gives 1 if something is due."""
    settings = upload_settings(options)
    months = wanted_months(options.month, options.first, options.last, settings.as_of)
    document = survey(settings, months)
    if options.format == "json":
        say_bytes(render_json(document).encode("utf-8"))
    else:
        say(painted(render_status(document)), end="")
    return int(document["exit_code"])
