"""docs/scale.md: its programs run, and a file that kills its worker or cannot be read is the only one that is unproved."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.environments import environment
from tests.support import FIXTURES, ROOT, run
from tests.uploading import export

PAGE = (ROOT / "docs" / "scale.md").read_text("utf-8")
MANY, ON_RAY, _ = re.findall(r"(?s)^```python\n(.*?)^```$", PAGE, re.M)
RAY = "ray==2.60.0"
READING = 'return open(path, "rb")'
POISONED = f"""if "poison" in path:
        import os, time
        time.sleep(0.5)
        os.kill(os.getpid(), 9)
    {READING}"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Exports of a year, checked by three at a time; each program ends with its report as JSON."""
    monkeypatch.chdir(tmp_path)
    Path("exports").mkdir()
    for month in (f"2024-{number:02}" for number in range(1, 13)):
        Path("exports", f"{month}.csv").write_bytes(export(month=month))
    shutil.copy(FIXTURES / "demo" / "cost_2025-10-04_2025-11-03.csv", "exports")
    Path("exports", "cannot-be-read.csv").symlink_to("nowhere.csv")
    assert READING in MANY
    for name, program in (("many.py", MANY.replace(READING, POISONED).replace("jobs=8", "jobs=2")), ("on_ray.py", ON_RAY)):
        assert program.count("50") > 1
        Path(name).write_text(program.replace('render("text")', "json").replace("50", "3"), "utf-8")
    return tmp_path


def agrees_with_the_command(python: Path | str, program: str, variables: dict[str, str]) -> None:
    """The program says of each file what `billproof check` says; only the poisoned file is another."""
    there = os.environ | variables | {"PYTHONPATH": str(ROOT / "validator")}
    words = [str(python), program]
    clean = subprocess.run(words, env=there, capture_output=True, check=False)
    assert clean.returncode == 3, clean.stderr.decode()
    report = json.loads(clean.stdout.splitlines()[-1])
    told = json.loads(run("check", "exports", "--as-of", "2025-12-01", "--format", "json")[1])
    unlike = ("verdict", "hindrance", "error", "result_sha256")
    assert len(report["files"]) == 14
    for one, other in zip(report["files"], told["files"], strict=True):
        assert {key: one[key] for key in one if key not in unlike} == {key: other[key] for key in other if key not in unlike}
    assert [file["verdict"] for file in report["files"]] == [file["verdict"] for file in told["files"]]
    assert report["upload"]["ready"] is False

    Path("exports", "2024-06-poison.csv").write_bytes(export(month="2024-06"))
    Path("exports", "2024-06.csv").unlink()
    died = subprocess.run(words, env=there, capture_output=True, check=False)
    assert died.returncode == 3, died.stderr.decode()
    files = json.loads(died.stdout.splitlines()[-1])["files"]
    assert [file["path"] for file in files] == sorted(str(path) for path in Path("exports").iterdir())
    assert {file["path"]: file["error"] for file in files if file["verdict"] == "unproved"} == {
        "exports/2024-06-poison.csv": "exports/2024-06-poison.csv: cannot be read: WorkerDied",
        "exports/cannot-be-read.csv": "exports/cannot-be-read.csv: cannot be read: FileNotFoundError",
    }
    assert [file["path"] for file in files if file["verdict"] == "fail"] == ["exports/cost_2025-10-04_2025-11-03.csv"]


def test_a_pool_of_the_standard_library(project: Path) -> None:
    agrees_with_the_command(sys.executable, "many.py", {})


@pytest.mark.soak
def test_a_cluster_of_ray_on_this_machine(project: Path) -> None:
    python = environment("ray", (RAY, "PyYAML")) / "bin" / "python"
    agrees_with_the_command(python, "on_ray.py", {"RAY_DEDUP_LOGS": "0", "RAY_USAGE_STATS_ENABLED": "0"})
