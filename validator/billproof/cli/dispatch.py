"""The commands, and the way from a command line to the one that it names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from billproof import __version__
from billproof.cli.output import say
from billproof.cli.parser import EXIT_CODES, Parser, add_parsers, parsed
from billproof.model.errors import UsageError

USAGE_ERROR = 2
_START = """Three commands to start with:
  billproof guide         show what to click in OpenAI's export dialog, with dates filled in
  billproof check FILE    check an export against every rule
  billproof demo          check three sample exports, one good and two bad
All commands: billproof --help"""

# Each is a module in billproof.cli.commands, with `add_arguments(parser)` and `run(options) -> int`.
COMMANDS: Mapping[str, str] = {
    "check": "check exports against every rule",
    "upload": "check exports, then upload them if all are ready",
    "guide": "show what to click in OpenAI's export dialog, with dates filled in",
    "init": "create billproof.yaml and an empty ledger (never overwrites files)",
    "demo": "check three sample exports: a good one, a 31-day range, one saved in a spreadsheet",
    "ledger": "create, list, show and verify upload receipts",
    "status": "show accepted uploads by month and what is due; exit code 1 if anything is due",
    "verify": "re-run the checks in a report and compare the results; exit code 1 if anything differs",
    "pack": "create an evidence pack for auditors: export, report, receipts, rules, configuration",
    "rules": "list, show, test and document rules",
    "sandbox": "run a local test server for uploads (needs the extra `sandbox`)",
    "completion": "print a shell completion script",
}


def run_command(arguments: Sequence[str]) -> int:
    """Runs one command line; gives its exit code. Raises BillproofError for what cannot be done."""
    if not arguments:
        say(_START)
        return USAGE_ERROR
    name = arguments[0]
    if name not in COMMANDS and not name.startswith("-") and os.path.exists(name):
        raise UsageError(f"billproof {name}: not a command", f'Did you mean: billproof check "{name}"')
    parser = build_parser([name]) if name in COMMANDS else build_parser(arguments=False)
    options = parsed(parser, arguments)
    options.run_command = run_command  # `rules test` runs its examples through the command line
    code: int = _module(options.command).run(options)
    return code


def build_parser(names: Iterable[str] = COMMANDS, arguments: bool = True) -> Parser:
    """The parser of these commands, with their arguments or with their names alone. Each that is left out is time saved."""
    parser = Parser(
        prog="billproof", description="Checks OpenAI cost exports before you upload them to Pelanor.", epilog=EXIT_CODES
    )
    parser.add_argument("--version", action="version", version=f"billproof {__version__}")
    for name, command in add_parsers(parser, "command", {name: COMMANDS[name] for name in names}):
        if arguments:
            _module(name).add_arguments(command)
    return parser


def _module(name: str) -> Any:
    """The module of a command. `importlib` would be loaded for this line alone."""
    return __import__(f"billproof.cli.commands.{name}", fromlist=["run"])
