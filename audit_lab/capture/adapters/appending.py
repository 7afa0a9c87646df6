"""Append a part: its quarantine first, then its rows with the event that says so, in one seal."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.capture.adapters.block import Block
from audit_lab.capture.adapters.exchange import REPEATED, UNFIT, Refusal
from audit_lab.capture.adapters.identity import named, repeated_labels
from audit_lab.capture.adapters.ledger import part_event
from audit_lab.capture.adapters.part import Part
from audit_lab.capture.adapters.quarantine import keep_quarantine, prefix_of
from audit_lab.capture.adapters.steps import name_exchanges, name_labels
from audit_lab.log.commitment.column_types import schema_of_document
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.unification import unified_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path
    from typing import Self

    from audit_lab.capture.adapters.block import Exchange
    from audit_lab.capture.adapters.identity import Named
    from audit_lab.capture.adapters.ledger import FilePart, Ledger, PlanPart
    from audit_lab.capture.adapters.part import Built
    from audit_lab.capture.adapters.settings import Settings
    from audit_lab.log.writing.writer import LogWriter

__all__ = ["Appending", "Behind"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Appending:
    """Appends parts to one log.

    Parameters
    ----------
    writer, log
        The log's writer and its folder.
    quarantine
        The folder for what is refused.
    settings, source, actor, clock
        What the events say, and what decides on rows.
    scratch
        The folder for scratch files.
    ledger
        Kept current.
    """

    def __init__(
        self,
        writer: LogWriter,
        log: Path,
        quarantine: Path,
        settings: Settings,
        *,
        scratch: Path,
        source: str,
        actor: str | None,
        ledger: Ledger,
        clock: Callable[[], datetime] | None,
    ) -> None:
        self._writer = writer
        self._log = log
        self._quarantine = quarantine
        #: What the caller says.
        self.settings = settings
        #: The folder for scratch files while a run lasts.
        self.scratch = scratch
        self._source = source
        self._actor = actor
        self._clock = clock or (lambda: datetime.now(UTC))
        self.ledger = ledger
        #: Rows that this run appended, by table.
        self.added: Counter[str] = Counter()

    def append(self, part: Part, files: Sequence[FilePart], form: str, plan: PlanPart | None = None) -> None:
        """Append a part of some files; what its places call file 0 is the first of them.

        Raises
        ------
        LogError, StorageError
            As for `LogWriter.append`.
        """
        now = self._clock()
        tables = self._tables(part, files, now)
        sources = [each.file for each in files]
        for place, refusal in part.refused:
            files[place.file].counts.update({"quarantined": refusal.rows, refusal.code: refusal.rows})
            if refusal.first_byte is not None:
                files[place.file].unread.append((refusal.first_byte, refusal.stop_byte))
        name = self._quarantine_name(files, plan)
        digest = keep_quarantine(self._quarantine, name, part.refused, sources)
        payload: dict[str, Any] = {
            "form": form,
            "settings": self.settings.to_dict(),
            "files": [each.to_dict() for each in files],
        }
        if plan is not None:
            payload |= {"plan": plan.plan, "part": plan.part, "parts": plan.parts}
        if digest is not None:
            payload["quarantine"] = {"file": name, "sha256": digest, "rows": sum(each.rows for _, each in part.refused)}
        counts = sum((each.counts for each in files), Counter())
        least = "at least " if any(each.unread for each in files) else ""
        summary = (
            f"{least}{counts['rows']:,} records ({form}) taken over: {counts['kept']:,} kept as "
            f"{counts['predictions']:,} predictions and {counts['labels']:,} labels, "
            f"{counts['quarantined']:,} quarantined"
        )
        tables["events"] = part_event(payload, source=self._source, actor=self._actor, summary=summary, now=now)
        self._writer.append(tables)
        self.ledger.take(payload)
        for table, frame in tables.items():
            self.added[table] += frame.height

    def _quarantine_name(self, files: Sequence[FilePart], plan: PlanPart | None) -> str:
        begin = prefix_of(self._writer.origin)
        if plan is not None:
            return f"{begin}{plan.plan}-{plan.part:05}.parquet"
        return f"{begin}{files[0].file.sha256[:16]}-{files[0].start:012}.parquet"

    def _types(self, model: str) -> pl.Schema:
        table = INPUTS_PREFIX + model
        known = self._writer.state.schemas.get(table, {}).values()
        return unified_schema(table, [(f"segment {each.segment}", schema_of_document(each.schema)) for each in known])

    def _tables(self, part: Part, files: Sequence[FilePart], now: datetime) -> dict[str, pl.DataFrame]:
        tables: dict[str, pl.DataFrame] = {}
        name_exchanges(self._log, part, self.settings)
        name_labels(self._log, part, self.settings)
        if part.items:
            tables |= self._rows(part, files)
        for number in sorted(repeated_labels(self._log, part.labels), reverse=True):
            _, _, place = part.labels.pop(number)
            part.refuse(Refusal(REPEATED, "the log, or another record, has this label of the same prediction"), [place])
        if part.labels or part.known_labels:
            micros = (now - _EPOCH) // datetime.resolution
            tables["outcomes"] = part.outcomes(micros, f"labels in {self._source}")
            for _, values, place in part.labels:
                files[place.file].counts.update(kept=1, labels=len(values))
        return tables

    def _rows(self, part: Part, files: Sequence[FilePart]) -> dict[str, pl.DataFrame]:
        found = named(self._log, part, self.settings, self._types)
        built = _built(part, found.ids, found.refused, self.settings, self._types)
        refused = dict(found.refused)
        refused |= {number: Refusal(UNFIT, why) for number, why in built.unfit.items()}
        for number, refusal in refused.items():
            part.refuse(refusal, part.exchanges[number].places)
        self._count(part, files, found, refused)
        predictions = built.predictions
        if found.completes:
            predictions = predictions.filter(~pl.col("_owner").is_in(list(found.completes)))
        paths = pl.Series("source_file", [each.file.name for each in files], dtype=pl.String)
        predictions = predictions.with_columns(source_file=paths.gather(predictions["_file"])).drop("_file", "_owner")
        inputs = {INPUTS_PREFIX + model: frame.drop("_owner") for model, frame in built.inputs.items()}
        return {**({"predictions": predictions} if predictions.height else {}), **inputs}

    def _count(self, part: Part, files: Sequence[FilePart], found: Named, refused: dict[int, Refusal]) -> None:
        """Count what is kept, file by file; exchanges that know the truth already are noted."""
        told: Counter[tuple[int, tuple[str, ...]]] = Counter()
        for number, each in enumerate(part.exchanges if refused or found.completes else part.items):
            if isinstance(each, Block):
                told.update(self._count_block(each, files))
                continue
            if number in refused:
                continue
            for place in each.places:
                files[place.file].counts["kept"] += 1
            if number in found.completes:
                continue
            file, name = each.places[0].file, found.ids[number]
            told[file, self._told(each, is_renamed=name != each.half.key)] += 1
            files[file].counts["predictions"] += each.size
            if each.decoded.labels:
                files[file].counts["labels"] += len(each.decoded.labels)
                part.known_labels.append((name, each))
        for (file, names), count in told.items():
            for name in filter(None, names):
                files[file].counts[name] += count

    def _count_block(self, block: Block, files: Sequence[FilePart]) -> Counter[tuple[int, tuple[str, ...]]]:
        told: Counter[tuple[int, tuple[str, ...]]] = Counter()
        for places in block.places:
            for file, count in Counter(places.files).items():
                files[file].counts["kept"] += count
        known = self._known(block.common.get("model_version"), block.common)
        without = ["" if at is not None else "without_time" for at in block.ats]
        for (file, time), count in Counter(zip(block.places[0].files, without, strict=True)).items():
            told[file, (*known, time)] += count
            files[file].counts["predictions"] += count
        return told

    def _told(self, each: Exchange, *, is_renamed: bool) -> tuple[str, ...]:
        """Return what is counted of a kept exchange."""
        half, about = each.half, each.half.about or {}
        return (
            *self._known(about.get("model_version") or each.decoded.version, about),
            "duplicate_ids" if is_renamed else "",
            "without_time" if half.at is None else "",
            "requests_without_response" if each.decoded.outputs is None else "",
            "responses_without_request" if each.decoded.inputs is None else "",
        )

    def _known(self, stated: str | None, about: Mapping[str, Any]) -> tuple[str, str]:
        """Return what is counted of an exchange's version and rate."""
        version = self.settings.version_of(stated)
        known = (
            "without_version" if version is None else "versions_stated" if version == stated else "versions_supplied"
        )
        rate = about.get("sampling_rate")
        return known, "" if rate is None else f"sampling_rate {rate}"


class Behind:
    """Appends a part while the next one is read: one at a time, in order, by a thread of its own.

    Sealing computes hashes without the interpreter's lock, so both go on at once. In memory are two parts at most.

    Parameters
    ----------
    appending
        What appends; nobody else uses it meanwhile.
    """

    def __init__(self, appending: Appending) -> None:
        self._appending = appending
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="audit_lab adapt")
        self._last: Future[None] | None = None
        self.ledger, self.scratch = appending.ledger, appending.scratch

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Wait until everything is appended; raise what was met, unless something was raised already."""
        self._pool.shutdown()
        if self._last is not None and kind is None:
            self._last.result()

    def append(self, part: Part, files: Sequence[FilePart], form: str, plan: PlanPart | None = None) -> None:
        """Append a part, once the one before is in the log.

        Raises
        ------
        LogError, StorageError
            As for `Appending.append`, of the part before.
        """
        part.prepare(self._appending.settings)
        last, self._last = self._last, None
        if last is not None:
            last.result()
        self._last = self._pool.submit(self._appending.append, part, files, form, plan)


def _built(
    part: Part,
    ids: Sequence[str],
    refused: dict[int, Refusal],
    settings: Settings,
    types: Callable[[str], pl.Schema],
) -> Built:
    """Return the rows of a part without the exchanges that are refused already; owners are numbers of the part."""
    if not refused:
        return part.build(ids, settings, types)
    left = [number for number in range(len(part.exchanges)) if number not in refused]
    rest = Part()
    for number in left:
        rest.add(part.exchanges[number])
    built = rest.build([ids[number] for number in left], settings, types)
    numbers = pl.Series("_owner", left, dtype=pl.UInt32)

    def owned(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(numbers.gather(frame["_owner"]).alias("_owner"))

    inputs = {model: owned(frame) for model, frame in built.inputs.items()}
    unfit = {left[number]: why for number, why in built.unfit.items()}
    return built._replace(predictions=owned(built.predictions), inputs=inputs, unfit=unfit)
