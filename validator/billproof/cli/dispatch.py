"""The command line: arguments to settings, a run, its report to where it was asked for. No judgement is made here."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from billproof.cli.output import (
    note,
    painted,
    progress,
    refuse_folder,
    refuse_to_overwrite,
    say,
    say_bytes,
    wanted_outputs,
    write,
)
from billproof.cli.parser import parsed
from billproof.engine.verdict import Exit
from billproof.model.errors import BillproofError, UsageError, how_to_install
from billproof.model.values import shown
from billproof.report.render import render

if TYPE_CHECKING:
    from datetime import datetime

    from billproof.audit.signing.dsse import Signer
    from billproof.config.settings import Settings
    from billproof.engine.pipeline import Run
    from billproof.model.report_v1 import Report
    from billproof.report.render.text import Detail

_START = """Three commands to start with:
  billproof guide         what to click in OpenAI's export dialog, with the dates filled in
  billproof check FILE    is this export fit to be uploaded?
  billproof demo          three small exports, one good and two bad
All commands: billproof --help"""


def run_command(arguments: Sequence[str]) -> int:
    """Runs one command line; gives its exit code. Raises BillproofError for what cannot be done."""
    if not arguments:
        say(_START)
        return Exit.USAGE
    if arguments[0] not in _RUN and not arguments[0].startswith("-") and os.path.exists(arguments[0]):
        raise UsageError(f"billproof {arguments[0]}: no command", f'Did you mean: billproof check "{arguments[0]}"')
    options = parsed(arguments)
    return _RUN[options.command](options)


def _check(options: argparse.Namespace) -> int:
    from billproof.cli.arguments import settings_of
    from billproof.config.settings import clock, policy_of
    from billproof.delivery.earlier import earlier_uploads
    from billproof.engine.pipeline import check

    outputs = wanted_outputs(options.output)
    started = clock()
    settings = settings_of(options, started, policy_of("check", options.policy or "check", options.fail_on or "error"))
    signer = _signer(options, outputs, settings)
    run = check(settings, earlier_uploads, nullcontext if options.quiet else progress)
    _print_report(_reported(run, started, outputs, signer, options.explain), options)
    return int(run.verdict.exit_code)


def _signer(options: argparse.Namespace, outputs: Sequence[tuple[str, str]], settings: Settings) -> Signer | None:
    """What signs, if it was asked for. Raises UsageError for what may not be written, before anything is judged."""
    refuse_to_overwrite(outputs, settings, options.attest)
    if options.attest is None:
        return None
    from billproof.audit.signing.attestation import prepared
    from billproof.engine.pipeline import inputs

    reports = [path for format_, path in outputs if format_ == "json"]
    return prepared(options.attest, reports, [one.path for one in inputs(settings)])


def _reported(run: Run, started: datetime, outputs: Sequence[tuple[str, str]], signer: Signer | None, explain: bool) -> Report:
    """The report of a run, written to where it was asked for, and attested if it was."""
    from billproof.config.settings import clock
    from billproof.report.build import build_report

    if run.settings.expected_total is not None and len(run.files) > 1:
        raise UsageError("--expect-total speaks of one file", f"{len(run.files)} files were named.")
    report = build_report(run, started, clock(), os.environ)
    paths = [one.path for one in run.files]
    if signer is not None:
        from billproof.audit.signing.attestation import refuse_foreign

        refuse_foreign(signer, paths)
    for format_, path in outputs:
        write(path, _rendered(format_, report, "verbose", explain))
    if signer is not None:
        _attest(signer, paths, report, next(path for format_, path in outputs if format_ == "json"))
    return report


def _attest(signer: Signer, paths: Sequence[str], report: Report, path: str) -> None:
    from hashlib import sha256

    from billproof.audit.signing.attestation import attest_files
    from billproof.model.values import shown

    written = _rendered("json", report, "verbose", False).encode("utf-8")
    for left_out in attest_files(signer, report, paths, shown(os.path.basename(path), None), sha256(written).hexdigest()):
        note(f"no attestation of {shown(left_out, None)}: it could not be read")


def _print_report(report: Report, options: argparse.Namespace) -> None:
    detail: Detail = "quiet" if options.quiet else "verbose" if options.verbose else "normal"
    found = _rendered(options.format, report, detail, options.explain)
    if options.format == "text":
        say(painted(found), end="")
    else:
        say_bytes(found.encode("utf-8"))


def _rendered(format_: str, report: Report, detail: Detail, explain: bool) -> str:
    if format_ == "text":
        from billproof.report.render.text import render_text

        return render_text(report, detail, explain)
    return render(format_, report)


def _upload(options: argparse.Namespace) -> int:
    from functools import partial

    from billproof.cli.arguments import settings_of
    from billproof.config.settings import clock, policy_of
    from billproof.delivery import plan as upload
    from billproof.delivery.routing import Wish
    from billproof.delivery.summary import headline, sending_line
    from billproof.model.values import rfc3339

    outputs = wanted_outputs(options.output)
    started = clock()
    settings = settings_of(options, started, policy_of("upload", "upload", "error"))
    signer = _signer(options, outputs, settings)
    attest = None
    if signer is not None:
        from billproof.audit.signing.attestation import receipt_bundle

        attest = partial(receipt_bundle, signer)
    wish = Wish(options.only, options.dry_run, options.resend, attest)
    tell = say if options.format == "text" else note
    watching = nullcontext if options.quiet else progress

    def now() -> str:
        return rfc3339(clock())

    def waiting() -> None:
        note("waiting for another upload to end …")

    with upload.planned(settings, wish, os.environ, now, waiting, watching) as plan:
        report = _reported(plan.run, started, outputs, signer, options.explain) if plan.run else None
        if report is None and (outputs or options.format != "text"):
            note("no report: every file was set aside, none was judged")
        if report is not None and (options.format != "text" or report["verdict"] != "pass"):
            _print_report(report, options)
        sendings = []
        for one in upload.carry_out(plan, report, now):
            sendings.append(one)
            tell(sending_line(one, plan.name_width))
        if sendings:
            tell(painted(headline(sendings, options.dry_run)))
        return int(upload.exit_code(plan, sendings))


def _ledger(options: argparse.Namespace) -> int:
    from billproof.cli.arguments import config_of
    from billproof.cli.commands import ledger as ledgerbook

    return ledgerbook.run(options, config_of(options), say)


def _status(options: argparse.Namespace) -> int:
    from billproof.cli.arguments import settings_of
    from billproof.config.settings import clock, policy_of
    from billproof.delivery import status
    from billproof.delivery.status_text import render_status
    from billproof.report.render.json import render_json

    settings = settings_of(options, clock(), policy_of("upload", "upload", "error"))
    months = status.wanted_months(options.month, options.first, options.last, settings.as_of)
    # Each file is of the month that its rows say, whichever months were asked for.
    found = status.survey(settings._replace(month=None), months)
    if options.format == "json":
        say_bytes(render_json(found).encode("utf-8"))
    else:
        say(painted(render_status(found)), end="")
    return int(found["exit_code"])


def _pack(options: argparse.Namespace) -> int:
    from billproof.audit.pack.pack import pack
    from billproof.cli.arguments import settings_of
    from billproof.config.settings import clock, policy_of

    settings = settings_of(options, clock(), policy_of("upload", "upload", "error"))
    refuse_folder(options.output, settings)
    for line in pack(options.whose, options.months, options.output, settings):
        say(shown(line, None))
    return Exit.PASS


def _verify(options: argparse.Namespace) -> int:
    from billproof.audit.verify.verify import Wanted, verify

    key = None
    if options.key is not None:
        from billproof.audit.signing.dsse import read_public_key

        key = read_public_key(options.key)
    found = verify(Wanted(options.report, options.file, options.ruleset, options.config, key))
    say(painted("\n".join(found.lines())))
    return int(found.exit_code)


def _guide(options: argparse.Namespace) -> int:
    from billproof.cli.arguments import config_of, ruleset_of
    from billproof.cli.commands.guide import guide

    say(guide(options.month, options.as_of, ruleset_of(options, config_of(options)).value or ""), end="")
    return Exit.PASS


def _init(options: argparse.Namespace) -> int:
    from billproof.cli.commands.guide import init

    say(init(options.file), end="")
    return Exit.PASS


def _demo(options: argparse.Namespace) -> int:
    from billproof.cli.commands.guide import demo

    text, as_it_should_be = demo()
    say(painted(text), end="")
    return Exit.PASS if as_it_should_be else Exit.FAIL


def _rules(options: argparse.Namespace) -> int:
    from billproof.cli.arguments import config_of, ruleset_of
    from billproof.cli.commands import rules as rulebook

    config = None if options.action == "kinds" else config_of(options)
    return rulebook.run(options, ruleset_of(options, config).value or "", config, say, run_command)


def _completion(options: argparse.Namespace) -> int:
    from billproof.cli.completion import script

    say_bytes(script(options.shell))
    return Exit.PASS


def _sandbox(options: argparse.Namespace) -> int:
    try:
        import python_multipart  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise BillproofError(f"billproof sandbox needs {error.name}, which is not installed", how_to_install("sandbox")) from None
    from billproof.cli.commands.sandbox import run

    return run(options, say)


_RUN: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "check": _check, "upload": _upload, "guide": _guide, "init": _init, "demo": _demo, "ledger": _ledger, "status": _status,
    "verify": _verify, "pack": _pack, "rules": _rules, "sandbox": _sandbox,
    "completion": _completion,
}  # fmt: skip
