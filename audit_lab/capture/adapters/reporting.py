"""Make the report of a run from what the log says of every file."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from audit_lab.capture.adapters.exchange import UNDECODABLE
from audit_lab.capture.adapters.report import AdaptedFile, AdaptReport

if TYPE_CHECKING:
    from collections.abc import Mapping as Map
    from collections.abc import Sequence
    from pathlib import Path

    from audit_lab.capture.adapters.appending import Appending
    from audit_lab.capture.adapters.exchange import Form
    from audit_lab.capture.adapters.ledger import Ledger
    from audit_lab.capture.adapters.settings import Settings
    from audit_lab.capture.adapters.source import SourceFile

__all__ = ["Source", "report_of"]


class Source(NamedTuple):
    """What a run found.

    Files, the form of each, how far each was in the log before, what is never read, and why files are not read whose
    bytes are no records as they stand.
    """

    name: str
    files: Sequence[SourceFile]
    forms: Map[str, Form | None]
    before: Map[str, tuple[int, bool]]
    unread: tuple[str, ...]
    problems: Map[str, str]


def report_of(source: Source, log: str, quarantine: Path, appending: Appending, settings: Settings) -> AdaptReport:
    """Return what came of a source, over all runs that took it over."""
    ledger: Ledger = appending.ledger
    told: list[AdaptedFile] = []
    total: Counter[str] = Counter()
    seen: set[str] = set()
    unread_ranges = 0
    for file in source.files:
        form, counts = source.forms[file.sha256], ledger.counts(file)
        again = file.sha256 in seen
        start, was_done = source.before[file.sha256]
        state = "unread" if form is None and file.size_bytes else "known" if was_done or again else "new"
        if state == "new" and start:
            state = "resumed"
        unread = tuple(ledger.unread(file))
        if not again:
            total += counts
            unread_ranges += len(unread)
        seen.add(file.sha256)
        numbers = (counts["rows"], counts["kept"], counts["quarantined"])
        name, problem = None if form is None else form.name, source.problems.get(file.sha256)
        told.append(AdaptedFile(file.name, file.sha256, name, state, *numbers, unread, problem))
    names = dict.fromkeys(form.name for form in source.forms.values() if form is not None)
    return AdaptReport(
        source=source.name,
        log=log,
        form=", ".join(names) or "no records",
        rows_read=total["rows"],
        rows_kept=total["kept"],
        rows_quarantined=total["quarantined"],
        unread_ranges=unread_ranges,
        predictions=total["predictions"],
        labels=total["labels"],
        predictions_added=appending.added["predictions"],
        labels_added=appending.added["outcomes"],
        requests_without_response=total["requests_without_response"],
        responses_without_request=total["responses_without_request"],
        repeated_records=total["repeated"],
        duplicate_ids=total["duplicate_ids"],
        null_payloads=total["null-payload"],
        half_payloads=total["half_payloads"],
        truncated_payloads=total["truncated"],
        ambiguous_records=total["ambiguous"],
        undecodable_payloads=total[UNDECODABLE],
        too_large=total["too-large"],
        unfit=total["unfit"],
        without_time=total["without_time"],
        without_version=total["without_version"],
        versions_stated=total["versions_stated"],
        versions_supplied=total["versions_supplied"],
        sampling=_sampling(total, settings),
        files=tuple(told),
        unread_files=source.unread,
        quarantine_folder=str(quarantine),
        quarantine_files=tuple(ledger.quarantine),
    )


def _sampling(total: Counter[str], settings: Settings) -> str:
    rates = sorted(float(name.removeprefix("sampling_rate ")) for name in total if name.startswith("sampling_rate "))
    if rates:
        return f"stated by the log: {rates[0]:g}" + (f" to {rates[-1]:g}" if len(rates) > 1 else "")
    return "not stated" if settings.sampling_rate is None else f"supplied by the caller: {settings.sampling_rate:g}"
