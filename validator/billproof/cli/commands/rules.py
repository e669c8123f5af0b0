"""`billproof rules`: the rules as people read them (`list`, `show`, `kinds`, `docs`) and as they are tested (`test`)."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from billproof.cli.arguments import config_of
from billproof.cli.output import say
from billproof.cli.parser import add_parsers, config_option, ruleset_option
from billproof.cli.rule_pages import MARK, page, write_pages
from billproof.config import settings as config_settings
from billproof.config.file import Config
from billproof.config.settings import ruleset_of
from billproof.config.waivers import check_waivers
from billproof.engine.verdict import Exit
from billproof.model.errors import BillproofError, UsageError
from billproof.model.values import shown
from billproof.reading.decode import Part, parts
from billproof.rules.checks import KINDS
from billproof.rules.checks.base import NUMBER, Check
from billproof.rules.compiled import kept
from billproof.rules.files import Example
from billproof.rules.loader import read_ruleset, require_example_files
from billproof.rules.rule import DEFAULT_RULESET, Rule, RuleSet
from billproof.rules.shipped import schema_validator

_ACTIONS = {
    "list": "list all rules, one per line",
    "show": "show one rule: what it asserts, why, how to fix it, examples",
    "kinds": "list the check kinds available to rule files",
    "test": "run every rule's examples and validate billproof.yaml",
    "docs": "generate one page per rule",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the actions of `billproof rules` and their arguments."""
    for name, action in add_parsers(parser, "action", _ACTIONS):
        ruleset_option(action)
        if name != "kinds":
            config_option(action)
        if name == "show":
            action.add_argument("id", metavar="RULE", help="rule ID, such as OC304")
        if name == "test":
            action.epilog = "exit codes: 0 every example passed; 1 an example failed; 2 usage, configuration or rule set error"
        if name == "docs":
            action.add_argument("--output", metavar="DIR", default="docs/rules", help="folder to write to. Default: docs/rules")
            action.add_argument("--check", action="store_true", help="only check that pages are up to date; write nothing")
            action.epilog = (
                "exit codes: 0 written, or up to date; 1 out of date (with --check); 2 usage, configuration or rule set error; "
                "3 a page could not be written"
            )


def run(options: argparse.Namespace) -> int:
    """Runs the action. `options.run_command` is the real command line, through which the examples are run."""
    if options.action == "kinds":
        say("\n".join(kinds()))
        return Exit.PASS
    config = config_of(options)
    name = ruleset_of(options.ruleset, config).value or ""
    ruleset = read_ruleset(name)
    if options.action in ("test", "docs"):
        require_example_files(ruleset)
    if options.action == "test":
        return _test(ruleset, name, config, options.run_command)
    if options.action == "docs":
        return write_pages(ruleset, Path(options.output), options.check)
    if options.action == "list":
        say(_shown(listing(ruleset)))
        return Exit.PASS
    rule = ruleset.rule(options.id.upper())
    if rule is None:
        where = f" --ruleset {options.ruleset}" if options.ruleset else ". For another set, add --ruleset NAME|FOLDER"
        raise UsageError(f"{ruleset.name} has no rule {options.id}", f"See billproof rules list{where}")
    say(_shown(page(rule, ruleset).removesuffix(f"\n{MARK}\n").split("\n")))
    return Exit.PASS


def _shown(lines: Iterable[str]) -> str:
    """Lines for a terminal: what stands in a rule file may be anything. A heading's own marks stay as they are."""
    return "\n".join("## " + shown(line[3:], None) if line.startswith("## ") else shown(line, None) for line in lines)


def listing(ruleset: RuleSet) -> Iterator[str]:
    """A line for each rule: id, name, level, and what a pass means."""
    yield f"{ruleset.name} {ruleset.version}: {ruleset.title}"
    width = max(len(rule.file.name) for rule in ruleset.rules)
    for rule in ruleset.rules:
        level = ("off" if rule.off else rule.level) + (" (waivable)" if rule.file.waivable else "")
        yield f"{rule.id:<8}{rule.file.name:<{width}}  {level:<20}{rule.file.asserts}"


def kinds() -> Iterator[str]:
    """The kinds of check with their parameters and the placeholders of their messages."""
    for name, kind in sorted(KINDS.items()):
        yield f"{name}: {(kind.__doc__ or '').splitlines()[0]}"
        for parameter in parts(kind.Parameters):
            yield f"    {parameter.key}{'' if parameter.required else ' (optional)'}: {_in_words(kind, parameter)}"
        if kind.placeholders:
            yield f"    message may use: {', '.join('{' + name + '}' for name in kind.placeholders)}"
        if kind.raises:
            yield f"    ways to fail: {', '.join(kind.raises)}"


def _in_words(kind: type[Check], parameter: Part) -> str:
    """What an author writes for a parameter of a kind."""
    type_ = next((one for one in get_args(parameter.type) if get_origin(parameter.type) in (Union, UnionType)), parameter.type)
    is_list, of = get_origin(type_) is tuple, get_args(type_)[0] if get_origin(type_) is tuple else type_
    if parameter.spec.doc:
        return parameter.spec.doc
    if parameter.name in kind.named_by:
        return "names of columns, as a list" if is_list else "name of a column"
    if parameter.key in ("pattern", "also"):
        return "regular expression"
    if parameter.spec.pattern:
        return "number in quotation marks" if parameter.spec.pattern == NUMBER else "date in quotation marks"
    if get_origin(of) is Literal:
        words = ", ".join(get_args(of))
        return f"some of {words}, as a list" if is_list else f"one of {words}" if "," in words else words
    return "whole number" if of is int else "texts, as a list" if is_list else "text"


def _test(ruleset: RuleSet, name: str, config: Config | None, command: Command) -> int:
    """The configuration's waivers, every YAML file against its JSON Schema, and every example through the command line."""
    if config is not None:
        check_waivers(config, ruleset, config_settings.clock().date())
    faults = list(_schema_faults(ruleset))
    count, failed = failed_examples(ruleset, name, command)
    failures = [*faults, *failed]
    for text in failures:
        say(shown(text, None))
    off = [rule.id for rule in ruleset.rules if rule.off is not None]
    disabled = f"; disabled: {', '.join(off)}" if off else ""
    sound = f"; {config.shown_path} is valid" if config is not None else ""
    text = f"{count} examples of {len(ruleset.rules) - len(off)} rules of {ruleset.name}: {len(failures)} failed{disabled}{sound}"
    say(shown(text, None))
    return Exit.FAIL if failures else Exit.PASS


def _schema_faults(ruleset: RuleSet) -> Iterator[str]:
    import yaml

    validator = schema_validator("rule")
    for rule in ruleset.rules:
        document = yaml.safe_load(Path(rule.path).read_text("utf-8"))
        for error in validator.iter_errors(document):
            yield f"{Path(rule.path).name}: {error.json_path}: {error.message}"


EXAMPLE_AS_OF = "2025-12-01"
EXAMPLE_CONFIG = """\
version: 1
ledger: before/ledger
destinations: {{archive: {{kind: directory, path: before/archive}}}}
integrations: [{{name: main, organization: org-EXAMPLE1, to: archive, ruleset: {}}}]
"""

# Runs one command line; gives its exit code.
Command = Callable[[Sequence[str]], int]


def failed_examples(ruleset: RuleSet, name: str, command: Command) -> tuple[int, list[str]]:
    """How many examples the rules of the set `name` have, and what is wrong with those that fail."""
    count, failed = 0, []
    with tempfile.TemporaryDirectory(prefix="billproof-") as folder, kept(name, ruleset):
        (Path(folder) / "uploads.yaml").write_text(EXAMPLE_CONFIG.format(ruleset.base or DEFAULT_RULESET), "utf-8")
        (Path(folder) / "nothing.yaml").write_text("version: 1\n", "utf-8")
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
    config = folder / ("uploads.yaml" if example.before else "nothing.yaml")
    common = ["--config", str(config), *example.args, *([] if "--as-of" in example.args else ["--as-of", EXAMPLE_AS_OF])]
    output = io.TextIOWrapper(io.BytesIO(), "utf-8")
    try:
        with contextlib.redirect_stdout(output):
            _upload_before(example, rule, folder, common, command)
            costs = ["--costs", str(Path(rule.path).parent / example.costs)] if example.costs else []
            command(["check", str(path), *costs, "--ruleset", ruleset, "--quiet", "--output", f"json={report}", *common])
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
    command(["ledger", "init", "--config", str(folder / "uploads.yaml")])
    for name in example.before:
        if command(["upload", str(Path(rule.path).parent / name), *common]) != Exit.PASS:
            raise UsageError(f"{name} could not be uploaded")
