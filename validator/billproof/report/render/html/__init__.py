"""The report as one page of HTML for people who file it: no script, no network, both color schemes, fit to print.

The policy in its head allows the one style sheet, by its digest, and nothing else: no script, no picture, no address.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from billproof.report.render.html.closing import closing
from billproof.report.render.html.elements import Element, Node, element, write
from billproof.report.render.html.file import beside_the_verdict, file_sections, section
from billproof.report.render.html.index import anchor, index
from billproof.report.render.html.words import stamp
from billproof.report.render.verdicts import headline, tally

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportFile


def render_html(report: Report) -> str:
    """The report as an HTML document in UTF-8. Outside its last section it is the same for the same result."""
    style = Path(__file__).with_name("style.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    word, sentence = _verdict(report)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n'
        f"{write(element('title', f'{word} {sentence}'))}<style>{style}</style>\n</head>\n{write(_body(report))}</html>\n"
    )


def _verdict(report: Report) -> tuple[str, str]:
    """The verdict on the run as a word and a sentence."""
    files = report["files"]
    if len(files) == 1:
        word, _, sentence = headline(files[0], report).partition("  ")
        return word, sentence
    word = report["verdict"].upper()
    if not files:
        return word, report["reasons"][0]["text"]
    return word, tally(report)


def _body(report: Report) -> Element:
    files = report["files"]
    _, sentence = _verdict(report)
    tool = f"{report['tool']['name']} {report['tool']['version']} · {report['ruleset']['name']} {report['ruleset']['version']}"
    head = element(
        "header", element("p", tool, class_="tool"), stamp(report["verdict"], "p"), element("h1", element("bdi", sentence)),
        *(beside_the_verdict(files[0], report) if len(files) == 1 else ()), class_="verdict",
    )  # fmt: skip
    return element("body", head, element("main", *_main(report), *closing(report)), element("footer", _footer(report)))


def _main(report: Report) -> Iterator[Node]:
    files = report["files"]
    if not files:
        yield element("p", "Name a file or a folder: ", element("code", "billproof check cost_2025-10-01_2025-10-31.csv"))
    elif len(files) == 1:
        yield from file_sections(files[0], report, 2, anchor(1))
    else:
        yield section("Index", list(index(files)), "h2", "index")
        for number, file in enumerate(files, 1):
            yield _article(number, file, report)


def _article(number: int, file: ReportFile, report: Report) -> Element:
    _, _, sentence = headline(file, report).partition("  ")
    head = element(
        "header", stamp(file["verdict"], "p"), element("h2", element("bdi", sentence), id=anchor(number)),
        *beside_the_verdict(file, report), class_="verdict",
    )  # fmt: skip
    return element(
        "article", head, *file_sections(file, report, 3, anchor(number)), class_="file", aria_labelledby=anchor(number)
    )


def _footer(report: Report) -> Element:
    return element("p", f"Made by billproof {report['tool']['version']} from {report['schema']}.")
