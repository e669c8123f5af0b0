"""What must be the same here as in the run that a report is of: the version of billproof, the rule set, the configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from billproof import __version__
from billproof.audit.verify.result import Step
from billproof.model.values import shown
from billproof.rules.compiled import load_ruleset
from billproof.rules.rule import DEFAULT_RULESET, RuleSet
from billproof.rules.shipped import is_shipped

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report


def other_version(document: Mapping[str, Any]) -> Step | None:
    """Another version may decide differently, and its reports may say more, so only the same version can repeat the run."""
    tool = document.get("tool")
    version = tool.get("version") if isinstance(tool, dict) else None
    if version == __version__ or not isinstance(version, str) or not re.fullmatch(r"[0-9][0-9a-z.+-]{0,30}", version):
        return None
    text = f"billproof {version} wrote it, and this is {__version__}. Verify it with the version that wrote it:"
    return Step("version", "unproved", text, (f"in a copy of billproof's repository: git checkout v{version} && pip install .",))


def ruleset_of(document: Report, name: str | None) -> RuleSet | None:
    """The rule set that the report used: the one that was named, or a built-in one; None if its digest is another."""
    used = document["settings"]["ruleset"]["value"]
    shipped_name = used if is_shipped(used) else DEFAULT_RULESET
    named = load_ruleset(name) if name is not None else None
    if named is not None and named.sha256 != document["ruleset"]["sha256"]:
        return None
    # A copy of a built-in set has the same digest, and is the same set.
    shipped_set = load_ruleset(shipped_name)
    return shipped_set if shipped_set.sha256 == document["ruleset"]["sha256"] else named


def other_rules(document: Report, named: str | None) -> Step:
    used = document["ruleset"]
    here = "The built-in rule set" if named is None else f"The rule set in {shown(named)}"
    text = f"the report used {shown(used['name'])} {shown(used['version'])}, sha256 {used['sha256']}. {here} has another digest."
    command = "billproof verify REPORT FILE --ruleset FOLDER"
    return Step("rules", "unproved", f"{text} Verify it with the rule set that was used:", (command,))


def other_config(path: str, document: Report) -> Step:
    used = document["settings"]["config"]
    name = f"{shown(used['path'])}, sha256 {used['sha256']}" if used else "none"
    return Step("config", "unproved", f"{shown(path)} is not the configuration that was used, which was", (name,))
