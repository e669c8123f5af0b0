"""Makes the scripts from the options, with shtab: for `python -m tools.generate` only, so no installation needs shtab.

What an argument takes is known by its METAVAR. Nothing here is for parsing: the parser that is marked is thrown away.
"""

from __future__ import annotations

import argparse
from typing import Any

import shtab

from billproof.cli.commands.completion import SHELLS
from billproof.cli.parser import arguments_of, build_parser
from billproof.model.results import FORMATS
from billproof.rules.loader import read_ruleset
from billproof.rules.rule import DEFAULT_RULESET
from billproof.rules.shipped import shipped

# Bash puts a blank after the only candidate and takes `=` for the end of a word; a name that begins quoted is left to readline.
_BASH_MORE = """
_billproof() {
  local word="${COMP_WORDS[COMP_CWORD]}"
  if [[ $word == = || ${COMP_WORDS[COMP_CWORD-1]} == = ]]; then
    compopt -o filenames 2>/dev/null || :
    COMPREPLY=()
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "${word#=}")
    return 0
  fi
  _shtab_billproof "$@"
  if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]]; then
    compopt -o nospace 2>/dev/null || :
  fi
}

complete -o bashdefault -F _billproof billproof
"""

_FISH_FORMATS = """function _billproof_formats
  set -l parts (string split -m1 = -- (commandline -ct))
  if set -q parts[2]
    __fish_complete_path "$parts[2]" | string replace -r '^' "$parts[1]="
  else
    string split ' ' 'WORDS'
  end
end"""


_NOTICE = "# Its helper functions are shtab's, under the Mozilla Public License 2.0: https://mozilla.org/MPL/2.0/"


def scripts() -> dict[str, str]:
    """Every script by its file name."""
    parser = build_parser()
    _mark(parser, _candidates())
    made = {f"billproof.{shell}": shtab.complete(parser, shell).rstrip("\n") + "\n" for shell in SHELLS}
    made["billproof.bash"] += _BASH_MORE
    # As shtab writes it, zsh completes the first of many files only.
    made["billproof.zsh"] = made["billproof.zsh"].replace('"(*)::', '"*:')
    return {name: "\n".join(line.rstrip() for line in _noticed(text).split("\n")) for name, text in made.items()}


def _noticed(text: str) -> str:
    """The script with the licence of what shtab wrote into it, below the line that names shtab."""
    made_by, below = text.split("https://github.com/tqdm/shtab\n", 1)
    return f"{made_by}https://github.com/tqdm/shtab\n{_NOTICE}\n{below}"


def _mark(parser: argparse.ArgumentParser, candidates: dict[str, Any]) -> None:
    """Says of each argument below `parser` what it takes."""
    for action in arguments_of(parser):
        is_export = action.metavar == "FILE" and not action.option_strings
        found = candidates.get("FILE|FOLDER" if is_export else str(action.metavar))
        if isinstance(found, dict):
            action.complete = found  # type: ignore[attr-defined]
        elif found is not None:
            action.choices = found


def _candidates() -> dict[str, Any]:
    """What can be written for a METAVAR: words, or files and folders as shtab describes them."""
    exports, settings = shtab.glob("*.csv", "*.CSV"), shtab.glob("*.yaml", "*.yml")
    return {
        "FILE|FOLDER": exports, "FILE": settings, "DIR": shtab.DIRECTORY, "REPORT": shtab.glob("*.json", "*.JSON"),
        "KEY": shtab.FILE, "PUB": shtab.FILE,
        "NAME|DIR": _rulesets(), "FORMAT=PATH": _formats(),
        "YYYY-MM|last": ("last",), "RULE": tuple(rule.id for rule in read_ruleset(DEFAULT_RULESET).rules),
    }  # fmt: skip


def _rulesets() -> dict[str, Any]:
    """The shipped rule sets, and folders."""
    names = " ".join(sorted(path.parent.name for path in shipped("rules").glob("*/ruleset.yaml")))
    bash = f'_billproof_set_or_dir() {{\n  compgen -W "{names}" -- "$1"\n  compgen -d -- "$1"\n}}'
    zsh = f'_billproof_set_or_dir() {{\n  _alternative "sets:rule set:({names})" "folders:folder:_files -/"\n}}'
    return {
        "bash": "_billproof_set_or_dir", "zsh": "_billproof_set_or_dir",
        "fish": f"(string split ' ' '{names}'; __fish_complete_directories)", "preamble": {"bash": bash, "zsh": zsh},
    }  # fmt: skip


def _formats() -> dict[str, Any]:
    """`json=` and the like, to go on with a path."""
    words = " ".join(f"{format_}=" for format_ in FORMATS)
    bash = f'_billproof_formats() {{\n  compgen -W "{words}" -- "$1"\n}}'
    zsh = f'_billproof_formats() {{\n  if compset -P "*="; then _files; else compadd -S "" -- {words}; fi\n}}'
    fish = _FISH_FORMATS.replace("WORDS", words)
    return {
        "bash": "_billproof_formats", "zsh": "_billproof_formats", "fish": "(_billproof_formats)",
        "preamble": {"bash": bash, "zsh": zsh, "fish": fish},
    }  # fmt: skip
