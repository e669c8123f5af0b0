"""The rules as people read them (`rules list`, `show`, `kinds`, `docs`) and as they are tested (`rules test`)."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import shutil
import tempfile
import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from billproof.config.file import Config, check_waivers
from billproof.config.settings import clock
from billproof.engine.verdict import Exit
from billproof.model.errors import BillproofError, Unwritable, UsageError
from billproof.model.values import shown
from billproof.reading.decode import parts
from billproof.rules.checks import KINDS
from billproof.rules.compiled import kept
from billproof.rules.files import RULE_ID, Example
from billproof.rules.loader import read_ruleset, require_example_files
from billproof.rules.rule import Rule, RuleSet
from billproof.rules.shipped import shipped

MARK = "Made by `billproof rules docs`; do not edit."
EXAMPLE_AS_OF = "2025-12-01"
EXAMPLE_CONFIG = """\
version: 1
ledger: before/ledger
destinations: {archive: {kind: directory, path: before/archive}}
integrations: [{name: main, organization: org-EXAMPLE1, to: archive}]
"""

Say = Callable[[str], None]
Command = Callable[[list[str]], int]


def run(options: argparse.Namespace, name: str, config: Config | None, say: Say, command: Command) -> int:
    """`billproof rules ACTION` on the set `name`. `command` is the real command line, which the examples are run through."""
    action = options.action
    if action == "kinds":
        say("\n".join(kinds()))
        return Exit.PASS
    ruleset = read_ruleset(name)
    if action in ("test", "docs"):
        require_example_files(ruleset)
    if action == "list":
        say(_shown(listing(ruleset)))
    elif action == "show":
        rule = ruleset.rule(options.id.upper())
        if rule is None:
            raise UsageError(f"there is no rule {options.id} in {ruleset.name}", "See billproof rules list")
        say(_shown(page(rule, ruleset).split("\n")))
    elif action == "test":
        return _test(ruleset, name, config, say, command)
    elif action == "docs":
        return _docs(ruleset, Path(options.output), options.check, say)
    return Exit.PASS


def _shown(lines: Iterable[str]) -> str:
    """Lines for a terminal: what stands in a rule file may be anything. A heading's own marks stay as they are."""
    return "\n".join("## " + shown(line[3:], None) if line.startswith("## ") else shown(line, None) for line in lines)


def listing(ruleset: RuleSet) -> Iterator[str]:
    """A line for each rule: id, name, level, and what a pass says."""
    yield f"{ruleset.name} {ruleset.version}: {ruleset.title}"
    width = max(len(rule.file.name) for rule in ruleset.rules)
    for rule in ruleset.rules:
        level = ("off" if rule.off else rule.level) + (" (waivable)" if rule.file.waivable else "")
        yield f"{rule.id:<8}{rule.file.name:<{width}}  {level:<18}{rule.file.asserts}"


def kinds() -> Iterator[str]:
    """The kinds of check with their parameters and the placeholders of their messages."""
    for name, kind in sorted(KINDS.items()):
        yield f"{name}: {(kind.__doc__ or '').splitlines()[0]}"
        for one in parts(kind.Parameters):
            yield f"    {one.key}{'' if one.required else ' (optional)'}: {_type(one.type)}"
        if kind.placeholders:
            yield f"    message may use: {', '.join('{' + one + '}' for one in kind.placeholders)}"
        if kind.raises:
            yield f"    fails in the ways: {', '.join(kind.raises)}"


def _type(found: Any) -> str:
    return str(found).replace("typing.", "").replace("<class '", "").replace("'>", "")


def page(rule: Rule, ruleset: RuleSet) -> str:
    """The page of a rule, in Markdown; made from its file alone."""
    file = rule.file
    lines = [
        f"# {file.id} {file.name}", "", f"> {file.asserts}", "",
        f"Level: **{rule.level}**" + (", may be signed for (waiver)" if file.waivable or rule.level == "warning" else "")
        + (f" · switched off by {rule.off.owner}: {rule.off.reason}" if rule.off else "")
        + f" · rule set: `{Path(rule.path).parent.name}` · since {file.since} · counts: {rule.unit}",
        "", "## Message", "", f"    {file.message}", "", "## Why", "", *_wrapped(file.why), "", "## What to do", "",
        *_wrapped(file.fix), "",
    ]  # fmt: skip
    blockers = [one for one in rule.blocked_by if ruleset.rule(one.rule)]
    if blockers:
        named = ", ".join(dict.fromkeys(f"{one.rule} {_name(ruleset, one.rule)}" for one in blockers))
        lines += ["## Says nothing where", "", *_wrapped(f"One of these has failed first: {named}."), ""]
    lines += ["## Examples", ""]
    for title, examples in (("Passes", file.examples.passing), ("Fails", file.examples.failing)):
        for one in examples:
            lines += _example(title, one, rule)
    if file.refs:
        lines += ["## References", "", *(f"- {one}" for one in file.refs), ""]
    return "\n".join([*lines, MARK, ""])


def _name(ruleset: RuleSet, rule_id: str) -> str:
    found = ruleset.rule(rule_id)
    return found.file.name if found else ""


def _wrapped(text: str) -> list[str]:
    wrapper = textwrap.TextWrapper(110, break_on_hyphens=False, break_long_words=False)
    return [part for line in text.strip().splitlines() for part in (wrapper.wrap(line) or [""])]


def _example(title: str, one: Example, rule: Rule) -> Iterator[str]:
    arguments = f" with `{' '.join(one.args)}`" if one.args else ""
    named = f", file name `{one.name}`" if one.name != "data.csv" else ""
    places = f" at {', '.join(f'`{place}`' for place in one.at)}" if one.at else ""
    if one.before:
        yield f"Uploaded before: {', '.join(one.before)} (beside the rule)."
        yield ""
    yield f"{title}{places}{arguments}{named}:"
    yield ""
    if one.csv is not None:
        yield from textwrap.indent(one.csv.rstrip("\n"), "    ").splitlines()
    else:
        yield f"    {one.csv_file} (beside the rule)"
    yield ""


def _test(ruleset: RuleSet, name: str, config: Config | None, say: Say, command: Command) -> int:
    """The configuration's waivers, every YAML file against its JSON Schema, and every example through the real command."""
    if config is not None:
        check_waivers(config, ruleset, clock().date())
    red = list(_schema_faults(ruleset))
    count = 0
    with tempfile.TemporaryDirectory(prefix="billproof-") as folder, kept(name, ruleset):
        for rule in [rule for rule in ruleset.rules if rule.off is None]:
            for passes, examples in ((True, rule.file.examples.passing), (False, rule.file.examples.failing)):
                for number, one in enumerate(examples, 1):
                    count += 1
                    wrong = _example_fault(rule, one, passes, name, Path(folder), command)
                    if wrong:
                        red.append(f"{rule.id} {rule.file.name}, {'pass' if passes else 'fail'} example {number}: {wrong}")
    for text in red:
        say(shown(text, None))
    off = [rule.id for rule in ruleset.rules if rule.off is not None]
    told = f"; switched off: {', '.join(off)}" if off else ""
    sound = f"; {config.shown_path} has no fault" if config is not None else ""
    text = f"{count} examples of {len(ruleset.rules) - len(off)} rules of {ruleset.name}: {len(red)} red{told}{sound}"
    say(shown(text, None))
    return Exit.FAIL if red else Exit.PASS


def _schema_faults(ruleset: RuleSet) -> Iterator[str]:
    import jsonschema
    import yaml

    schema = json.loads((shipped("schemas") / "rule.schema.json").read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    for rule in ruleset.rules:
        found = yaml.safe_load(Path(rule.path).read_text("utf-8"))
        for error in validator.iter_errors(found):
            yield f"{Path(rule.path).name}: {error.json_path}: {error.message}"


def _example_fault(rule: Rule, one: Example, passes: bool, ruleset: str, folder: Path, command: Command) -> str | None:
    outcome = run_example(one, rule, ruleset, folder, command)
    wanted = "passed" if passes else "failed"
    if outcome["state"] != wanted:
        because = outcome.get("blocked_by") or outcome.get("reason") or ""
        return f"is {outcome['state']} {because}".strip() + f", expected {wanted}"
    found = [f"{finding['line'] or '-'}:{finding['column'] or '-'}" for finding in outcome["findings"]]
    if not passes and found != list(one.at):
        return f"found at {', '.join(found)}, expected at {', '.join(one.at)}"
    return None


def run_example(one: Example, rule: Rule, ruleset: str, folder: Path, command: Command) -> dict[str, Any]:
    """The outcome of a rule on one of its examples, from the JSON report of `billproof check`."""
    path, report = folder / one.name, folder / "report.json"
    if one.csv_file is not None:
        shutil.copyfile(Path(rule.path).parent / one.csv_file, path)
    else:
        path.write_bytes((one.csv or "").encode("utf-8"))
    report.unlink(missing_ok=True)
    config = folder / "billproof.yaml"
    config.write_text(EXAMPLE_CONFIG if one.before else "version: 1\n", "utf-8")
    common = ["--config", str(config), *one.args, *([] if "--as-of" in one.args else ["--as-of", EXAMPLE_AS_OF])]
    told = io.TextIOWrapper(io.BytesIO(), "utf-8")
    try:
        with contextlib.redirect_stdout(told):
            _upload_before(one, rule, folder, common, command)
            command(["check", str(path), "--ruleset", ruleset, "--quiet", "--output", f"json={report}", *common])
    except BillproofError as error:
        return {"state": "refused", "reason": error.message, "findings": []}
    outcomes = json.loads(report.read_text("utf-8"))["files"][0]["outcomes"]
    found: dict[str, Any] = next(found for found in outcomes if found["rule"] == rule.id)
    return found


def _upload_before(one: Example, rule: Rule, folder: Path, common: list[str], command: Command) -> None:
    """Uploads what an example says was there before, to a folder, with a ledger of its own. Raises UsageError."""
    if not one.before:
        return
    shutil.rmtree(folder / "before", ignore_errors=True)
    command(["ledger", "init", "--config", str(folder / "billproof.yaml")])
    for name in one.before:
        if command(["upload", str(Path(rule.path).parent / name), *common]) != Exit.PASS:
            raise UsageError(f"{name} may not be uploaded")


def pages(ruleset: RuleSet) -> dict[str, str]:
    """Every page of `docs/rules` by file name, the index among them."""
    made = {f"{rule.id}-{rule.file.name}.md": page(rule, ruleset) for rule in ruleset.rules}
    lines = [f"# Rules of {ruleset.name} {ruleset.version}", "", f"{ruleset.title}. {MARK}", ""]
    lines += ["| rule | level | a pass says |", "|---|---|---|"]
    for rule in ruleset.rules:
        link = f"[{rule.id} {rule.file.name}]({rule.id}-{rule.file.name}.md)"
        lines.append(f"| {link} | {rule.level}{', waivable' if rule.file.waivable else ''} | {rule.file.asserts} |")
    made["README.md"] = "\n".join(lines) + "\n"
    return made


def _docs(ruleset: RuleSet, folder: Path, check_only: bool, say: Say) -> int:
    made = pages(ruleset)
    present = {path.name for path in folder.glob("*.md") if re.fullmatch(rf"{RULE_ID}-.*", path.stem) and _is_ours(path)}
    strangers = [name for name in made if (folder / name).is_file() and not _is_ours(folder / name)]
    if strangers and not check_only:
        stranger = (folder / strangers[0]).as_posix()
        raise UsageError(f"{stranger} was not made by billproof; nothing was written", "Name another folder.")
    stale = [name for name, text in made.items() if not _same(folder / name, text)] + sorted(present - made.keys())
    if check_only:
        for name in stale:
            say(shown(f"stale: {(folder / name).as_posix()}", None))
        return Exit.FAIL if stale else Exit.PASS
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in made.items():
            (folder / name).write_bytes(text.encode("utf-8"))
        for name in present - made.keys():
            (folder / name).unlink()
    except OSError as error:
        raise Unwritable(f"{folder} could not be written: {error.strerror or error}") from None
    say(shown(f"{len(made)} pages in {folder.as_posix()}", None))
    return Exit.PASS


def _is_ours(path: Path) -> bool:
    return MARK in path.read_text("utf-8", errors="replace")


def _same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode("utf-8")


def rule_schema() -> dict[str, Any]:
    """The JSON Schema of a rule file, with the parameters of every kind of check."""
    from billproof.reading.decode import json_schema
    from billproof.rules.files import RuleFile

    schema = json_schema(RuleFile)
    variants = []
    for name, kind in sorted(KINDS.items()):
        own = json_schema(kind.Parameters) if parts(kind.Parameters) else {"properties": {}, "required": []}
        variants.append(
            {
                "type": "object",
                "description": (kind.__doc__ or "").splitlines()[0],
                "additionalProperties": False,
                "required": ["kind", *own["required"]],
                "properties": {"kind": {"const": name}, **own["properties"]},
            }
        )
    schema["properties"]["check"] = {"description": "The kind of check and its parameters.", "oneOf": variants}
    return schema
