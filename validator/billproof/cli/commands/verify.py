"""`billproof verify`: a report is checked against its export."""

from __future__ import annotations

import argparse

from billproof.audit.verify.verify import Wanted, verify
from billproof.cli.output import painted, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `billproof verify`."""
    parser.add_argument("report", metavar="REPORT", help="report in JSON")
    parser.add_argument(
        "file", nargs="?", metavar="FILE",
        help="export to verify. Default: every file in the report, looked up next to it and in the current folder",
    )  # fmt: skip
    parser.add_argument("--ruleset", metavar="NAME|DIR", help="rule set used for the report, unless it is a built-in one")
    parser.add_argument(
        "--config", metavar="FILE",
        help="configuration used for the report; also compares waivers and organization",
    )  # fmt: skip
    parser.add_argument(
        "--costs", metavar="FILE",
        help="OpenAI's record that the report names. Default: looked up next to the report and in the folder of records",
    )  # fmt: skip
    parser.add_argument("--key", metavar="PUB", help="require FILE.intoto.jsonl to be signed by this key (PEM public key)")
    parser.epilog = (
        "exit codes: 0 agrees; 1 differs; 2 usage, configuration or rule set error; "
        "3 unproved (the checks could not be run again); 130 interrupted"
    )


def run(options: argparse.Namespace) -> int:
    """Compares the report with its files; gives 1 if anything differs."""
    key = None
    if options.key is not None:
        from billproof.audit.signing.dsse import read_public_key

        key = read_public_key(options.key)
    found = verify(Wanted(options.report, options.file, options.ruleset, options.config, key, options.costs))
    say(painted("\n".join(found.lines())))
    return int(found.exit_code)
