"""What is known about Pelanor's API, and what its customers must fill in, because only they can read it.

Base URLs and API pages: public programs of Pelanor and OpenOps that use them. The form of the token:
https://docs.pelanor.io/api-reference/getting-started. The upload's path, method, field, limits and answers are behind
the login; nothing here assumes them.
"""

from __future__ import annotations

from typing import Final

from billproof.model.errors import UsageError
from billproof.model.record import Record


class Preset(Record):
    """What a preset fixes: the host, the page that shows the rest to those who log in, and within what time uploads are shown.

    Pelanor's page on its OpenAI integration says "within approximately 12 hours".
    """

    base_url: str
    page: str
    visible_after: str = "12h"


PRESETS: Final = {
    "pelanor-us": Preset("https://api.pelanor.io", "https://app.pelanor.io/api-docs"),
    "pelanor-eu": Preset("https://api-eu.pelanor.io", "https://app-eu.pelanor.io/api-docs"),
}

_STEPS = """\
Only Pelanor's customers can see these values, so billproof cannot include them. Four steps:
  1  Log in to {page} with the role Admin or Workspace Admin
  2  Find the operation that uploads an OpenAI billing file
  3  Copy these values:
       the page says                       billproof.yaml
       POST or PUT                         method:
       the address after the host          path:      write {{integration}} where it expects the integration ID
       multipart/form-data with a name     file: {{form_field: name}}
       text/csv or octet-stream            file: raw
       the ID of your OpenAI integration   integration:   of each integration
  4  billproof upload FILE --dry-run prints the request as a curl line: compare it with the page's own example"""
_BEFORE = "To try everything first: billproof sandbox; docs/sandbox.md shows an upload to it"


class NotFilledIn(UsageError):
    """The configuration does not say yet what a request needs; `gaps` are all of them, each with its place."""

    def __init__(self, gaps: list[str], preset: str | None) -> None:
        help = _STEPS.format(page=PRESETS[preset].page) if preset else "See the API's documentation for these values."
        super().__init__(f"CONFIGURATION  {gaps[0]}", f"{help}\n{_BEFORE}")
        self.gaps = gaps

    def lines(self) -> list[str]:
        return [*(f"CONFIGURATION  {gap}" for gap in self.gaps), *self.help.splitlines()]
