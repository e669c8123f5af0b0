"""`billproof spend`: what the accepted months say."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from billproof.cli.arguments import upload_settings
from billproof.cli.output import note, painted, progress, refuse_to_overwrite, say, say_bytes, wanted_outputs, write
from billproof.cli.parser import config_option, only_option
from billproof.config.alerts import alerts_of
from billproof.config.choice import chosen
from billproof.config.settings import Settings
from billproof.engine.verdict import Exit
from billproof.model.errors import UsageError
from billproof.model.values import number, shown
from billproof.reading.inputs import Input
from billproof.report.render.json import render_json
from billproof.spend.alerts import alerting
from billproof.spend.document import Asked, Spend, spend

FORMATS = ("text", "json", "html", "csv")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `billproof spend`."""
    parser.add_argument(
        "folders", nargs="*", metavar="FOLDER",
        help="also look here for accepted files, for example in an evidence pack. Default: the folders in billproof.yaml, "
        "destinations that keep files, and evidence packs beside billproof.yaml",
    )  # fmt: skip
    parser.add_argument("--from", dest="first", metavar="YYYY-MM", help="first month. Default: the first accepted month")
    parser.add_argument("--to", dest="last", metavar="YYYY-MM", help="last month. Default: the last accepted month")
    only_option(parser, "show")
    parser.add_argument(
        "--alert", action="store_true",
        help="print one line per finding that `alerts:` in billproof.yaml names; exit code 1 if there is one",
    )  # fmt: skip
    config_option(parser)
    parser.add_argument("--format", choices=FORMATS, default="text", help="output format. Default: text")
    parser.add_argument("--output", action="append", default=[], metavar="FORMAT=PATH", help="also write to a file; repeatable")
    parser.epilog = (
        "exit codes: 0 shown; 1 with --alert, a finding that alerts; 2 usage or configuration error; 3 unproved (no accepted "
        "month, ledger unreadable, or with --alert an accepted file that was not found); 130 interrupted"
    )


def run(options: argparse.Namespace) -> int:
    """Prints what the accepted months say, or the findings that alert."""
    outputs = wanted_outputs(options.output, FORMATS)
    settings = upload_settings(options)
    asked = Asked(options.first, options.last, chosen(settings.config, options.only), tuple(options.folders))
    limits = _limits(settings, asked) if options.alert else {}
    with progress(settings, quiet=False) as watched:
        found = spend(watched, asked)
    _refuse_to_overwrite(outputs, settings, found)
    for format_, path in outputs:
        write(path, _rendered(format_, found))
    if options.format == "text" and not options.alert:
        say(painted(_rendered("text", found)), end="")
    elif options.format != "text":
        say_bytes(_rendered(options.format, found).encode("utf-8"))
    return _alerted(found, limits, say if options.format == "text" else note) if options.alert else Exit.PASS


def _limits(settings: Settings, asked: Asked) -> dict[str, dict[str, Decimal]]:
    config = settings.config
    limits = {one.name: alerts_of(config, one) for one in asked.integrations} if config else {}
    if config and not any(limits.values()):
        raise UsageError(f"--alert needs `alerts:` in {config.shown_path}", "For example: alerts: {spike: 100, new: 100}")
    return limits


def _refuse_to_overwrite(outputs: Sequence[tuple[str, str]], settings: Settings, found: Spend) -> None:
    """Nothing that is written may replace an export, or be taken for one. Raises UsageError."""
    paths = [read.path for one in found.organizations for read in one.months.values()]
    refuse_to_overwrite(outputs, settings._replace(inputs=tuple(map(Input, paths))))
    for format_, path in outputs:
        owner = settings.config.integration_of_file(path) if settings.config else None
        if format_ == "csv" and owner is not None:
            text = f"--output csv={path}: the folder of exports of {owner.name} must contain exports only"
            raise UsageError(text, "Write it elsewhere.")


def _rendered(format_: str, found: Spend) -> str:
    if format_ == "json":
        return render_json(found.document)
    if format_ == "csv":
        from billproof.spend.table import render_csv

        return render_csv(found)
    if format_ == "html":
        from billproof.spend.page import render_html

        return render_html(found.document)
    from billproof.spend.text import render_text

    return render_text(found.document)


def _alerted(found: Spend, limits: Mapping[str, Mapping[str, Decimal]], tell: Callable[[str], None]) -> int:
    """Tells each finding that alerts on a line; gives 1 if there is one, and 3 if a file that could have one was not found."""
    lines = alerting(found.document, limits)
    for line in lines:
        tell(shown(line, None))
    lost = [text for one in found.organizations for month, text in one.lost.values()]
    for text in lost:
        note(f"UNPROVED  {shown(text, None)}")
    if not lines and not lost:
        months, others = f"{found.months[0]} to {found.months[-1]}", number(len(found.document["findings"]), "finding")
        note(f"nothing alerts in {months}; {others} below the limits or of other kinds")
    return Exit.UNPROVED if lost else Exit.FAIL if lines else Exit.PASS
