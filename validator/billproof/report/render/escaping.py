"""Text as Markdown shows it unchanged, for every format that contains Markdown."""

from __future__ import annotations

import re

_SIGNS = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "$": "&#36;", "@": "@&#8203;", "#": "#&#8203;"}


def escaped(text: str) -> str:
    """Text that Markdown shows unchanged, even in a cell of a table: no markup, links, mentions or line breaks."""
    text = re.sub(r"[\\`*_~\[\]!]", r"\\\g<0>", text.replace("\n", " "))
    text = re.sub(r"[&<>|$@#]", lambda match: _SIGNS[match.group()], text)
    return re.sub(r"(?<=www)\.|:(?=/)", r"\\\g<0>", text, flags=re.IGNORECASE)


def fenced(text: str) -> list[str]:
    """Lines that keep their spaces, in a fence longer than any of their own."""
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
    return [f"{fence}text", *text.split("\n"), fence]
