"""The built-in rule set as the JSON that a start reads: the inverse of `billproof.rules.compiled.read_compiled`."""

from __future__ import annotations

import json
import os
from typing import Any

from billproof.rules.rule import Rule, RuleSet
from billproof.rules.shipped import shipped_folder


def compile_ruleset(ruleset: RuleSet) -> dict[str, Any]:
    """The rule set as JSON values."""
    folders = sorted({os.path.basename(os.path.dirname(rule.path)) for rule in ruleset.rules})
    plain = ruleset._asdict()
    # Most blockers are those of the whole set, the same for every rule: each stands here once.
    blockers = list(dict.fromkeys(blocker for rule in ruleset.rules for blocker in rule.blocked_by))
    plain["blockers"] = blockers
    plain["rules"] = [
        {**_plain_rule(rule), "blocked_by": [blockers.index(blocker) for blocker in rule.blocked_by]} for rule in ruleset.rules
    ]
    plain["schema"] = {"fields": ruleset.schema.fields, "descriptor": ruleset.schema.descriptor}
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    return {"folders": folders, "table_schema": ruleset.table_schema, "ruleset": text}


def _plain_rule(rule: Rule) -> dict[str, Any]:
    file = rule.file._asdict()
    for key in ("examples", "node", "check", "blocked_by"):
        del file[key]
    return {
        "file": list(file.values()), "kind": rule.kind.kind, "parameters": list(rule.parameters), "level": rule.level,
        "shipped_level": rule.shipped_level, "off": rule.off,
        "path": os.path.relpath(rule.path, shipped_folder("rules")).replace(os.sep, "/"),
    }  # fmt: skip
