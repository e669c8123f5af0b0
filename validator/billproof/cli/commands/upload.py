"""`billproof upload`: exports are checked and, if all are ready, sent; every outcome has its line."""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from functools import partial

from billproof.cli.arguments import settings_of
from billproof.cli.output import note, painted, progress, say, wanted_outputs
from billproof.cli.parser import EXIT_CODES, checking_arguments, reporting_options
from billproof.cli.reporting import print_report, reported, signer_of
from billproof.config import settings as config_settings
from billproof.config.settings import UPLOAD
from billproof.delivery.plan import carry_out, exit_code, planned
from billproof.delivery.routing import UploadOptions
from billproof.delivery.text import headline, other_months, result_line
from billproof.model.values import rfc3339


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `billproof upload`."""
    parser.add_argument("--to", metavar="DESTINATION", help="upload to this destination. Default: `to:` of the integration")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the requests without sending them; needs no token or network"
    )
    parser.add_argument("--resend", action="store_true", help="send files again that are already uploaded or superseded")
    checking_arguments(parser)
    reporting_options(parser, "sign verdicts, reports and receipts with this private key (needs the extra `attest`)")
    parser.epilog = EXIT_CODES


def run(options: argparse.Namespace) -> int:
    """Checks and sends the files; gives 4 if one that was to be sent was not accepted."""
    outputs = wanted_outputs(options.output)
    settings = settings_of(options, UPLOAD)
    signer = signer_of(options.attest, outputs, settings)
    attest = None
    if signer is not None:
        from billproof.audit.signing.attestation import receipt_bundle

        attest = partial(receipt_bundle, signer)
    upload_options = UploadOptions(options.dry_run, options.resend, attest)
    tell = say if options.format == "text" else note
    waiting = partial(note, "waiting for another upload to end …")
    with ExitStack() as held:
        with progress(settings, options.quiet) as watched:
            plan = held.enter_context(planned(watched, upload_options, os.environ, _now, waiting))
        report, texts = reported(plan.run, outputs, signer, options) if plan.run else (None, {})
        if report is None and (outputs or options.format != "text"):
            note("no report: every file was skipped, so none was checked")
        if report is not None and (options.format != "text" or report["verdict"] != "pass"):
            print_report(report, texts, options)
        elif aside := other_months(plan.set_aside):
            tell(aside)
        results = []
        for result in carry_out(plan, report, _now):
            results.append(result)
            tell(result_line(result, plan.name_width))
        if results:
            tell(painted(headline(results, options.dry_run)))
        return int(exit_code(plan, results))


def _now() -> str:
    return rfc3339(config_settings.clock())
