"""What `verify` cannot derive from the files and the rules: waivers, the configuration, earlier uploads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from billproof.audit.verify.result import Step
from billproof.model.values import shown

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportFile, ReportOutcome


def unverified(files: Sequence[ReportFile], document: Report, has_config: bool) -> Iterator[Step]:
    """One step for each, which says whether the configuration of the run was used (`has_config`) or the report's own word."""
    waivers = [_waived(outcome) for file in files for outcome in file["outcomes"] if "waiver" in outcome]
    whence = "as in the configuration" if has_config else "as the report says"
    yield Step("waivers", "same", f"{len(waivers)} used, {whence}:" if waivers else "none used", tuple(waivers))
    config = document["settings"]["config"]
    if config is not None:
        path, sha256 = shown(config["path"]), f"sha256 {config['sha256']}"
        if has_config:
            yield Step("config", "same", f"{path}, same digest as in the report: {sha256}")
        else:
            text = f"{path} was not checked: organization, integration, waivers and `upload` are as the report says"
            yield Step("config", "same", text, (f"--config FILE checks it; {sha256}",))
    if any("destination" in file for file in files):
        yield Step("ledger", "same", "not checked: earlier uploads are as the report says (billproof ledger show)")


def _waived(outcome: ReportOutcome) -> str:
    waiver = outcome["waiver"]
    unit = outcome["unit"] + ("s" if outcome["violations"] != 1 else "")
    text = f"{outcome['rule']}, {outcome['violations']:,} {unit}: waived by {shown(waiver['owner'])} until {waiver['expires']}"
    text += f", approved by {shown(waiver['approved_by'])}" if "approved_by" in waiver else ""
    text += f", {shown(waiver['reference'])}" if "reference" in waiver else ""
    return f"{text}: {shown(waiver['reason'])}"
