"""Where a destination is: what it was uploaded to before is its history, whatever name it has in the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from posixpath import normpath
from typing import Any
from urllib.parse import quote, urlsplit

from billproof.config.destinations import DestinationSettings
from billproof.delivery.destinations.pelanor import PRESETS
from billproof.model.record import Record
from billproof.model.urls import in_bucket

_PORTS = {"http": 80, "https": 443}


class Address(Record):
    """The kind of a destination; its scheme, host and port, or its path or address in a bucket as configured; and, for an API,
    the integration there.
    """

    kind: str
    place: str
    integration: str | None


def configured_address(settings: DestinationSettings, integration: str | None) -> Address:
    """Where a destination of the configuration is, for the integration with this ID there."""
    if settings.kind == "directory":
        return Address("directory", normpath(settings.path or ""), None)
    if settings.kind == "bucket":
        return Address("bucket", (settings.url or "").rstrip("/"), None)
    base_url = PRESETS[settings.preset].base_url if settings.preset else settings.base_url or ""
    return Address("http", _origin(base_url), integration)


def address_in(document: Mapping[str, Any]) -> Address:
    """Where a receipt says that its file went."""
    description = document["request"]["description"]
    if "url" in description:
        return Address("http", _origin(description["url"]), document["integration"]["id"])
    month = month_folder(document["organization"], document["month"])
    place = description["pointer"].rpartition("/")[0].removesuffix(month)
    return Address("bucket", place.rstrip("/"), None) if in_bucket(place) else Address("directory", normpath(place), None)


def month_folder(organization: str, month: str) -> str:
    """The folder of a month in a destination that is a directory."""
    return f"organization={quote(organization, safe='')}/month={month}"


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.hostname}:{parts.port or _PORTS.get(parts.scheme)}"
    except ValueError:
        return url
