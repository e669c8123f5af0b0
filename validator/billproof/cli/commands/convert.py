"""`billproof convert`: exports that pass a check are written in another format, for FOCUS tools or as a custom invoice."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from itertools import groupby

from billproof.cli.arguments import settings_of
from billproof.cli.output import progress, say
from billproof.cli.parser import checking_arguments
from billproof.cli.reporting import print_report, reported
from billproof.config.settings import Settings, parse_number
from billproof.delivery.earlier import known
from billproof.engine.pipeline import Run, check
from billproof.engine.verdict import Exit, two_of_a_month
from billproof.model.errors import UsageError
from billproof.model.results import FileResult, Policy
from billproof.model.values import cents, money, month_before, month_name, number, shown
from billproof.reading.source import STANDARD_INPUT
from billproof.rules.rule import DEFAULT_RULESET
from billproof.spend.convert import Written, convert, exists
from billproof.spend.focus import ISSUER, FocusRows, Version
from billproof.spend.invoice import InvoiceRows

MAX_DECIMALS = 100
_ONLY_FOR = {"focus": ("focus_version", "issuer", "invoice_id"), "pelanor-invoice": ("decimals",)}
_SHOWN = 12
# What Vantage's custom provider takes in a file.
_VANTAGE_ROWS, _VANTAGE_BYTES = 10_000, 2_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `billproof convert`."""
    checking_arguments(parser)
    formats = tuple(_ONLY_FOR)
    parser.add_argument(
        "--to", dest="target", choices=formats, metavar="|".join(formats), required=True, help="format to write"
    )
    parser.add_argument("--output", metavar="FILE", required=True, help="new CSV file; never overwrites")
    parser.add_argument("--focus-version", choices=("1.4", "1.2"), help="version of FOCUS. Default: 1.4")
    parser.add_argument("--issuer", metavar="NAME", help=f"FOCUS: legal entity on the invoice. Default: {ISSUER}")
    parser.add_argument("--invoice-id", metavar="ID", help="FOCUS: number of the month's invoice, if it is known")
    parser.add_argument("--decimals", metavar="N", help="custom invoice: round costs, and carry the rest into the next row")
    parser.add_argument("--user-ids", action="store_true", help="also write the IDs of users and API keys")
    parser.set_defaults(format="text", quiet=False, verbose=False, explain=False)
    parser.epilog = (
        "exit codes: 0 converted; otherwise nothing is written: 1 a file failed the check; 2 usage, configuration or rule set "
        "error; 3 unproved, or not written; 130 interrupted"
    )


def run(options: argparse.Namespace) -> int:
    """Checks the files and converts them if all pass; gives the exit code of the check. Raises UsageError."""
    settings = _settings(options)
    with progress(settings, options.quiet) as watched:
        checked = check(watched, known())
    if checked.verdict.exit_code is not Exit.PASS:
        print_report(checked, *reported(checked, [], None, options), options)
        return int(checked.verdict.exit_code)
    _refuse_what_does_not_add_up(checked, options)
    names = {name for file in checked.files for name in file.header}
    roles = {role for role, name in checked.ruleset.roles.items() if name in names}
    rows = _rows(options, roles)
    written = convert(checked.files, checked.ruleset.roles, rows, options.output)
    say("\n".join(shown(line, None) for line in _told(options, checked, rows, written)))
    return Exit.PASS


def _settings(options: argparse.Namespace) -> Settings:
    """The settings of the check. Raises UsageError for options that do not fit together, and for an output that exists."""
    for target, names in _ONLY_FOR.items():
        given = next((name for name in names if getattr(options, name) is not None), None)
        if given and options.target != target:
            raise UsageError(f"--{given.replace('_', '-')} is for --to {target}", "Leave it out.")
    if options.decimals is not None:
        parse_number(options.decimals, "--decimals", 0, MAX_DECIMALS)
    if STANDARD_INPUT in (*options.files, options.output):
        raise UsageError("convert reads files, and writes one: - is neither", "Name a file.")
    if os.path.lexists(options.output):
        raise exists(options.output)
    settings = settings_of(options, Policy())
    config = settings.config
    holder = config.integration_of_file(options.output) if config else None
    if holder is not None and (options.target == "focus" or holder.ruleset == DEFAULT_RULESET):
        text = f"--output {options.output}: is in the folder of {holder.name}, whose CSV files are exports"
        raise UsageError(text, "Write it elsewhere.")
    return settings


def _refuse_what_does_not_add_up(run: Run, options: argparse.Namespace) -> None:
    """Raises UsageError for what is not an OpenAI export, for a month that would count twice, and for several in one invoice."""
    if run.ruleset.base != DEFAULT_RULESET:
        raise UsageError(f"convert reads OpenAI's cost exports; {run.ruleset.name} is a rule set for other files")
    seen: dict[tuple[str | None, str | None], str] = {}
    for file in run.files:
        organization, month = whose = file.organization.value, file.month.value
        if whose in seen:
            text = two_of_a_month(month or "a month", _whose(file) if organization else "an organization", seen[whose], file.path)
            raise UsageError(f"{text}; nothing was written", "Its charges would count twice. Name one of them.")
        seen[whose] = file.path
    what = "a custom invoice" if options.target == "pelanor-invoice" else "--invoice-id" if options.invoice_id else ""
    if what and len(seen) > 1:
        text = f"{what} is for one month of one organization, and {len(seen)} files were named; nothing was written"
        raise UsageError(text, "Convert each to a file of its own.")


def _whose(file: FileResult) -> str:
    return f"{file.organization.value}" + f" ({file.organization_name})" * bool(file.organization_name)


def _rows(options: argparse.Namespace, roles: set[str]) -> FocusRows | InvoiceRows:
    if options.target == "focus":
        issuer, invoice = options.issuer or ISSUER, options.invoice_id or ""
        version: Version = "1.2" if options.focus_version == "1.2" else "1.4"
        return FocusRows(version, roles, personal=options.user_ids, issuer=issuer, invoice=invoice)
    decimals = None if options.decimals is None else int(options.decimals)
    return InvoiceRows(roles, personal=options.user_ids, decimals=decimals)


def _told(options: argparse.Namespace, run: Run, rows: FocusRows | InvoiceRows, written: Written) -> Iterator[str]:
    """What was written, what it adds up to, and what it cannot say."""
    files = run.files
    format_ = f"FOCUS {options.focus_version or '1.4'}" if isinstance(rows, FocusRows) else "a custom invoice for Pelanor"
    yield f"CONVERTED  {options.output} is {format_}: {number(written.rows, 'row')}, {number(written.bytes, 'byte')}"
    yield from _told_of_sources(files)
    yield f"  total     {cents(written.exact):,f} USD   exactly {money(written.exact)}, as in the export{'s' * (len(files) > 1)}"
    yield from _told_of_check(run)
    if isinstance(rows, InvoiceRows):
        yield from _told_of_invoice(options, files[0], rows, written)
    else:
        yield from _told_of_focus(rows, written)
    if written.masked:
        yield f"  names     {number(written.masked, 'row')} had an e-mail address in a name; it is written as <e-mail>"


def _told_of_sources(files: Sequence[FileResult]) -> Iterator[str]:
    """A line for each organization, under the name of its last month."""
    ordered = sorted(files, key=lambda file: (str(file.organization.value), file.month.value or ""))
    lines = []
    for _, some in groupby(ordered, key=lambda file: file.organization.value):
        own = list(some)
        lines.append(f"  from      {_whose(own[-1])}, {', '.join(spans([file.month.value or '' for file in own]))}")
    yield from lines[:_SHOWN]
    if lines[_SHOWN:]:
        yield f"  from      {number(len(lines) - _SHOWN, 'other organization')}"


def spans(months: Sequence[str]) -> Iterator[str]:
    """Months in order as people name them: `May to July 2026`, `November 2026 to January 2027`."""
    runs: list[list[str]] = []
    for month in months:
        if runs and runs[-1][-1] == month_before(month):
            runs[-1].append(month)
        else:
            runs.append([month])
    for first, last in ((run[0], run[-1]) for run in runs):
        begin = month_name(first).split()[0] if first[:4] == last[:4] else month_name(first)
        yield month_name(last) if first == last else f"{begin} to {month_name(last)}"


def _told_of_check(run: Run) -> Iterator[str]:
    """What the check found that stops no conversion: warnings, and files that `--month` left out."""
    warnings = (one for file in run.files for one in file.outcomes if one.state == "failed" and one.level == "warning")
    warned = dict.fromkeys(f"{outcome.rule} {outcome.name}" for outcome in warnings)
    if warned:
        yield f"  warned    {', '.join(warned)}: billproof check says where"
    if run.set_aside:
        yield f"  aside     {number(len(run.set_aside), 'file')} of other months"


def _told_of_invoice(
    options: argparse.Namespace, file: FileResult, rows: InvoiceRows, written: Written
) -> Iterator[str]:  # fmt: skip
    if options.decimals is not None:
        decimals = int(options.decimals)
        text = f"{written.total:,.{decimals}f} USD, with {number(decimals, 'decimal')}"
        yield f"  written   {text}: the exact total, rounded once"
        yield f"  changed   no cost by more than {money(rows.largest_change)} USD; the rest is carried into the next row"
    empty = file.totals.empty_days if file.totals else 0
    if empty:
        days = f"{number(empty, 'day')} without usage {'has' if empty == 1 else 'have'} no line"
        yield f"  lacks     {days}: CI302 missing-day will warn. Waive it, or add lines with the cost 0"
    yield "  warning   Pelanor counts this month twice if its OpenAI integration also gets the export. Send one of the two."
    yield f"  next      billproof check --ruleset pelanor-invoice {options.output}"


def _told_of_focus(rows: FocusRows, written: Written) -> Iterator[str]:
    if rows.without_quantity:
        text = f"{rows.without_quantity:,} of {number(written.rows, 'row')}: the export has none there"
        yield f"  lacks     quantities on {text}. FOCUS requires ConsumedQuantity and PricingQuantity for usage"
    yield "  lacks     list prices and discounts: all four costs are the billed one, so do not compute savings from them"
    yield "  lacks     tax, credits and commitments: only the invoice has them"
    if written.rows > _VANTAGE_ROWS or written.bytes > _VANTAGE_BYTES:
        yield "  size      more than Vantage's custom provider takes in one file (10,000 rows, 2 MB): convert fewer months"
