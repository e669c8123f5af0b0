"""The command line: arguments to settings, a run, its report to where it was asked for. No judgement is made here."""

from __future__ import annotations

import argparse
import contextlib
import os
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from validator import __version__
from validator.discovery import is_near
from validator.errors import Unwritable, UsageError
from validator.shipped import is_shipped
from validator.verdict import Exit

if TYPE_CHECKING:
    from datetime import datetime

    from validator.config import Config
    from validator.model import Policy
    from validator.report import Run
    from validator.settings import Settings

FORMATS = ("text", "json")

_START = """Three commands to start with:
  billproof guide         what to click in OpenAI's export dialog, with the dates filled in
  billproof check FILE    is this export fit to be uploaded?
  billproof demo          three small exports, one good and two bad
All commands: billproof --help"""

_EPILOG = """exit codes: 0 pass; 1 fail: the file is at fault; 2 wrong usage, configuration or rule set;
3 unproved: nothing to check, unreadable, or something broke; 4 passed, but not sent; 130 interrupted"""

COMMANDS = ("check", "upload", "guide", "init", "demo", "ledger", "rules")
_NOT_BUILT = ("status", "verify", "pack", "sandbox")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}", f"See {self.prog} --help")


def run_command(arguments: Sequence[str]) -> int:
    """Runs one command line; gives its exit code. Raises BillproofError for what cannot be done."""
    if not arguments:
        _print(_START)
        return Exit.USAGE
    if arguments[0] in _NOT_BUILT:
        raise UsageError(f"billproof {arguments[0]}: not in this version", "See billproof --help")
    if arguments[0] not in COMMANDS and os.path.exists(arguments[0]):
        raise UsageError(f"billproof {arguments[0]}: no command", f'Did you mean: billproof check "{arguments[0]}"')
    options = build_parser(arguments[0]).parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    return command(options)


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Every command and option with its help text; only that of `command`, if it is one, for it is quicker."""
    parser = _Parser(
        prog="billproof", description="Proves that an OpenAI cost export is fit to be imported into Pelanor.",
        epilog=_EPILOG, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"billproof {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)
    _add_check(commands)
    if command == "check":
        return parser
    _add_upload(commands)
    if command == "upload":
        return parser
    guide = _add(commands, "guide", "what to click in OpenAI's export dialog, with the dates filled in", _guide)
    _month_options(guide)
    _ruleset_option(guide)
    init = _add(commands, "init", "write billproof.yaml, with the organization of an export; never overwrites", _init)
    init.add_argument("file", nargs="?", metavar="FILE", help="an export of the organization")
    _add(commands, "demo", "three small exports: a good one, the dashboard's 31 days, one saved by a spreadsheet", _demo)
    _add_ledger(commands)
    _add_rules(commands)
    return parser


def _add(commands: Any, name: str, help: str, command: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help, description=help[0].upper() + help[1:] + ".", epilog=_EPILOG, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.set_defaults(command=command)
    return parser


def _add_check(commands: Any) -> None:
    check = _add(commands, "check", "check exports; every rule must have run for a pass", _check)
    _files(check)
    _judging_options(check)
    check.add_argument("--policy", choices=("check", "upload"), default=None, help="upload: judge as an upload would")
    check.add_argument("--fail-on", choices=("error", "warning"), default=None, help="lowest level that fails (default: error)")
    _reporting_options(check)


def _add_upload(commands: Any) -> None:
    upload = _add(commands, "upload", "check exports and send them, only if every one may be uploaded", _upload)
    _files(upload)
    upload.add_argument("--to", metavar="DESTINATION", help="where to, instead of the integration's `to:`")
    upload.add_argument("--only", metavar="INTEGRATION", help="only this integration's files")
    upload.add_argument("--dry-run", action="store_true", help="send nothing; print the requests. Needs no token and no network")
    upload.add_argument("--resend", action="store_true", help="send bytes that are there already, or that were replaced since")
    _judging_options(upload)
    _reporting_options(upload)


def _files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="*", metavar="FILE|FOLDER",
        help="exports, folders of *.csv, or - for standard input; none: the folders of billproof.yaml",
    )  # fmt: skip


def _judging_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--organization", metavar="ID", help="whose export it must be, such as org-EXAMPLE1")
    _month_options(parser)
    parser.add_argument("--month-to-date", action="store_true", help="the month need not be over; days that ended must be there")
    parser.add_argument("--expect-total", metavar="AMOUNT", help="the month's total as you read it elsewhere, to the cent")
    _ruleset_option(parser)
    parser.add_argument("--config", metavar="FILE", help="the configuration, instead of the billproof.yaml above this folder")
    parser.add_argument("--second-opinion", action="store_true", help="ask frictionless, too (extra: billproof[frictionless])")


def _reporting_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=FORMATS, default="text", help="what standard output gets (default: text)")
    parser.add_argument(
        "--output", action="append", default=[], metavar="FORMAT=PATH", help="write the report to a file, too; may be repeated"
    )
    parser.add_argument("--max-findings", metavar="N", help="findings kept for each rule; counts are always true (default: 100)")
    volume = parser.add_mutually_exclusive_group()
    volume.add_argument("--quiet", action="store_true", help="only the verdicts")
    volume.add_argument("--verbose", action="store_true", help="every place")


def _add_ledger(commands: Any) -> None:
    ledger = _add(commands, "ledger", "make, list, show and verify the receipts of uploads", _ledger)
    actions = ledger.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=_Parser)
    for name, help in (
        ("init", "make an empty ledger, once, where billproof.yaml says"),
        ("list", "every upload, a line each"),
        ("show", "the receipts of one month"),
        ("verify", "recompute every digest and the chain; 1 if anything was edited, removed or brought in"),
    ):
        action = actions.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".", allow_abbrev=False)
        action.set_defaults(action=name)
        action.add_argument("--config", metavar="FILE", help="the configuration, instead of the billproof.yaml above this folder")
        if name == "show":
            action.add_argument("organization", metavar="ORG", help="the organization's id, or the integration's name")
            action.add_argument("month", metavar="MONTH", help="such as 2025-10")


def _month_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--month", metavar="YYYY-MM|last", help="the month to be replaced")
    parser.add_argument("--as-of", metavar="INSTANT", help="judge as of this date or RFC 3339 instant (default: now)")


def _ruleset_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ruleset", metavar="NAME|DIR", help="the rule set (default: openai-cost)")


def _add_rules(commands: Any) -> None:
    rules = _add(commands, "rules", "list, show, explain, test and document the rules", _rules)
    actions = rules.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=_Parser)
    for name, help in (
        ("list", "every rule of the set, a line each"),
        ("show", "one rule: what it asserts, why, what to do, examples"),
        ("kinds", "the kinds of check that a rule file may use"),
        ("test", "run every example of the set through the real command"),
        ("docs", "write a page for each rule"),
    ):
        action = actions.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".", allow_abbrev=False)
        action.set_defaults(action=name)
        _ruleset_option(action)
        if name == "show":
            action.add_argument("id", metavar="ID", help="such as OC304")
        if name == "docs":
            action.add_argument("--output", metavar="DIR", default="docs/rules", help="where to (default: docs/rules)")
            action.add_argument("--check", action="store_true", help="write nothing; fail if a page is stale")


def _check(options: argparse.Namespace) -> int:
    from validator.run import check
    from validator.settings import clock, policy_of

    outputs = _outputs(options.output)
    started = clock()
    settings = _settings(options, started, policy_of("check", options.policy or "check", options.fail_on or "error"))
    _refuse_to_overwrite(outputs, settings)
    run = check(settings)
    _print_report(_reported(run, started, outputs), options)
    return int(run.verdict.exit_code)


def _reported(run: Run, started: datetime, outputs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The report of a run, written to where it was asked for."""
    from validator.render import RENDERERS
    from validator.render.text import render_text
    from validator.report import build_report
    from validator.settings import clock

    if run.settings.expected_total is not None and len(run.files) > 1:
        raise UsageError("--expect-total speaks of one file", f"{len(run.files)} files were named.")
    report = build_report(run, started, clock(), os.environ)
    for format_, path in outputs:
        _write(path, render_text(report, "verbose") if format_ == "text" else RENDERERS[format_](report))
    return report


def _print_report(report: Mapping[str, Any], options: argparse.Namespace) -> None:
    from validator.render import RENDERERS
    from validator.render.text import Detail, render_text

    detail: Detail = "quiet" if options.quiet else "verbose" if options.verbose else "normal"
    if options.format == "text":
        _print(_painted(render_text(report, detail)), end="")
    else:
        _print_bytes(RENDERERS[options.format](report).encode("utf-8"))


def _upload(options: argparse.Namespace) -> int:
    from validator import upload
    from validator.render.sending import headline, sending_line
    from validator.settings import clock, policy_of
    from validator.values import rfc3339

    outputs = _outputs(options.output)
    started = clock()
    settings = _settings(options, started, policy_of("upload", "upload", "error"))
    _refuse_to_overwrite(outputs, settings)
    wish = upload.Wish(options.only, options.dry_run, options.resend)
    tell = _print if options.format == "text" else _note

    def now() -> str:
        return rfc3339(clock())

    with upload.planned(settings, wish, os.environ, now, lambda: _note("waiting for another upload to end …")) as plan:
        report = _reported(plan.run, started, outputs) if plan.run else None
        if report is None and (outputs or options.format != "text"):
            _note("no report: every file was set aside, none was judged")
        if report is not None and (options.format != "text" or report["verdict"] != "pass"):
            _print_report(report, options)
        sendings = []
        for one in upload.carry_out(plan, report, now):
            sendings.append(one)
            tell(sending_line(one, plan.name_width))
        if sendings:
            tell(_painted(headline(sendings, options.dry_run)))
        return int(upload.exit_code(plan, sendings))


def _ledger(options: argparse.Namespace) -> int:
    from validator import ledgerbook

    return ledgerbook.run(options, _config_of(options), _print)


def _config_of(options: argparse.Namespace) -> Config | None:
    from validator.config import read_config
    from validator.discovery import current_folder, find_config

    path = find_config(current_folder()) if options.config is None else options.config
    return None if path is None else read_config(path)


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


def _outputs(wanted: Sequence[str]) -> list[tuple[str, str]]:
    """`--output` as formats and paths."""
    found: list[tuple[str, str]] = []
    for one in wanted:
        format_, equals, path = one.partition("=")
        if not equals or not path or format_ not in FORMATS:
            raise UsageError(f"--output {one}: expected FORMAT=PATH", f"Formats of this version: {', '.join(FORMATS)}")
        if os.path.realpath(path).lower().endswith(".csv"):
            raise UsageError(f"--output {one}: a report is no CSV", "Choose a name that no export has.")
        if is_near(os.path.basename(path)):
            raise UsageError(f"--output {one}: a later run would take this for a configuration", "Call it report.json.")
        if any(os.path.realpath(path) == os.path.realpath(other) for _, other in found):
            raise UsageError(f"--output {one}: two reports for one file")
        found.append((format_, path))
    return found


def _refuse_to_overwrite(outputs: Sequence[tuple[str, str]], settings: Settings) -> None:
    """A report never replaces what the run reads: an export, the configuration, a rule, or what standard streams lead to."""
    if not outputs:
        return
    from validator.run import inputs

    read = [one.path for one in inputs(settings) if one.path != "-"]
    if settings.config:
        read.append(str(settings.config.path))
    folder = settings.ruleset.value or ""
    if os.path.isdir(folder) and not is_shipped(folder):
        read += [os.path.join(folder, name) for name in os.listdir(folder)]
    taken = {found for path in read if (found := _identity(path)) is not None}
    taken |= {found for stream in (0, 1) if (found := _identity(stream)) is not None}
    for format_, path in outputs:
        if _identity(path) in taken:
            raise UsageError(f"--output {format_}={path}: this would write over a file that this run uses")


def _identity(path: str | int) -> tuple[int, int] | None:
    """Device and number of a regular file, whatever name leads to it."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def _guide(options: argparse.Namespace) -> int:
    from validator.guide import guide

    _print(guide(options.month, options.as_of, options.ruleset), end="")
    return Exit.PASS


def _init(options: argparse.Namespace) -> int:
    from validator.guide import init

    _print(init(options.file), end="")
    return Exit.PASS


def _demo(options: argparse.Namespace) -> int:
    from validator.guide import demo

    text, as_it_should_be = demo()
    _print(_painted(text), end="")
    return Exit.PASS if as_it_should_be else Exit.FAIL


def _rules(options: argparse.Namespace) -> int:
    from validator import rulebook

    return rulebook.run(options.action, options, _print, run_command)


def _write(path: str, text: str) -> None:
    """Writes a result whole or not at all; a device or a pipe is written to as it is."""
    odd = os.path.exists(path) and _identity(path) is None
    target = path if odd else os.path.realpath(path)
    draft = target if odd else f"{target}.{os.getpid()}.part"
    try:
        with open(draft, "wb") as stream:
            stream.write(text.encode("utf-8"))
        if not odd:
            os.replace(draft, target)
    except OSError as error:
        if not odd:
            with contextlib.suppress(OSError):
                os.unlink(draft)
        raise Unwritable(f"UNPROVED  the report {path} could not be written: {error.strerror or error}") from None


def _print(text: str, end: str = "\n") -> None:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    _print_bytes((text + end).encode(encoding, "backslashreplace"))


def _note(text: str) -> None:
    """Something beside the result, for standard error."""
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    sys.stderr.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def _print_bytes(data: bytes) -> None:
    if sys.stdout is None:
        raise Unwritable("UNPROVED  standard output is closed, so nobody would see the result")
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # What is left in the buffer would be written, and fail, once more when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Unwritable(f"UNPROVED  standard output cannot be written: {error.strerror or error}") from None


_COLOURS: Mapping[str, str] = {"PASS": "\x1b[32m", "FAIL": "\x1b[31m", "UNPROVED": "\x1b[33m"}


def _painted(text: str) -> str:
    """Colour for the verdicts, on a terminal that wants it."""
    if sys.stdout is None or not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines):
        word = line.split("  ", 1)[0]
        if word in _COLOURS:
            lines[number] = f"{_COLOURS[word]}{word}\x1b[0m{line[len(word) :]}"
    return "\n".join(lines)
