"""`billproof demo`: three sample exports are checked, a good one and two bad ones."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime

from billproof.cli.output import painted, say
from billproof.config.settings import Options, settings_of
from billproof.delivery.earlier import known
from billproof.engine.pipeline import check
from billproof.engine.verdict import Exit
from billproof.model.results import Policy
from billproof.model.values import rfc3339
from billproof.report.build import build_report
from billproof.report.render.text import render_text
from billproof.rules.shipped import shipped_folder

DEMO_AS_OF = datetime(2025, 12, 1, tzinfo=UTC)
DEMO_VERDICTS = {
    "cost_2025-10-01_2025-10-31.csv": "pass",
    "cost_2025-10-04_2025-11-03.csv": "fail",
    "Costs October.csv": "fail",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `billproof demo` takes: nothing."""
    parser.epilog = "exit codes: 0 the verdicts are as expected; 1 they are not, so do not trust this installation"


def run(options: argparse.Namespace) -> int:
    """Prints the three checks; gives 1 if a verdict is not the expected one."""
    texts = []
    as_expected = True
    for name, expected in DEMO_VERDICTS.items():
        asked = Options(files=(os.path.join(shipped_folder("demo"), name),), as_of=rfc3339(DEMO_AS_OF))
        checked = check(settings_of(asked, Policy(), None), known())
        as_expected = as_expected and checked.verdict.word == expected
        report = build_report(checked, DEMO_AS_OF, DEMO_AS_OF, {})
        report["files"][0]["path"] = name
        texts.append(f"$ billproof check {name!r}\n" + render_text(report))
    texts.append("These files are samples, inside billproof. To check your own export: billproof check FILE\n")
    say(painted("\n".join(texts)), end="")
    return Exit.PASS if as_expected else Exit.FAIL
