"""A wheel holds everything: installed elsewhere, billproof finds its rules, schemas and demo files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.support import ROOT
from tools.dist import strangers

SOURCES = ("validator", "rules", "schemas", "fixtures/demo", "pyproject.toml", "README.md", "LICENSE")
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


def run(*words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """A program run in `folder`, far from the checkout."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "COVERAGE_PROCESS_START")}
    environment |= {"PYTHONUTF8": "1", "HOME": str(folder), "NO_COLOR": "1"}
    command = [str(one) for one in words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `billproof` of an environment with the wheel; its dependencies come from the one that runs the tests."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    done = run(*PIP, "--python", python, "install", "--no-deps", "--no-index", "--no-cache-dir", "-q", wheel, folder=folder)
    assert done.returncode == 0, done.stderr
    packages = next(path for path in folder.rglob("site-packages") if path.is_dir())
    # A .pth file in another folder is not read, so the checkout's own editable install stays out of it.
    (packages / "dependencies.pth").write_text(f"{Path(yaml.__file__).parent.parent}\n", "utf-8")
    return scripts / "billproof"


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """The Python of an empty environment."""
    folder = tmp_path / "empty"
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    return folder / ("Scripts" if os.name == "nt" else "bin") / "python"


def install(python: Path, *packages: str | Path) -> None:
    """Installs packages with all that they need; skips the test where there is no index that has them."""
    done = run(*PIP, "--python", python, "install", "-q", *packages, folder=python.parent)
    if "No matching distribution found" in done.stderr:
        pytest.skip(f"no package index is at hand: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr


@pytest.mark.soak
def test_an_empty_environment_needs_the_wheel_alone(wheel: Path, empty: Path, tmp_path: Path) -> None:
    """What the wheel says that it needs is enough, and it takes no name but its own."""
    install(empty, wheel)
    done = run(empty.parent / "billproof", "demo", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert run(empty, "-c", "import validator", folder=tmp_path).stderr.endswith("No module named 'validator'\n")
    listed = run(*PIP, "--python", empty, "list", "--format", "json", folder=tmp_path)
    assert {"billproof", "PyYAML", "jsonschema"} <= {one["name"] for one in json.loads(listed.stdout)}


@pytest.mark.soak
def test_it_lives_beside_the_package_named_validator(wheel: Path, empty: Path, tmp_path: Path) -> None:
    install(empty, wheel, "validator")
    done = run(empty, "-c", "import validator, billproof; print(validator.__name__, billproof.__name__)", folder=tmp_path)
    assert (done.stdout, done.stderr) == ("validator billproof\n", "")
    assert run(empty.parent / "billproof", "demo", folder=tmp_path).returncode == 0


def test_the_wheel_is_the_package_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert strangers(wheel) == []
    for source in ("rules", "schemas"):
        shipped = {
            f"billproof/shipped/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / source).rglob("*") if path.is_file()
        }
        assert shipped
        assert shipped <= names
    demo = {f"billproof/shipped/demo/{path.name}" for path in (ROOT / "fixtures" / "demo").glob("*.csv")}
    assert len(demo) == 3
    assert demo <= names
    assert "billproof/py.typed" in names
    assert "billproof/sandbox/openapi.json" in names
    assert "billproof/report/render/html/style.css" in names
    assert {f"billproof/cli/completion/billproof.{shell}" for shell in ("bash", "zsh", "fish")} <= names
    assert not [name for name in names if "__pycache__" in name]


def test_the_wheel_says_what_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        name = next(one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode("utf-8")
    assert "Name: billproof\n" in metadata
    assert "Requires-Python: >=3.11\n" in metadata
    assert [line for line in metadata.splitlines() if line.startswith("Requires-Dist") and "extra" not in line] == [
        "Requires-Dist: jsonschema>=4.21",
        "Requires-Dist: pyyaml>=6.0.1",
    ]


def test_the_demo_of_an_installed_copy(installed: Path, tmp_path: Path) -> None:
    done = run(installed, "demo", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    verdicts = [line.split("  ")[0] for line in done.stdout.splitlines() if line.startswith(("PASS", "FAIL", "UNPROVED"))]
    assert verdicts == ["PASS", "FAIL", "FAIL"]
    assert list(tmp_path.iterdir()) == []


def test_an_installed_copy_reads_its_own_rules(installed: Path, tmp_path: Path) -> None:
    done = run(installed.parent / "python", "-c", "import billproof; print(billproof.__file__)", folder=tmp_path)
    assert Path(done.stdout.strip()).is_relative_to(installed.parent.parent)
    for name in ("openai-cost", "pelanor-invoice"):
        listed = run(installed, "rules", "list", "--ruleset", name, folder=tmp_path)
        assert listed.returncode == 0, listed.stderr
        paths = [path for base in ("csv", name) for path in (ROOT / "rules" / base).glob("*[0-9][0-9][0-9]-*.yaml")]
        assert len(listed.stdout.splitlines()) == 1 + len(paths)


def test_an_installed_copy_checks_a_file_and_its_rules(installed: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "fixtures" / "demo" / "cost_2025-10-04_2025-11-03.csv", tmp_path)
    done = run(installed, "check", "cost_2025-10-04_2025-11-03.csv", "--quiet", "--as-of", "2025-12-01", folder=tmp_path)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("FAIL  cost_2025-10-04_2025-11-03.csv")
    tested = run(installed, "rules", "test", "--ruleset", "csv", folder=tmp_path)
    assert tested.returncode == 0, tested.stdout + tested.stderr
