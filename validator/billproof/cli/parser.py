"""The words of the command line: every command and option with its help. What they do stands in `cli.py`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, NoReturn

from billproof import __version__
from billproof.model.errors import UsageError
from billproof.model.values import shown
from billproof.report.render import FORMATS

SHELLS = ("bash", "zsh", "fish")

_EPILOG = """exit codes: 0 pass; 1 fail: the file is at fault; 2 wrong usage, configuration or rule set;
3 unproved: nothing to check, unreadable, or something broke; 4 passed, but not sent; 130 interrupted"""


class _Parser(argparse.ArgumentParser):
    def format_help(self) -> str:
        if self.formatter_class is _unsized:
            self.formatter_class = argparse.RawDescriptionHelpFormatter
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {_masked(message)}", f"{self._meant(message)}See {self.prog} --help")

    def _meant(self, message: str) -> str:
        """The known word that is nearest to a misspelt one, as a question; nothing if none is near."""
        import re
        from difflib import get_close_matches

        option = re.match(r"unrecognized arguments: (?:.*? )??(--[\w-]+)", message)
        choice = re.search(r"invalid choice: '(.+?)' \(choose from (.*)\)", message)
        word, known = "", set[str]()
        if option:
            word, known = option[1], {one for action in arguments_of(self) for one in action.option_strings}
        elif choice:
            word, known = choice[1], set(re.findall(r"[\w-]+", choice[2]))
        near = get_close_matches(word, sorted(known), 1)
        return f"Did you mean {near[0]}? " if near else ""


def _masked(message: str) -> str:
    """A message without what may be a secret: of unknown options only the first one's name, and nothing of a key."""
    import re

    start, unrecognized, rest = message.partition("unrecognized arguments: ")
    if unrecognized:
        option = re.search(r"(?:^|\s)(-\S*)", rest)
        name = re.match(r"--?[A-Za-z][\w-]{0,40}", option[1]) if option else None
        message = start + unrecognized + (name[0] if name else "…" if option else shown(rest))
    return re.sub(r"-----BEGIN[^']*", "…", message)


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """A command line, of one word at least, as its options. Raises UsageError for what cannot be meant, among it a file that
    would be taken for an option, and an option that would be taken for a file.
    """
    parser = build_parser(arguments[0])
    words = list(takewhile(lambda word: word != "--" or os.path.lexists(word), arguments))
    for word in words:
        if word.startswith("-") and word != "-" and os.path.lexists(word):
            text = f"{word}: begins as an option does, and a file here has this name"
            raise UsageError(text, f"If the file is meant, write ./{word}; if an option, rename the file.")
    # argparse takes an unknown option for a file if it has a blank, as its value may have.
    known = {name: one.nargs != 0 for one in arguments_of(parser) for name in one.option_strings}
    for before, word in zip(("", *words), words, strict=False):
        is_unknown = word.startswith("--") and word.partition("=")[0] not in known and not known.get(before)
        if is_unknown and words[0] in _COMMANDS:
            parser.error(f"unrecognized arguments: {word}")
    return parser.parse_args(arguments)


def arguments_of(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Every argument of a parser and of the commands below it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from arguments_of(inner)
        else:
            yield action


def _unsized(prog: str) -> argparse.HelpFormatter:
    """Checks an option's help as it is declared. Only help that is shown asks for the terminal's width: that is slow."""
    return argparse.RawDescriptionHelpFormatter(prog, width=80)


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Every command and option with its help text; only that of `command`, if it is one (none for `--version`): it is quicker."""
    parser = _Parser(
        prog="billproof", description="Proves that an OpenAI cost export is fit to be imported into Pelanor.",
        epilog=_EPILOG, allow_abbrev=False, formatter_class=_unsized,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"billproof {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", prog=parser.prog, required=True, parser_class=_Parser)
    for name, add in _COMMANDS.items():
        if command not in ("--version", *_COMMANDS) or name == command:
            add(commands)
    return parser


_OF_VERIFY = """exit codes: 0 agrees; 1 differs; 2 wrong usage, configuration or rule set;
3 unproved: it could not be done again; 130 interrupted"""
_OF_PACK = """exit codes: 0 packed; 2 wrong usage, configuration or rule set; 3 not proved, or not found:
there is no pack then; 130 interrupted"""
_OF_STATUS = """exit codes: 0 nothing is due; 1 something is; 2 wrong usage, configuration or rule set;
3 unproved: the ledger or a file could not be read; 130 interrupted"""


def _add(commands: Any, name: str, help: str, epilog: str = _EPILOG) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help, description=help[0].upper() + help[1:] + ".", epilog=epilog, allow_abbrev=False,
        formatter_class=_unsized,
    )  # fmt: skip
    parser.set_defaults(command=name)
    return parser


def _add_check(commands: Any) -> None:
    check = _add(commands, "check", "check exports; every rule must have run for a pass")
    _files(check)
    _judging_options(check)
    check.add_argument("--policy", choices=("check", "upload"), default=None, help="upload: judge as an upload would")
    check.add_argument("--fail-on", choices=("error", "warning"), default=None, help="lowest level that fails (default: error)")
    _reporting_options(check)
    check.add_argument("--attest", metavar="KEY", help="sign report and verdict: FILE.intoto.jsonl (extra: billproof[attest])")


def _add_upload(commands: Any) -> None:
    upload = _add(commands, "upload", "check exports and send them, only if every one may be uploaded")
    _files(upload)
    upload.add_argument("--to", metavar="DESTINATION", help="where to, instead of the integration's `to:`")
    upload.add_argument("--only", metavar="INTEGRATION", help="only this integration's files")
    upload.add_argument("--dry-run", action="store_true", help="send nothing; print the requests. Needs no token and no network")
    upload.add_argument("--resend", action="store_true", help="send bytes that are there already, or that were replaced since")
    _judging_options(upload)
    _reporting_options(upload)
    upload.add_argument("--attest", metavar="KEY", help="sign reports, verdicts and receipts (extra: billproof[attest])")


def _add_guide(commands: Any) -> None:
    guide = _add(commands, "guide", "what to click in OpenAI's export dialog, with the dates filled in")
    _month_options(guide)
    _ruleset_option(guide)
    _config_option(guide)


def _add_init(commands: Any) -> None:
    init = _add(commands, "init", "write billproof.yaml and the ledger, with the organization of an export; never overwrites")
    init.add_argument("file", nargs="?", metavar="FILE", help="an export of the organization")


def _add_demo(commands: Any) -> None:
    _add(commands, "demo", "three small exports: a good one, the dashboard's 31 days, one saved by a spreadsheet")


def _add_status(commands: Any) -> None:
    status = _add(commands, "status", "what was accepted, month by month, and what is due; 1 if anything is", _OF_STATUS)
    status.add_argument("--month", metavar="YYYY-MM|last", help="one month (default: last, the last one that is over)")
    status.add_argument("--from", dest="first", metavar="YYYY-MM", help="the first month of a grid")
    status.add_argument("--to", dest="last", metavar="YYYY-MM", help="the last month of a grid (default: last)")
    status.add_argument("--as-of", metavar="INSTANT", help="what is due at this date or RFC 3339 instant (default: now)")
    _config_option(status)
    status.add_argument("--format", choices=("text", "json"), default="text", help="what is printed (default: text)")
    status.set_defaults(
        files=(), organization=None, month_to_date=False, expect_total=None, ruleset=None, second_opinion=False,
        max_findings=None, jobs=None,
    )  # fmt: skip


def _add_pack(commands: Any) -> None:
    pack = _add(commands, "pack", "a folder for auditors: export, report, receipts, rules, configuration of an upload", _OF_PACK)
    pack.add_argument("whose", metavar="ORG", help="the organization's id, or the integration's name")
    pack.add_argument("months", metavar="MONTH", nargs="+", help="such as 2025-10, or last for the last one that is over")
    pack.add_argument(
        "--output", metavar="DIR", required=True,
        help="the folder, not there yet or empty; several months: a folder each in it",
    )  # fmt: skip
    pack.add_argument("--to", metavar="DESTINATION", help="where it was sent to, instead of the integration's `to:`")
    _ruleset_option(pack)
    _config_option(pack)
    pack.set_defaults(
        files=(), organization=None, month=None, as_of=None, month_to_date=False, expect_total=None, second_opinion=False,
        max_findings=None, jobs=None,
    )  # fmt: skip


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
    _config_option(parser)
    parser.add_argument("--second-opinion", action="store_true", help="ask frictionless, too (extra: billproof[frictionless])")
    parser.add_argument("--jobs", metavar="N", help="check N files at a time, each in a process of its own (default: 1)")


def _reporting_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=FORMATS, default="text", help="what standard output gets (default: text)")
    parser.add_argument(
        "--output", action="append", default=[], metavar="FORMAT=PATH", help="write the report to a file, too; may be repeated"
    )
    parser.add_argument("--max-findings", metavar="N", help="findings kept for each rule; counts are always true (default: 100)")
    volume = parser.add_mutually_exclusive_group()
    volume.add_argument("--quiet", action="store_true", help="only the verdicts")
    volume.add_argument("--verbose", action="store_true", help="every place")
    parser.add_argument("--explain", action="store_true", help="in the text: why each failed rule matters, and what to do")


def _add_ledger(commands: Any) -> None:
    ledger = _add(commands, "ledger", "make, list, show and verify the receipts of uploads")
    actions = ledger.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=_Parser)
    for name, help in (
        ("init", "make an empty ledger, once, where billproof.yaml says"),
        ("list", "every upload, a line each"),
        ("show", "the receipts of one month"),
        ("verify", "recompute every digest and the chain; 1 if a receipt was edited, brought in, or is missing from the chain"),
    ):
        action = actions.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".", allow_abbrev=False)
        action.set_defaults(action=name)
        _config_option(action)
        if name == "list":
            action.add_argument("--organization", metavar="ORG", help="only this one: its id, or the integration's name")
            action.add_argument("--month", metavar="YYYY-MM", help="only this month")
            action.add_argument(
                "--format", choices=("text", "json"), default="text", help="json: the receipts themselves (default: text)"
            )
        if name == "verify":
            action.add_argument("--key", metavar="PUB", help="every receipt must be attested with this public key")
        if name == "show":
            action.add_argument("organization", metavar="ORG", help="the organization's id, or the integration's name")
            action.add_argument("month", metavar="MONTH", help="such as 2025-10")


def _add_verify(commands: Any) -> None:
    verify = _add(commands, "verify", "do again what a report says was done, and compare; 1 if anything differs", _OF_VERIFY)
    verify.add_argument("report", metavar="REPORT", help="a report in JSON")
    verify.add_argument("file", nargs="?", metavar="FILE", help="the export it speaks of; without it, all files where they lay")
    verify.add_argument("--ruleset", metavar="NAME|DIR", help="the rule set that was used, if it is not a shipped one")
    verify.add_argument("--config", metavar="FILE", help="the configuration that was used, to compare waivers and organization")
    verify.add_argument("--key", metavar="PUB", help="FILE.intoto.jsonl must have been signed with this public key's other half")


def _month_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--month", metavar="YYYY-MM|last", help="the month to be replaced")
    parser.add_argument("--as-of", metavar="INSTANT", help="judge as of this date or RFC 3339 instant (default: now)")


def _ruleset_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ruleset", metavar="NAME|DIR", help="the rule set (default: billproof.yaml's, else openai-cost)")


def _config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="the configuration, instead of the billproof.yaml above this folder")


def _add_rules(commands: Any) -> None:
    rules = _add(commands, "rules", "list, show, test and document the rules")
    actions = rules.add_subparsers(title="actions", metavar="ACTION", required=True, parser_class=_Parser)
    for name, help in (
        ("list", "every rule of the set, a line each"),
        ("show", "one rule: what it asserts, why, what to do, examples"),
        ("kinds", "the kinds of check that a rule file may use"),
        ("test", "run every example of the set through the real command; look through billproof.yaml"),
        ("docs", "write a page for each rule"),
    ):
        action = actions.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".", allow_abbrev=False)
        action.set_defaults(action=name)
        _ruleset_option(action)
        if name != "kinds":
            _config_option(action)
        if name == "show":
            action.add_argument("id", metavar="RULE", help="its id, such as OC304")
        if name == "docs":
            action.add_argument("--output", metavar="DIR", default="docs/rules", help="where to (default: docs/rules)")
            action.add_argument("--check", action="store_true", help="write nothing; fail if a page is stale")


def _add_completion(commands: Any) -> None:
    completion = _add(commands, "completion", "print the script with which a shell completes commands, options and files")
    completion.add_argument("shell", choices=SHELLS, help="the shell; docs/completion.md says where the script goes")


def _add_sandbox(commands: Any) -> None:
    sandbox = _add(commands, "sandbox", "a server on this machine for trying uploads (extra: billproof[sandbox])")
    sandbox.add_argument("--port", default="8765", metavar="N", help="where it listens; 0 is any free port (default: 8765)")
    sandbox.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS", help="another address than this machine's own 127.0.0.1"
    )
    sandbox.add_argument("--delay", default="0", metavar="SECONDS", help="until an upload is visible (default: 0)")
    _config_option(sandbox)
    sandbox.add_argument(
        "--integration", action="append", default=[], metavar="ID=ORGANIZATION",
        help="an integration beside those of the configuration; may be repeated",
    )  # fmt: skip
    sandbox.add_argument(
        "--max-bytes", default="104857600", metavar="N", help="the largest upload that it takes (default: 100 MiB)"
    )
    sandbox.add_argument(
        "--fault", action="append", default=[], metavar="NAME[:N]",
        help="what is to happen to the next N uploads: delay, too_many, error, cut_before_body, cut_after_body, lost_answer",
    )  # fmt: skip


_COMMANDS: Mapping[str, Callable[[Any], None]] = {
    "check": _add_check, "upload": _add_upload, "guide": _add_guide, "init": _add_init, "demo": _add_demo,
    "ledger": _add_ledger, "status": _add_status, "verify": _add_verify, "pack": _add_pack, "rules": _add_rules,
    "sandbox": _add_sandbox, "completion": _add_completion,
}  # fmt: skip
