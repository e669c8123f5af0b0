"""The examples of rules, run through the real command line, for `rules test`."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from billproof.engine.verdict import Exit
from billproof.model.errors import BillproofError, UsageError
from billproof.rules.compiled import kept
from billproof.rules.files import Example
from billproof.rules.rule import Rule, RuleSet

EXAMPLE_AS_OF = "2025-12-01"
EXAMPLE_CONFIG = """\
version: 1
ledger: before/ledger
destinations: {archive: {kind: directory, path: before/archive}}
integrations: [{name: main, organization: org-EXAMPLE1, to: archive}]
"""

# Runs one command line; gives its exit code.
Command = Callable[[Sequence[str]], int]


def failed_examples(ruleset: RuleSet, name: str, command: Command) -> tuple[int, list[str]]:
    """How many examples the rules of the set `name` have, and what is wrong with those that fail."""
    count, failed = 0, []
    with tempfile.TemporaryDirectory(prefix="billproof-") as folder, kept(name, ruleset):
        for rule in [rule for rule in ruleset.rules if rule.off is None]:
            for passes, examples in ((True, rule.file.examples.passing), (False, rule.file.examples.failing)):
                for number, example in enumerate(examples, 1):
                    count += 1
                    wrong = _example_fault(rule, example, passes, name, Path(folder), command)
                    if wrong:
                        failed.append(f"{rule.id} {rule.file.name}, {'pass' if passes else 'fail'} example {number}: {wrong}")
    return count, failed


def _example_fault(rule: Rule, example: Example, passes: bool, ruleset: str, folder: Path, command: Command) -> str | None:
    outcome = run_example(example, rule, ruleset, folder, command)
    wanted = "passed" if passes else "failed"
    if outcome["state"] != wanted:
        because = outcome.get("blocked_by") or outcome.get("reason") or ""
        return f"is {outcome['state']} {because}".strip() + f", expected {wanted}"
    places = [f"{finding['line'] or '-'}:{finding['column'] or '-'}" for finding in outcome["findings"]]
    if not passes and places != list(example.at):
        return f"found at {', '.join(places)}, expected at {', '.join(example.at)}"
    return None


def run_example(example: Example, rule: Rule, ruleset: str, folder: Path, command: Command) -> dict[str, Any]:
    """The outcome of a rule on one of its examples, from the JSON report of `billproof check`."""
    path, report = folder / example.name, folder / "report.json"
    if example.csv_file is not None:
        shutil.copyfile(Path(rule.path).parent / example.csv_file, path)
    else:
        path.write_bytes((example.csv or "").encode("utf-8"))
    report.unlink(missing_ok=True)
    config = folder / "billproof.yaml"
    config.write_text(EXAMPLE_CONFIG if example.before else "version: 1\n", "utf-8")
    common = ["--config", str(config), *example.args, *([] if "--as-of" in example.args else ["--as-of", EXAMPLE_AS_OF])]
    output = io.TextIOWrapper(io.BytesIO(), "utf-8")
    try:
        with contextlib.redirect_stdout(output):
            _upload_before(example, rule, folder, common, command)
            command(["check", str(path), "--ruleset", ruleset, "--quiet", "--output", f"json={report}", *common])
    except BillproofError as error:
        return {"state": "refused", "reason": error.message, "findings": []}
    outcomes = json.loads(report.read_text("utf-8"))["files"][0]["outcomes"]
    outcome: dict[str, Any] = next(outcome for outcome in outcomes if outcome["rule"] == rule.id)
    return outcome


def _upload_before(example: Example, rule: Rule, folder: Path, common: list[str], command: Command) -> None:
    """Uploads what an example says was there before, to a folder, with a ledger of its own. Raises UsageError."""
    if not example.before:
        return
    shutil.rmtree(folder / "before", ignore_errors=True)
    command(["ledger", "init", "--config", str(folder / "billproof.yaml")])
    for name in example.before:
        if command(["upload", str(Path(rule.path).parent / name), *common]) != Exit.PASS:
            raise UsageError(f"{name} could not be uploaded")
