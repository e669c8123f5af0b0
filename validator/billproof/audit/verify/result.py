"""What `verify` found, step by step, and the lines that it prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from billproof.engine.verdict import Exit
from billproof.model.record import Record
from billproof.model.values import shown

MAX_TOLD = 20
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


class Signature(Record):
    """Whether the report has a valid signature by the given key, and a text that says so."""

    holds: bool
    text: str


class Verification(Record):
    """The result, step by step."""

    steps: tuple[Step, ...]
    signature: Signature = Signature(False, "none checked")

    @property
    def word(self) -> Word:
        """The first line. A difference outweighs what could not be checked."""
        states = {step.state for step in self.steps}
        if "differs" in states:
            return "DIFFERS"
        if "unproved" in states:
            return "UNPROVED"
        return "AGREES" if self.signature.holds else "AGREES, BUT UNSIGNED"

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
        text = f"{self.signature.text}. {_WITHOUT_KEY}" if self.word == "AGREES, BUT UNSIGNED" else self.signature.text
        yield f"  {'signature':<10} {text}"
