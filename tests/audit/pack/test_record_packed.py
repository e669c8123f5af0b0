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


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The signed record that an upload was compared with."""
    monkeypatch.chdir(tmp_path)
    stand_still(monkeypatch, "2025-11-10T08:00:00Z")
    keys = make_keys(tmp_path)
    folder = tmp_path / "costs/org-EXAMPLE1/2025-10"
    folder.mkdir(parents=True)
    record = signed_record(folder, keys)
    named = folder / f"20251105T021000Z-{sha256_of(record)[:12]}.json"
    Path(f"{record}.intoto.jsonl").rename(f"{named}.intoto.jsonl")
    record.rename(named)
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports/october.csv").write_bytes((RULES / "OC801-as-exported.csv").read_bytes())
    (tmp_path / "billproof.yaml").write_text(CONFIGURATION, "utf-8")
    assert run("ledger", "init")[0] == 0
    code, out, err = run("upload", "--costs-key", str(keys.public), "--month", "2025-10")
    assert code == 0, out + err
    return named


def sha256_of(record: Path) -> str:
    return str(json.loads(record.read_bytes())["sha256"])


def packed(record: Path) -> Path:
    """The record in its pack."""
    code, out, err = run("pack", "research", "2025-10", "--output", "pack")
    assert code == 0, out + err
    (found,) = Path("pack").rglob(f"costs-{sha256_of(record)[:12]}.json")
    return found


def test_a_pack_holds_the_record_with_its_signature(record: Path) -> None:
    (receipt,) = (json.loads(path.read_bytes()) for path in Path(".ledger/archive").rglob("*.json"))
    assert (receipt["costs"]["sha256"], receipt["costs"]["signed"]) == (sha256_of(record), True)
    found = packed(record)
    assert found.read_bytes() == record.read_bytes()
    assert Path(f"{found}.intoto.jsonl").read_bytes() == Path(f"{record}.intoto.jsonl").read_bytes()
    readme = found.with_name("README.txt").read_text("utf-8")
    words = " ".join(readme.split())
    assert "its result is that of the upload (same file_result_sha256)" in words
    assert f"{found.name} OpenAI's own record of the costs, which the export was compared with" in words
    assert f"{found.name}.intoto.jsonl the signature of this record" in words
    code, out, err = run("verify", str(found.with_name("report.json")), "--costs", str(found))
    assert code == 0, out + err
    assert "files[].costs.record.signed" in " ".join(out.split())


@pytest.mark.parametrize("instead", ["a private key", "the attestation of another record"])
def test_only_the_attestation_of_the_record_is_packed_as_one(record: Path, instead: str) -> None:
    """Whoever may write into the folder of records could have any file packed that the packer may read."""
    beside = Path(f"{record}.intoto.jsonl")
    beside.unlink()
    if instead == "a private key":
        beside.symlink_to(Path("key.pem").resolve())
    else:
        other = Path("other")
        other.mkdir()
        path = signed_record(other, make_keys(other), "OC805-september")
        Path(f"{path}.intoto.jsonl").rename(beside)
    assert not Path(f"{packed(record)}.intoto.jsonl").exists()
