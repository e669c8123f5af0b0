"""The pages of rules: Markdown made from the rule files, for `rules show` and `rules docs`."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from billproof.cli.output import say
from billproof.engine.verdict import Exit
from billproof.model.errors import Unwritable, UsageError
from billproof.model.values import shown
from billproof.rules.files import RULE_ID, Example
from billproof.rules.rule import Rule, RuleSet

MARK = "Made by `billproof rules docs`; do not edit."


def page(rule: Rule, ruleset: RuleSet) -> str:
    """The page of a rule, in Markdown; made from its file alone."""
    file = rule.file
    lines = [
        f"# {file.id} {file.name}", "", f"> {file.asserts}", "",
        f"Level: **{rule.level}**" + (", can be waived" if file.waivable or rule.level == "warning" else "")
        + (f" · disabled by {rule.off.owner}: {rule.off.reason}" if rule.off else "")
        + f" · rule set: `{Path(rule.path).parent.name}` · since {file.since} · counts: {rule.unit}",
        "", "## Message", "", f"    {file.message}", "", "## Why", "", *_wrapped(file.why), "", "## What to do", "",
        *_wrapped(file.fix), "",
    ]  # fmt: skip
    blockers = [blocking for blocker in rule.blocked_by if (blocking := ruleset.rule(blocker.rule))]
    if blockers:
        named = ", ".join(dict.fromkeys(f"{blocker.id} {blocker.file.name}" for blocker in blockers))
        lines += ["## Skipped when", "", *_wrapped(f"Any of these rules has failed: {named}."), ""]
    lines += ["## Examples", ""]
    for title, examples in (("Passes", file.examples.passing), ("Fails", file.examples.failing)):
        for example in examples:
            lines += _example(title, example, rule)
    if file.refs:
        lines += ["## References", "", *(f"- {reference}" for reference in file.refs), ""]
    return "\n".join([*lines, MARK, ""])


def _wrapped(text: str) -> list[str]:
    wrapper = textwrap.TextWrapper(110, break_on_hyphens=False, break_long_words=False)
    return [part for line in text.strip().splitlines() for part in (wrapper.wrap(line) or [""])]


def _example(title: str, example: Example, rule: Rule) -> Iterator[str]:
    arguments = f" with `{' '.join(example.args)}`" if example.args else ""
    named = f", file name `{example.name}`" if example.name != "data.csv" else ""
    record = f", compared with the record `{example.costs}`" if example.costs else ""
    at = [f"`{place}`" for place in example.at if place != "-:-"]  # which is the file as a whole
    places = f" at {', '.join(at)}" if at else ""
    if example.before:
        yield f"Uploaded before: {', '.join(example.before)} (next to the rule file)."
        yield ""
    yield f"{title}{places}{arguments}{named}{record}:"
    yield ""
    if example.csv is not None:
        yield from textwrap.indent(example.csv.rstrip("\n"), "    ").splitlines()
    else:
        yield f"    {example.csv_file} (next to the rule file)"
    yield ""


def pages(ruleset: RuleSet) -> dict[str, str]:
    """Every page of `docs/rules` by file name, the index among them."""
    made = {f"{rule.id}-{rule.file.name}.md": page(rule, ruleset) for rule in ruleset.rules}
    lines = [f"# Rules of {ruleset.name} {ruleset.version}", "", f"{ruleset.title}. {MARK}", ""]
    lines += ["| rule | level | a pass means |", "|---|---|---|"]
    for rule in ruleset.rules:
        link = f"[{rule.id} {rule.file.name}]({rule.id}-{rule.file.name}.md)"
        lines.append(f"| {link} | {rule.level}{', waivable' if rule.file.waivable else ''} | {rule.file.asserts} |")
    made["README.md"] = "\n".join(lines) + "\n"
    return made


def write_pages(ruleset: RuleSet, folder: Path, check_only: bool) -> int:
    """Writes the pages into a folder, or lists those that are out of date. Raises UsageError for a page of somebody else."""
    made = pages(ruleset)
    present = {path.name for path in folder.glob("*.md") if re.fullmatch(rf"{RULE_ID}-.*", path.stem) and _is_ours(path)}
    strangers = [name for name in made if os.path.lexists(folder / name) and not _is_ours(folder / name)]
    if strangers and not check_only:
        stranger = (folder / strangers[0]).as_posix()
        raise UsageError(f"{stranger} is not a page made by billproof; nothing was written", "Name another folder.")
    there = {name: (folder / name).read_bytes() for name in made if (folder / name).is_file()}
    stale = [name for name, text in made.items() if there.get(name) != text.encode("utf-8")] + sorted(present - made.keys())
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
    return path.is_file() and MARK in path.read_text("utf-8", errors="replace")
