"""Which record of OpenAI's costs an export is compared with: the one that is named, else the newest in its folder that fits."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from billproof.config.costs import Costs
from billproof.config.file import Config
from billproof.config.settings import Settings
from billproof.model.costs import NO_FIT, CostsAtHand, CostsRecord
from billproof.model.errors import Unreadable
from billproof.model.results import Sourced
from billproof.model.values import in_words
from billproof.openai.record import month_folder, newest_first, read_record
from billproof.rules.comparison import unfit

FOLDER = "costs"
HOW = "An owner of the organization can fetch it{since}: billproof costs fetch --month {month}"


def costs_folder(config: Config, organization: str, month: str) -> str:
    """The folder of the records of a month, as it is configured for the organization's integration."""
    costs = config.costs_of(config.integration_of(organization))
    return month_folder(config.beside((costs.folder if costs else None) or FOLDER), organization, month)


def settles_of(costs: Costs | None) -> timedelta:
    """For how long after its end a day may still change, as it is configured."""
    return timedelta(hours=int((costs.settles if costs and costs.settles else "48h").removesuffix("h")))


def paths_of_record(sha256: str, folders: Iterable[str]) -> list[str]:
    """The files in these folders that end as the record with this digest does, or are named as it is."""
    paths = [
        os.path.join(folder, name)
        for folder in filter(os.path.isdir, folders) for name in sorted(os.listdir(folder)) if name.endswith(".json")
    ]  # fmt: skip
    return [path for path in paths if path.endswith(f"{sha256[:12]}.json") or _ends_with(path, sha256)]


def _ends_with(path: str, sha256: str) -> bool:
    """Whether the last value in a JSON file is this digest, as in a record."""
    with suppress(OSError):
        if os.path.isfile(path):
            with open(path, "rb") as stream:
                stream.seek(max(0, os.path.getsize(path) - 200))
                return re.search(rb'"sha256":\s*"%s"\s*}\s*$' % sha256.encode(), stream.read()) is not None
    return False


def _read(path: str, settings: Settings) -> CostsRecord:
    """A record. Raises Unreadable, also for one of the future, whose days would all seem settled."""
    record = read_record(path, settings.costs_signature)
    if record.finished > settings.now:
        text = f"{path}: was read at {in_words(record.finished)}, which is later than this machine's clock"
        raise Unreadable(text, "Set the clock, or fetch the month again: billproof costs fetch")
    return record


def find_costs(settings: Settings, organization: Sourced, month: Sourced, ended: datetime) -> CostsAtHand:
    """The record for an organization and month, read once the last day to compare had `ended`; or why there is none.

    Raises Unreadable for a record that is damaged or edited.
    """
    config = settings.config
    integration = config.integration_of(organization.value) if config else None
    costs = config.costs_of(integration) if config else None
    found = CostsAtHand(ended, demanded=settings.costs_required or bool(costs and costs.required), settles=settles_of(costs))
    if settings.costs is not None:
        return found._replace(record=_read(settings.costs, settings))
    if config is None or costs is None or organization.value is None or month.value is None:
        return found._replace(lacking="no folder of records of OpenAI's costs is configured for its organization and month")
    record, passed_over = newest_fit(config, settings, organization.value, month.value, ended)
    if record is not None:
        return found._replace(record=record)
    since = f" from {in_words(ended)}" if ended > settings.now else ""
    lacking = [NO_FIT, *passed_over, HOW.format(month=month.value, since=since)]
    return found._replace(lacking=". ".join(lacking))


def newest_fit(
    config: Config, settings: Settings, organization: str, month: str, ended: datetime
) -> tuple[CostsRecord | None, list[str]]:
    """The newest record of an organization and month that was read once the last day to compare had `ended`, and why newer ones
    do not fit. Raises Unreadable as `find_costs` does.
    """
    passed_over: list[str] = []
    for path in newest_first(costs_folder(config, organization, month)):
        record = _read(path, settings)
        reason = unfit(record, organization, month, ended)
        if reason is None:
            return record, passed_over
        passed_over.append(f"{path} does not fit: {reason}")
    return None, passed_over
