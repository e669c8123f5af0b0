"""JUnit's XML in the dialect that CI systems read (github.com/testmoapp/junitxml): a case for each rule and file.

A rule that fails its file is a failure; a warning that does not is passed and says so. What was not evaluated is skipped with
its reason, and what crashed is an error. A file that could not be fully checked has one more case, an error, and so has a
run without any file. GitLab shows the text of an element and Jenkins its attribute, so the message is in both; GitLab
keeps only the first of two cases with one name, so no two have the same.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from billproof.report.render import phrases, verdicts
from billproof.report.render.aside import sentences
from billproof.report.render.comparison import lines_of
from billproof.report.render.entries import source_path

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportFile, ReportOutcome, ReportSetAside

PLACES = 20

# What XML 1.0 cannot contain, not even escaped.
_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(report: Report) -> str:
    """The report as XML in UTF-8."""
    root = Element("testsuites", name="billproof")
    names: Counter[str] = Counter()
    for file in report["files"]:
        name = source_path(file["path"])
        names[name] += 1
        suite = _suite(root, name if names[name] == 1 else f"{name} ({names[name]})", _cases(file, report))
        _add(suite, "system-out", "\n".join((verdicts.headline(file, report), *verdicts.of_record(file), *lines_of(file))))
    if aside := report.get("set_aside"):
        _suite(root, "set aside", [_set_aside(file) for file in aside])
    if not report["files"]:
        _suite(root, "billproof", [_unproved(None, report)])
    _count(root, root.iter("testcase"))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"


def _suite(root: Element, name: str, cases: Iterable[Element]) -> Element:
    suite = SubElement(root, "testsuite", name=_xml(name))
    for case in cases:
        case.set("classname", _xml(name))
        suite.append(case)
    _count(suite, list(suite))
    return suite


def _count(parent: Element, cases: Iterable[Element]) -> None:
    counted = list(cases)
    parent.set("tests", str(len(counted)))
    for count, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        parent.set(count, str(sum(case.find(kind) is not None for case in counted)))


def _cases(file: ReportFile, report: Report) -> Iterator[Element]:
    if file["verdict"] == "unproved":
        yield _unproved(file["path"], report)
    for outcome in file["outcomes"]:
        case = Element("testcase", name=_xml(f"{outcome['rule']} {outcome['name']}"), file=_xml(source_path(file["path"])))
        if outcome["state"] == "failed":
            _add_failure(case, outcome, file, report)
        elif outcome["state"] == "waived":
            _add(case, "system-out", phrases.waived_by(outcome))
        elif outcome["state"] == "crashed":
            _add(case, "error", phrases.why_not_evaluated(outcome), type="crashed")
        elif outcome["state"] != "passed":
            _add(case, "skipped", phrases.why_not_evaluated(outcome))
        yield case


def _set_aside(file: ReportSetAside) -> Element:
    path = source_path(file["path"])
    case = Element("testcase", name=_xml(path), file=_xml(path))
    _add(case, "skipped", next(sentences([file])))
    return case


def _unproved(path: str | None, report: Report) -> Element:
    case = Element("testcase", name="UNPROVED")
    texts = [text for reason, text in phrases.unproved(report) if reason["file"] == path]
    _add(case, "error", "\n".join(texts + [verdicts.NO_FILE] * (path is None)), type="unproved")
    return case


def _add_failure(case: Element, outcome: ReportOutcome, file: ReportFile, report: Report) -> None:
    findings = outcome["findings"]
    if findings and findings[0]["line"] is not None:
        case.set("line", str(findings[0]["line"]))
    lines = [f"{outcome['level']}: {phrases.with_reason(phrases.first_message(outcome), outcome)}"]
    lines += [f"{phrases.place(file['path'], finding)}  {phrases.description(finding)}" for finding in findings[:PLACES]]
    if len(findings) > PLACES:
        lines.append(f"and {len(findings) - PLACES:,} more findings")
    lines.append(f"What to do: {phrases.fix_of(outcome, file, report)}")
    kind = "failure" if phrases.stops(outcome, report) else "system-out"
    _add(case, kind, "\n".join(lines), **({"type": outcome["level"]} if kind == "failure" else {}))


def _add(case: Element, kind: str, text: str, **attributes: str) -> None:
    """The outcome of a case or suite: its first line as the message, and all of it as text."""
    if kind != "system-out":
        attributes["message"] = _xml(text.partition("\n")[0])
    SubElement(case, kind, attributes).text = _xml(text)


def _xml(text: str) -> str:
    return _NO_XML.sub(lambda match: f"\\u{ord(match.group()):04X}", text)
