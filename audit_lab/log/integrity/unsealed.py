"""Check a log that is not sealed: its segments against the digests that its manifest states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.errors import LogError, StorageError
from audit_lab.log.files.write import MANIFEST_NAME
from audit_lab.log.integrity.decoder import Decoder
from audit_lab.log.integrity.files import file_digest
from audit_lab.log.integrity.local_copy import local_copy
from audit_lab.log.tree.tree_file import CHECKPOINT_NAME
from audit_lab.seal.report import Finding, Verdict, Verification

if TYPE_CHECKING:
    from audit_lab.log.folder import LogFolder
    from audit_lab.log.manifest import Segment
    from audit_lab.log.store import LogStore
    from audit_lab.log.time_anchors.remembered import Remembered
    from audit_lab.seal.trust import Trust

__all__ = ["examine_unsealed", "is_sealed"]

_NEXT_STEP = "Restore it from a backup, and find out who had write access since the manifest was written."
_NO_ANCHOR = Finding(
    "log.no-anchor",
    MANIFEST_NAME,
    "nothing outside the writer's reach holds this log in time",
    "Keep the SHA-256 of its manifest where the writer cannot reach it: this log is not sealed.",
)
_UNSEALED = "Get the sealed log from whoever keeps it: without its seal, nothing shows what was changed."


def is_sealed(folder: LogFolder) -> bool:
    """Whether a folder holds a sealed log, or what is left of one."""
    return folder.exists(CHECKPOINT_NAME) or bool(folder.list("checkpoints")) or bool(folder.list("tile"))


def examine_unsealed(
    store: LogStore, trust: Trust | None, remembered: Remembered | None, *, require_anchor: bool
) -> Verification:
    """Recompute the SHA-256 of every segment, look for files that the manifest does not list, and report.

    The verdict is UNANCHORED where all is as stated: whoever can write the segments can write the manifest too. A seal
    that was there before must not be missing.
    """
    subject = f"log {store.origin} at {store.location}"
    wanting = _seal_removed(store.origin, trust, remembered) + ([_NO_ANCHOR] if require_anchor else [])
    if store.manifest is None:
        return Verification(
            subject,
            Verdict.FAILED if wanting else Verdict.UNANCHORED,
            findings=tuple(wanting),
            not_checked=("everything: another system wrote these files, and no digest of them was ever recorded",),
            notes=store.notes,
        )
    segments = [segment for table in store.manifest.tables.values() for segment in table]
    with Decoder() as decoder:
        found = [_check(store.folder, segment, decoder) for segment in segments]
    findings = [finding for finding in found if finding is not None]
    findings += _unlisted(store.folder, {segment.path for segment in segments}) + wanting
    return Verification(
        subject,
        Verdict.FAILED if findings else Verdict.UNANCHORED,
        findings=tuple(findings),
        checked=(
            (
                f"SHA-256, size and rows of {len(segments)} segments against {MANIFEST_NAME} "
                f"({store.manifest.sha256[:12]}…)"
            ),
            "no Parquet file in the log that the manifest does not list",
        ),
        not_checked=(
            (
                "that the manifest is the one the writer made: this log is not sealed, so whoever can change a "
                "segment can change the manifest"
            ),
            "artifacts: their digests are checked when a decision is replayed",
        ),
        notes=store.notes,
    )


def _seal_removed(origin: str, trust: Trust | None, remembered: Remembered | None) -> list[Finding]:
    """Return a finding for a log that was sealed when it was last verified, or that a pinned key says is sealed."""
    findings = []
    if remembered is not None and (known := remembered.of_origin(origin)):
        what = f"a sealed log of this name was verified here before ({known[0].name}), and this one is not sealed"
        findings.append(Finding("log.seal-removed", MANIFEST_NAME, what, _UNSEALED))
    elif trust is not None and any(key.role == "log" and key.public.name == origin for key in trust.keys):
        what = f"a key of this log is pinned ({trust.name}), and it is not sealed"
        findings.append(Finding("log.seal-removed", MANIFEST_NAME, what, _UNSEALED))
    return findings


def _check(folder: LogFolder, segment: Segment, decoder: Decoder) -> Finding | None:
    try:
        found, size = file_digest(folder, segment.path)
    except StorageError:
        return Finding("log.segment-missing", segment.path, "the segment is not there", _NEXT_STEP)
    except LogError as error:
        return Finding("log.path-outside", segment.path, error.message, error.next_step)
    if (size, found) != (segment.size_bytes, segment.sha256):
        meaning = f"its SHA-256 is {found[:12]}…; the manifest says {segment.sha256[:12]}…"
        if size != segment.size_bytes:
            meaning = f"the segment has {size} bytes; the manifest says {segment.size_bytes}"
        return Finding("log.segment-changed", segment.path, meaning, _NEXT_STEP)
    with local_copy(folder, segment.path) as path:
        answer = decoder.ask({"path": str(path), "parts": []})
    if "refused" in answer:
        return Finding(answer["refused"], segment.path, answer["why"], _NEXT_STEP)
    if answer["rows"] != segment.rows:
        meaning = f"the segment has {answer['rows']} rows; the manifest says {segment.rows}"
        return Finding("log.rows-misstated", segment.path, meaning, _NEXT_STEP)
    return None


def _unlisted(folder: LogFolder, listed: set[str]) -> list[Finding]:
    meaning = "the file lies in the log, but the manifest does not list it; no answer takes it into account"
    return [
        Finding("log.segment-unlisted", name, meaning, _NEXT_STEP)
        for name in folder.list()
        if name.endswith(".parquet") and name not in listed
    ]
