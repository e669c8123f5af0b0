"""`billproof check`: exports are checked; report and exit code say what was found."""

from __future__ import annotations

import argparse

from billproof.cli.arguments import settings_of
from billproof.cli.output import progress, wanted_outputs
from billproof.cli.parser import checking_arguments, reporting_options
from billproof.cli.reporting import print_report, reported, signer_of
from billproof.delivery.earlier import known
from billproof.engine.pipeline import check
from billproof.model.results import Policy


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `billproof check`."""
    checking_arguments(parser)
    parser.add_argument(
        "--policy", choices=("check", "upload"), default=None,
        help="`upload` applies the stricter upload policy. Default: check",
    )  # fmt: skip
    parser.add_argument(
        "--fail-on", choices=("error", "warning"), default=None, help="lowest level that makes a file fail. Default: error"
    )
    reporting_options(
        parser, "sign verdict and report with this private key; writes FILE.intoto.jsonl (needs the extra `attest`)"
    )
    parser.epilog = (
        "exit codes: 0 pass; 1 fail (the file has errors); 2 usage, configuration or rule set error; "
        "3 unproved (nothing to check, unreadable file, or internal error); 130 interrupted"
    )


def run(options: argparse.Namespace) -> int:
    """Checks the files; gives the exit code of the verdict."""
    outputs = wanted_outputs(options.output)
    settings = settings_of(options, Policy("check", options.policy or "check", options.fail_on or "error"))
    signer = signer_of(options.attest, outputs, settings)
    with progress(settings, options.quiet) as watched:
        checked = check(watched, known())
    print_report(checked, *reported(checked, outputs, signer, options), options)
    return int(checked.verdict.exit_code)
