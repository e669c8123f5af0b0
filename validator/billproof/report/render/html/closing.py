"""The end of the page: digests, what the report proves and what a file cannot prove, and how the run was made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from billproof.report.render.html.elements import Element, element, head
from billproof.report.render.html.file import key, section
from billproof.report.render.verdicts import ready_to_upload

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report

Setting = Literal[
    "ruleset", "organization", "month", "month_to_date", "as_of", "expect_total", "fail_on", "policy", "max_findings",
    "second_opinion",
]  # fmt: skip

_SETTINGS: dict[Setting, str] = {
    "ruleset": "Rule set", "organization": "Organization", "month": "Month", "month_to_date": "Month to date",
    "as_of": "As of", "expect_total": "Expected total", "fail_on": "Fail on", "policy": "Policy",
    "max_findings": "Findings kept per rule", "second_opinion": "Second opinion",
}  # fmt: skip


def closing(report: Report) -> Iterator[Element]:
    """The sections about the whole run. What differs from run to run is in the last one alone."""
    yield section("Digests", [_digests(report)], "h2", "digests")
    for title, texts in (("What this proves", report["proves"]), ("What a file cannot prove", report["does_not_prove"])):
        if texts:
            items = element("ul", *(element("li", text) for text in texts))
            yield section(title, [items], "h2", key(title))
    yield section("Settings", [_settings(report)], "h2", "settings")
    yield section("Run", [_run(report)], "h2", "run")


def _digests(report: Report) -> Element:
    rules, config = report["ruleset"], report["settings"]["config"]
    lines = [(file["path"], "file", file["sha256"]) for file in report["files"] if file["sha256"] is not None]
    lines.append((f"{rules['name']} {rules['version']}", f"{len(rules['rules'])} rules", rules["sha256"]))
    if config is not None:
        lines.append((config["path"], "configuration", config["sha256"]))
    lines.append((report["schema"], "result: the report without the section Run", report["result_sha256"]))
    return element(
        "table", head("Item", "Type", "SHA-256"),
        element("tbody", *(
            element("tr", element("th", element("bdi", of), scope="row"), element("td", what),
                    element("td", element("code", digest, class_="digest")))
            for of, what, digest in lines
        )),
    )  # fmt: skip


def _settings(report: Report) -> Element:
    lines = []
    for setting_key, name in _SETTINGS.items():
        setting = report["settings"][setting_key]
        value, source = setting["value"], setting["source"]
        if value is not None:
            lines.append((name, ("no", "yes")[value] if isinstance(value, bool) else str(value), source))
    lines.append(("Ready to upload", ready_to_upload(report), "this report"))
    return element(
        "table", head("Setting", "Value", "From"),
        element("tbody", *(
            element("tr", element("th", name, scope="row"), element("td", element("bdi", value)), element("td", source))
            for name, value, source in lines
        )),
    )  # fmt: skip


def _run(report: Report) -> Element:
    run = report["run"]
    facts = [("Started", run["started"]), ("Finished", run["finished"]), ("As of", run["as_of"])]
    if run["host"]:
        facts.append(("Machine", f"{run['host']['name']}, {run['host']['system']}, Python {run['host']['python']}"))
    ci = run["ci"]
    job = (("Repository", ci["repository"]), ("Commit", ci["commit"]), ("Actor", ci["actor"]), ("Url", ci["url"]))
    facts += [(name, text) for name, text in job if text]
    return element("dl", *(element("div", element("dt", name), element("dd", element("bdi", text))) for name, text in facts))
