"""The report as one page of HTML for people who file it: no script, no network, both color schemes, fit to print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from billproof.report.render.aside import REASONS
from billproof.report.render.html.elements import Element, Node, cell, document, element, head, stamps
from billproof.report.render.html.file import beside_the_verdict, file_sections, key, section
from billproof.report.render.html.index import anchor, folded, in_full, index
from billproof.report.render.verdicts import blockers, headline, ready_to_upload, tally

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportFile

Setting = Literal[
    "ruleset", "organization", "month", "month_to_date", "as_of", "expect_total", "fail_on", "policy", "max_findings",
    "second_opinion", "costs", "costs_required",
]  # fmt: skip

_SETTINGS: dict[Setting, str] = {
    "ruleset": "Rule set", "organization": "Organization", "month": "Month", "month_to_date": "Month to date",
    "as_of": "As of", "expect_total": "Expected total", "fail_on": "Fail on", "policy": "Policy",
    "max_findings": "Findings kept per rule", "second_opinion": "Second opinion",
    "costs": "OpenAI's record", "costs_required": "OpenAI's record required",
}  # fmt: skip


def render_html(report: Report) -> str:
    """The report as an HTML document in UTF-8. Outside its last section it is the same for the same result."""
    style = Path(__file__).with_name("style.css").read_text("utf-8")
    word, sentence = _verdict(report)
    return document(f"{word} {sentence}", style, _body(report))


def _verdict(report: Report) -> tuple[str, str]:
    """The verdict on the run as a word and a sentence."""
    files = report["files"]
    if len(files) == 1:
        word, _, sentence = headline(files[0], report).partition("  ")
        return word, sentence
    return report["verdict"].upper(), tally(report) if files else report["reasons"][0]["text"]


def _body(report: Report) -> Element:
    files = report["files"]
    _, sentence = _verdict(report)
    tool = f"{report['tool']['name']} {report['tool']['version']} · {report['ruleset']['name']} {report['ruleset']['version']}"
    header = element(
        "header", element("p", tool, class_="tool"), *stamps(report["verdict"], ", ".join(report["upload"]["because"])),
        element("h1", element("bdi", sentence)),
        *(beside_the_verdict(files[0], report) if len(files) == 1 else _readiness(report)), class_="verdict",
    )  # fmt: skip
    footer = element("p", f"Made by billproof {report['tool']['version']} from {report['schema']}.")
    return element("body", header, element("main", *_main(report), *_closing(report)), element("footer", footer))


def _readiness(report: Report) -> list[Element]:
    """What keeps files that all passed from being uploaded; of one file, its own sentence says so."""
    if report["verdict"] != "pass" or report["upload"]["ready"]:
        return []
    return [element("p", f"Ready to upload: {ready_to_upload(report)}", class_="weak")]


def _main(report: Report) -> Iterator[Node]:
    files = report["files"]
    if not files:
        yield element("p", "Name a file or a folder: ", element("code", "billproof check cost_2025-10-01_2025-10-31.csv"))
    elif len(files) == 1:
        yield from file_sections(files[0], report, 2, anchor(1))
    else:
        yield section("Index", list(index(report)), "h2", "index")
        for number, file in in_full(report):
            yield _article(number, file, report)


def _article(number: int, file: ReportFile, report: Report) -> Element:
    _, _, sentence = headline(file, report).partition("  ")
    header = element(
        "header", *stamps(file["verdict"], blockers(file, report)), element("h2", element("bdi", sentence), id=anchor(number)),
        *beside_the_verdict(file, report), class_="verdict",
    )  # fmt: skip
    return element(
        "article", header, *file_sections(file, report, 3, anchor(number)), class_="file", aria_labelledby=anchor(number)
    )


def _closing(report: Report) -> Iterator[Element]:
    """The sections about the whole run. What differs from run to run is in the last one alone."""
    if aside := report.get("set_aside"):
        lines = [(cell(file["path"]), file["month"] or "unknown", REASONS[file["reason"]]) for file in aside]
        table = _table(("File", "Month", "Not judged because it is"), lines)
        yield section("Set aside", list(folded(table, aside)), "h2", "set-aside")
    yield section("Digests", list(folded(_digests(report), report["files"])), "h2", "digests")
    for title, texts in (("What this proves", report["proves"]), ("What a file cannot prove", report["does_not_prove"])):
        if texts:
            items = element("ul", *(element("li", text) for text in texts))
            yield section(title, [items], "h2", key(title))
    yield section("Settings", [_settings(report)], "h2", "settings")
    yield section("Run", [_run(report)], "h2", "run")


def _digests(report: Report) -> Element:
    rules, config = report["ruleset"], report["settings"]["config"]
    lines = [(file["path"], "file", file["sha256"]) for file in report["files"] if file["sha256"] is not None]
    lines += [(file["path"], "OpenAI's record", file["costs"]["record"]["sha256"]) for file in report["files"] if "costs" in file]
    lines.append((f"{rules['name']} {rules['version']}", f"{len(rules['rules'])} rules", rules["sha256"]))
    if config is not None:
        lines.append((config["path"], "configuration", config["sha256"]))
    lines.append((report["schema"], "result: the report without the section Run", report["result_sha256"]))
    cells = [(cell(of), what, element("code", digest, class_="digest")) for of, what, digest in lines]
    return _table(("Item", "Type", "SHA-256"), cells)


def _settings(report: Report) -> Element:
    lines: list[tuple[Node, ...]] = []
    for setting_key, name in _SETTINGS.items():
        setting = report["settings"][setting_key]
        value, source = setting["value"], setting["source"]
        if value is not None:
            lines.append((name, cell(("no", "yes")[value] if isinstance(value, bool) else str(value)), source))
    lines.append(("Ready to upload", cell(ready_to_upload(report)), "this report"))
    return _table(("Setting", "Value", "From"), lines)


def _table(titles: Sequence[str], lines: Sequence[Sequence[Node]]) -> Element:
    """A table whose first column says what each line is about."""
    rows = (element("tr", element("th", first, scope="row"), *(element("td", node) for node in rest)) for first, *rest in lines)
    return element("table", head(*titles), element("tbody", *rows))


def _run(report: Report) -> Element:
    run = report["run"]
    facts = [("Started", run["started"]), ("Finished", run["finished"]), ("As of", run["as_of"])]
    if run["host"]:
        facts.append(("Machine", f"{run['host']['name']}, {run['host']['system']}, Python {run['host']['python']}"))
    facts += [(name.capitalize(), str(text)) for name, text in run["ci"].items() if text]
    return element("dl", *(element("div", element("dt", name), element("dd", cell(text))) for name, text in facts))
