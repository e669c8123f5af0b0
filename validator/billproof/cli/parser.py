"""The commands, how a command line is parsed and led to the one that it names, and the options that several share."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, NoReturn

from billproof import __version__
from billproof.cli.output import say
from billproof.config.discovery import current_folder
from billproof.model.errors import UsageError
from billproof.model.results import FORMATS
from billproof.model.values import shown

EXIT_CODES = (
    "exit codes: 0 pass; 1 fail (the file has errors); 2 usage, configuration or rule set error; 3 unproved (nothing to check, "
    "unreadable file, or internal error); 4 passed, but not uploaded or outcome unknown; 130 interrupted"
)
# argparse looks for translations of its words, which takes a fiftieth of a start; all others here are English.
vars(argparse)["_"] = lambda text: text

_DEFAULT_COLUMNS = 80
_LONGEST_NAME = 40


class Parser(argparse.ArgumentParser):
    """Raises UsageError, with the nearest known word, in place of ending the program."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=_formatter, **options)

    def _print_message(self, message: str, file: Any = None) -> None:
        """Help and version are results: where they cannot be written, the command says so as for any other."""
        say(message, end="")

    def error(self, message: str) -> NoReturn:
        if "arguments are required" in message:
            # argparse fills arguments from the left: of ORG and MONTH it misses the last, whichever was left out.
            required = ((*action.option_strings, str(action.metavar)) for action in self._actions if action.required)
            message = f"needs {' '.join(map(' '.join, required))}"
        raise _refusal(self.prog, message)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            from billproof.io.secrets import without_keys

            name, words = "/".join(action.option_strings) or action.metavar or action.dest, list(map(str, action.choices))
            text = f"{name} {shown(without_keys(value))}: expected one of {', '.join(words)}"
            raise _refusal(self.prog, text, value, words)


def _formatter(prog: str) -> argparse.HelpFormatter:
    """argparse makes one for each option, and each would ask for the terminal's width with shutil, which is slow to load."""
    try:
        columns = int(os.environ.get("COLUMNS") or os.get_terminal_size().columns)
    except (OSError, ValueError):
        columns = _DEFAULT_COLUMNS
    return argparse.HelpFormatter(prog, width=columns - 2)


def _refusal(prog: str, message: str, word: str = "", known: Iterable[str] = ()) -> UsageError:
    near = []
    if word:
        from difflib import get_close_matches

        # Two dashes alone make `--month` look like `--only`.
        bare = {name.lstrip("-"): name for name in sorted(known)}
        near = [bare[name] for name in get_close_matches(word.lstrip("-"), bare, 1, 0.55)]
    return UsageError(f"{prog}: {message}", (f"Did you mean {near[0]}? " if near else "") + f"See {prog} --help")


def parsed(parser: Parser, arguments: Sequence[str]) -> argparse.Namespace:
    """The options of a command line. Raises UsageError for words that `parser` does not know, for a file name that looks like
    an option, and for an option that argparse would take for a file.
    """
    words = list(takewhile(lambda word: word != "--" or os.path.lexists(word), arguments))
    for word in words:
        if word.startswith("-") and word != "-" and os.path.lexists(word):
            text = f"{word} looks like an option, but a file here has that name"
            raise UsageError(text, f"If you mean the file, write ./{word}; if you mean the option, rename the file.")
    # argparse takes an unknown option for a file if it contains a space, as its value may.
    takes_value = {name: action.nargs != 0 for action in arguments_of(parser) for name in action.option_strings}
    for before, word in zip(("", *words), words, strict=False):
        name, equals, _ = word.partition("=")
        if not word.startswith("--") or takes_value.get(before):
            continue
        if name not in takes_value:
            raise _unknown(parser, [word])
        if equals and not takes_value[name]:
            raise _refusal(parser.prog, f"{name} takes no value")
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        raise _unknown(parser, unknown)
    return options


def _unknown(parser: Parser, words: Sequence[str]) -> UsageError:
    """What is said of unknown words: the name of the first unknown option, never its value, which may be a secret."""
    known = {name for action in arguments_of(parser) for name in action.option_strings}
    options = [word.partition("=")[0] for word in words if word.startswith("-") and word.strip("-")]
    option = next((name for name in options if name not in known), None)
    if option is None:
        return _refusal(parser.prog, f"unrecognized arguments: {shown(' '.join(words))}")
    is_name = not option.startswith("---") and option.replace("-", "").replace("_", "").isalnum()
    text = f"unrecognized arguments: {option[:_LONGEST_NAME] if is_name else '…'}"
    return _refusal(parser.prog, text, option if is_name else "", known)


def arguments_of(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Every argument of a parser and of the commands below it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from arguments_of(inner)
        else:
            yield action


def add_parsers(
    parser: argparse.ArgumentParser, kind: str, helps: Mapping[str, str]
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """A parser below `parser` for each name in `helps`; the options have the name as their attribute `kind`."""
    parsers = parser.add_subparsers(title=f"{kind}s", metavar=kind.upper(), prog=parser.prog, required=True)
    for name, help in helps.items():
        inner = parsers.add_parser(name, help=help, description=f"{help[0].upper()}{help[1:]}.")
        inner.set_defaults(**{kind: name})
        yield name, inner


def ruleset_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ruleset", metavar="NAME|DIR", help="rule set name or folder. Default: the one in billproof.yaml, or openai-cost"
    )


def config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", metavar="FILE", help="configuration file. Default: the nearest billproof.yaml in this folder or above"
    )


def only_option(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--only", metavar="INTEGRATION", action="append", default=[], help=f"{what} only this integration; repeatable"
    )


def checking_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="*", metavar="FILE|FOLDER",
        help="exports, folders of *.csv, both also as s3://, gs:// or az:// (needs the extra `cloud`), or - for standard input. "
        "Default: the folders in billproof.yaml",
    )  # fmt: skip
    only_option(parser, "check")
    parser.add_argument("--organization", metavar="ID", help="expected organization ID, such as org-EXAMPLE1")
    parser.add_argument(
        "--month", metavar="YYYY-MM|last",
        help="month that the upload replaces; `last` is the last complete month. Default: read from the rows",
    )  # fmt: skip
    parser.add_argument("--as-of", metavar="INSTANT", help="check as if run at this date or RFC 3339 time. Default: now")
    parser.add_argument(
        "--month-to-date", action="store_true", help="accept a month that has not ended; requires every day so far"
    )
    parser.add_argument(
        "--expect-total", metavar="AMOUNT", help="expected total, to the cent, for example from OpenAI's dashboard"
    )
    ruleset_option(parser)
    config_option(parser)
    parser.add_argument(
        "--second-opinion", action="store_true",
        help="also validate with frictionless and compare (needs the extra `frictionless`)",
    )  # fmt: skip
    parser.add_argument(
        "--costs", metavar="FILE", help="compare with this record of OpenAI's costs. Default: the newest in the folder of records"
    )
    parser.add_argument("--costs-required", action="store_true", help="require a record to compare with")
    parser.add_argument("--costs-key", metavar="PUB", help="require the record to be signed with this key (PEM public key)")
    parser.add_argument("--jobs", metavar="N", help="check N files in parallel. Default: 1")


def reporting_options(parser: argparse.ArgumentParser, attest: str, output: str = "also write the report to a file") -> None:
    """What is made of a run; `attest` and `output` are the help of these options."""
    parser.add_argument("--format", choices=FORMATS, default="text", help="output format. Default: text")
    parser.add_argument(
        "--output", action="append", default=[], metavar="FORMAT=PATH", help=f"{output}; repeatable"
    )
    parser.add_argument(
        "--max-findings", metavar="N", help="maximum findings listed per rule; counts stay complete. Default: 100"
    )
    volume = parser.add_mutually_exclusive_group()
    volume.add_argument("--quiet", action="store_true", help="show verdicts only")
    volume.add_argument("--verbose", action="store_true", help="list every finding")
    parser.add_argument(
        "--explain", action="store_true", help="for each failed rule, explain why it matters and how to fix it (text only)"
    )
    parser.add_argument("--attest", metavar="KEY", help=attest)


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
    "convert": "write exports that pass as FOCUS, or as a custom invoice for Pelanor",
    "costs": "fetch, show and list OpenAI's own record of the costs, which exports are compared with",
    "ledger": "create, list, show and verify upload receipts",
    "status": "show accepted uploads by month and what is due; exit code 1 if anything is due",
    "verify": "re-run the checks in a report and compare the results; exit code 1 if anything differs",
    "pack": "create an evidence pack for auditors: export, report, receipts, rules, configuration",
    "spend": "show what the accepted months cost, why that changed, and what stands out",
    "rules": "list, show, test and document rules",
    "sandbox": "run a local test server for uploads (needs the extra `sandbox`)",
    "completion": "print a shell completion script",
}


def run_command(arguments: Sequence[str]) -> int:
    """Runs one command line; gives its exit code. Raises BillproofError for what cannot be done, as where the
    working folder is gone.
    """
    if not arguments:
        say(_START)
        return USAGE_ERROR
    name = arguments[0]
    if name not in COMMANDS and not name.startswith("-") and os.path.exists(name):
        raise UsageError(f"billproof {name}: not a command", f'Did you mean: billproof check "{name}"')
    parser = build_parser([name]) if name in COMMANDS else build_parser(arguments=False)
    options = parsed(parser, arguments)
    current_folder()
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
