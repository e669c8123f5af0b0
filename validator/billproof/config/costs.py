"""`costs` in billproof.yaml: where OpenAI's own record of the costs comes from, and what it must do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from billproof.config.destinations import Token, origin_errors
from billproof.model.record import Record
from billproof.reading.decode import Spec, read_sound
from billproof.reading.yaml_tree import Node


class Costs(Record):
    """Where OpenAI's own record of the costs comes from, and what it must do."""

    key: Annotated[Token | None, Spec(secret=True, doc="Where the admin key is; only `costs fetch` reads it.")] = None
    folder: Annotated[str | None, Spec(doc="The folder of records. Default: costs/")] = None
    base_url: Annotated[str | None, Spec(pattern=r"https?://.+", secret=True, doc="Default: https://api.openai.com")] = None
    settles: Annotated[str | None, Spec(pattern=r"[0-9]{1,3}h", doc="How long a day may still change. Default: 48h")] = None
    required: Annotated[bool | None, Spec(doc="Whether an export without a record is unproved. Default: false")] = None
    line: int = 1


def costs_errors(root: Node) -> Iterator[tuple[int, str]]:
    """What is wrong with the values of every `costs` of a configuration, with its line, whatever else is wrong in the file."""
    top = root.value if isinstance(root.value, dict) else {}
    common = read_sound(Costs, top["costs"]) if "costs" in top else None
    if common is not None and common.key is not None:
        yield common.line, "`costs`: a key is of one organization; write it in the integration"
    owners = top["integrations"].value if "integrations" in top else None
    listed = owners if isinstance(owners, list) else []
    mappings = [owner.value for owner in listed if isinstance(owner, Node) and isinstance(owner.value, dict)]
    own = [read_sound(Costs, mapping["costs"]) for mapping in mappings if "costs" in mapping]
    for costs in filter(None, (common, *own)):
        if costs.key is not None and (costs.key.id_env or (costs.key.env is None) == (costs.key.file is None)):
            yield costs.line, "`costs`: `key` needs exactly one of `env` and `file`"
        if costs.base_url is not None:
            yield from ((costs.line, f"`costs`: {text}") for text in origin_errors(costs.base_url))
        if costs.folder is not None and not costs.folder.strip():
            yield costs.line, "`costs`: `folder` is empty"
