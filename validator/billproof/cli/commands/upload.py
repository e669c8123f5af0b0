"""`billproof upload`: exports are checked and, if all are ready, sent; every outcome has its line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from billproof.cli.arguments import settings_of
from billproof.cli.output import note, painted, progress, say, wanted_outputs, write
from billproof.cli.parser import EXIT_CODES, checking_arguments, reporting_options
from billproof.cli.reporting import print_report, reported, signer_of
from billproof.config import settings as config_settings
from billproof.config.settings import UPLOAD, Settings
from billproof.delivery.plan import Plan, carry_out, exit_code, planned
from billproof.delivery.routing import UploadOptions
from billproof.delivery.shipment import UploadResult
from billproof.delivery.text import ending, other_months, result_line, stands_alone
from billproof.engine.verdict import Exit
from billproof.io.secrets import without_keys
from billproof.model.errors import BillproofError
from billproof.model.results import FORMATS
from billproof.model.values import rfc3339, shown
from billproof.report.render.json import render_json

if TYPE_CHECKING:
    from billproof.audit.signing.dsse import Signer

# A format of `--output` that is not a report: what came of each file.
DELIVERY = "delivery"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `billproof upload`."""
    parser.add_argument("--to", metavar="DESTINATION", help="upload to this destination. Default: `to:` of the integration")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the requests without sending them; needs no token or network"
    )
    parser.add_argument("--resend", action="store_true", help="send files again that are already uploaded or superseded")
    checking_arguments(parser)
    reporting_options(
        parser, "sign verdicts, reports and receipts with this private key (needs the extra `attest`)",
        "also write the report to a file or, as `delivery=PATH`, the outcome of each file (JSON)",
    )  # fmt: skip
    parser.epilog = EXIT_CODES


def run(options: argparse.Namespace) -> int:
    """Checks and sends the files; gives 4 if one that was to be sent was not accepted."""
    wanted = wanted_outputs(options.output, (*FORMATS, DELIVERY))
    outputs = [(format_, path) for format_, path in wanted if format_ != DELIVERY]
    settings = settings_of(options, UPLOAD)
    signer = signer_of(options.attest, wanted, settings)
    course = Course([path for format_, path in wanted if format_ == DELIVERY], settings, options.dry_run)
    try:
        code = _upload(options, settings, outputs, signer, course)
    except BaseException as error:
        course.write(*_ended(error))
        raise
    course.write(code)
    return code


class Course:
    """What came of an upload so far. It is written to `paths`, if there are any: before the first byte is sent, so that a place
    that cannot be written stops the upload, and when the command ends, however that is.
    """

    def __init__(self, paths: Sequence[str], settings: Settings, dry_run: bool) -> None:
        self._paths, self._settings, self._dry_run = paths, settings, dry_run
        self.plan: Plan | None = None
        self.results: list[UploadResult] = []

    def write(self, code: int | None, error: str = "") -> None:
        """Writes the document. Raises Unwritable."""
        if not self._paths:
            return
        from billproof.delivery.document import delivery

        text = render_json(delivery(self.plan, self.results, self._settings, self._dry_run, code, error))
        for path in self._paths:
            # A pipe or a device would keep what is said on the way.
            if code is not None or not os.path.exists(path) or os.path.isfile(path):
                write(path, text)


def _ended(error: BaseException) -> tuple[int, str]:
    """The exit code of a command that an error ends, and what is said of it."""
    if isinstance(error, BillproofError):
        return error.exit_code, shown(without_keys(" ".join(error.lines())), None)
    if isinstance(error, KeyboardInterrupt):
        return Exit.INTERRUPTED, "interrupted; running the same command again is safe"
    return Exit.UNPROVED, f"unexpected error: {type(error).__name__}"


def _upload(
    options: argparse.Namespace, settings: Settings, outputs: Sequence[tuple[str, str]], signer: Signer | None, course: Course
) -> int:
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
        course.plan = plan
        report, texts = reported(plan.run, outputs, signer, options) if plan.run else (None, {})
        course.write(None)
        if report is None and (outputs or options.format != "text"):
            note("no report: every file was skipped, so none was checked")
        if plan.run and report is not None and (options.format != "text" or report["verdict"] != "pass"):
            print_report(plan.run, report, texts, options)
        elif aside := other_months(plan.set_aside):
            tell(aside)
        for result in carry_out(plan, report, _now):
            course.results.append(result)
            if options.verbose or stands_alone(result, len(plan.items)):
                tell(result_line(result, plan.name_width))
        for line in ending(course.results, plan.name_width, options.dry_run, settings):
            tell(painted(line))
        return int(exit_code(plan, course.results))


def _now() -> str:
    return rfc3339(config_settings.clock())
