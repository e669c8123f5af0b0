"""Addresses in buckets: `s3://bucket/key`, `gs://…`, `az://container/…`. A key is taken as it is written."""

from __future__ import annotations

import re

_SCHEMES = ("s3://", "gs://", "az://")
_ADDRESS = re.compile(r"(?:s3|gs|az)://[A-Za-z0-9][A-Za-z0-9._-]*(?:/(?!\.\.?(?:/|\Z))[^/\x00-\x1f\x7f]+)*/?")
_FORM = "is not an address in a bucket; write it as s3://bucket/folder (or gs://, az://)"


def in_bucket(path: str) -> bool:
    """Whether a path is an address in a bucket, and not a file of this machine."""
    return path.startswith(_SCHEMES)


def is_address(path: str) -> bool:
    """Whether a name is an address of any kind, which may have a secret in it."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path) is not None


def without_secrets(url: str) -> str:
    """An address that may be shown, whatever was put into it."""
    return re.sub(r"//[^/]*@", "//", re.split("[?#]", url)[0])


def address_error(url: str) -> str | None:
    """What is wrong with an address, in words that show no part of it; None if nothing is."""
    if "?" in url or re.match(r"[a-z0-9]+://[^/]*@", url):
        return "contains a `?` or credentials, which belong in the environment and never in an address"
    return None if _ADDRESS.fullmatch(url) else _FORM
