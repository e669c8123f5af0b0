"""Before the first check: what to click (`guide`), a configuration to start with (`init`), and a look around (`demo`)."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from textwrap import dedent

from billproof.config.destinations import FILL_IN
from billproof.config.discovery import FILE_NAME, current_folder, find_config
from billproof.config.settings import MAX_FINDINGS, Settings, clock, parse_as_of, parse_month
from billproof.delivery.earlier import earlier_uploads
from billproof.delivery.ledger.store import MARKER, make_ledger
from billproof.engine.pipeline import check
from billproof.model.errors import Unreadable, Unwritable, UsageError
from billproof.model.results import FileResult, Policy, Sourced
from billproof.model.values import in_words, month_days, month_end, month_name, month_settled, shown
from billproof.report.build import build_report
from billproof.report.render.text import render_text
from billproof.rules.compiled import load_ruleset
from billproof.rules.rule import DEFAULT_RULESET
from billproof.rules.shipped import shipped_folder

DEMO_AS_OF = datetime(2025, 12, 1, tzinfo=UTC)
DEMO_VERDICTS = {
    "cost_2025-10-01_2025-10-31.csv": "pass",
    "cost_2025-10-04_2025-11-03.csv": "fail",
    "Costs October.csv": "fail",
}
LEDGER = ".billproof/ledger"
_ORGANIZATION = re.compile(r"[A-Za-z0-9_-]{1,100}")


def guide(month: str | None, as_of: str | None, ruleset_name: str) -> str:
    """The steps of the export dialog for a month, by default the last one that is over."""
    now = parse_as_of(as_of) if as_of is not None else clock()
    wanted = parse_month("last" if month is None else month, now).value or ""
    ruleset = load_ruleset(ruleset_name)
    if not ruleset.guide:
        raise UsageError(f"the rule set {ruleset.name} has no guide")
    texts = {
        "first": f"{wanted}-01", "last": f"{wanted}-{len(month_days(wanted)):02d}", "organization": "the organization",
    }  # fmt: skip
    lines = [f"Export {month_name(wanted)}"]
    lines += [shown(f"  {number}  {step.format_map(texts)}", None) for number, step in enumerate(ruleset.guide, 1)]
    settled = month_settled(wanted)
    if now < month_end(wanted):
        lines.append(f"  The month is not over before {in_words(month_end(wanted))}.")
    elif now < settled:
        lines.append(f"  Late usage may still be added: better wait until {in_words(settled)}.")
    return "\n".join(lines) + "\n"


def settings_for(files: Sequence[str], as_of: datetime | None) -> Settings:
    """Settings of a plain check, without configuration."""
    now = clock()
    flags = ("month_to_date", "expect_total", "fail_on", "policy", "max_findings", "second_opinion")
    return Settings(
        files=tuple(files), policy=Policy(), ruleset=Sourced(DEFAULT_RULESET, "default"), organization=None, month=None,
        month_to_date=False, as_of=as_of or now, as_of_source="--as-of" if as_of else "clock", now=as_of or now,
        expected_total=None, max_findings=MAX_FINDINGS, second_opinion=False, config=None,
        sources=dict.fromkeys(flags, "default"),
    )  # fmt: skip


def demo() -> tuple[str, bool]:
    """The text of the three demo checks, and whether they came out as they should."""
    texts = []
    as_it_should_be = True
    for name, expected in DEMO_VERDICTS.items():
        run = check(settings_for([os.path.join(shipped_folder("demo"), name)], DEMO_AS_OF), earlier_uploads)
        as_it_should_be = as_it_should_be and run.verdict.word == expected
        report = build_report(run, DEMO_AS_OF, DEMO_AS_OF, {})
        report["files"][0]["path"] = name
        texts.append(f"$ billproof check {name!r}\n" + render_text(report))
    return "\n".join(texts), as_it_should_be


def init(file: str | None) -> str:
    """Writes billproof.yaml beside where the command runs; says what to do next. Never writes over a file."""
    existing = find_config(current_folder())
    if existing is not None:
        raise UsageError(f"{existing}: exists already; nothing was written", "Edit it, or remove it first.")
    organization, folder = FILL_IN, None
    if file is not None:
        found = check(settings_for([file], None), earlier_uploads).files[0]
        if found.error is not None:
            raise Unreadable(f"{found.error}; nothing was written")
        if found.export != "cost":
            raise UsageError(f"{file}: is no cost export, so it tells no organization; nothing was written")
        organization = found.organization.value or FILL_IN
        folder = _folder(found)
    if not _ORGANIZATION.fullmatch(organization) or organization == FILL_IN:
        organization, folder = FILL_IN, None
    data = _configuration(organization, folder).encode("utf-8")
    try:
        with open(FILE_NAME, "xb") as stream:
            stream.write(data)
    except OSError as error:
        raise Unwritable(f"{FILE_NAME} could not be written: {error.strerror or error}") from None
    if not os.path.exists(os.path.join(LEDGER, MARKER)):
        make_ledger(LEDGER)
    told = f"Wrote {FILE_NAME} for the organization {shown(organization)}.\n"
    if organization == FILL_IN:
        told = f"Wrote {FILE_NAME}. Put the organization's id where it says {FILL_IN}.\n"
    told += f"{LEDGER} is the ledger of your uploads: keep it (docs/ci/state.md).\n"
    return told + f"Where it says {FILL_IN}, only you know what belongs there; checks do without.\n"


def _folder(found: FileResult) -> str | None:
    """The folder of the export, from here, if it has one of its own."""
    relative = os.path.relpath(os.path.dirname(os.path.abspath(found.path)) or ".")
    # A name that is not UTF-8 cannot be written into the configuration.
    readable = not any("\ud800" <= one <= "\udfff" for one in relative)
    return None if relative.startswith("..") or not readable else relative.replace(os.sep, "/") + "/"


def _configuration(organization: str, folder: str | None) -> str:
    files = f"\n            files: {json.dumps(folder, ensure_ascii=False)}" if folder else ""
    return dedent(f"""\
        version: 1
        ruleset: openai-cost
        ledger: {LEDGER}
        destinations:
          pelanor-eu:
            kind: http
            preset: pelanor-eu
            method: POST
            path: "/{FILL_IN}/{{integration}}"
            file: {{form_field: {FILL_IN}}}
          archive: {{kind: directory, path: .billproof/archive/}}
        integrations:
          - name: main
            organization: {json.dumps(organization, ensure_ascii=False)}{files}
            to: pelanor-eu
            integration: {FILL_IN}
            token: {{env: PELANOR_TOKEN}}
        """)
