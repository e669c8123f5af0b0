"""`billproof rules`: the rules as people read them (`list`, `show`, `kinds`, `docs`) and as they are tested (`test`)."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import UnionType
from typing import Literal, Union, get_args, get_origin

from billproof.cli.arguments import config_of
from billproof.cli.output import say
from billproof.cli.parser import add_parsers, config_option, ruleset_option
from billproof.cli.rule_examples import Command, failed_examples
from billproof.cli.rule_pages import MARK, page, write_pages
from billproof.config import settings as config_settings
from billproof.config.file import Config
from billproof.config.settings import ruleset_of
from billproof.config.waivers import check_waivers
from billproof.engine.verdict import Exit
from billproof.model.errors import UsageError
from billproof.model.values import shown
from billproof.reading.decode import Part, parts
from billproof.rules.checks import KINDS
from billproof.rules.checks.base import NUMBER, Check
from billproof.rules.loader import read_ruleset, require_example_files
from billproof.rules.rule import RuleSet
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
        raise UsageError(f"{ruleset.name} has no rule {options.id}", "See billproof rules list")
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
        yield f"{rule.id:<8}{rule.file.name:<{width}}  {level:<18}{rule.file.asserts}"


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
