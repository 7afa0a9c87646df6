"""Take a vendor's log over into a sealed log: streamed, resumable, and no record twice."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.capture.adapters.appending import Appending, Behind
from audit_lab.capture.adapters.block import Block, Exchange, Place
from audit_lab.capture.adapters.containers import not_read
from audit_lab.capture.adapters.exchange import LABEL, Half, Refusal
from audit_lab.capture.adapters.forms import FORMS, form_named, form_of
from audit_lab.capture.adapters.labels import label_values
from audit_lab.capture.adapters.ledger import FilePart, PlanPart, read_ledger
from audit_lab.capture.adapters.many_pairs import exchanges_of
from audit_lab.capture.adapters.pairing import Scratch, parts_for
from audit_lab.capture.adapters.part import Part
from audit_lab.capture.adapters.quarantine import drop_unnamed
from audit_lab.capture.adapters.reporting import Source, report_of
from audit_lab.capture.adapters.settings import settings_of
from audit_lab.capture.adapters.source import check_unchanged, sample_of, source_files
from audit_lab.capture.collecting import without_collecting
from audit_lab.errors import LogError, MisuseError, StorageError
from audit_lab.log.files.disk import LocalDisk
from audit_lab.log.files.private_file import make_private_folder
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.files.write import MANIFEST_NAME
from audit_lab.log.tree.tree_file import CHECKPOINT_NAME
from audit_lab.log.writing.writer import create_log, open_writer
from audit_lab.seal.digests import sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Mapping as Map
    from datetime import datetime

    from audit_lab.capture.adapters.exchange import Form
    from audit_lab.capture.adapters.report import AdaptReport
    from audit_lab.capture.adapters.settings import Settings
    from audit_lab.capture.adapters.source import SourceFile
    from audit_lab.log.foreign.mapping import Mapping
    from audit_lab.log.keys.vault import Vault
    from audit_lab.log.writing.writer import LogWriter

__all__ = ["adapt", "adapted_folder", "appending_to", "take", "writing"]

#: A part is appended when it has so many predictions, or its records so many bytes.
_PART_ROWS, _PART_BYTES = 98_304, 96_000_000


def adapted_folder(log: Path) -> Path:
    """Return the folder beside a log for what is not in it: quarantine, and scratch while a run lasts."""
    return log.with_name(f"{log.name}.adapted")


def adapt(
    source: str | Path,
    log: str | Path,
    *,
    form: str | None = None,
    model: str | None = None,
    version: str | Map[str, str] | None = None,
    features: Sequence[str] | Map[str, object] | None = None,
    outputs: Map[str, str] | None = None,
    environment: str | None = None,
    sampling_rate: float | None = None,
    mapping: Mapping | str | Path | None = None,
    quarantine: str | Path | None = None,
    largest_record_mb: float = 16,
    origin: str | None = None,
    actor: str | None = None,
    vault: Vault | Path | str | None = None,
    passphrase: bytes | str | None = None,
    clock: Callable[[], datetime] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> AdaptReport:
    """Take the predictions, inputs and labels of a vendor's log over into a sealed log.

    A file is known by its digest: one that the log has, under whatever name, is not read again. A run that was stopped
    is gone on with by the same call. What cannot be taken over goes to quarantine, with its bytes and the reason.

    Parameters
    ----------
    source
        A file, or a folder of files. Nothing in them is executed; links in a folder are not followed.
    log
        The log's folder. One that is not there is begun, with `origin` as its name.
    form
        The form of every file (`audit_lab.capture.adapters.forms.FORMS`); told by what each holds where it is None.
    model
        The model's name; else what the files, or their paths, say.
    version
        The model's version, or a table from what the files state to versions. Without, what is not stated is a gap.
    features
        Names of the features, for bodies that have values alone; with their types where it is a mapping.
    outputs
        Role (``score``, ``label``, ``probabilities``, ``decision``) to the field of the answer that plays it; a bare
        answer is the field ``value``.
    environment, sampling_rate
        Where the model served, and the rate that the vendor recorded at, where the files do not say.
    mapping
        For plain records: which field plays which role, as for `audit_lab.open`; or its file.
    quarantine
        The folder for what is refused; by default in one beside the log.
    largest_record_mb
        A larger record is not held in memory, and goes to quarantine by its beginning, size and digest.
    origin
        The name of a log that is begun.
    actor
        Who takes the log over; stands in its events.
    vault, passphrase, clock
        As for `audit_lab.open_writer`.
    progress
        Called with how many bytes of how many are done.

    Returns
    -------
    AdaptReport
        What came of the source's files, over all runs.

    Raises
    ------
    MisuseError
        The source holds no file of a known form, or a setting cannot be meant.
    LogError
        The log contradicts itself.
    StorageError
        The disk refused, or another process takes files over into the same log.
    """
    settings = settings_of(
        model=model,
        version=version,
        features=features,
        outputs=outputs,
        environment=environment,
        sampling_rate=sampling_rate,
        mapping=mapping,
        largest_record_mb=largest_record_mb,
    )
    place, beside = Path(log), adapted_folder(Path(log))
    kept = beside / "quarantine" if quarantine is None else Path(quarantine)
    chosen = None if form is None else form_named(form, has_mapping=settings.mapping is not None)
    files, unread = source_files(Path(source), leave_out=(place, beside, kept))
    forms: dict[str, Form | None] = {}
    problems: dict[str, str] = {}
    for file in files:
        sample = sample_of(file)
        why = not_read(sample, chosen)
        if why is not None:
            problems[file.sha256] = why
        is_read = why is None
        forms[file.sha256] = (chosen or form_of(sample, has_mapping=mapping is not None)) if is_read else None
    if not any(forms.values()) and any(file.size_bytes for file in files):
        said = [f"; {file.name} is {problems[file.sha256]}" for file in files if file.sha256 in problems]
        raise MisuseError(
            f"no file of {source} is of a form that is known{''.join(said[:1])}",
            f"Name its form ({', '.join(FORMS)}), or give a mapping for plain JSON or Avro.",
        )
    opened = writing(place, origin, vault=vault, passphrase=passphrase, clock=clock)
    with opened as writer, without_collecting():
        appending = appending_to(writer, place, kept, settings, source=str(source), actor=actor, clock=clock)
        ledger = appending.ledger
        before = {file.sha256: (ledger.start(file), ledger.is_done(file)) for file in files}
        with Behind(appending) as behind:
            _take_over(files, forms, behind, settings, progress)
    told = Source(str(source), files, forms, before, tuple(unread), problems)
    return report_of(told, str(log), kept, appending, settings)


@contextmanager
def writing(
    log: Path,
    origin: str | None,
    *,
    vault: Vault | Path | str | None,
    passphrase: bytes | str | None,
    clock: Callable[[], datetime] | None,
) -> Iterator[LogWriter]:
    """Hold a sealed log, or begin one under the name `origin`, for one process that takes something over into it.

    Raises
    ------
    MisuseError
        The log is not sealed, or there is none and no name for a new one.
    LogError, StorageError
        As for `audit_lab.open_writer` and `audit_lab.create_log`; or another process takes something over.
    """
    with _alone(adapted_folder(log)), _writer(log, origin, vault=vault, passphrase=passphrase, clock=clock) as writer:
        yield writer


def appending_to(
    writer: LogWriter,
    log: Path,
    quarantine: Path,
    settings: Settings,
    *,
    source: str,
    actor: str | None,
    clock: Callable[[], datetime] | None,
) -> Appending:
    """Return what appends to a log, from where the log itself says that it was taken over so far.

    Raises
    ------
    LogError
        The log contradicts itself.
    """
    ledger = read_ledger(log)
    drop_unnamed(quarantine, writer.origin, ledger.quarantine)
    scratch = adapted_folder(log) / "scratch"
    return Appending(
        writer, log, quarantine, settings, scratch=scratch, source=source, actor=actor, ledger=ledger, clock=clock
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of whoever takes something over into a log."""
    make_private_folder(folder)
    try:
        with LocalDisk().lock(str(folder / "lock")):
            yield
    except TimeoutError as error:
        raise StorageError(
            "another process takes something over into this log", "Wait until it has ended.", "locked"
        ) from error


def _writer(
    log: Path,
    origin: str | None,
    *,
    vault: Vault | Path | str | None,
    passphrase: bytes | str | None,
    clock: Callable[[], datetime] | None,
) -> LogWriter:
    storage = LocalStorage(log)
    if storage.exists(CHECKPOINT_NAME):
        return open_writer(log, vault=vault, passphrase=passphrase, clock=clock)
    if storage.exists(MANIFEST_NAME):
        raise MisuseError(
            f"{log} is not a sealed log, and only a sealed log is appended to",
            f"Seal it first with `audit-lab seal {log} --actor NAME`.",
        )
    if origin is None:
        raise MisuseError(f"there is no log {log}", "Give the name that a new one shall have (origin=, --origin).")
    described = "Predictions taken over from serving logs."
    return create_log(log, origin, vault=vault, passphrase=passphrase, description=described, clock=clock)


def _take_over(
    files: Sequence[SourceFile],
    forms: Map[str, Form | None],
    behind: Behind,
    settings: Settings,
    progress: Callable[[int, int], None] | None,
) -> None:
    told = _Told(sum({file.sha256: file.size_bytes for file in files}.values()), progress)
    for form in FORMS.values():
        left: dict[str, SourceFile] = {}
        for file in files:
            if forms[file.sha256] is form and not behind.ledger.is_done(file):
                left.setdefault(file.sha256, file)
        told.more(sum(file.size_bytes for file in files if forms[file.sha256] is form and file.sha256 not in left))
        if left and form.pairs:
            _pair(form, left, behind, settings, told)
        elif left:
            _stream(form, list(left.values()), behind, settings, told)


class _Told:
    """Tells how far a run is."""

    def __init__(self, total: int, progress: Callable[[int, int], None] | None) -> None:
        self._total, self._progress, self._done = total, progress, 0

    def more(self, size_bytes: int) -> None:
        """Add what is done."""
        self._done = min(self._done + size_bytes, self._total)
        if self._progress is not None:
            self._progress(self._done, self._total)


def _stream(form: Form, files: Sequence[SourceFile], behind: Behind, settings: Settings, told: _Told) -> None:
    """Take over files whose records stand by themselves, some thousand records at a time."""
    part, held = Part(), list[FilePart]()
    for file in files:
        start = behind.ledger.start(file)
        held.append(FilePart(file, start, start))
        for chunk in form.read(file, start, settings):
            here = held[-1]
            here.counts["rows"] += chunk.rows
            if isinstance(chunk.found, Block):
                part.add_block(chunk.found.in_file(len(held) - 1))
            else:
                for number, raw, found in chunk.one_by_one():
                    take(part, form, found, (Place(len(held) - 1, number, raw),), settings)
            here.next_start = chunk.next_start
            if not chunk.goes_on and (part.rows >= _PART_ROWS or part.size_bytes >= _PART_BYTES):
                behind.append(part, held, form.name)
                part, held = Part(), [FilePart(file, chunk.next_start, chunk.next_start)]
        check_unchanged(file)
        held[-1].is_whole = True
        told.more(file.size_bytes)
    behind.append(part, held, form.name)


def _pair(form: Form, left: dict[str, SourceFile], behind: Behind, settings: Settings, told: _Told) -> None:
    """Take over files whose records are paired with each other; a run that was stopped is gone on with first."""
    for plan, (parts, digests) in behind.ledger.unfinished().items():
        if not any(digest in left for digest in digests):
            continue
        missing = [digest for digest in digests if digest not in left]
        if missing:
            raise LogError(
                f"a run that was stopped had paired {len(digests)} files, of which {len(missing)} are not there",
                f"Give all of them: files with the digests {', '.join(missing[:3])} are missing.",
            )
        _pair_plan(
            form,
            [left.pop(digest) for digest in digests],
            plan,
            parts,
            behind=behind,
            settings=settings,
            told=told,
        )
    if left:
        files = list(left.values())
        plan = sha256(json.dumps([form.name, [file.sha256 for file in files]]).encode())[:16]
        _pair_plan(form, files, plan, parts_for(files), behind=behind, settings=settings, told=told)


def _pair_plan(
    form: Form,
    files: Sequence[SourceFile],
    plan: str,
    parts: int,
    *,
    behind: Behind,
    settings: Settings,
    told: _Told,
) -> None:
    with Scratch(behind.scratch, parts) as scratch:
        for number, file in enumerate(files):
            for chunk in form.read(file, 0, settings):
                scratch.spill(chunk, number)
            check_unchanged(file)
            told.more(file.size_bytes)
        for number in range(parts):
            if number in behind.ledger.plans.get(plan, ()):
                continue
            part, held = Part(), [FilePart(file) for file in files]
            records = scratch.part(number)
            for at, count in records.group_by("file").agg(pl.col("rows").sum()).iter_rows():
                held[at].counts["rows"] += count
            for each in exchanges_of(records, settings):
                if isinstance(each, Block):
                    part.add_block(each)
                else:
                    take(part, form, *each, settings)
            behind.append(part, held, form.name, PlanPart(plan, number, parts))


def take(part: Part, form: Form, found: Half | Refusal, places: tuple[Place, ...], settings: Settings) -> None:
    """Add to a part an exchange whose sides are together, a label, or a refusal."""
    if isinstance(found, Refusal):
        part.refuse(found, places)
    elif found.side == LABEL:
        values = label_values(found)
        if isinstance(values, Refusal):
            part.refuse(values, places)
        else:
            part.add_label(found, values, places[0])
    else:
        decoded = form.decode(found, settings)
        if isinstance(decoded, Refusal):
            part.refuse(decoded, places)
        else:
            side = decoded.outputs if decoded.inputs is None else decoded.inputs
            part.add(Exchange(found, decoded, places, len(side or ())))
