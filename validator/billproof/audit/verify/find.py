"""What a re-run needs and must be the same here: the export of the report, the version of billproof, the rule set, and the
configuration; and what `verify` cannot derive again (waivers, earlier uploads).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from billproof import __version__
from billproof.audit.verify.result import Halted, Step
from billproof.config.file import Config, read_config
from billproof.model.costs import CostsAtHand
from billproof.model.errors import BillproofError, Unreadable
from billproof.model.values import shown
from billproof.openai.find import costs_folder, paths_of_record
from billproof.openai.record import read_record
from billproof.reading.source import Copy, private_copy
from billproof.report.restore import LoadedReport, used_config
from billproof.rules.compiled import load_ruleset
from billproof.rules.rule import DEFAULT_RULESET, RuleSet
from billproof.rules.shipped import is_shipped

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportConfig, ReportFile, ReportOutcome


@contextmanager
def opened(file: ReportFile, named: Copy | None, report: LoadedReport) -> Iterator[Copy]:
    """The file that the report covers. Raises Halted if the file that was named, or found, is not that one."""
    if file["sha256"] is None:
        text = f"{shown(file['path'])} could not be read in that run, so there is nothing to compare"
        raise Halted("file", "unproved", text)
    with ExitStack() as held:
        try:
            copy = named or held.enter_context(private_copy(_look_for(file, report.path)))
        except Unreadable as error:
            raise Halted("file", "unproved", shown(error.message, None)) from None
        if (copy.sha256, copy.size) != (file["sha256"], file["bytes"]):
            more = (f"{file['bytes']:,} bytes, sha256 {file['sha256']}",)
            text = f"{shown(copy.path)} has {copy.size:,} bytes, sha256 {copy.sha256}; the report says"
            raise Halted("file", "differs", text, more)
        yield copy


def _look_for(file: ReportFile, report: str) -> str:
    """The path of a file of the report `report`, if the user named none: next to the report, else the report's path for it, in
    the working folder. The first that exists is taken, whatever it contains. A path outside these two folders is never opened.
    Raises Halted.
    """
    beside = os.path.dirname(report)
    roots = tuple(os.path.join(os.path.realpath(root), "") for root in (os.curdir, beside or os.curdir))
    for path in (os.path.join(beside, file["path"]), os.path.join(beside, file["name"]), file["path"]):
        if not os.path.realpath(path).startswith(roots) or not os.path.isfile(path):
            continue
        size = os.path.getsize(path)
        if size == file["bytes"]:
            return path
        raise Halted("file", "differs", f"{shown(path)} has {size:,} bytes; the report says {file['bytes']:,}")
    text = f"{shown(file['path'])} was not found. Say where it is:"
    raise Halted("file", "unproved", text, (f"billproof verify {shown(report, None)} FILE",))


def of_these_bytes(named: Copy, files: Sequence[ReportFile]) -> list[ReportFile]:
    """The files of the report with the same bytes as the named file; of several, those with its path, or its name."""
    same = [file for file in files if file["sha256"] == named.sha256]
    path = os.path.normpath(named.path).replace(os.sep, "/")
    of_path = [file for file in same if os.path.normpath(file["path"]).replace(os.sep, "/") == shown(path, None)]
    return of_path or [file for file in same if file["name"] == shown(os.path.basename(path), None)] or same


def foreign(named: Copy, files: Sequence[ReportFile]) -> Step:
    text = f"{shown(named.path)} is not a file of this report: it has {named.size:,} bytes, sha256 {named.sha256};"
    known = [
        f"{shown(file['path'])}: {file['bytes']:,} bytes, sha256 {file['sha256'] or '(could not be read)'}" for file in files
    ]
    return Step("file", "differs", f"{text} the report says", tuple(known))


def refuse_other_version(document: Mapping[str, Any]) -> None:
    """Another version may decide differently, and its reports may say more, so only the same version can repeat the run."""
    tool = document.get("tool")
    version = tool.get("version") if isinstance(tool, dict) else None
    if version != __version__ and isinstance(version, str) and re.fullmatch(r"[0-9][0-9a-z.+-]{0,30}", version):
        text = f"billproof {version} wrote it, and this is {__version__}. Verify it with the version that wrote it:"
        command = f"in a copy of billproof's repository: git checkout v{version} && pip install ."
        raise Halted("version", "unproved", text, (command,))


def ruleset_of(document: Report, name: str | None) -> RuleSet:
    """The rule set that the report used: the one that was named, or a built-in one. Raises Halted if its digest is another."""
    used = document["ruleset"]
    of_run = document["settings"]["ruleset"]["value"]
    named = load_ruleset(name) if name is not None else None
    if named is None or named.sha256 == used["sha256"]:
        # A copy of a built-in set has the same digest, and is the same set.
        shipped = load_ruleset(of_run if is_shipped(of_run) else DEFAULT_RULESET)
        ruleset = shipped if shipped.sha256 == used["sha256"] else named
        if ruleset is not None:
            return ruleset
    here = "The built-in rule set" if name is None else f"The rule set in {shown(name)}"
    text = f"the report used {shown(used['name'])} {shown(used['version'])}, sha256 {used['sha256']}. {here} has another digest."
    command = "billproof verify REPORT FILE --ruleset FOLDER"
    raise Halted("rules", "unproved", f"{text} Verify it with the rule set that was used:", (command,))


def costs_of(file: ReportFile, report: LoadedReport, ruleset: RuleSet, named: str | None, config: str | None) -> CostsAtHand:
    """The record of OpenAI's costs that the report names: the file `named`, else one beside the report, where the run had it, or
    in the folder of the configuration. Without one in the report, why there was none, as it says. Raises Halted if the record is
    not here.
    """
    reported = file.get("costs")
    if reported is None:
        asking = {rule.id for rule in ruleset.rules if "costs" in rule.file.needs}
        asked = [outcome for outcome in file["outcomes"] if outcome["rule"] in asking]
        lacking = next((outcome["reason"] for outcome in asked if "reason" in outcome), "")
        demanded = any(outcome["state"] == "not_run" for outcome in asked)
        return CostsAtHand(datetime.min, lacking=lacking, demanded=demanded)
    sha256 = reported["record"]["sha256"]
    settles = timedelta(hours=int(reported["settles"].removesuffix("h")))
    text = f"the record of OpenAI's costs with the sha256 {sha256} was not found. Say where it is:"
    halted = Halted("costs", "unproved", text, (f"billproof verify {shown(report.path, None)} --costs RECORD",))
    for path in reversed([named] if named else paths_of_record(sha256, _folders_of_records(file, report, config))):
        try:
            record = read_record(path)
        except Unreadable as error:
            halted = Halted("costs", "unproved", shown(error.message, None))
            continue
        if record.sha256 == sha256:
            return CostsAtHand(datetime.min, record._replace(signed=reported["record"]["signed"]), settles=settles)
        text = f"{shown(path, None)} is another record of OpenAI's costs, sha256 {record.sha256}; the report names"
        halted = Halted("costs", "differs", text, (f"sha256 {sha256}",))
    raise halted


def _folders_of_records(file: ReportFile, report: LoadedReport, config: str | None) -> Iterator[str]:
    """Where the record may be. What only the report names is looked up in the working folder alone; its configuration counts if
    it is still the same.
    """
    settings, here = report.document["settings"], os.path.join(os.path.realpath(os.curdir), "")
    yield os.path.dirname(report.path) or os.curdir
    used, of_run = settings["config"], settings["costs"]["value"]
    if of_run is not None and os.path.realpath(of_run).startswith(here):
        yield os.path.dirname(of_run) or os.curdir
    path = config or (used["path"] if used and os.path.realpath(used["path"]).startswith(here) else None)
    organization, month = file["organization"]["value"], file["month"]["value"]
    if path is not None and organization is not None and month is not None:
        with suppress(BillproofError):
            configured = read_config(path)
            if config or (used and configured.sha256 == used["sha256"]):
                yield costs_folder(configured, organization, month)


def config_of(document: Report, path: str) -> Config:
    """The configuration at `path`, under the path that the report has, and without its folders and its ledger, which may be
    elsewhere now. Raises Halted if it is not the one that the report names, or names another rule set, ConfigurationError if it
    is not valid.
    """
    config, used = read_config(path), document["settings"]["config"]
    if used is None or config.sha256 != used["sha256"]:
        name = f"{shown(used['path'])}, sha256 {used['sha256']}" if used else "none"
        raise Halted("config", "unproved", f"{shown(path)} is not the configuration that was used, which was", (name,))
    of_run = document["settings"]["ruleset"]
    owners = {owner.name: owner.ruleset for owner in config.file.integrations if owner.ruleset != DEFAULT_RULESET}
    names = config.file.ruleset, of_run["value"]
    known = {names[0], *(owners.get(file["integration"] or "") for file in document["files"])}
    if of_run["source"] == used["path"] and any(map(is_shipped, names)) and names[1] not in known:
        raise Halted("config", "differs", f"{shown(path)} names the rule set {shown(names[0])}, and the report {shown(names[1])}")
    here = tuple(integration._replace(files=None) for integration in config.file.integrations)
    return used_config(used, config.file._replace(integrations=here, ledger=None))


def unverified(files: Sequence[ReportFile], document: Report, has_config: bool) -> Iterator[Step]:
    """One step for each, which says whether the configuration of the run was used (`has_config`) or the report's own word; the
    last names every field that no check here confirms.
    """
    waivers = [_waived(outcome) for file in files for outcome in file["outcomes"] if "waiver" in outcome]
    whence = "as in the configuration" if has_config else "according to the report"
    yield Step("waivers", "same", f"{len(waivers)} used, {whence}:" if waivers else "none used", tuple(waivers))
    config = document["settings"]["config"]
    if config is not None:
        path, sha256 = shown(config["path"]), f"sha256 {config['sha256']}"
        if has_config:
            yield Step("config", "same", f"{path}, same digest as in the report: {sha256}")
        else:
            text = f"{path} was not checked: organization, integration, waivers and `upload` are taken from the report"
            yield Step("config", "same", text, (f"--config FILE checks it; {sha256}",))
    if any("destination" in file for file in files):
        yield Step("ledger", "same", "not checked: earlier uploads are taken from the report (billproof ledger show)")
    fields = [*_of_settings(document, has_config), *(field for file in files for field in _of_file(file, config, has_config))]
    first, *more = wrap(f"only the report says: {', '.join(dict.fromkeys(fields))}", 110)
    yield Step("unverified", "same", first, tuple(more))


def _of_settings(document: Report, has_config: bool) -> Iterator[str]:
    """The fields of the run and its settings that no result depends on, or that only a configuration confirms."""
    settings, most = document["settings"], document["settings"]["max_findings"]["value"]
    yield from ("run", "settings.*.source")
    if settings["policy"]["value"] == "upload":
        yield "policy.command"
    if settings["config"] is not None:
        yield "settings.config.path" if has_config else "settings.config"
        yield "settings.to.value"
    if settings["costs"]["value"] is not None:
        yield "settings.costs.value"
    if "set_aside" in document:
        yield "set_aside"
    if not is_shipped(settings["ruleset"]["value"]) or (settings["config"] is not None and not has_config):
        yield "settings.ruleset.value"
    outcomes = (outcome for file in document["files"] for outcome in file["outcomes"])
    if not any(len(outcome["findings"]) == most < outcome["violations"] for outcome in outcomes):
        yield "settings.max_findings.value"


def _of_file(file: ReportFile, config: ReportConfig | None, has_config: bool) -> Iterator[str]:
    """The fields of a file that only a configuration or a ledger confirms."""
    names = ["destination", "last_upload", "upload_before"][has_config:] if "destination" in file else []
    if config is not None and not has_config:
        names += ["organization.source", "integration", "outcomes[].waiver", "outcomes[].reason"]
        names += ["expected_total"] if "expected_total" in file else []
    elif config is not None and not names:
        names.append("outcomes[].reason")
    if names or "hindrance" in file:
        names.append("hindrance")
    if "costs" in file and file["costs"]["record"]["signed"]:
        names.append("costs.record.signed")
    if "version" in file:
        names.append("version")
    yield from (f"files[].{name}" for name in names)


def _waived(outcome: ReportOutcome) -> str:
    waiver = outcome["waiver"]
    unit = outcome["unit"] + ("s" if outcome["violations"] != 1 else "")
    text = f"{outcome['rule']}, {outcome['violations']:,} {unit}: waived by {shown(waiver['owner'])} until {waiver['expires']}"
    text += f", approved by {shown(waiver['approved_by'])}" if "approved_by" in waiver else ""
    text += f", {shown(waiver['reference'])}" if "reference" in waiver else ""
    return f"{text}: {shown(waiver['reason'])}"
