"""What is generated from the code and committed: JSON Schemas for editors, help, scripts for shells, the pages of the rules.

`python -m tools.generate` writes them, `--check` says which are stale.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from billproof.cli.parser import build_parser
from billproof.cli.rule_pages import pages
from billproof.config.file import ConfigFile
from billproof.openai.record import RecordFile
from billproof.reading.decode import parts
from billproof.rules.checks import KINDS
from billproof.rules.compiled import FILE_NAME, text_digest
from billproof.rules.files import DiagnosesFile, RuleFile, RuleSetFile
from billproof.rules.loader import read_ruleset
from tools.compile_rules import compile_ruleset
from tools.completions import scripts
from tools.cost_examples import examples
from tools.json_schema import json_schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schemas of the YAML files, by file name."""
    return {
        "rule.schema.json": _titled("A rule of billproof", _rule_schema()),
        "ruleset.schema.json": _titled("ruleset.yaml of billproof", json_schema(RuleSetFile)),
        "diagnoses.schema.json": _titled("diagnoses.yaml of billproof", json_schema(DiagnosesFile)),
        "config.schema.json": _titled("billproof.yaml", json_schema(ConfigFile)),
        "costs.v1.schema.json": _titled("A record of OpenAI's costs", json_schema(RecordFile)),
    }


def _rule_schema() -> dict[str, Any]:
    """The JSON Schema of a rule file, with the parameters of every kind of check."""
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


def _titled(title: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": DIALECT, "title": title, **schema}


def help_text() -> str:
    """The help of every command, as `docs/help.txt` has it."""
    with mock.patch.dict(os.environ, COLUMNS="100"):
        return "\n".join(_helps(build_parser()))


def _helps(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"$ {parser.prog} --help\n{parser.format_help()}"
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _helps(inner)


def generated() -> dict[str, str]:
    """Every generated file, by its path from the project's root."""
    made = {f"schemas/{name}": json.dumps(one, indent=2, ensure_ascii=False) + "\n" for name, one in schemas().items()}
    compiled = compile_ruleset(read_ruleset())
    made[f"rules/{FILE_NAME}"] = json.dumps(compiled, ensure_ascii=False, separators=(",", ":")) + "\n"
    code = "validator/billproof/rules/compiled.py"
    pinned = f'COMPILED_SHA256 = "{text_digest(compiled["ruleset"])}"'
    made[code] = re.sub("^COMPILED_SHA256 = .*$", pinned, Path(code).read_text("utf-8"), flags=re.MULTILINE)
    made["docs/help.txt"] = help_text()
    made |= {f"validator/billproof/cli/completion/{name}": text for name, text in scripts().items()}
    made |= {f"rules/openai-cost/{name}": text for name, text in examples().items()}
    made |= {f"docs/rules/{name}": text for name, text in pages(read_ruleset()).items()}
    made |= {f"docs/rules/pelanor-invoice/{name}": text for name, text in pages(read_ruleset("pelanor-invoice")).items()}
    return made


def main(arguments: list[str]) -> int:
    """Writes or checks the generated files below the current folder."""
    made = generated()
    stale = [path for path, text in made.items() if not Path(path).is_file() or Path(path).read_text("utf-8") != text]
    if "--check" in arguments:
        for path in stale:
            print(f"stale: {path}; run make generate")
        return 1 if stale else 0
    for path in stale:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(made[path].encode("utf-8"))
    print(f"{len(stale)} files written")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
