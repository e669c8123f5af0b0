"""What type a file is, by its first bytes: what people check by mistake in place of a CSV file."""

from __future__ import annotations

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def file_kind(head: bytes) -> str | None:
    """What the file is instead of a CSV ("an Excel workbook", …), or None. `head` are its first bytes."""
    if head.startswith(b"PK\x03\x04"):
        if b"xl/" in head or b"[Content_Types].xml" in head:
            return "an Excel workbook"
        if b"opendocument.spreadsheet" in head:
            return "an OpenDocument spreadsheet"
        return "a zip archive"
    for start, kind in (
        (b"PK\x05\x06", "an empty zip archive"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"%PDF", "a PDF document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook"),
        (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer, not the file it stands for"),
    ):
        if head.startswith(start):
            return kind
    text = head.removeprefix(BYTE_ORDER_MARK).lstrip()[:64].lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<!--")):
        return "an HTML page, perhaps a login page"
    if text.startswith(b"<?xml"):
        return "an XML document"
    if text.startswith((b"{", b"[")):
        return "a JSON document"
    return None


def is_no_utf8_text(head: bytes) -> bool:
    """Whether the file as a whole is in another encoding: UTF-16 or UTF-32, with a mark or, by its NUL bytes, without."""
    return head.startswith((b"\xff\xfe", b"\xfe\xff")) or head[:200].count(b"\0") >= 40
