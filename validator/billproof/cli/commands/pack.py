"""`billproof pack`: the evidence of uploads, in a folder for auditors."""

from __future__ import annotations

import argparse

from billproof.audit.pack.pack import pack
from billproof.cli.arguments import upload_settings
from billproof.cli.output import refuse_folder, say
from billproof.cli.parser import config_option, ruleset_option
from billproof.engine.verdict import Exit
from billproof.model.values import shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `billproof pack`."""
    parser.add_argument("whose", metavar="ORG", help="organization ID, or name of the integration")
    parser.add_argument("months", metavar="MONTH", nargs="+", help="month such as 2025-10, or `last` for the last complete month")
    parser.add_argument(
        "--output", metavar="DIR", required=True, help="new or empty folder; with several months, one subfolder per month"
    )
    parser.add_argument(
        "--to", metavar="DESTINATION", help="destination that accepted the upload. Default: `to:` of the integration"
    )
    ruleset_option(parser)
    config_option(parser)
    parser.epilog = (
        "exit codes: 0 evidence pack created; 2 usage, configuration or rule set error; "
        "3 not proved or not found, so nothing was created; 130 interrupted"
    )


def run(options: argparse.Namespace) -> int:
    """Creates the evidence pack, and prints what is in it."""
    settings = upload_settings(options)
    refuse_folder(options.output, settings)
    for line in pack(options.whose, options.months, options.output, settings):
        say(shown(line, None))
    return Exit.PASS
