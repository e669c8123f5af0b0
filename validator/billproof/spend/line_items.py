"""What OpenAI's line items say, such as `priority | gpt-5.6-sol, output, long context`.

    text = [prefix " | "] head *( ", " part )

The texts are an open set. Reading one never fails and never changes it: reports group by the text as OpenAI wrote it, and
what this module does not know stays in `other`. The known words were seen in real exports.
"""

from __future__ import annotations

import re

from billproof.model.record import Record

TIERS = {"priority": "priority", "flex": "flex", "batch api": "batch", "batch": "batch"}
PRODUCTS = ("evals", "assistants api", "web search tool calls")
TOOLS_FOLLOW = "assistants api"  # its head is a tool such as "file search", never a model
KINDS = {
    "input": ("input", None),
    "input tokens": ("input", None),
    "output": ("output", None),
    "output tokens": ("output", None),
    "cached input": ("input", "read"),
    "cached input tokens": ("input", "read"),
    "input cached": ("input", "read"),
    "input cached tokens": ("input", "read"),
    "cache write": ("input", "write"),
    "cache writes": ("input", "write"),
    "cache write tokens": ("input", "write"),
    "cache writes tokens": ("input", "write"),
    "input cache write": ("input", "write"),
    "input cache writes": ("input", "write"),
    "input cache write tokens": ("input", "write"),
    "input cache writes tokens": ("input", "write"),
}
CONTEXTS = {"long context": "long"}
MODALITIES = ("text", "audio", "image")
_MODEL = re.compile(r"[a-z0-9][a-z0-9._:/-]*(?: [a-z0-9._-]+){0,3}")
_DATED = re.compile(r"(.+)-[0-9]{4}-[0-9]{2}-[0-9]{2}")


class LineItem(Record):
    """One line item, taken apart. `None` and "" mean that the text does not say it."""

    raw: str  # the text, unchanged
    tier: str | None  # priority, flex, batch
    product: str | None  # any other prefix, as written
    model: str | None  # as written
    modality: str | None  # text, audio, image: the last word before the kind
    direction: str | None  # input, output
    cache: str | None  # read, write
    context: str | None  # long
    other: tuple[str, ...]  # parts that nothing above takes, as written

    @property
    def kind(self) -> str | None:
        """What was counted: input, output, cached input, cache write."""
        return {"read": "cached input", "write": "cache write"}.get(self.cache or "", self.direction)

    @property
    def known(self) -> bool:
        """Every part of the text was understood."""
        return not self.other and self.model is not None and (self.product is None or self.product.lower() in PRODUCTS)


def parse(text: str) -> LineItem:
    """The parts of a line item; any text has some."""
    prefix, bar, rest = text.partition(" | ")
    if not bar:
        prefix, rest = "", text
    tier = TIERS.get(_folded(prefix))
    product = None if tier else prefix.strip() or None
    head, *parts = rest.split(", ")
    kind: tuple[str | None, str | None] | None = None
    context = None
    other = []
    for part in parts:
        word = _folded(part)
        if context is None and word in CONTEXTS:
            context = CONTEXTS[word]
        elif kind is None and word in KINDS:
            kind = KINDS[word]
        else:
            other.append(part)
    model, modality = _model(head, product, counted=kind is not None)
    if model is None:
        other.insert(0, head)
    direction, cache = kind or (None, None)
    return LineItem(text, tier, product, model, modality, direction, cache, context, tuple(other))


def _folded(part: str) -> str:
    return part.strip().lower().replace("_", " ")


def _model(head: str, product: str | None, *, counted: bool) -> tuple[str | None, str | None]:
    """Model and modality of a head. `gpt-image-1 image, output` has a modality, `ada v2` and `tts hd` are whole names: a
    modality needs a kind behind it.
    """
    name = head.strip()
    if (product or "").lower() == TOOLS_FOLLOW or not _MODEL.fullmatch(name.lower()):
        return None, None
    model, _, last = name.rpartition(" ")
    if counted and model and last.lower() in MODALITIES:
        return model, last.lower()
    return name, None


def family(model: str) -> str:
    """`gpt-4o` of `gpt-4o-2024-08-06`. A fine-tuned model (`ft-…`, `ft:…`) is one of its own."""
    dated = _DATED.fullmatch(model)
    return dated[1] if dated and not model.lower().startswith(("ft-", "ft:")) else model


def meter(item: LineItem) -> str:
    """What the line item counts, in the words of FOCUS: `Audio Cached Input Tokens`; else the text itself."""
    if item.kind is None:
        return item.raw
    return f"{item.modality or ''} {item.kind} tokens".strip().title()
