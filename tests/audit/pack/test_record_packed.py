"""An upload that was compared with a signed record: its pack has both files, and its report comes out the same again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.audit.signing.test_record import RULES, signed_record
from tests.signing import make_keys
from tests.support import run
from tests.uploading import stand_still

CONFIGURATION = """\
version: 1
ledger: .ledger
destinations:
  archive: {kind: directory, path: archive}
integrations:
  - {name: research, organization: org-EXAMPLE1, files: exports/, to: archive, costs: {required: true}}
"""


def test_a_pack_holds_the_record_with_its_signature(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stand_still(monkeypatch, "2025-11-10T08:00:00Z")
    keys = make_keys(tmp_path)
    folder = tmp_path / "costs/org-EXAMPLE1/2025-10"
    folder.mkdir(parents=True)
    record = signed_record(folder, keys)
    beside = Path(f"{record}.intoto.jsonl")
    sha256 = json.loads(record.read_bytes())["sha256"]
    named = folder / f"20251105T021000Z-{sha256[:12]}.json"
    record.rename(named)
    beside.rename(f"{named}.intoto.jsonl")
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports/october.csv").write_bytes((RULES / "OC801-as-exported.csv").read_bytes())
    (tmp_path / "billproof.yaml").write_text(CONFIGURATION, "utf-8")
    assert run("ledger", "init")[0] == 0
    code, out, err = run("upload", "--costs-key", str(keys.public), "--month", "2025-10")
    assert code == 0, out + err
    (receipt,) = (json.loads(path.read_bytes()) for path in (tmp_path / ".ledger/archive").rglob("*.json"))
    assert (receipt["costs"]["sha256"], receipt["costs"]["signed"]) == (sha256, True)
    code, out, err = run("pack", "research", "2025-10", "--output", "pack")
    assert code == 0, out + err
    (packed,) = (tmp_path / "pack").rglob(f"costs-{sha256[:12]}.json")
    assert packed.read_bytes() == named.read_bytes()
    assert Path(f"{packed}.intoto.jsonl").read_bytes() == Path(f"{named}.intoto.jsonl").read_bytes()
    (readme,) = (tmp_path / "pack").rglob("README.txt")
    assert "its result is that of the upload (same file_result_sha256)" in " ".join(readme.read_text("utf-8").split())
    code, out, err = run("verify", str(packed.parent / "report.json"), "--costs", str(packed))
    assert code == 0, out + err
    assert "files[].costs.record.signed" in " ".join(out.split())
