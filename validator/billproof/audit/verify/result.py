"""What `verify` found, step by step, and the lines that it prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from billproof.engine.verdict import Exit
from billproof.model.record import Record
from billproof.model.values import shown

MAX_TOLD = 20
ATTESTED = "attested"
_WITHOUT_KEY = "Report and file match; this does not show who made them or when. See docs/audit.md"

State = Literal["same", "differs", "unproved"]
Word = Literal["AGREES", "AGREES, BUT UNSIGNED", "DIFFERS", "UNPROVED"]


class Step(Record):
    """One thing that was checked: a label, the result, a text, and more lines of detail."""

    label: str
    state: State
    text: str
    more: tuple[str, ...] = ()


class Halted(Exception):
    """Nothing can be checked beyond this step."""

    def __init__(self, label: str, state: State, text: str, more: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.step = Step(label, state, text, more)


class Verification(Record):
    """The result, step by step; `keyid` is that of the key, if there was one, that must have signed all attestations."""

    steps: tuple[Step, ...]
    keyid: str | None = None

    @property
    def is_signed(self) -> bool:
        """Whether there was a key, and every attestation is by it; if there was none to check, that is a step of its own."""
        return self.keyid is not None and all(step.state == "same" for step in self.steps if step.label == ATTESTED)

    @property
    def word(self) -> Word:
        """The first line. A difference outweighs what could not be checked."""
        states = {step.state for step in self.steps}
        if "differs" in states:
            return "DIFFERS"
        if "unproved" in states:
            return "UNPROVED"
        return "AGREES" if self.is_signed else "AGREES, BUT UNSIGNED"

    @property
    def exit_code(self) -> Exit:
        """0 agrees, 1 differs, 3 unproved."""
        return {"DIFFERS": Exit.FAIL, "UNPROVED": Exit.UNPROVED}.get(self.word, Exit.PASS)

    def lines(self) -> Iterator[str]:
        """The output: the word, and one line per step. No text from a report can begin a line of its own."""
        yield self.word
        alike: Counter[tuple[str, State]] = Counter()
        for step in self.steps:
            alike[step.label, step.state] += 1
            if alike[step.label, step.state] > MAX_TOLD:
                continue
            state = "" if step.state == "same" else f"{step.state}: "
            yield shown(f"  {step.label:<10} {state}{step.text}", None)
            for text in step.more[:MAX_TOLD]:
                yield shown(f"             {text}", None)
            if len(step.more) > MAX_TOLD:
                yield f"             and {len(step.more) - MAX_TOLD:,} more"
        for (label, state), count in alike.items():
            if count > MAX_TOLD:
                yield f"  {label:<10} {count - MAX_TOLD:,} more: {state}"
        by = "by" if self.is_signed else "not shown to be by"
        text = "none checked" if self.keyid is None else f"{by} the key {self.keyid}"
        if self.word == "AGREES, BUT UNSIGNED":
            text = f"{text}. {_WITHOUT_KEY}"
        yield f"  {'signature':<10} {text}"
