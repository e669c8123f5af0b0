"""Every rule, found and not listed: its examples through the real command, and what every rule must have."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from billproof import __version__
from billproof.rules.checks import KINDS
from billproof.rules.loader import ROLE_NAMES
from tests.support import AS_OF, READY, ROOT, check, make_ready, run

RULES = sorted((ROOT / "rules").glob("*/*[0-9][0-9][0-9]-*.yaml"))
OWN_RULES = sorted((ROOT / "tests" / "rulesets").glob("*/*[0-9][0-9][0-9]-*.yaml"))
SETS = sorted({path.parent for path in (*RULES, *OWN_RULES)})
PREFIXES = {"csv": "CSV", "openai-cost": "OC", "pelanor-invoice": "CI"}


def read(path: Path) -> dict[str, Any]:
    """A YAML file as any other program reads it."""
    found: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return found


def examples() -> Iterator[Any]:
    """Every example of every rule: rule file, whether it passes, and the example."""
    for path in RULES:
        for word in ("pass", "fail"):
            for number, one in enumerate(read(path)["examples"][word], 1):
                yield pytest.param(path, word, one, id=f"{path.stem}-{word}-{number}")


def ids(paths: list[Path]) -> list[str]:
    """Names for parametrised tests."""
    return [path.stem for path in paths]


def uploaded_before(example: dict[str, Any], rule: Path, folder: Path) -> list[str]:
    """The configuration of an example that speaks of earlier uploads, which are made."""
    if "before" not in example:
        return []
    config = make_ready(folder).as_posix()
    text = READY.replace("org-EXAMPLEacme01", f"org-EXAMPLE1, ruleset: {rule.parent.name}")
    Path(config).write_text(text, "utf-8")
    for name in example["before"]:
        code, out, err = run(
            "upload", str(rule.parent / name), "--config", config, "--as-of", AS_OF, *example.get("args", [])
        )
        assert code == 0, out + err
    return ["--config", config]


@pytest.mark.parametrize("path, word, example", list(examples()))
def test_the_example_comes_out_as_it_says(
    path: Path, word: str, example: dict[str, Any], tmp_path: Path, invoice_rules: None
) -> None:
    data = tmp_path / example.get("name", "data.csv")
    if "csv_file" in example:
        shutil.copyfile(path.parent / example["csv_file"], data)
    else:
        data.write_bytes(example["csv"].encode("utf-8"))
    costs = ["--costs", str(path.parent / example["costs"])] if "costs" in example else []
    ruleset = ["--ruleset", path.parent.name] if path.parent.name == "pelanor-invoice" else []
    found = check(data, *ruleset, *costs, *uploaded_before(example, path, tmp_path), *example.get("args", []))
    rule = path.stem.partition("-")[0]
    outcome = found.outcome(rule)
    if word == "pass":
        assert outcome["state"] == "passed", outcome
        assert (outcome["evaluated"] > 0, outcome["left_out"], outcome["findings"]) == (True, 0, [])
        return
    assert outcome["state"] == "failed", outcome
    assert found.places(rule) == example["at"]
    assert outcome["violations"] >= len(example["at"]) or outcome["unit"] == "day"
    assert all(one["message"] and "{" not in one["message"] for one in outcome["findings"])
    assert found.code == (1 if read(path)["level"] == "error" else found.code)


def test_there_are_rules() -> None:
    assert len(RULES) >= 46
    assert {path.parent.name for path in RULES} == set(PREFIXES)


@pytest.mark.parametrize("path", [*RULES, *OWN_RULES], ids=ids([*RULES, *OWN_RULES]))
def test_the_rule_is_whole(path: Path) -> None:
    rule = read(path)
    assert path.name == f"{rule['id']}-{rule['name']}.yaml"
    assert rule["examples"]["pass"]
    assert rule["examples"]["fail"]
    assert all(one.get("at") for one in rule["examples"]["fail"])
    for key in ("why", "fix"):
        assert rule[key].strip().endswith((".", "?")), key
        assert len(rule[key].split()) >= 5, key
    assert re.fullmatch(r"[A-Z\"`].*\.", rule["asserts"].strip()), "a pass says a sentence"
    assert rule["refs"]


@pytest.mark.parametrize("path", [*RULES, *OWN_RULES], ids=ids([*RULES, *OWN_RULES]))
def test_the_name_names_a_fault(path: Path) -> None:
    words = read(path)["name"].split("-")
    assert not {"valid", "check", "is", "has", "must", "all", "every", "ok", "correct", "rule"}.intersection(words)
    assert len(words) >= 2, "one word names a thing, not a fault"


@pytest.mark.parametrize("path", [*RULES, *OWN_RULES], ids=ids([*RULES, *OWN_RULES]))
def test_the_message_says_what_was_found(path: Path) -> None:
    message = read(path)["message"]
    found = set(re.findall(r"{(\w+)}", message)) - {"file", "first", "last"}
    assert found, "a message without what was found"
    assert message[0].islower() or message[0] in '{"', "messages stand after the rule's name"
    assert not message.endswith(".")


@pytest.mark.parametrize("path", [*RULES, *OWN_RULES], ids=ids([*RULES, *OWN_RULES]))
def test_the_rule_is_valid_against_the_schema_for_editors(path: Path) -> None:
    schema = json.loads((ROOT / "schemas" / "rule.schema.json").read_text("utf-8"))
    assert [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(read(path))] == []


@pytest.mark.parametrize("folder", SETS, ids=[path.name for path in SETS])
def test_the_set_is_valid_against_the_schemas_for_editors(folder: Path) -> None:
    for name in ("ruleset", "diagnoses"):
        path = folder / f"{name}.yaml"
        if not path.is_file():
            continue
        schema = json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text("utf-8"))
        # `off` is a key here, as in YAML 1.2, which editors read.
        found = yaml.safe_load(re.sub(r"\boff:", '"off":', path.read_text("utf-8")))
        assert [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(found)] == []


@pytest.mark.parametrize(
    "change",
    [
        {"levle": "error"},
        {"level": "fatal"},
        {"id": "X1"},
        {"check": {"kind": "one_off"}},
        {"check": {"kind": "has_charges", "column": "a"}},
        {"check": {"kind": "filled", "columns": "line_item"}},
        {"examples": {"pass": []}},
    ],
)
def test_the_schema_for_editors_refuses_what_the_loader_refuses(change: dict[str, Any]) -> None:
    schema = json.loads((ROOT / "schemas" / "rule.schema.json").read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    rule = read(ROOT / "rules" / "openai-cost" / "OC501-not-by-line-item.yaml")
    assert validator.is_valid(rule)
    assert not validator.is_valid({**rule, **change})


def test_patterns_of_the_schemas_are_for_every_program() -> None:
    patterns = [
        found
        for path in sorted((ROOT / "schemas").glob("*.json"))
        for found in re.findall(r'"pattern": "((?:[^"\\]|\\.)*)"', path.read_text("utf-8"))
    ]
    assert patterns
    for one in patterns:
        text = json.loads(f'"{one}"')
        assert "(?s)" not in text, "inline flags are Python's, not JSON Schema's"
        re.compile(text)


@pytest.mark.parametrize("folder, prefix", list(PREFIXES.items()))
def test_ids_have_the_sets_prefix_and_are_in_order(folder: str, prefix: str) -> None:
    found = [read(path)["id"] for path in RULES if path.parent.name == folder]
    assert found == sorted(set(found))
    assert all(re.fullmatch(prefix + "[0-9]{3}", one) for one in found)


def test_the_report_lists_every_rule_in_order() -> None:
    found = check(ROOT / "fixtures" / "good-h4")
    own = sorted(read(path)["id"] for path in RULES if path.parent.name != "pelanor-invoice")
    assert [one["rule"] for one in found.file["outcomes"]] == own


def test_every_kind_is_used_and_every_used_kind_is_there() -> None:
    used = {read(path)["check"]["kind"] for path in (*RULES, *OWN_RULES)}
    assert used == set(KINDS)


def test_every_kind_is_described() -> None:
    for name, kind in KINDS.items():
        assert name == kind.kind
        assert (kind.__doc__ or "").split("\n")[0].endswith("."), name


def test_parameters_of_kinds_are_described_in_words() -> None:
    code, out, _ = run("rules", "kinds")
    assert code == 0
    lines = out.splitlines()
    for name, words in (("column", "name of a column"), ("pattern", "regular expression"), ("seconds", "whole number")):
        assert f"    {name}: {words}" in lines
    assert "    roles: some of time, measure, id, code, group, text, as a list" in lines
    assert "    within (optional): one of day, file" in lines
    assert not [line for line in lines if re.search(r"\[|\b(str|int|bool|tuple|Literal|Optional|Mapping|None|Any)\b", line)]


def test_versions_are_in_step() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    released = re.findall(r"^## \[([0-9.]+)\]", changelog, re.MULTILINE)
    assert released[0] == __version__
    for path in RULES:
        assert read(path)["since"] in released, f"{path.name} is of a version that the changelog does not have"
    for folder in PREFIXES:
        assert read(ROOT / "rules" / folder / "ruleset.yaml")["version"] == __version__
    example = (ROOT / "docs/ci/pre-commit.md").read_text("utf-8")
    assert re.findall(r"repo: \S+billproof\S*\n +rev: v(\S+)", example) == [__version__]


def test_a_page_for_each_rule_and_none_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for name, folder in (("openai-cost", "docs/rules"), ("pelanor-invoice", "docs/rules/pelanor-invoice")):
        assert run("rules", "docs", "--ruleset", name, "--output", folder, "--check") == (0, "", "")
        pages = {path.stem for path in (ROOT / folder).glob("*.md")} - {"README"}
        assert pages == {path.stem for path in RULES if path.parent.name in ("csv", name)}


def test_pages_do_not_break_names() -> None:
    for path in sorted((ROOT / "docs" / "rules").rglob("*.md")):
        assert not re.search(r"[a-z]-$", path.read_text("utf-8"), re.MULTILINE), path.name


def test_rules_test_is_green() -> None:
    code, out, _ = run("rules", "test", "--ruleset", "csv")
    assert code == 0, out
    count = sum(len(one) for path in RULES if path.parent.name == "csv" for one in read(path)["examples"].values())
    assert out.splitlines()[-1] == f"{count} examples of 13 rules of csv: 0 failed"


def test_the_program_knows_no_column_of_the_export_by_name() -> None:
    schema = json.loads((ROOT / "schemas" / "openai-cost.schema.json").read_text("utf-8"))
    names = {field["name"] for field in schema["fields"]} - set(ROLE_NAMES)
    assert "start_time" in names
    package = ROOT / "validator" / "billproof"
    # What asks OpenAI's own API, or stands in for it, knows the names of that API, which the export has as well.
    api = {*(package / "openai").rglob("*.py"), package / "sandbox" / "costs.py"}
    # What spend writes for others, JSON and tags, has such names too; what reads a file there does so by role.
    spend = package / "spend"
    readers = ("accepted", "charges", "convert", "organization", "tally")
    written = {*spend.rglob("*.py")} - {spend / f"{name}.py" for name in readers}
    for path in sorted({*package.rglob("*.py")} - api - written):
        words = set(re.findall(r"\w+", path.read_text("utf-8")))
        assert not words & names, path.name


def test_examples_hold_no_real_ids_or_addresses() -> None:
    for path in sorted((ROOT / "rules").glob("*/*")) + sorted((ROOT / "tests" / "rulesets").glob("*/*")):
        text = path.read_bytes().decode("utf-8", "replace")
        for found in re.findall(r"\b(?:org|proj|user|key|acct)[-_](?!EXAMPLE)[A-Za-z0-9]{6,}", text):
            raise AssertionError(f"{path.name}: {found}")
        for address in re.findall(r"[\w.+-]+@[\w-]+\.[\w.]+", text):
            assert address.endswith(("example.com", "example.org")), f"{path.name}: {address}"
