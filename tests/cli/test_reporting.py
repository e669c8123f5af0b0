"""What becomes of a report: each format is rendered once, however often it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from billproof.report.render import json as json_format
from tests.support import fixture, run


def test_json_for_a_file_and_for_standard_output_is_rendered_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reports = []
    render = json_format.render_json

    def counted(report: Mapping[str, object]) -> str:
        reports.append(report)
        return render(report)

    monkeypatch.setattr(json_format, "render_json", counted)
    paths = [tmp_path / name for name in ("first.json", "second.json")]
    outputs = [f"--output=json={path}" for path in paths]
    code, out, _ = run("check", str(fixture("good-h1")), "--as-of", "2025-12-01", "--format", "json", *outputs)
    assert (code, len(reports)) == (0, 1)
    assert {path.read_text("utf-8") for path in paths} == {out}
