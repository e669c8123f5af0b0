"""An upload checked again, as of its time and with its rule set, its configuration, and the ledger before it.

The receipt says the settings, the path of the file, and when the run took place. So the report is, byte for byte, the one that
the upload would have written of this file alone. What the receipt says of the file, its totals, waivers and rules may not differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from billproof.audit.pack.find import KeptRecord, Refused, find_record
from billproof.config.settings import Settings, parse_as_of
from billproof.delivery.earlier import NO_RECORD, known
from billproof.delivery.ledger import receipt as receipts
from billproof.delivery.ledger.receipt import Receipt
from billproof.delivery.shipment import Request, Shipment
from billproof.engine.pipeline import Run, check_file, judged, prepare
from billproof.model.costs import CostsAtHand
from billproof.model.errors import UsageError
from billproof.model.record import Record
from billproof.model.values import shown
from billproof.openai.find import settles_of
from billproof.reading.source import Copy
from billproof.report.build import build_report
from billproof.report.restore import settings_of
from billproof.rules.rule import RuleSet

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report

# The parts of a receipt that follow from the file and from what it was checked with.
_FOLLOWS = ("integration", "file", "totals", "waivers", "ruleset", "config", "as_of", "month_to_date")


class Replayed(Record):
    """An upload checked again: its report, whether the result is, to the last byte, that of the upload, and the rule set and the
    record of costs that the upload was checked with.
    """

    report: Report
    same: bool
    ruleset: RuleSet
    costs: KeptRecord | None


def replay(copy: Copy, receipt: Receipt, settings: Settings) -> Replayed:
    """An upload, checked again from its bytes, wherever they are now. Raises Refused if it is not a pass, or not what the
    receipt says.

    Its `run` section comes from the receipt, so that packing the same upload always gives the same bytes.
    """
    ruleset = _ruleset_then(receipt, settings)
    settings = _as_then(receipt, settings)
    kept = find_record(receipt, settings)
    costs = _costs_then(kept, receipt, settings)
    elsewhere = known()._replace(costs=lambda *given: costs._replace(ended=given[-1]))
    compared = settings._replace(costs=None if costs.record is None else costs.record.sha256)
    then = receipt.document["file"]
    found_at, copy = copy.path, copy._replace(path=then["path"], version=then.get("version"))
    file = check_file(copy.source(), compared, ruleset, elsewhere)
    if compared.second_opinion:
        from billproof.engine.second_opinion import second_opinion

        file = file._replace(second_opinion=second_opinion(file._replace(path=found_at), ruleset))
    run = judged(settings, ruleset, [file])
    report = build_report(run, settings.now, parse_as_of(receipt.document["run"]["finished"]), {})
    same = report["files"][0]["result_sha256"] == receipt.document["file_result_sha256"]
    report["run"] |= {"ci": receipt.document["ci"], "host": receipt.document["host"]}
    _hold_to(receipt, run, report, copy)
    return Replayed(report, same, ruleset, kept)


def _as_then(receipt: Receipt, settings: Settings) -> Settings:
    """The settings of an upload. Raises Refused if the configuration has changed."""
    assert settings.config is not None
    config, named = settings.config, settings.config.shown_path
    then, document = receipt.document["config"], receipt.document
    if config.sha256 != then["sha256"]:
        commit, name = receipt.document["ci"].get("commit"), then["path"].rpartition("/")[2]
        raise Refused(
            f"{named} is not the configuration of that upload (sha256 {then['sha256'][:12]}… at the upload, "
            f"{config.sha256[:12]}… now)",
            f"Put the configuration used for the upload next to it: git show {commit or 'COMMIT'}:./{name} > then.yaml; "
            "billproof pack … --config then.yaml",
        )
    config = config._replace(shown_path=then["path"])
    given, run = document["settings"], {"as_of": receipt.as_of, "started": document["run"]["started"]}
    policy = {"command": "upload", "policy": "upload", "fail_on": given["fail_on"]["value"]}
    try:
        return settings_of({"settings": given, "run": run, "policy": policy})._replace(config=config, before=receipt.sha256)
    except (UsageError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"no run accepts the settings in its receipt: {shown(str(error))}", "Is the ledger intact?") from None


def _costs_then(kept: KeptRecord | None, receipt: Receipt, settings: Settings) -> CostsAtHand:
    """OpenAI's own record as the upload had it."""
    if kept is None:
        return CostsAtHand(datetime.min, lacking=NO_RECORD)
    config = settings.config
    costs = config.costs_of(config.integration_of(receipt.organization)) if config else None
    return CostsAtHand(datetime.min, kept.record, settles=settles_of(costs))


def _ruleset_then(receipt: Receipt, settings: Settings) -> RuleSet:
    """The rule set of the upload. Raises Refused if it has changed."""
    ruleset, then = prepare(settings), receipt.document["ruleset"]
    # Before there were settings in receipts, the rule set was another one.
    if ruleset.sha256 != then["sha256"] or "settings" not in receipt.document:
        version = receipt.document["tool"]["version"]
        raise Refused(
            f"the rule set is not the one used for that upload ({then['name']} {then['version']}, sha256 {then['sha256'][:12]}… "
            f"at the upload; {ruleset.name} {ruleset.version}, {ruleset.sha256[:12]}… now)",
            f"Pack with billproof {version}, in a copy of its repository: git checkout v{version} && pip install . "
            "If the upload used your own rule set, name it: --ruleset DIR",
        )
    return ruleset


def _hold_to(receipt: Receipt, run: Run, report: Mapping[str, Any], copy: Copy) -> None:
    """Raises Refused if the file no longer passes, or not with what its receipt says."""
    if run.verdict.word != "pass":
        texts = "; ".join(reason.text for reason in run.verdict.reasons[:3])
        raise Refused(
            f"checked again as of {receipt.as_of}, the file does not pass: {texts}",
            "Is the ledger intact? billproof ledger verify",
        )
    (file,) = run.files
    config = run.settings.config
    integration = config.integration_of(receipt.organization) if config else None
    id_ = integration.integration if integration else None
    shipment = Shipment(receipt.organization, receipt.month, id_, receipt.file_name, copy.size, copy.sha256)
    described = receipts.describe(file, report, shipment, Request({}, ""))
    unlike = [key for key in _FOLLOWS if described[key] != receipt.document.get(key)]
    unlike += [key for key in ("organization", "month") if getattr(file, key).value != getattr(receipt, key)]
    if unlike:
        raise Refused(f"checked again, the file differs from its receipt in: {', '.join(unlike)}")
