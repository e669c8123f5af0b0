"""OpenAI's own record beside the file: a sentence, and the projects whose sums differ, the largest difference first."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from billproof.model.values import money, number
from billproof.report.render.html.elements import Element, cell, element, head
from billproof.report.render.phrases import in_cents
from billproof.report.render.verdicts import of_record

if TYPE_CHECKING:
    from billproof.model.report_v1 import ReportCosts, ReportCostsProject, ReportFile

SHOWN = 20


def record(file: ReportFile) -> Iterator[Element]:
    """How the file compares with the record, or that there is none where one is looked for."""
    yield from (element("p", f"{text}.") for text in of_record(file))
    if "costs" not in file:
        return
    costs = file["costs"]
    if costs["agrees"] is False and costs["projects_differing"]:
        lines = [_line(project) for project in costs["by_project"][: min(SHOWN, costs["projects_differing"])]]
        titles = head("Project", figures=("File, USD", "OpenAI, USD", "Difference"))
        table = element("table", element("caption", "Projects that differ"), titles, element("tbody", *lines))
        yield element("div", table, class_="groups")
    if costs["agrees"] is False:
        yield element("p", _rest(costs), class_="quiet")


def _rest(costs: ReportCosts) -> str:
    """How many projects are not in the table."""
    more, equal = costs["projects_differing"] - SHOWN, costs["projects"] - costs["projects_differing"]
    parts = [f"{number(more, 'more project')} differ{'s' if more == 1 else ''}"] if more > 0 else []
    parts += [f"{number(equal, 'project')} {'has' if equal == 1 else 'have'} the same total"] if equal else []
    return "; ".join(parts)


def _line(project: ReportCostsProject) -> Element:
    name, id_ = project["name"], project["id"] or "(no project)"
    label = [cell(name), element("small", cell(id_))] if name else [cell(id_)]
    difference = Decimal(project["file"]) - Decimal(project["record"])
    sums = in_cents(project["file"]), in_cents(project["record"]), f"{'+' if difference > 0 else ''}{in_cents(money(difference))}"
    return element("tr", element("th", *label, scope="row"), *(element("td", text, class_="figure") for text in sums))
