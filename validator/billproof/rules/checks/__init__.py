"""The kinds of check, by the name that a rule file uses. A new kind is a class in one of these modules and a line here."""

from __future__ import annotations

from billproof.rules.checks import amounts, cells, costs, duplicates, groups, lines, months, records, times, uploads
from billproof.rules.checks.base import Check

KINDS: dict[str, type[Check]] = {
    kind.kind: kind
    for kind in (
        lines.FileKind, lines.HasRows, lines.Utf8, lines.ByteOrderMark, lines.LineEnds, lines.ControlCharacters,
        lines.LastLine, lines.BlankLines,
        records.Delimiter, records.Quotes, records.RowWidth, records.MinimalQuoting, records.UniqueColumns,
        records.ExportKind, records.RequiredColumns, records.KnownColumns, records.ColumnOrder,
        cells.WholeNumber, cells.CalendarDate, cells.DecimalNumber, cells.OneOf, cells.Filled, cells.Unpadded, cells.Formula,
        times.SameInstant, times.TimeDifference, times.MultipleOf, times.Ascending,
        months.InsideMonth, months.DayBegun, months.DayCoverage, months.MonthOver, months.MonthSettled, months.FileName,
        amounts.Rounded, amounts.DigitsAtMost, amounts.NotBelow, amounts.ExpectedTotal,
        groups.HasCharges, groups.EqualsSetting, groups.SingleValue, groups.OneName, groups.Together, groups.PersonalData,
        duplicates.UniqueRows, duplicates.EmptyDayAlone, uploads.NotLess, uploads.ProjectsKept, costs.RecordFits,
        costs.EqualsRecord,
    )
}  # fmt: skip
