"""`python -m tests.fuzz [COUNT] [SEED]`: mutants of good exports against a second reading of the contract; 1 if they disagree."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.fuzz.mutants import mutant
from tests.fuzz.trial import disagreements
from tests.support import make_ready


def main(count: int = 10_000, seed: int = 1) -> int:
    """Says what each mutant is on which engine and contract disagree; `SEED:NUMBER` makes it again."""
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        config = make_ready(Path(folder))
        for number in range(count):
            one = mutant(number, seed)
            found = disagreements(one, config, through_the_command=number % 100 == 0)
            failed += bool(found)
            for text in found:
                sys.stdout.write(f"{seed}:{number} {one._replace(data=b'')}\n  {text}\n")
    sys.stdout.write(f"{count} mutants, {failed} with a disagreement\n")
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main(*map(int, sys.argv[1:])))
