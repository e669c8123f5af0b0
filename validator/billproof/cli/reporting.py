"""What becomes of a run: its report is written where it was asked for, attested, and printed."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from billproof.cli.output import note, painted, refuse_to_overwrite, say, say_bytes, write
from billproof.config import settings as config_settings
from billproof.model.values import shown
from billproof.report.build import build_report
from billproof.report.render import render

if TYPE_CHECKING:
    from billproof.audit.signing.dsse import Signer
    from billproof.config.settings import Settings
    from billproof.engine.pipeline import Run
    from billproof.model.report_v1 import Report
    from billproof.report.render.text import Detail


def signer_of(key: str | None, outputs: Sequence[tuple[str, str]], settings: Settings) -> Signer | None:
    """What signs with the file `key`, if there is one. Raises UsageError for what may not be written, before any check."""
    refuse_to_overwrite(outputs, settings, key)
    if key is None:
        return None
    from billproof.audit.signing.attestation import prepared

    reports = [path for format_, path in outputs if format_ == "json"]
    return prepared(key, reports, [file.path for file in settings.inputs])


def reported(
    run: Run, outputs: Sequence[tuple[str, str]], signer: Signer | None, options: argparse.Namespace
) -> tuple[Report, Mapping[str, str]]:
    """The report of a run and its text in each format of `outputs`, which are written, and attested if there is a signer.
    Raises UsageError, Unwritable.
    """
    config_settings.refuse_total_of_several(run.settings, sum(file.error is None for file in run.files))
    shows_digests = bool(outputs) or options.format != "text" or run.settings.policy.command == "upload"
    report = build_report(run, run.settings.now, config_settings.clock(), os.environ, shows_digests)
    if signer is not None:
        from billproof.audit.signing.attestation import refuse_foreign

        refuse_foreign(signer, [file.path for file in run.files])
    texts = {format_: _rendered(format_, run, report, "verbose", options.explain) for format_ in dict(outputs)}
    for format_, path in outputs:
        write(path, texts[format_])
    if signer is not None:
        _attest(signer, run, report, next(path for format_, path in outputs if format_ == "json"), texts["json"])
    return report, texts


def _attest(signer: Signer, run: Run, report: Report, path: str, text: str) -> None:
    """Attests the files and the JSON report, which was written to `path` as `text`."""
    from hashlib import sha256

    from billproof.audit.signing.attestation import attest_files

    digest = sha256(text.encode("utf-8")).hexdigest()
    for unread in attest_files(signer, run, report, shown(os.path.basename(path), None), digest):
        note(f"no attestation of {shown(unread, None)}: the file could not be read")


def print_report(run: Run, report: Report, texts: Mapping[str, str], options: argparse.Namespace) -> None:
    """The report of a run on standard output, in the format of the options; `texts` are those that were rendered for files."""
    detail: Detail = "quiet" if options.quiet else "verbose" if options.verbose else "normal"
    if options.format == "text":
        say(painted(_rendered("text", run, report, detail, options.explain)), end="")
    elif options.format == "github" and options.quiet:
        from billproof.report.render.github import render_github

        say_bytes(render_github(report, detail).encode("utf-8"))
    else:
        say_bytes((texts.get(options.format) or _rendered(options.format, run, report, detail, options.explain)).encode("utf-8"))


def _rendered(format_: str, run: Run, report: Report, detail: Detail, explain: bool) -> str:
    config = run.settings.config
    has_waivers = config is not None and bool(config.file.waivers)
    if format_ == "text":
        from billproof.report.render.text import render_text

        return render_text(report, detail, explain, has_waivers)
    if format_ == "github":
        from billproof.report.render.github import render_github

        return render_github(report, has_waivers=has_waivers)
    return render(format_, report)
