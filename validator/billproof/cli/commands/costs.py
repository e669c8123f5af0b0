"""`billproof costs`: OpenAI's own record of a month is fetched, shown and listed."""

from __future__ import annotations

import argparse
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from functools import partial, reduce
from pathlib import Path

from billproof.cli.arguments import config_of
from billproof.cli.output import note, say
from billproof.cli.parser import add_parsers, config_option, only_option
from billproof.config.choice import chosen
from billproof.config.destinations import VARIABLE, Token
from billproof.config.file import Config
from billproof.config.settings import clock, parse_month
from billproof.engine.verdict import Exit
from billproof.io.secrets import Secret, from_environment, from_file, without_keys
from billproof.model.costs import OPENAI_URL, CostsRecord
from billproof.model.errors import BillproofError, Unwritable, UsageError
from billproof.model.record import Record
from billproof.model.values import EXACT, cents, day_of, in_words, month_name, number, shown
from billproof.openai.find import FOLDER
from billproof.openai.record import month_folder, months_of, newest_first, place_of, read_record, record_in, sealed, write

_SHOWN = 30
_ACTIONS = {
    "fetch": "fetch what OpenAI's Costs API says about a month, with an organization's admin key",
    "show": "show what a record covers, with totals by day, project and line item",
    "list": "list the records of the organizations in billproof.yaml",
}


class _Wanted(Record):
    """What to fetch: of which organization, from where, with the key that `key` reads, into which folder."""

    name: str
    organization: str
    base_url: str
    key: Callable[[], Secret]
    folder: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the actions of `billproof costs` and their arguments."""
    for name, action in add_parsers(parser, "action", _ACTIONS):
        action.epilog = "exit codes: 0 done; 2 usage or configuration error; 3 no record, or an unreadable one; 130 interrupted"
        if name == "show":
            action.add_argument("record", metavar="FILE", help="a record")
            continue
        config_option(action)
        if name == "fetch":
            action.add_argument("--month", metavar="YYYY-MM|last", default="last", help="month to fetch. Default: last")
            only_option(action, "fetch")
            action.add_argument("--output", metavar="FILE", help="write the record to this new file, not to its folder")
            action.add_argument("--attest", metavar="KEY", help="sign the record with this key (needs the extra `attest`)")
            action.add_argument("--organization", metavar="ID", help="without billproof.yaml: the organization ID")
            action.add_argument(
                "--key-env", metavar="NAME", help="without billproof.yaml: the environment variable with the admin key"
            )


def run(options: argparse.Namespace) -> int:
    """Runs the action. Raises UsageError without what it needs, Unreadable for a record that cannot be relied on."""
    if options.action == "show":
        say("\n".join(shown(line, None) for line in page(read_record(options.record))))
        return Exit.PASS
    config = config_of(options)
    if options.action == "list":
        if config is None:
            text = "no billproof.yaml was found, so it is unknown where records are"
            raise UsageError(text, "Name a record: billproof costs show FILE")
        say("\n".join(listing(config)))
        return Exit.PASS
    return _fetch(options, config)


def _fetch(options: argparse.Namespace, config: Config | None) -> int:
    from billproof.openai.fetch import fetch

    month = parse_month(options.month, clock()).value or ""
    signer = None
    if options.attest is not None:
        from billproof.audit.signing.dsse import read_signer

        signer = read_signer(options.attest)
    lost = 0
    for wanted in _wanted(options, config):
        try:
            fetched = fetch(wanted.organization, month, wanted.base_url, wanted.key())
            path = options.output or place_of(wanted.folder, fetched.document)
            data = sealed(fetched.document)
            record = record_in(path, data)
            _write(path, data)
            if signer is not None:
                from billproof.audit.signing.attestation import attest_record

                attest_record(signer, path, data, fetched.document)
        except UsageError:
            raise
        except BillproofError as error:
            lost += 1
            note(shown(f"{wanted.name}: no record of {month_name(month)}: {error.message}", None))
            if error.help:
                note(error.help)
            continue
        for text in fetched.notes:
            note(f"{wanted.name}: {text}")
        whose = record.whose if wanted.name == record.organization else shown(wanted.name)
        say(f"{whose}  {shown(summary(record), None)}\n  {shown(path, None)}")
    return Exit.UNPROVED if lost else Exit.PASS


def _wanted(options: argparse.Namespace, config: Config | None) -> list[_Wanted]:
    """What to fetch. Raises UsageError for options and settings that do not fit together."""
    if options.output is not None and os.path.lexists(options.output):
        raise UsageError(f"--output {options.output}: there is a file of that name; a record never replaces anything")
    if options.organization is not None or options.key_env is not None:
        if not (options.organization and options.key_env and options.output) or options.only:
            raise UsageError("without billproof.yaml, `costs fetch` needs --organization, --key-env and --output")
        # What was typed may be the key, so it is not shown.
        if not re.fullmatch(r"\S+", options.organization) or without_keys(options.organization) != options.organization:
            raise UsageError("--organization is not an ID", "Write it as in OpenAI's settings: org-…")
        if not re.fullmatch(VARIABLE, options.key_env):
            help = "The key itself is never on the command line. If you typed it: revoke it, and create another one."
            raise UsageError("--key-env is not the name of a variable, such as OPENAI_ADMIN_KEY", help)
        key = partial(from_environment, options.key_env)
        return [_Wanted(options.organization, options.organization, OPENAI_URL, key, FOLDER)]
    if config is None:
        raise UsageError("no billproof.yaml was found", "Name --organization ID, --key-env NAME and --output FILE.")
    wanted, keyless = [], []
    for integration in chosen(config, options.only):
        name, costs = integration.name, config.costs_of(integration)
        if costs is None or costs.key is None:
            if name in options.only:
                raise UsageError(f"integration {name} has no key", "Add `costs: {key: {env: OPENAI_ADMIN_KEY}}` to it.")
            keyless.append(name)
            continue
        folder = config.beside(costs.folder or FOLDER)
        base_url = (costs.base_url or OPENAI_URL).rstrip("/")
        wanted.append(_Wanted(name, integration.organization, base_url, _key(config, costs.key), folder))
    if not wanted:
        raise UsageError("no integration has a key", "Add `costs: {key: {env: OPENAI_ADMIN_KEY}}` to the integration.")
    if keyless:
        note(f"not fetched, since there is no key: {', '.join(keyless)}")
    if options.output is not None and len(wanted) > 1:
        raise UsageError("--output is for one record", "Choose the integration with --only.")
    return wanted


def _key(config: Config, key: Token) -> Callable[[], Secret]:
    return partial(from_environment, key.env) if key.env else partial(from_file, Path(config.beside(key.file or "")))


def _write(path: str, data: bytes) -> None:
    try:
        write(path, data)
    except OSError as error:
        raise Unwritable(f"the record {path} could not be written: {error.strerror or error}") from None


def page(record: CostsRecord) -> Iterator[str]:
    """A record as people read it: what it covers, then totals by day, project and line item, the largest first."""
    yield f"{record.whose}  {summary(record)}, from {record.base_url}"
    days: defaultdict[str, Decimal] = defaultdict(Decimal)
    projects, items = days.copy(), days.copy()
    for (day, project, item), amount in record.amounts.items():
        label = f"{project} ({record.names[project]})" if project in record.names else project or "no project"
        for sums, name in ((days, day_of(day).isoformat()), (projects, label), (items, item or "no line item")):
            sums[name] = EXACT.add(sums[name], amount)
    for title, sums in (("by project", projects), ("by line item", items)):
        yield from _table(title, sorted(sums.items(), key=lambda entry: (-entry[1], entry[0])))
    yield from _table("by day", [(day_of(day).isoformat(), days[day_of(day).isoformat()]) for day in record.days])


def _table(title: str, sums: Sequence[tuple[str, Decimal]]) -> Iterator[str]:
    yield title
    for name, amount in sums[:_SHOWN + 1]:
        yield f"  {cents(amount):>16,f} USD  {name}"
    rest = sums[_SHOWN + 1 :]
    if rest:
        yield f"  {cents(reduce(EXACT.add, (amount for _, amount in rest))):>16,f} USD  {len(rest)} more"


def listing(config: Config) -> Iterator[str]:
    """A line for each record of each integration, the newest of a month first."""
    rows = []
    for integration in config.file.integrations:
        costs = config.costs_of(integration)
        folder = config.beside((costs.folder if costs else None) or FOLDER)
        for month in months_of(folder, integration.organization):
            for path in newest_first(month_folder(folder, integration.organization, month)):
                record = read_record(path)
                rows.append((shown(integration.name), record.whose, shown(summary(record), None), shown(path, None)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
    if not rows:
        yield "no records yet: billproof costs fetch"


def summary(record: CostsRecord) -> str:
    """A record in a line: its month, what it covers and its total."""
    projects = {project for _, project, _ in record.amounts if project}
    sizes = ", ".join((number(len(record.days), "day"), number(len(projects), "project"), number(len(record.amounts), "key")))
    total = cents(reduce(EXACT.add, record.amounts.values(), Decimal(0)))
    return f"{month_name(record.month)}  {sizes}, {total:,f} USD, read {in_words(record.finished)}"
