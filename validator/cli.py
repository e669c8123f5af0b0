"""The command line: arguments to settings, a run, its report to where it was asked for. No judgement is made here."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from validator.errors import BillproofError, UsageError
from validator.options import build_parser
from validator.output import note, painted, refuse_to_overwrite, say, say_bytes, wanted_outputs, write
from validator.render import render
from validator.shipped import is_shipped
from validator.verdict import Exit

if TYPE_CHECKING:
    from datetime import datetime

    from validator.config import Config
    from validator.model import Policy
    from validator.render.text import Detail
    from validator.report import Run
    from validator.settings import Settings

_START = """Three commands to start with:
  billproof guide         what to click in OpenAI's export dialog, with the dates filled in
  billproof check FILE    is this export fit to be uploaded?
  billproof demo          three small exports, one good and two bad
All commands: billproof --help"""

_NOT_BUILT = ("pack",)


def run_command(arguments: Sequence[str]) -> int:
    """Runs one command line; gives its exit code. Raises BillproofError for what cannot be done."""
    if not arguments:
        say(_START)
        return Exit.USAGE
    if arguments[0] in _NOT_BUILT:
        raise UsageError(f"billproof {arguments[0]}: not in this version", "See billproof --help")
    if arguments[0] not in _RUN and os.path.exists(arguments[0]):
        raise UsageError(f"billproof {arguments[0]}: no command", f'Did you mean: billproof check "{arguments[0]}"')
    options = build_parser(arguments[0]).parse_args(arguments)
    return _RUN[options.command](options)


def _check(options: argparse.Namespace) -> int:
    from validator.run import check
    from validator.settings import clock, policy_of

    outputs = wanted_outputs(options.output)
    started = clock()
    settings = _settings(options, started, policy_of("check", options.policy or "check", options.fail_on or "error"))
    refuse_to_overwrite(outputs, settings)
    run = check(settings)
    _print_report(_reported(run, started, outputs), options)
    return int(run.verdict.exit_code)


def _reported(run: Run, started: datetime, outputs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The report of a run, written to where it was asked for."""
    from validator.report import build_report
    from validator.settings import clock

    if run.settings.expected_total is not None and len(run.files) > 1:
        raise UsageError("--expect-total speaks of one file", f"{len(run.files)} files were named.")
    report = build_report(run, started, clock(), os.environ)
    for format_, path in outputs:
        write(path, _rendered(format_, report, "verbose"))
    return report


def _print_report(report: Mapping[str, Any], options: argparse.Namespace) -> None:
    found = _rendered(options.format, report, "quiet" if options.quiet else "verbose" if options.verbose else "normal")
    if options.format == "text":
        say(painted(found), end="")
    else:
        say_bytes(found.encode("utf-8"))


def _rendered(format_: str, report: Mapping[str, Any], detail: Detail) -> str:
    if format_ == "text":
        from validator.render.text import render_text

        return render_text(report, detail)
    return render(format_, report)


def _upload(options: argparse.Namespace) -> int:
    from validator import upload
    from validator.addressing import Wish
    from validator.render.sending import headline, sending_line
    from validator.settings import clock, policy_of
    from validator.values import rfc3339

    outputs = wanted_outputs(options.output)
    started = clock()
    settings = _settings(options, started, policy_of("upload", "upload", "error"))
    refuse_to_overwrite(outputs, settings)
    wish = Wish(options.only, options.dry_run, options.resend)
    tell = say if options.format == "text" else note

    def now() -> str:
        return rfc3339(clock())

    with upload.planned(settings, wish, os.environ, now, lambda: note("waiting for another upload to end …")) as plan:
        report = _reported(plan.run, started, outputs) if plan.run else None
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
    from validator import ledgerbook

    return ledgerbook.run(options, _config_of(options), say)


def _status(options: argparse.Namespace) -> int:
    from validator import status
    from validator.render.json import render_json
    from validator.render.status import render_status
    from validator.settings import clock, policy_of

    settings = _settings(options, clock(), policy_of("upload", "upload", "error"))
    months = status.wanted_months(options.month, options.first, options.last, settings.as_of)
    # Each file is of the month that its rows say, whichever months were asked for.
    found = status.survey(settings._replace(month=None), months)
    if options.format == "json":
        say_bytes(render_json(found).encode("utf-8"))
    else:
        say(painted(render_status(found)), end="")
    return int(found["exit_code"])


def _config_of(options: argparse.Namespace) -> Config | None:
    from validator.discovery import current_folder, find_config

    path = find_config(current_folder()) if options.config is None else options.config
    if path is None:
        return None
    from validator.config import read_config

    return read_config(path)


def _settings(options: argparse.Namespace, now: datetime, policy: Policy) -> Settings:
    from validator import settings as given
    from validator.model import Sourced

    config = _config_of(options)
    as_of = given.parse_as_of(options.as_of) if options.as_of is not None else now
    if options.ruleset is not None:
        ruleset = Sourced(options.ruleset, "--ruleset")
    elif config:
        ruleset = Sourced(_ruleset_of(config), config.shown_path)
    else:
        ruleset = Sourced("openai-cost", "default")
    if options.organization is not None and not options.organization.strip():
        raise UsageError("--organization is empty", "Write the id as it stands in OpenAI's settings: org-…")
    if "-" in options.files and options.second_opinion:
        raise UsageError("--second-opinion needs a file", "Standard input can be read only once.")
    return given.Settings(
        files=tuple(options.files),
        policy=policy,
        ruleset=ruleset,
        organization=Sourced(options.organization, "--organization") if options.organization else None,
        month=given.parse_month(options.month, as_of) if options.month is not None else None,
        month_to_date=options.month_to_date,
        as_of=as_of,
        as_of_source="--as-of" if options.as_of is not None else given.CLOCK,
        now=now,
        expected_total=given.parse_total(options.expect_total) if options.expect_total is not None else None,
        max_findings=given.parse_cap(options.max_findings) if options.max_findings is not None else given.MAX_FINDINGS,
        second_opinion=options.second_opinion,
        config=config,
        sources={
            "month_to_date": _source(options.month_to_date, "--month-to-date"),
            "expect_total": _source(options.expect_total is not None, "--expect-total"),
            "fail_on": _source(getattr(options, "fail_on", None) is not None, "--fail-on"),
            "policy": _source(getattr(options, "policy", None) is not None, "--policy"),
            "max_findings": _source(options.max_findings is not None, "--max-findings"),
            "second_opinion": _source(options.second_opinion, "--second-opinion"),
        },
        to=getattr(options, "to", None),
    )


def _ruleset_of(config: Config) -> str:
    """The configuration's rule set: a shipped one by its name, else a folder seen from the configuration."""
    name = config.file.ruleset
    folder = os.path.join(os.path.dirname(config.path), name)
    if is_shipped(name) or not os.path.isfile(os.path.join(folder, "ruleset.yaml")):
        return name
    relative = os.path.relpath(folder).replace(os.sep, "/")
    return f"./{relative}" if is_shipped(relative) else relative


def _source(given: bool, flag: str) -> str:
    return flag if given else "default"


def _verify(options: argparse.Namespace) -> int:
    from validator.verification import Wanted, verify

    found = verify(Wanted(options.report, options.file, options.ruleset, options.config))
    say(painted("\n".join(found.lines())))
    return int(found.exit_code)


def _guide(options: argparse.Namespace) -> int:
    from validator.guide import guide

    say(guide(options.month, options.as_of, options.ruleset), end="")
    return Exit.PASS


def _init(options: argparse.Namespace) -> int:
    from validator.guide import init

    say(init(options.file), end="")
    return Exit.PASS


def _demo(options: argparse.Namespace) -> int:
    from validator.guide import demo

    text, as_it_should_be = demo()
    say(painted(text), end="")
    return Exit.PASS if as_it_should_be else Exit.FAIL


def _rules(options: argparse.Namespace) -> int:
    from validator import rulebook

    return rulebook.run(options.action, options, say, run_command)


def _sandbox(options: argparse.Namespace) -> int:
    try:
        import python_multipart  # noqa: F401
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise BillproofError(
            f"billproof sandbox needs {error.name}, which is not installed", "pip install 'billproof[sandbox]'"
        ) from None
    from validator.sandbox.command import run

    return run(options, say)


_RUN: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "check": _check, "upload": _upload, "guide": _guide, "init": _init, "demo": _demo, "ledger": _ledger, "status": _status,
    "rules": _rules, "sandbox": _sandbox, "verify": _verify,
}  # fmt: skip
