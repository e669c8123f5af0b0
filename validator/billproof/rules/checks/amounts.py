"""Kinds of check on amounts of money: rounding, sign, and an expected total."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from billproof.model.record import Record
from billproof.model.values import cents, decimal
from billproof.reading.decode import Spec
from billproof.reading.view import View
from billproof.rules.checks.base import NUMBER, Check, Settled


class NotBelow(Check):
    """Numbers that are not below a bound."""

    kind = "not_below"

    class Parameters(Record):
        column: str
        minimum: Annotated[str, Spec(pattern=NUMBER)]

    def on_rows(self, view: View) -> None:
        view, minimum = view.readable(self.column), Decimal(self.parameters.minimum)
        if not minimum and "-" not in view.joined(self.column):
            return
        cells = view.column(self.column)
        rows = [row for row, cell in enumerate(cells) if (number := decimal(cell)) is not None and number < minimum]
        self.fail_rows(view, rows, self.column)


class DigitsAtMost(Check):
    """Numbers with no more significant digits than their source can have, zeros at their end included."""

    kind = "digits_at_most"
    placeholders = ("found",)

    class Parameters(Record):
        column: str
        digits: int

    def on_rows(self, view: View) -> None:
        view, most = view.readable(self.column), self.parameters.digits
        counts = {row: significant_digits(cell) for row, cell in enumerate(view.column(self.column)) if len(cell) > most}
        rows = [row for row, count in counts.items() if count > most]
        self.fail_rows(view, rows, self.column, lambda row: {"found": str(counts[row])})


def significant_digits(number: str) -> int:
    """How many significant digits a number has as it is written: zeros before the first do not count, zeros at the end do."""
    mantissa = number.lstrip("-").partition("e" if "e" in number else "E")[0]
    return len(mantissa.replace(".", "").lstrip("0"))


class Rounded(Check):
    """Amounts that look rounded: too few decimals, or no more digits than a spreadsheet or a binary float keeps."""

    kind = "rounded"
    placeholders = ("found",)

    class Parameters(Record):
        """The column, how many amounts it needs, and the decimals and digits that a damaged file stays within. In a file with
        the column `exact_with`, so many amounts are enough to tell, and so many digits too few.
        """

        column: str
        at_least: int
        decimals: int
        digits: int
        exact_with: Annotated[str | None, Spec(doc="name of a column")] = None
        exact_at_least: int = 0
        exact_digits: int = 0

    def start(self, parameters: Parameters) -> None:
        self._limits = [(parameters.at_least, parameters.digits)]
        if parameters.exact_with in self.file.columns.index:
            self._limits.append((parameters.exact_at_least, parameters.exact_digits))
        self._enough_digits = max(digits for _, digits in self._limits)
        self._amounts = 0
        self._most_decimals = 0
        self._most_digits = 0

    def on_rows(self, view: View) -> None:
        limits = self.parameters
        for cell in view.readable(limits.column).column(limits.column):
            if (
                self._amounts >= limits.at_least and self._most_decimals > limits.decimals
                and self._most_digits > self._enough_digits
            ):  # fmt: skip
                return
            mantissa = cell.lstrip("-").partition("e" if "e" in cell else "E")[0]
            whole, _, fraction = mantissa.partition(".")
            digits = (whole + fraction).lstrip("0")
            if not digits.strip("0"):
                continue
            self._amounts += 1
            self._most_decimals = max(self._most_decimals, len(fraction))
            self._most_digits = max(self._most_digits, len(digits))

    def at_end(self, settled: Settled) -> None:
        limits, amounts, needed = self.parameters, self._amounts, min(needed for needed, _ in self._limits)
        if amounts < needed:
            self.not_applicable = f"fewer than {needed} amounts"
            return
        if amounts >= limits.at_least and self._most_decimals <= limits.decimals:
            found = f"all {amounts:,} amounts have at most {limits.decimals} decimals"
            self.fail_file(column=limits.column, found=found)
            return
        for needed, digits in self._limits:
            if amounts >= needed and self._most_digits <= digits:
                found = f"none of {amounts:,} amounts has more than {digits} significant digits"
                self.fail_file(column=limits.column, found=found)
                return


class ExpectedTotal(Check):
    """The total, rounded to cents, is the expected total."""

    kind = "expected_total"
    reads_total = True
    placeholders = ("total", "expected", "difference")
    reads_charged = True
    reads_roles = ("amount", "currency")

    def settle(self, settled: Settled) -> None:
        if settled.expected_total is None:
            self.not_applicable = "no total was given to compare with"

    def at_end(self, settled: Settled) -> None:
        expected = settled.expected_total
        if expected is None:
            return
        total = self.file.collector.amount
        assert total is not None
        if cents(total) != cents(expected):
            self.fail_file(
                column=self.column, total=f"{cents(total):f}", expected=f"{cents(expected):f}",
                difference=f"{cents(total) - cents(expected):+f}",
            )  # fmt: skip
