"""Integrations written into `billproof.yaml`: as a new file, or inserted into one whose every other byte stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from textwrap import indent
from typing import Any

from billproof.config.destinations import FILL_IN
from billproof.model.record import Record
from billproof.reading.yaml_tree import Node, parse_document

_INDENT = "  "


class NewIntegration(Record):
    """What is known of an integration before anybody fills it in. What is None is left out, but for the organization."""

    name: str
    organization: str | None
    files: str | None = None
    to: str | None = "pelanor-eu"
    token: str | None = "PELANOR_TOKEN"

    def lines(self) -> list[str]:
        """The integration as an item of a list in YAML."""
        files = [f"files: {json.dumps(self.files, ensure_ascii=False)}"] if self.files else []
        to = [f"to: {self.to}"] if self.to else []
        to += [f"integration: {FILL_IN}", f"token: {{env: {self.token}}}"] if self.token else []
        organization = json.dumps(self.organization or FILL_IN, ensure_ascii=False)
        first, *rest = [f"name: {self.name}", f"organization: {organization}", *files, *to]
        return [f"- {first}", *(f"  {line}" for line in rest)]


def new_file(ledger: str, archive: str, integrations: Sequence[NewIntegration]) -> str:
    """A configuration to start with."""
    items = "\n".join(line for integration in integrations for line in integration.lines())
    return f"""\
version: 1
ruleset: openai-cost
ledger: {ledger}
destinations:
  pelanor-eu:
    kind: http
    preset: pelanor-eu
    method: POST
    path: "/{FILL_IN}/{{integration}}"
    file: {{form_field: {FILL_IN}}}
  archive: {{kind: directory, path: {archive}}}
integrations:
{indent(items, _INDENT)}
"""


def name_for(organization_name: str | None, taken: Collection[str]) -> str:
    """A name for an integration, from that of its organization: `acme-research`; with a number if it is taken."""
    plain = re.sub("[^a-z0-9]+", "-", (organization_name or "").partition(" / ")[0].lower()).strip("-")[:40].strip("-") or "main"
    names = (plain, *(f"{plain}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def with_integrations(data: bytes, integrations: Sequence[NewIntegration]) -> bytes | None:
    """The configuration in `data` with more integrations at the end of its list: every byte of it stays, and read again it says
    the same as before and nothing more. None if that cannot be done.
    """
    added = [_item(integration) for integration in integrations]
    written = (text.encode("utf-8") for text in _candidates(data.decode("utf-8"), integrations))
    return next((text for text in written if _says(text, data, added)), None)


def _candidates(text: str, integrations: Sequence[NewIntegration]) -> Iterator[str]:
    """The text with the integrations where they may belong, in the form of the list that is there."""
    place, column = _end_of_list(text)
    before, after = text[:place], text[place:]
    if column is None:
        items = ", ".join(f"{{{', '.join(line[2:] for line in integration.lines())}}}" for integration in integrations)
        yield from (f"{before}{comma}{items}{after}" for comma in ("", ", "))
        return
    end = "\r\n" if "\r\n" in text else "\n"
    lines = [f"{' ' * column}{line}" for integration in integrations for line in integration.lines()]
    block = end.join(lines) if before.endswith("\n") or not before else end + end.join(lines)
    yield before + block + (end if before.endswith("\n") else "") + after
    yield f"{before}{'' if before.endswith(chr(10)) else end}integrations:{end}{end.join(lines)}{end}{after}"


def _end_of_list(text: str) -> tuple[int, int | None]:
    """Where the list of integrations ends, as the index of a character, and the column of its items; None for a list in
    brackets. Where there is no such list, the end of the text.
    """
    import yaml

    document = yaml.compose(text, Loader=yaml.SafeLoader)
    for key, value in document.value if document else ():
        if key.value == "integrations" and value.flow_style:
            return value.end_mark.index - 1, None
        if key.value == "integrations":
            return _after(text, _last(value)), value.start_mark.column
    return len(text), len(_INDENT)


def _last(node: Any) -> Any:
    """The mark behind the last character of a value. The end of a block is only where the next one begins."""
    while not isinstance(node.value, str) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return node.end_mark


def _after(text: str, mark: Any) -> int:
    """The beginning of the line that follows a mark; or the mark, if a line begins there."""
    if mark.column == 0:
        return int(mark.index)
    end = text.find("\n", mark.index)
    return len(text) if end < 0 else end + 1


def _item(integration: NewIntegration) -> Any:
    root = parse_document("\n".join(integration.lines()).encode("utf-8"), "", [])
    return _plain(root)[0] if root else None


def _says(written: bytes, before: bytes, added: list[Any]) -> bool:
    """Whether a configuration says what it said before, and the integrations that were added, and nothing else."""
    now, then = (parse_document(data, "", []) for data in (written, before))
    if now is None or then is None or not isinstance(then.value, dict):
        return False
    expected = _plain(then)
    return bool(_plain(now) == {**expected, "integrations": [*(expected.get("integrations") or []), *added]})


def _plain(node: Node) -> Any:
    """A tree without its lines."""
    if isinstance(node.value, dict):
        return {key: _plain(value) for key, value in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(value) for value in node.value]
    return node.text, type(node.value).__name__, node.ambiguous
