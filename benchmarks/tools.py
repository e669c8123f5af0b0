"""What is measured: `billproof` as an installed command, and the peers, each a script in `benchmarks/peers/`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.files import EXPORT, Fault, write_damaged, write_folder, write_good
from benchmarks.measure import Process, copy_of

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "benchmarks" / "peers"
AS_OF = "2025-12-01"
MONTH = "2025-10"
# What tells two charges of a good file of EXPORT's generation apart.
KEY = ("start_time", "line_item", "project_id", "api_key_id", "user_id")

UPLOAD_CONFIG = f"""\
version: 1
ledger: ledger
destinations:
  archive: {{kind: directory, path: archive/}}
integrations:
  - {{name: bench, organization: {EXPORT.organization.id}, to: archive}}
"""


class Peer(NamedTuple):
    """A tool beside ours: its name on the page, its script, and the packages whose versions are told."""

    name: str
    script: str
    packages: tuple[str, ...] = ()
    detects: bool = True


OURS = "billproof"
PEERS = (
    Peer("sha256", "sha256", detects=False),
    Peer("csv loop", "csv_loop"),
    Peer("polars by hand", "polars_frame", ("polars",)),
    Peer("DuckDB by hand", "duckdb_sql", ("duckdb",)),
    Peer("DuckDB screen", "duckdb_screen", ("duckdb",)),
    Peer("dataframely", "dataframely_polars", ("dataframely", "polars")),
    Peer("pandera, polars", "pandera_polars", ("pandera", "polars")),
    Peer("pointblank", "pointblank_polars", ("pointblank", "polars")),
    Peer("pandera, pandas", "pandera_pandas", ("pandera", "pandas", "pyarrow")),
    Peer("frictionless, schema", "frictionless_schema", ("frictionless",)),
    Peer("frictionless, rules", "frictionless_rules", ("frictionless",)),
    Peer("Great Expectations", "great_expectations_pandas", ("great-expectations", "pandas")),
)


@dataclass(frozen=True)
class Bench:
    """The folder of the files, and the interpreters of the two environments; that of the peers may be missing."""

    folder: Path
    python: Path
    peers_python: Path | None

    def good(self, rows: int, generation: str = EXPORT.generation) -> str:
        """The name of the good file of so many rows; it is made when it is first asked for."""
        path = self.folder / f"good-{generation}-{rows}.csv"
        if not path.exists():
            write_good(path, rows, generation)
        return path.name

    def many(self, rows: int) -> str:
        """The name of a folder with 24 months of 20 organizations, each of so many rows."""
        path = self.folder / f"many-{rows}"
        if not path.exists():
            write_folder(path, rows)
        return path.name

    def damaged(self, rows: int, fault: Fault) -> str:
        """The name of the same file with a fault in every row."""
        path = self.folder / f"{fault.name.replace(' ', '-')}-{rows}.csv"
        if not path.exists():
            write_damaged(self.folder / self.good(rows), path, fault)
        return path.name

    def check(self, name: str, file: str, exit_code: int = 0) -> Process:
        """`billproof check` of a file."""
        billproof = self.python.with_name("billproof")
        return Process(name, (str(billproof), "check", file, "--quiet", "--as-of", AS_OF), exit_code)

    def upload(self, name: str, file: str) -> Process:
        """`billproof upload` of a file to a folder, where the month was uploaded once before."""
        project = self.folder / "upload"
        config = project / "billproof.yaml"
        billproof = str(self.python.with_name("billproof"))
        command = (billproof, "upload", str(self.folder / file), "--resend", "--as-of", AS_OF, "--config", str(config))
        project.mkdir()
        config.write_text(UPLOAD_CONFIG, "utf-8")
        run(billproof, "ledger", "init", "--config", str(config))
        run(*command)
        shutil.copytree(project, copy_of(project))
        return Process(name, command, project=project)

    def script(self, name: str, code: str, *arguments: str) -> Process:
        """A few lines of Python in the environment of billproof."""
        return Process(name, (str(self.python), "-c", code, *arguments))

    def peer(self, peer: Peer, file: str, exit_code: int = 0) -> Process:
        """A peer's script on a file."""
        script = str(SCRIPTS / f"{peer.script}.py")
        return Process(peer.name, (str(self.peers_python), script, file, MONTH, EXPORT.organization.id), exit_code)

    def frictionless_command(self, file: str) -> Process:
        """`frictionless validate` with our Table Schema and a key that tells rows that are there twice: no rule beyond."""
        assert self.peers_python is not None
        schema = self.folder / "schema-with-key.json"
        descriptor = json.loads((ROOT / "schemas" / "openai-cost.schema.json").read_text("utf-8"))
        schema.write_text(json.dumps(descriptor | {"primaryKey": list(KEY)}), "utf-8")
        command = (str(self.peers_python.with_name("frictionless")), "validate", file, "--schema", schema.name)
        return Process("frictionless, command", command)


def install_billproof(folder: Path) -> Path:
    """A real installation: an editable one may compile its modules anew on every start."""
    run(sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (wheel,) = folder.glob("billproof-*.whl")
    environment = folder / "billproof"
    run(sys.executable, "-m", "venv", str(environment))
    python = environment / "bin" / "python"
    run(str(python), "-m", "pip", "install", "-qq", "--compile", str(wheel))
    if not any(python.parent.parent.rglob("billproof/__pycache__/*.pyc")):
        raise RuntimeError("the modules of the installed billproof are not compiled: every start would be measured too slow")
    return python


def versions(python: Path) -> dict[str, str]:
    """The packages of an environment, with their versions."""
    code = "from importlib.metadata import distributions as d\nfor one in d(): print(one.name.replace('_', '-'), one.version)"
    return dict(line.split() for line in run(str(python), "-c", code).splitlines())


def run(*command: str) -> str:
    """A command that has to succeed; gives what it prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
