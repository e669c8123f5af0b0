"""Snapshots that people read before they accept them: a file each."""

from __future__ import annotations

from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode


class Text(SingleFileSnapshotExtension):
    """Text as it is."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"
